"""Run the tests, two processes at a time: `python -m tests.run KIND`.

all   every test
unit  what may differ from Python to Python
once  the others: what is about the repository, the network, S3 and notebooks runs under one Python
fast  what is quick, of both: an answer in less than a minute

A process is `python -m unittest NAME...`, which runs the same by hand; its output is shown if it fails.
"""

import argparse
import re
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("all", "unit", "once", "fast")
PROCESSES = 2

# Each in a process of its own, the longest first, so that none is left over at the end. The quick modules of a folder
# share a process.
SLOW = (
    "tests.round.test_broken_models",
    "tests.end_to_end.test_broken_models.FaultyModels",
    "tests.end_to_end.test_broken_models.ConfinedModels",
    "tests.end_to_end.test_predict",
    "tests.tournament.test_week",
    "tests.tournament.test_tournament_command",
    "tests.round.test_worker",
    "tests.round.test_kills",
    "tests.round.test_templates",
    "tests.transfer.test_datasets",
    "tests.end_to_end.test_library",
    "tests.round.test_local_round",
    "tests.round.test_s3_store",
    "tests.round.test_stores",
    "tests.round.test_folder_store",
    "tests.round.test_round_command",
    "tests.tournament.test_runs",
    "tests.tournament.test_check",
    "tests.tournament.test_submissions",
    "tests.tournament.test_live_data",
    "tests.tournament.test_opening",
    "tests.tournament.test_page",
    "tests.tournament.test_messages",
    "tests.tournament.test_correlations",
    "tests.api.test_graphql",
    "tests.api.test_numerai",
    "tests.round.test_slots",
    "tests.round.test_prepare",
    "tests.end_to_end.test_broken_models.DoubtfulModels",
    "tests.end_to_end.test_broken_models.OtherFiles",
    "tests.transfer.test_delivery",
    "tests.end_to_end.test_generate_pkl.NotebookTest",
    "tests.cli.test_presign",
    "tests.transfer.test_s3_servers",
    "tests.end_to_end.test_generate_pkl.CheckTest",
    "tests.end_to_end.test_generate_pkl.SampleModelTest",
    "tests.sandbox.test_supervisor",
    "tests.end_to_end.test_broken_models.StrangeModels",
    "tests.inspection.test_stub_unpickler_properties",
    "tests.sandbox.test_process_tree",
    "tests.end_to_end.test_interruptions",
    "tests.end_to_end.test_concurrent_runs",
    "tests.end_to_end.test_hostile_loading",
    "tests.end_to_end.test_examples",
    "tests.cli.test_main",
    "tests.repository.test_package",
    "tests.repository.test_expressions",
    "tests.repository.test_schedules",
    "tests.repository.test_round_examples",
    "tests.repository.test_makefile",
    "tests.repository.test_bench",
    "tests.round.test_simulation",
    "tests.round.test_interleavings",
    "tests.end_to_end.test_broken_models.Table",
    "tests.end_to_end.test_generate_pkl.CommandLineTest",
)
# Modules, classes and folders that do the same under every Python.
ONCE = (
    "tests.repository",
    "tests.round.test_broken_models",
    "tests.round.test_folder_store",
    "tests.round.test_interleavings",
    "tests.round.test_kills",
    "tests.round.test_local_round",
    "tests.round.test_prepare",
    "tests.round.test_prometheus",
    "tests.round.test_round_command",
    "tests.round.test_s3_store",
    "tests.round.test_simulation",
    "tests.round.test_slots",
    "tests.round.test_stores",
    "tests.round.test_worker",
    "tests.api",
    "tests.tournament.test_check",
    "tests.tournament.test_live_data",
    "tests.tournament.test_messages",
    "tests.tournament.test_opening",
    "tests.tournament.test_page",
    "tests.tournament.test_runs",
    "tests.tournament.test_submissions",
    "tests.tournament.test_tournament_command",
    "tests.tournament.test_week",
    "tests.transfer.test_datasets",
    "tests.transfer.test_delivery",
    "tests.transfer.test_s3_servers",
    "tests.cli.test_presign",
    "tests.end_to_end.test_broken_models.DoubtfulModels",
    "tests.end_to_end.test_broken_models.OtherFiles",
    "tests.end_to_end.test_generate_pkl.NotebookTest",
    "tests.end_to_end.test_generate_pkl.CheckTest",
    "tests.end_to_end.test_generate_pkl.CommandLineTest",
)


@dataclass(frozen=True)
class Ended:
    """How the tests of one process ended."""

    names: tuple[str, ...]
    failed: bool
    output: str
    seconds: float
    tests: int
    skipped: int


def batches(kind: str) -> list[tuple[str, ...]]:
    """The tests of a kind, as names for unittest: what one process runs, in the order in which they start."""
    folders = defaultdict(list)
    for module in modules():
        if belongs(module, kind) and not any(within(name, module) for name in SLOW):
            folders[module.rpartition(".")[0]].append(module)
    slow = [(name,) for name in SLOW if kind != "fast" and belongs(name, kind)]
    return slow + [tuple(names) for names in folders.values()]


def modules() -> list[str]:
    """Every module of tests; those of the images, which are no package, have commands of their own."""
    found = [
        path.relative_to(ROOT) for path in ROOT.glob("tests/**/test_*.py") if (path.parent / "__init__.py").exists()
    ]
    return sorted(".".join(path.with_suffix("").parts) for path in found)


def belongs(name: str, kind: str) -> bool:
    """Whether the tests of that name are of the kind, how long they take apart."""
    once = any(within(name, other) for other in ONCE)
    return kind in ("all", "fast") or once == (kind == "once")


def within(name: str, other: str) -> bool:
    return f"{name}.".startswith(f"{other}.")


def run(names: tuple[str, ...]) -> Ended:
    """Run these tests in a process of their own."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "unittest", *names],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode(errors="replace")
    tests, skipped = (
        sum(map(int, re.findall(pattern, output, re.MULTILINE)))
        for pattern in (r"^Ran (\d+) tests?", r"\bskipped=(\d+)")
    )
    return Ended(names, done.returncode != 0, output, time.monotonic() - began, tests, skipped)


def show(ended: Ended) -> None:
    if ended.failed:
        print(ended.output)
    names = (
        ended.names[0] if len(ended.names) == 1 else f"{ended.names[0].rpartition('.')[0]}: {len(ended.names)} modules"
    )
    print(f"{'FAILED' if ended.failed else 'ok':8}{ended.seconds:6.1f} s  {ended.tests:4} tests  {names}", flush=True)


def failures(ended: Ended) -> list[str]:
    """The tests that failed, as unittest names them; where it could not, all names of the process."""
    found = re.findall(r"^(?:FAIL|ERROR): .*", ended.output, re.MULTILINE)
    return list(dict.fromkeys(found)) or [f"FAILED: {' '.join(ended.names)}"]


def main() -> int:
    """Run the kind that the command line names and return the exit status: 1 if a test failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    kind = parser.parse_args().kind
    began = time.monotonic()
    ended = []
    with ThreadPoolExecutor(PROCESSES) as pool:
        for future in as_completed([pool.submit(run, names) for names in batches(kind)]):
            ended.append(future.result())
            show(ended[-1])
    failed = [line for one in ended if one.failed for line in failures(one)]
    tests, skipped = sum(one.tests for one in ended), sum(one.skipped for one in ended)
    print(f"\nRan {tests} tests in {time.monotonic() - began:.0f} s, {skipped} skipped")
    print("\n".join(failed) or "OK")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
