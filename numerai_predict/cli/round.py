"""`numerai-predict round`: a whole round on this machine, and `numerai-predict round status`: how one stands."""

import argparse
import contextlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from numerai_predict.background_writer import wait_for_readers
from numerai_predict.cli import arguments
from numerai_predict.cli.session import log_to_stderr, saying_more, show
from numerai_predict.cli.signals import ending_on_signals
from numerai_predict.faults import Blame, Code, Fault, Interrupted
from numerai_predict.files import write_whole
from numerai_predict.platform_limits import BENCHMARKS, DATASET
from numerai_predict.redaction import hide_queries
from numerai_predict.round import (
    ContainerWorkers,
    Ingredients,
    LiveTable,
    LocalRound,
    NativeWorkers,
    RoundWatch,
    Row,
    Standing,
    Store,
    StoreError,
    Workers,
    alone_on_this_machine,
    container_engine,
    exposition,
    folder_of,
    open_store,
    prepare_round,
    progress_line,
    round_summary,
    slots_that_fit,
    table,
)
from numerai_predict.sandbox import hide
from numerai_predict.visible import visible

PROGRAM = "numerai-predict round"
# Between two lines of progress where there is no terminal.
LINE_S = 60.0
# For the terminal to take the last of the table, before the summary follows.
TABLE_S = 2.0
# Between two looks at the round: a look at a folder costs next to nothing, S3 is asked for two lists and some objects.
FOLDER_REFRESH_S, S3_REFRESH_S = 1.0, 5.0

_log = logging.getLogger("numerai_predict.round")


def main(argv: Sequence[str]) -> int:
    """Do what the command line says and return the exit status, after one line if it is wrong."""
    is_status = list(argv[:1]) == ["status"]
    parser = status_parser() if is_status else round_parser()
    try:
        args = parser.parse_args(argv[1:] if is_status else argv)
        with ending_on_signals():
            return report_status(args) if is_status else run_round(args)
    except Fault as fault:
        advice = "see --help" if fault.code is Code.USAGE else fault.hint
        problem, status = f"{fault.message} ({advice})", fault.code.blame.exit_status
    except StoreError as error:
        problem, status = hide_queries(str(error)), Blame.RUNTIME.exit_status
    except Interrupted as interruption:
        problem, status = f"stopped by {interruption}", Blame.RUNTIME.exit_status
    show(f"{parser.prog}: error: {visible(problem)}", sys.stderr)
    return status


def round_parser() -> arguments.Parser:
    """The flags of `round`."""
    parser = arguments.Parser(
        prog=PROGRAM,
        description="Run all models of a round on this machine; the same command goes on where it was.",
        epilog=f"{PROGRAM} status ROUND says at any time how the round stands.",
    )
    add = parser.add_argument
    add("round", metavar="ROUND", type=address, help="folder of the round, made if missing, or s3://bucket/prefix")
    add("--models", type=Path, metavar="DIR", help="folder of *.pkl for a round that has no manifest yet")
    add("--dataset", default=DATASET, help="live features: local file, else Numerai dataset (%(default)s)")
    add("--benchmarks", default=BENCHMARKS, help="likewise (%(default)s)")
    add("--slots", type=slots, metavar="N", help="workers at a time (as many as there are CPUs and memory for)")
    add("--native", action="store_true", help="workers of this Python and its packages, without containers")
    add("--last", type=address, metavar="ROUND", help="the round before: its longest models are started first")
    _add_prom(parser)
    return parser


def status_parser() -> arguments.Parser:
    """The flags of `round status`."""
    parser = arguments.Parser(prog=f"{PROGRAM} status", description="Say how a round stands, from anywhere.")
    parser.add_argument("round", metavar="ROUND", type=address, help="folder of the round, or s3://bucket/prefix")
    _add_prom(parser)
    return parser


def _add_prom(parser: arguments.Parser) -> None:
    parser.add_argument("--prom", type=file_to_write, metavar="FILE", help="write the standing for Prometheus there")


def address(text: str) -> str:
    """Where a round lies; a folder by its absolute path, as workers may have another working directory."""
    return text if "://" in text else os.path.abspath(text)


