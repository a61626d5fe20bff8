"""One real message for each code of faults.py, in fault_examples.json and on docs/faults.md.

`make fault_examples` runs, for each code, the first broken model of outcomes.py that ends with it, or a scenario below,
and writes down what that run says. What needs the platform's packages is run where an image is named (`make
fault_examples VERSION=3.11 IMAGE=numerai_predict_py_3_11:latest`), and kept as it was elsewhere. The tests that run
these models and scenarios compare.
"""

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numerai_predict.faults import Code
from numerai_predict.platform_limits import DATASET
from tests.harness import LEGACY_MODEL, LIVE, MODEL, ROOT, TESTS, PredictTestCase, Run
from tests.outcomes import CONFINED, FAULTS, NO_PICKLES, PLATFORM, WARNINGS, Fault, Warned
from tests.servers import Answer, serving

FILE = TESTS / "fault_examples.json"
# Messages of Python and of libraries differ from version to version.
WRITTEN_BY = (3, 11)
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
# After this many open files the runtime cannot start the model's process.
FEW_FILES = 10


def wrong_command_line(case: PredictTestCase) -> dict[str, str]:
    """What is said of a model and a wrong limit."""
    return said_of(case.predict(MODEL, "--time_limit", "soon"))


def python_without_packages(case: PredictTestCase) -> dict[str, str]:
    """What is said of a Python that has nothing but its standard library, beside which there is no better one."""
    shutil.copytree(ROOT / "numerai_predict", case.folder / "numerai_predict")
    shutil.copy(ROOT / "predict.py", case.folder)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", case.folder / "bare"], check=True)
    words = ("--model", MODEL, "--dataset", LIVE, "--output_dir", case.output_dir, "--report", "report.json")
    argv = [str(case.folder / "bare/bin/python"), "predict.py", *map(str, words)]
    done = subprocess.run(argv, cwd=case.folder, capture_output=True, timeout=60, check=False)
    return said_of(case.run_of(done.returncode, done.stdout, done.stderr))


def model_that_is_not_there(case: PredictTestCase) -> dict[str, str]:
    """What is said of a path that does not exist."""
    return said_of(case.predict(case.folder / "nothing.pkl"))


def model_whose_url_has_expired(case: PredictTestCase) -> dict[str, str]:
    """What is said of S3's refusal."""
    with serving() as server:
        return said_of(case.predict(server.queue("/model.pkl", Answer(403, EXPIRED)) + "?X-Amz-Signature=5ec2e7"))


def dataset_that_is_not_there(case: PredictTestCase) -> dict[str, str]:
    """What is said of a path that does not exist."""
    return said_of(case.predict(LEGACY_MODEL, "--dataset", case.folder / "live.parquet"))


def numerai_that_is_down(case: PredictTestCase) -> dict[str, str]:
    """What is said of an API that fails for ever."""
    from tests.transfer.test_datasets import NumeraiTestCase

    numerai = NumeraiTestCase()
    numerai.setUp()
    try:
        numerai.server.queue("/api", Answer(503))
        return said_of(numerai.predict(LEGACY_MODEL, "--dataset", DATASET, env=numerai.env))
    finally:
        numerai.doCleanups()


