"""A run at the command line: its log, its secrets, the signals that end it, and what a person reads when it is over."""

import argparse
import contextlib
import io
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn, TextIO

from numerai_predict.background_writer import never_waiting, wait_for_readers
from numerai_predict.cli import arguments
from numerai_predict.cli.signals import ending_on_signals
from numerai_predict.faults import Blame, Code, Fault, Interrupted
from numerai_predict.redaction import DiscreetFormatter, hide_queries
from numerai_predict.report import RunReport
from numerai_predict.runner import INSPECT_TIME_LIMIT_S, RunContext, inspect_model, run_model, warn_of_doubts
from numerai_predict.sandbox import hide

# For who reads what we say, when all else is done; Docker kills after ten.
READER_SECONDS = 5.0


@contextlib.contextmanager
def session(args: argparse.Namespace) -> Iterator[RunContext]:
    """While inside, log to stderr without the secrets of `args`; no other process sees those any more."""
    with log_to_stderr(arguments.request_of(args).secrets, logging.DEBUG if args.debug else logging.INFO):
        yield RunContext(
            stdout=binary(sys.stdout),
            stderr=binary(sys.stderr),
            on_findings=_show_nothing if args.inspect else show_inspection if args.debug else warn_of_doubts,
            exposed=hide(arguments.secrets_in(sys.argv[1:])),
            written_later=(args.report,) if args.report else (),
            with_digest=bool(args.report or args.inspect),
        )


def carry_out(args: argparse.Namespace, context: RunContext) -> RunReport:
    """Look into the model, or run it, until that is done or a signal ends it."""
    try:
        with ending_on_signals():
            if args.inspect:
                time_limit = min(args.time_limit or INSPECT_TIME_LIMIT_S, INSPECT_TIME_LIMIT_S)
                return inspect_model(args.model, args.output_dir, time_limit, args.memory_limit, context)
            return run_model(arguments.request_of(args), context)
    except Interrupted as interruption:  # Before the run began, or when it was over.
        report = RunReport()
        report.note_fault(Fault(Code.INTERRUPTED, f"The run was stopped by {interruption}."))
    except Exception as error:  # Of what surrounds a run, which notes its own.
        report = RunReport()
        said = hide_queries(str(error))
        report.note_fault(Fault(Code.INTERNAL_ERROR, f"The runtime itself raised {type(error).__name__}: {said}."))
    return report


def conclude(args: argparse.Namespace, report: RunReport) -> int:
    """Explain how the run ended, write the report, and return the exit status."""
    if args.report:
        write_report(report, args.report)
    try:
        if args.inspect:
            from numerai_predict.report import describe_inspection

            show(describe_inspection(report, sys.stdout), sys.stdout)
        elif args.debug:
            from numerai_predict.report import summarize

            show(summarize(report), sys.stderr)
        if report.fault:
            from numerai_predict.report import explain, reproduce_command

            show(explain(report, reproduce_command(args), with_trace=args.debug), sys.stderr)
    except Exception as error:  # The outcome is in the report already.
        logging.getLogger(__name__).error("The outcome cannot be shown: %s: %s", type(error).__name__, error)
    return report.exit_status


def write_report(report: RunReport, path: Path) -> None:
    """Write the report; one that cannot be written is a fault of its own, and one that is no JSON becomes a shorter one
    that is.
    """
    if not path.is_file():  # It may be the stream that the lines before it went to.
        wait_for_readers((sys.stdout, sys.stderr), 1.0)
    try:
        report.write(path)
    except OSError as error:
        unwritten = Fault(Code.OUTPUT_NOT_WRITTEN, f"{path} cannot be written: {error.strerror or error}.")
        logging.getLogger(__name__).error(unwritten.message)
        if report.fault is None:
            report.note_fault(unwritten)
    except Exception as error:
        fault = Fault(Code.INTERNAL_ERROR, f"The report cannot be written: {type(error).__name__}: {error}.")
        logging.getLogger(__name__).error(fault.message)
        bare = RunReport(delivery=report.delivery)
        if report.fault is None:
            report.note_fault(fault)
        bare.status, bare.fault = report.status, report.fault
        with contextlib.suppress(Exception):
            bare.write(path)


def show(text: str, stream: TextIO) -> None:
    """Print to someone who may be gone, or have no room: how a run ended does not change by that."""
    with contextlib.suppress(OSError, ValueError):
        stream.write(text + "\n")
        stream.flush()


def show_inspection(report: RunReport) -> None:
    """Show what the pickle is before it is loaded."""
    from numerai_predict.report import describe_inspection

    show(describe_inspection(report, sys.stderr), sys.stderr)


def _show_nothing(report: RunReport) -> None:
    pass


def binary(stream: TextIO) -> BinaryIO | None:
    """The stream for bytes below that for text; None if there is none."""
    return getattr(stream, "buffer", None)


@contextlib.contextmanager
def log_to_stderr(secrets: Sequence[str], level: int, stream: TextIO | io.TextIOBase | None = None) -> Iterator[None]:
    """While inside, log to stderr, or to the `stream` that leads there, without what is secret: libraries quote whole
    URLs.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(DiscreetFormatter(secrets))
    root, urllib3 = logging.getLogger(), logging.getLogger("urllib3")
    before = [(logger, logger.level) for logger in (root, urllib3)]
    root.addHandler(handler)
    root.setLevel(level)
    urllib3.setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)
        for logger, earlier in before:
            logger.setLevel(earlier)


@contextlib.contextmanager
def saying_more(logger: logging.Logger) -> Iterator[None]:
    """While inside, what this logger and those below it log is shown, where of others only warnings are."""
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)


def open_standard_streams() -> None:
    """Open /dev/null for each standard stream that is closed: the next file would take its number, and be written to
    by whoever prints.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def enter(command: Callable[[], int]) -> NoReturn:
    """Do the whole work of this process, whose exit status the command returns or exits with. Nothing that it prints
    waits for who reads it.
    """
    open_standard_streams()
    given = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(never_waiting, given)
    try:
        status = command()
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        status = Blame.RUNTIME.exit_status
    leave(status)


def leave(status: int) -> NoReturn:
    """Leave as soon as all is read, and soon if it is not: a reader who is gone must not change the status, as it does
    at Python's own exit.
    """
    wait_for_readers((sys.stdout, sys.stderr), READER_SECONDS)
    os._exit(status)
