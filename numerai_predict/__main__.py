"""`python -m numerai_predict` is `numerai-predict`."""

from typing import NoReturn

from numerai_predict.held_signals import hold_signals


def main() -> NoReturn:
    """The console script."""
    hold_signals()
    from numerai_predict import cli

    cli.enter(cli.main)


if __name__ == "__main__":
    main()
