"""The command line, of `numerai-predict` and of predict.py."""

from numerai_predict.cli.arguments import parse_or_exit
from numerai_predict.cli.main import main
from numerai_predict.cli.session import carry_out, conclude, enter, session

__all__ = ["carry_out", "conclude", "enter", "main", "parse_or_exit", "session"]
