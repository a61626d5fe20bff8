"""`numerai-predict run | inspect | presign | round | worker | tournament`."""

import argparse
import sys
from collections.abc import Sequence

from numerai_predict.cli import arguments
from numerai_predict.cli.session import carry_out, conclude, session, show
from numerai_predict.faults import Fault
from numerai_predict.visible import visible

PROGRAM = "numerai-predict"


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line (None: of this process) says and return the exit status; raises SystemExit for wrong
    flags of a command, and for --help.
    """
    given = sys.argv[1:] if argv is None else argv
    try:
        args = _parser().parse_args(given or ["--help"])
    except Fault as fault:
        show(f"{PROGRAM}: error: {visible(fault.message)} (see --help)", sys.stderr)
        return fault.code.blame.exit_status
    return int(COMMANDS[args.command](args.arguments))


def _parser() -> argparse.ArgumentParser:
    """The commands; what comes after one is the command's own."""
    parser = arguments.Parser(prog=PROGRAM, description="Run Numerai models as the platform does.")
    lines = "run: a model on live data; inspect: a look into a pickle; presign: a docker run command with S3 URLs; "
    lines += "round: all models of a round on this machine; worker: the models of a round, one after the other; "
    lines += "tournament: your models, run and submitted every morning"
    parser.add_argument("command", choices=COMMANDS, help=lines)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=f"see {PROGRAM} COMMAND --help")
    return parser


def run_command(argv: Sequence[str]) -> int:
    """Run a model; the flags are those of predict.py."""
    return _carry_out(arguments.parse_or_exit(argv, f"{PROGRAM} run"))


def inspect_command(argv: Sequence[str]) -> int:
    """Only look into a pickle; the flags are those of predict.py."""
    return _carry_out(arguments.parse_or_exit([*argv, "--inspect"], f"{PROGRAM} inspect"))


def presign_command(argv: Sequence[str]) -> int:
    """Print a command with presigned URLs."""
    from numerai_predict.cli import presign

    return presign.main(argv)


def round_command(argv: Sequence[str]) -> int:
    """Run a round on this machine, or say how one stands."""
    from numerai_predict.cli import round as round_cli

    return round_cli.main(argv)


def worker_command(argv: Sequence[str]) -> int:
    """Run the models of a round."""
    from numerai_predict.cli import worker

    return worker.main(argv)


def tournament_command(argv: Sequence[str]) -> int:
    """Run and submit a participant's models, or say how they stand."""
    from numerai_predict.cli import tournament

    return tournament.main(argv)


def _carry_out(args: argparse.Namespace) -> int:
    with session(args) as context:
        return conclude(args, carry_out(args, context))


COMMANDS = {
    "run": run_command,
    "inspect": inspect_command,
    "presign": presign_command,
    "round": round_command,
    "worker": worker_command,
    "tournament": tournament_command,
}
