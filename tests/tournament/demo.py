"""A morning against a stand-in of Numerai's API, as `make demo_tournament` shows it: the round opens some seconds after
the command has started, four models are run, three submissions arrive, and the page says how it went.

python -m tests.tournament.demo build/demo_tournament
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from numerai_predict.api import ApiKeys
from numerai_predict.api.keys import PUBLIC_ID, SECRET_KEY
from numerai_predict.transfer import API_URL_VARIABLE
from tests.api.stand_in import ALL_SCOPES, HOUR, NumeraiStandIn, StandInRound, StandInSlot, standing_in
from tests.harness import BENCHMARKS, LEGACY_MODEL, LIVE, MODEL, ROOT, TESTS, by_value, load_source
from tests.round.demo import simple

ROUND = 1342
OPENS_S = 8
KEYS = ApiKeys("DEMOPUBLICID", "DEMOSECRETKEY")
GOOD = ("sample", "sample_of_one_argument", "simple_mean")
BROKEN = "raises_in_predict"
# What may be set here and would change what the command does.
FOREIGN = ("NUMERAI_", "GITHUB_STEP_SUMMARY", "CREDENTIALS_DIRECTORY")


def main() -> int:
    folder = Path(sys.argv[1]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    write_models(folder / "models")
    with standing_in() as stand_in:
        make_account(stand_in)
        statuses = [
            command(stand_in, "run", "--submit", "--native", "--slots", "2", "--folder", str(folder)),
            command(stand_in, "status", "--folder", str(folder)),
        ]
        show(stand_in, folder)
        problems = [*problems_of(stand_in, folder)]
    if statuses != [1, 1]:
        problems.append(f"The commands ended with {statuses}.")
    print("\n".join(problems) or "Exit status 1 is right here, as one model fails.")
    return 1 if problems else 0


def write_models(folder: Path) -> None:
    """Three that predict, and one that does not."""
    folder.mkdir(parents=True)
    broken = load_source(TESTS / f"broken_models/{BROKEN}.py").predict
    contents = (MODEL.read_bytes(), LEGACY_MODEL.read_bytes(), by_value(simple("mean")), by_value(broken))
    for name, content in zip((*GOOD, BROKEN), contents, strict=True):
        (folder / f"{name}.pkl").write_bytes(content)


def make_account(stand_in: NumeraiStandIn) -> None:
    """An account with a slot for each model, and a round that opens soon."""
    stand_in.scopes[f"{KEYS.public_id}${KEYS.secret_key}"] = {*ALL_SCOPES}
    stand_in.slots += [StandInSlot(f"id-of-{name}", name) for name in (*GOOD, BROKEN)]
    opening = stand_in.clock.now() + timedelta(seconds=OPENS_S)
    stand_in.rounds.append(
        StandInRound(
            number=ROUND,
            opening=opening,
            deadline=opening + HOUR,
            live=LIVE.read_bytes(),
            benchmarks=BENCHMARKS.read_bytes(),
            p90=opening,
            p99=opening + HOUR / 3,
            datestamp=int(f"{opening:%Y%m%d}"),
        )
    )
    stand_in.processing_s = 1.0


def command(stand_in: NumeraiStandIn, *words: str) -> int:
    """Run the command as a participant does, and return its exit status."""
    print(f"\n$ numerai-predict tournament {' '.join(words)}", flush=True)
    given = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    given |= {PUBLIC_ID: KEYS.public_id, SECRET_KEY: KEYS.secret_key, API_URL_VARIABLE: stand_in.url, "NO_PROXY": "*"}
    argv = [sys.executable, "-m", "numerai_predict", "tournament", *words]
    return subprocess.run(argv, cwd=ROOT, env=given, timeout=600, check=False).returncode


def show(stand_in: NumeraiStandIn, folder: Path) -> None:
    """What has come of it."""
    print("\nWhat the stand-in received:")
    names = {slot.id: slot.name for slot in stand_in.slots}
    for sent in stand_in.sent:
        rows = sent.csv.count(b"\n") - 1
        print(f"  round {sent.round}  {sent.at:%H:%M:%S}  {sent.status:8}  {rows} rows  {names.get(sent.model)}")
    print(f"\nThe page: {folder / 'report/index.html'}")


def problems_of(stand_in: NumeraiStandIn, folder: Path) -> Iterator[str]:
    """What is not as it must be."""
    on_time = stand_in.on_time(ROUND)
    if {name: len(sent) for name, sent in on_time.items()} != dict.fromkeys(GOOD, 1) or len(stand_in.sent) != len(GOOD):
        yield f"The submissions are not one of each of {', '.join(GOOD)}."
    kept = {path.read_bytes() for path in folder.glob(f"rounds/{ROUND}/runs/*/predictions/*.csv")}
    if not kept.issuperset(sent.csv for sent in stand_in.sent):
        yield "What was sent is not what the models predicted."
    yield from stand_in.violations
    files = [path for path in folder.rglob("*") if path.is_file()]
    if folder / "report/index.html" not in files:
        yield "There is no page."
    yield from (f"{path} has the key in it." for path in files if KEYS.secret_key.encode() in path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