def slots(text: str) -> int:
    """A number of workers, one at least."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers, one or more")
    return int(text)


def file_to_write(text: str) -> Path:
    """A file in a folder that there is."""
    path = Path(os.path.abspath(text))
    if not path.parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a file in an existing folder")
    return path


def report_status(args: argparse.Namespace) -> int:
    """Print how the round stands, and return the exit status that it would end with now."""
    standing = RoundWatch(open_store(args.round)).look()
    write_prom(standing, args.prom)
    show(round_summary(standing), sys.stdout)
    return standing.exit_status


def run_round(args: argparse.Namespace) -> int:
    """Make what the round lacks, run it, print its summary, and return the exit status."""
    began = time.monotonic()
    hide([])  # Models of native workers may be of the same user, and our environment may have the keys of a bucket.
    live = LiveTable(sys.stderr) if sys.stderr.isatty() else None
    with alone_on_this_machine(args.round), log_to_stderr((), logging.WARNING, live), saying_more(_log):
        store = _open(args.round)
        last = open_store(args.last) if args.last else None
        rows = prepare_round(store, Ingredients(args.models, args.dataset, args.benchmarks, last))
        workers = _workers(args, rows)
        _warn_of_other_pythons(rows, workers)
        watch = RoundWatch(store)
        shown = Shown(live, args.prom)
        try:
            with _logs_folder(args.round) as logs:
                _log.info("Running %s models in %s slots", f"{len(rows):,}", number := args.slots or slots_that_fit())
                LocalRound(watch, workers, number, logs, shown, refresh_s(args.round)).run()
        except Interrupted as interruption:
            _log.warning("Stopped by %s: the same command goes on where it was", interruption)
        finally:
            shown.end()
        standing = watch.look()
        shown.last(standing)
    wait_for_readers((sys.stderr,), TABLE_S)  # Each stream has a writer of its own.
    show(round_summary(standing, time.monotonic() - began), sys.stdout)
    return standing.exit_status


class Shown:
    """Shows how a round stands, each time it is called: in the live table if there is one, else once a minute as a
    line; and to Prometheus.
    """

    def __init__(self, live: LiveTable | None, prom: Path | None) -> None:
        self._live = live
        self._prom = prom
        self._next_line = 0.0

    def __call__(self, standing: Standing) -> None:
        """Show it."""
        write_prom(standing, self._prom)
        if self._live:
            self._live.show(table(standing))
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_S
            _log.info(progress_line(standing))

    def end(self) -> None:
        """Take the table away."""
        if self._live:
            self._live.erase()

    def last(self, standing: Standing) -> None:
        """Show how it stands when all is over."""
        write_prom(standing, self._prom)
        if not self._live:
            _log.info(progress_line(standing))


def write_prom(standing: Standing, path: Path | None) -> None:
    """Write the file for Prometheus, if one is asked for; a round does not end because that fails."""
    if path:
        try:
            write_whole(exposition(standing).encode(), path)
        except OSError as error:
            _log.warning("%s cannot be written: %s", path, error.strerror or error)


def refresh_s(round_address: str) -> float:
    """Seconds between two looks at the round."""
    return FOLDER_REFRESH_S if folder_of(round_address) else S3_REFRESH_S


def _open(round_address: str) -> Store:
    if "://" not in round_address:
        try:
            os.makedirs(round_address, exist_ok=True)
        except OSError as error:
            message = f"argument ROUND: {round_address} cannot be made: {error.strerror or error}"
            raise Fault(Code.USAGE, message) from error
    return open_store(round_address)


def _workers(args: argparse.Namespace, rows: Sequence[Row]) -> Workers:
    if args.native:
        return NativeWorkers(args.round)
    return ContainerWorkers(args.round, folder_of(args.round), [row.model for row in rows], container_engine())


def _warn_of_other_pythons(rows: Sequence[Row], workers: Workers) -> None:
    others = [row.python for row in rows if row.python and row.python not in workers.pythons]
    if others:
        _log.warning(
            "%s models cannot be run here: they need Python %s, and there are workers of %s only",
            f"{len(others):,}",
            " and ".join(sorted(set(others))),
            " and ".join(workers.pythons),
        )


@contextlib.contextmanager
def _logs_folder(round_address: str) -> Iterator[Path]:
    """Where the logs of the workers go: they stay in a folder's round; beside S3 they are temporary."""
    if round_folder := folder_of(round_address):
        yield round_folder / "logs"
        return
    with tempfile.TemporaryDirectory(prefix="round-logs-") as folder:
        yield Path(folder)
