"""`numerai-predict tournament check | run | status | again`: a participant's models, every morning."""

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from numerai_predict.api import ApiError, NumeraiApi, api_url, drop_keys, take_keys
from numerai_predict.cli import arguments
from numerai_predict.cli.round import slots
from numerai_predict.cli.session import log_to_stderr, saying_more, show
from numerai_predict.cli.signals import ending_on_signals
from numerai_predict.faults import Blame, Code, Fault, Interrupted
from numerai_predict.redaction import hide_queries
from numerai_predict.round import StoreError, alone_on_this_machine
from numerai_predict.sandbox import hide
from numerai_predict.tournament import (
    Clock,
    Finding,
    Messenger,
    Morning,
    Settings,
    SystemClock,
    Wishes,
    check_tournament,
    read_results,
    read_settings,
    results_text,
    rounds_in,
)
from numerai_predict.visible import visible

PROGRAM = "numerai-predict tournament"
# Numerai's webhook gives it to who starts this for it.
TRIGGER_ID = "TRIGGER_ID"

_log = logging.getLogger("numerai_predict.tournament")


def main(argv: Sequence[str], clock: Clock | None = None) -> int:
    """Do what the command line says and return the exit status, after one line if it is wrong."""
    try:
        args = tournament_parser().parse_args(argv or ["--help"])
        with ending_on_signals():
            return int(COMMANDS[args.command](args, clock or SystemClock()))
    except Fault as fault:
        advice = "see --help" if fault.hint == Code.USAGE.hint else fault.hint
        problem, status = f"{fault.message} ({advice})", fault.code.blame.exit_status
    except (ApiError, StoreError, OSError) as error:
        problem, status = hide_queries(str(error)), Blame.RUNTIME.exit_status
    except Interrupted as interruption:
        problem = f"stopped by {interruption}: the same command goes on where it was"
        status = Blame.RUNTIME.exit_status
    show(f"{PROGRAM}: error: {visible(problem)}", sys.stderr)
    return status


def tournament_parser() -> arguments.Parser:
    """The flags of all four commands."""
    parser = arguments.Parser(prog=PROGRAM, description="Run and submit the models of a folder, every morning.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="check | run | status | again")
    check = commands.add_parser("check", help="whether keys, slots, images and pickles are ready; submits nothing")
    check.add_argument("--run", action="store_true", help="run each pickle too, on the last live data")
    run = commands.add_parser("run", help="wait for the round, run all models, submit them if asked to")
    status = commands.add_parser("status", help="say how a round stands")
    status.add_argument("round", nargs="?", type=int, metavar="ROUND", help="its number (the newest that is here)")
    again = commands.add_parser("again", help="run some models of the round again, whatever became of them")
    again.add_argument("names", nargs="+", metavar="NAME", help="a model, by its name at Numerai")
    for command in (run, again):
        command.add_argument("--submit", action="store_true", help="submit to Numerai what is ready")
        command.add_argument("--slots", type=slots, metavar="N", help="models at a time (as many as there is room for)")
    for command in (check, run, again):
        command.add_argument("--native", action="store_true", help="in processes of this Python, without containers")
    for command in (check, run, status, again):
        command.add_argument(
            "--folder", type=folder, default=".", metavar="DIR", help="of the tournament (%(default)s)"
        )
    return parser


def folder(text: str) -> Path:
    """A folder by its absolute path: workers have another working directory."""
    return Path(os.path.abspath(text))


def run_check(args: argparse.Namespace, clock: Clock) -> int:
    """Print each finding as soon as it is known."""
    with _prepared(args) as settings:
        api = NumeraiApi(take_keys(os.environ), api_url(os.environ))
        hide([])
        return check_tournament(api, settings, args.native, args.run, _show_finding)


def _show_finding(finding: Finding) -> None:
    mark = "ok  " if finding.exit_status == 0 else "BAD "
    hint = f" {finding.hint}" if finding.hint else ""
    show(visible(f"{mark}{finding.about}: {finding.message}{hint}"), sys.stdout)


def run_morning(args: argparse.Namespace, clock: Clock) -> int:
    """Run the models of the round that opens, and print how they stand."""
    names = tuple(getattr(args, "names", ()))
    wishes = Wishes(args.submit, args.slots, args.native, names)
    with _prepared(args) as settings, alone_on_this_machine(str(args.folder)):
        if unknown := sorted(set(names) - {model.name for model in settings.models}):
            raise Fault(Code.USAGE, f"{args.folder} has no model {unknown[0]}")
        keys = take_keys(os.environ) if args.submit else None
        drop_keys(os.environ)
        messenger = Messenger(settings.channels, os.environ)
        hide([])  # Models of native workers may be of the same user, and what we started with has the keys.
        api = NumeraiApi(keys, api_url(os.environ))
        ended = Morning(api, settings, wishes, clock, messenger, os.environ.get(TRIGGER_ID)).run()
    if ended.results:
        show(results_text(ended.results), sys.stdout)
    show(visible(ended.text), sys.stdout)
    return ended.exit_status


def show_status(args: argparse.Namespace, clock: Clock) -> int:
    """Print how a round that is kept in the folder stands, and return the exit status that it has now."""
    kept = rounds_in(args.folder)
    chosen = [one for one in kept if args.round in (None, one.number)]
    if not chosen:
        which = "a round" if args.round is None else f"round {args.round}"
        raise Fault(Code.USAGE, f"{args.folder} has nothing of {which}", "It has what `run` has left there.")
    results = read_results(chosen[0], clock.now())
    show(results_text(results), sys.stdout)
    return results.exit_status


@contextlib.contextmanager
def _prepared(args: argparse.Namespace) -> Iterator[Settings]:
    """While inside, log to stderr what the tournament does, without its secrets."""
    settings = read_settings(args.folder, os.environ)
    with log_to_stderr(settings.channels.secrets, logging.WARNING), saying_more(_log):
        yield settings


COMMANDS: dict[str, Callable[[argparse.Namespace, Clock], int]] = {
    "check": run_check,
    "run": run_morning,
    "status": show_status,
    "again": run_morning,
}
