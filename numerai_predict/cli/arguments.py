"""The command line: its flags, what their values may be, and what becomes of them."""

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from numerai_predict.faults import Code, Fault
from numerai_predict.platform_limits import BENCHMARKS, DATASET, MEMORY_LIMIT, OUTPUT_DIR, TIME_LIMIT_S
from numerai_predict.redaction import SHORTEST_SECRET
from numerai_predict.report import RunReport
from numerai_predict.runner import RunRequest, size_in
from numerai_predict.transfer import fields_in, has_host, is_url
from numerai_predict.visible import visible

PROGRAM = "predict.py"


class Parser(argparse.ArgumentParser):
    """Raises Fault for a wrong command line instead of printing a page and exiting."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong."""
        raise Fault(Code.USAGE, message)


def parse_or_exit(argv: Sequence[str] | None, program: str = PROGRAM) -> argparse.Namespace:
    """The command line (None: of this process) as a namespace; a wrong one prints one line, writes the report and exits
    with status 2.
    """
    try:
        return parse(argv, program)
    except Fault as fault:
        report = RunReport()
        report.note_fault(fault)
        if path := report_path(argv):
            with contextlib.suppress(OSError):
                report.write(path)
        refuse(fault, argv, program)


def parse(argv: Sequence[str] | None, program: str = PROGRAM) -> argparse.Namespace:
    """The command line (None: of this process) as a namespace. Raises Fault for a wrong one; exits for --help."""
    parser = build_parser(program)
    args = parser.parse_args(argv)
    request_of(args)
    if args.report and not os.path.isdir(args.report.absolute().parent):
        parser.error(f"argument --report: {args.report.absolute().parent} is not an existing folder")
    if args.report and os.path.isdir(args.report):
        parser.error(f"argument --report: {args.report} is a folder, not a file")
    return args


def request_of(args: argparse.Namespace) -> RunRequest:
    """What the command line asks for. Raises Fault for what cannot be."""
    return RunRequest(
        model=args.model,
        dataset=args.dataset,
        benchmarks=args.benchmarks,
        output_dir=args.output_dir,
        post_url=args.post_url,
        post_data=args.post_data,
        time_limit=args.time_limit,
        memory_limit=args.memory_limit,
        strict=args.strict,
    )


def build_parser(program: str = PROGRAM) -> argparse.ArgumentParser:
    """The flags, as the platform's runtime has them and beyond."""
    parser = Parser(prog=program, description="Run a Numerai model on live features.")
    add = parser.add_argument
    add("--model", required=True, type=path_or_url, help="pickle file, or http(s) URL of one")
    add("--dataset", default=DATASET, help="live features: local file, else Numerai dataset (%(default)s)")
    add("--benchmarks", default=BENCHMARKS, help="likewise; read only for models of two arguments (%(default)s)")
    add("--output_dir", default=OUTPUT_DIR, help="existing folder for downloads and predictions (%(default)s)")
    add("--post_url", type=url, help="presigned S3 POST to upload the predictions to")
    add("--post_data", type=form_fields, help="its form fields, urlencoded")
    add("--debug", action="store_true", help="log more, show tracebacks, and a summary at the end")
    limit = "wall seconds for the model, 0 = none (%(default)g)"
    add("--time_limit", type=seconds, default=TIME_LIMIT_S, help=limit)
    limit = "memory of the model and its processes, 0 = none (4GiB)"
    add("--memory_limit", type=size, default=MEMORY_LIMIT, help=limit)
    add("--report", type=Path, help="write the run report (JSON) to this file")
    add("--strict", action="store_true", help="fail where the platform's acceptance rules are broken, not only warn")
    add("--inspect", action="store_true", help="look at the pickle, print what it needs, and exit")
    return parser


def report_path(argv: Sequence[str] | None) -> Path | None:
    """The value of --report in a command line that is wrong otherwise."""
    parser = Parser(add_help=False)
    parser.add_argument("--report", type=Path)
    try:
        path = parser.parse_known_args(argv)[0].report
    except Fault:
        return None
    return path if isinstance(path, Path) else None


def secrets_in(argv: Sequence[str]) -> list[str]:
    """What no process but ours may see of a right command line: signatures and passwords of its URLs, form fields."""
    parser = Parser(add_help=False)
    for flag in ("--model", "--post_url", "--post_data"):
        parser.add_argument(flag, default="")
    given = parser.parse_known_args(argv)[0]
    urls = [urlsplit(value) for value in (given.model, given.post_url) if is_url(value)]
    parts = [given.post_data, *(part for url in urls for part in (url.query, url.netloc.rpartition("@")[0]))]
    return [part for part in parts if len(part) >= SHORTEST_SECRET]


def refuse(fault: Fault, argv: Sequence[str] | None, program: str) -> NoReturn:
    """Say in one line what is wrong with the command line, after the usage if it is empty, and exit."""
    with contextlib.suppress(OSError):  # Who should read it may be gone, or have no room.
        if not (sys.argv[1:] if argv is None else argv):
            build_parser(program).print_usage(sys.stderr)
        print(f"{program}: error: {visible(fault.message)} (see --help)", file=sys.stderr, flush=True)
    raise SystemExit(fault.code.blame.exit_status)


def size(text: str) -> int:
    """Bytes, from a number with an optional unit: 4GiB, 512MB, 1.5g, 1048576."""
    try:
        return size_in(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def seconds(text: str) -> float:
    """A number of seconds, zero or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, zero or more")
    return value


def form_fields(text: str) -> dict[str, str]:
    """The fields of an urlencoded form, blank ones included."""
    try:
        return fields_in(text)
    except ValueError:
        raise argparse.ArgumentTypeError("it is not urlencoded (key=value&key=value)") from None


def url(text: str) -> str:
    """An http(s) URL. The message of a wrong one does not show it: it may hold a signature."""
    if has_host(text):
        return text
    raise argparse.ArgumentTypeError("it is not an http(s) URL")


def path_or_url(text: str) -> str:
    """An http(s) URL, or anything else for a path."""
    return url(text) if is_url(text) else text
