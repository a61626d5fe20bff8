"""`numerai-predict worker`: runs the models of a round, one after the other, until none is left."""

import argparse
import logging
import os
import re
import sys
from collections.abc import Sequence

from numerai_predict.cli import arguments
from numerai_predict.cli.session import log_to_stderr, show
from numerai_predict.cli.signals import ending_on_signals
from numerai_predict.faults import Blame, Fault, Interrupted
from numerai_predict.redaction import SHORTEST_SECRET
from numerai_predict.round import LEASE_S, Share, StoreError, WorkerEnd, array_index, array_size, open_store, work
from numerai_predict.sandbox import THREAD_VARIABLES, hide
from numerai_predict.visible import visible

PROGRAM = "numerai-predict worker"
# What boto3 may find its credentials in; the others are names and places.
CREDENTIALS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
# A line for each model, and what goes wrong; the warnings of a run are in its report.
LEVELS = {
    "numerai_predict.cli": logging.INFO,
    "numerai_predict.round": logging.INFO,
    "numerai_predict.runner": logging.ERROR,
}

_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None, lease_s: float = LEASE_S) -> int:
    """Run models until nothing is left to do, and return the exit status: 0 then, whatever came of the models, and
    whatever there was no time for; 2 after one line for a wrong command line or manifest, 3 if the worker had to stop.
    """
    try:
        args = _parse(argv)
        return _work(args, lease_s)
    except Fault as fault:
        see = " (see --help)" if fault.code.blame is Blame.USAGE else ""
        show(f"{PROGRAM}: error: {visible(fault.message)}{see}", sys.stderr)
        return fault.code.blame.exit_status


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The round, and which worker of how many this is. Raises Fault; exits for --help."""
    parser = arguments.Parser(prog=PROGRAM, description="Run the models of a round, one after the other.")
    parser.add_argument("round", metavar="ROUND", help="its folder, or s3://bucket/prefix")
    index = "share of the models to begin with, from 0 on (the array index of AWS Batch, Slurm or Kubernetes)"
    parser.add_argument("--index", type=_number, help=index)
    parser.add_argument("--workers", type=_number, help="how many shares there are (the size of the array, or 1)")
    job = "who numbers the workers: worker 3 of a job goes on with what an earlier worker 3 of that job began"
    parser.add_argument("--job", default="", help=job)
    args = parser.parse_args(argv)
    if args.index is None:
        args.index = array_index(os.environ)
    first = args.index or 0
    if args.workers is None:
        args.workers = array_size(os.environ) or first + 1
    if first >= args.workers:
        parser.error(f"there is no worker {first} of {args.workers}: they are numbered from 0 on")
    return args


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, zero or more")
    return int(text)


def _work(args: argparse.Namespace, lease_s: float) -> int:
    for name in THREAD_VARIABLES:  # A worker is meant for one CPU, however many it could use.
        os.environ.setdefault(name, "1")
    credentials = [os.environ.get(name, "") for name in CREDENTIALS]
    credentials = [secret for secret in credentials if len(secret) >= SHORTEST_SECRET]
    exposed = hide(credentials)
    secrets = list(credentials)

    def note_secrets(of_row: Sequence[str]) -> None:
        secrets[len(credentials) :] = of_row

    with log_to_stderr(secrets, logging.WARNING):
        for name, level in LEVELS.items():
            logging.getLogger(name).setLevel(level)
        try:
            with ending_on_signals():
                share = Share(args.index, args.workers, args.job)
                end = work(open_store(args.round), share, exposed, note_secrets, lease_s)
        except Interrupted as interruption:
            end = WorkerEnd({}, stopped=f"The worker was stopped by {interruption}.")
        except StoreError as error:
            end = WorkerEnd({}, stopped=f"{error}.")
        return _conclude(end)


def _conclude(end: WorkerEnd) -> int:
    """Say how it ended, and return the exit status."""
    counts = "".join(f", {count} {label}" for label, count in sorted(end.outcomes.items()))
    left_over = f"; {end.left_over} left over, as the deadline is near" if end.left_over else ""
    _log.info("Models that were run: %d%s%s", sum(end.outcomes.values()), counts, left_over)
    if end.stopped:
        _log.error(end.stopped)
    return end.exit_status
