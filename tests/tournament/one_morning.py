"""A program: `numerai-predict tournament` by the clock of the stand-in of the API, without long pauses between tries.

python -m tests.tournament.one_morning run --submit --folder DIR
"""

import os
import sys

from numerai_predict import cli
from numerai_predict.api import numerai
from numerai_predict.cli import tournament
from numerai_predict.held_signals import hold_signals
from numerai_predict.tournament import opening
from numerai_predict.transfer import API_URL_VARIABLE, retry
from tests.api.stand_in import ClockOverHttp


def main() -> int:
    retry.DELAY_BASE_S, retry.DELAY_MAX_S = 0.01, 0.05
    opening.POLL_S = 240.0  # Of the stand-in's clock.
    numerai.QUESTION_S, numerai.UPLOAD_S = 0.5, 0.5
    return tournament.main(sys.argv[1:], ClockOverHttp(os.environ[API_URL_VARIABLE]))


if __name__ == "__main__":
    hold_signals()
    cli.enter(main)