def dataset_that_is_cut_off(case: PredictTestCase) -> dict[str, str]:
    """What is said of half a file."""
    half = case.folder / "live.parquet"
    half.write_bytes(LIVE.read_bytes()[: LIVE.stat().st_size // 2])
    return said_of(case.predict(LEGACY_MODEL, "--dataset", half))


def folder_that_takes_no_files(case: PredictTestCase) -> dict[str, str]:
    """What is said of an output folder that not even root can write to."""
    return said_of(case.predict(LEGACY_MODEL, "--output_dir", "/proc"))


def upload_that_is_refused(case: PredictTestCase) -> dict[str, str]:
    """What is said of S3's refusal."""
    with serving() as server:
        url = server.queue("/upload", Answer(403, EXPIRED))
        return said_of(case.predict(LEGACY_MODEL, "--post_url", url, "--post_data", "key=live.csv"))


def run_that_is_stopped(case: PredictTestCase) -> dict[str, str]:
    """What is said of SIGTERM, as `docker stop` sends it."""
    from tests.end_to_end.test_interruptions import InterruptionTestCase, sleeps

    stopped = InterruptionTestCase()
    stopped.setUp()
    try:
        command = stopped.command(stopped.pickle(sleeps))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            return said_of(stopped.result(process))
    finally:
        stopped.doCleanups()


def runtime_that_has_too_few_files(case: PredictTestCase) -> dict[str, str]:
    """What is said of a limit under which the runtime itself cannot work."""
    words = ("--model", LEGACY_MODEL, "--dataset", LIVE, "--output_dir", case.output_dir, "--report", "report.json")
    script = f'ulimit -n {FEW_FILES}; exec "$@"'
    argv = ["bash", "-c", script, "bash", sys.executable, str(ROOT / "predict.py"), *map(str, words)]
    done = subprocess.run(argv, cwd=case.folder, capture_output=True, timeout=60, check=False)
    return said_of(case.run_of(done.returncode, done.stdout, done.stderr))


def model_that_takes_down_its_workers(case: PredictTestCase) -> dict[str, str]:
    """What the third worker says of a model that two had claimed and never ended."""
    from numerai_predict.round.manifest import Row
    from tests.round.memory_store import Clock, MemoryStore
    from tests.round.test_queue import lost_twice

    fault = lost_twice(Row("m1", "models/m1.pkl"), MemoryStore(), Clock()).fault
    return shown({"code": fault.code.label, "message": fault.message, "hint": fault.hint})


SCENARIOS: dict[Code, Callable[[PredictTestCase], dict[str, str]]] = {
    Code.USAGE: wrong_command_line,
    Code.MISSING_PACKAGES: python_without_packages,
    Code.WORKER_LOST: model_that_takes_down_its_workers,
    Code.MODEL_NOT_FOUND: model_that_is_not_there,
    Code.MODEL_NOT_DOWNLOADED: model_whose_url_has_expired,
    Code.DATASET_NOT_FOUND: dataset_that_is_not_there,
    Code.DATASET_NOT_DOWNLOADED: numerai_that_is_down,
    Code.UNREADABLE_DATASET: dataset_that_is_cut_off,
    Code.OUTPUT_NOT_WRITTEN: folder_that_takes_no_files,
    Code.UPLOAD_FAILED: upload_that_is_refused,
    Code.INTERRUPTED: run_that_is_stopped,
    Code.INTERNAL_ERROR: runtime_that_has_too_few_files,
}


def played(code: Code) -> dict[str, str]:
    """What the scenario of that code says now."""
    case = PredictTestCase()
    case.setUp()
    try:
        return SCENARIOS[code](case)
    finally:
        case.doCleanups()


def said_of(run: Run) -> dict[str, str]:
    """What a failed run says, as the page shows it."""
    return shown(run.report["fault"])


def shown(fault: dict[str, Any]) -> dict[str, str]:
    """Code, message and hint of a fault, without the folders of this machine and the ports of tests."""
    return {name: without_places(fault[name]) for name in ("code", "message", "hint")}


def without_places(text: str) -> str:
    """The text with … for folders that are only here."""
    text = re.sub(rf"{re.escape(tempfile.gettempdir())}/tmp\w{{8}}", "…", text)
    for folder in (str(ROOT), os.path.realpath(ROOT), sys.prefix, sys.base_prefix):
        text = text.replace(folder, "…")
    return re.sub(r"\b127\.0\.0\.1:\d+", "127.0.0.1", text)


def masked(said: dict[str, str]) -> dict[str, str]:
    """The same without what differs from run to run: numbers, and the random part of a file's name."""
    return {name: re.sub(r"\b[0-9a-f]{12}\b|\d[\d.,]*", "#", text) for name, text in said.items()}


def model_of(code: Code) -> str | None:
    """The first broken model that ends with that code, if there is one: those that need no image come first."""
    rows = {**FAULTS, **NO_PICKLES, **CONFINED, **WARNINGS, **PLATFORM}
    return next((name for name, row in rows.items() if isinstance(row, Fault | Warned) and row.code is code), None)


@functools.cache
def stored() -> dict[str, dict[str, str]]:
    """The examples by their codes; `of` is the model or the scenario."""
    found: dict[str, dict[str, str]] = json.loads(FILE.read_text())
    return found


def expected_of(source: str) -> dict[str, str] | None:
    """What a run of that model or scenario must say; None if it is no example, or not one of this Python."""
    for example in stored().values():
        if example["of"] == source and sys.version_info[:2] == WRITTEN_BY:
            return {name: text for name, text in example.items() if name != "of"}
    return None


def example_of(code: Code) -> dict[str, str]:
    """Run what the code's example is of; one that needs an image and has none stays as it was, or is empty."""
    if code in SCENARIOS:
        return {"of": SCENARIOS[code].__name__, **played(code)}
    name = model_of(code)
    if name is None:
        return {}
    if name in PLATFORM:
        return {"of": name, **said_in_image(name)} if "IMAGE" in os.environ else stored().get(code.label, {})
    from tests.end_to_end.test_broken_models import result_of

    return {"of": name, **said_of(result_of(name, strict=name in WARNINGS).run)}


def said_in_image(name: str) -> dict[str, str]:
    """What a run of that model says in the image that IMAGE and VERSION name."""
    from tests.images.engine import open_folder, remove
    from tests.images.model_runs import run_image, write_models

    row = PLATFORM[name]
    folder = open_folder()
    try:
        write_models((name,), folder)
        return shown(run_image(folder, name, row.engine, *row.flags).report["fault"])
    finally:
        remove(folder)


def main() -> int:
    """Write the file; the exit status is 1 if a code has no example."""
    examples = {}
    for code in Code:
        if example := example_of(code):
            assert example["code"] == code.label, example
            examples[code.label] = example
        else:
            print(f"There is no example of {code.label}: it needs a row in tests/outcomes.py, or the image.")
    Path(FILE).write_text(json.dumps(examples, indent=1, ensure_ascii=False) + "\n")
    return 0 if len(examples) == len(Code) else 1


if __name__ == "__main__":
    sys.exit(main())
