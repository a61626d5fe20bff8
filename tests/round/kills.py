"""The proof by killing: rounds in a row in which workers, what they started and the store's connection are killed.

`make prove_round` plays ROUNDS (200) of them, one after the other in a folder and in S3, as SEED says; what is wrong
after a round is printed with the seed that repeats it. Each signal goes to a process by a descriptor of it, and only to
a descendant of this program.
"""

import argparse
import contextlib
import ctypes
import hashlib
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from unittest import mock

import pandas as pd

from numerai_predict.round import Store, open_store
from numerai_predict.runner import RunRequest, run_model
from numerai_predict.sandbox.workspace import Workspace
from tests.cuttable_proxy import CuttableProxy, cuttable
from tests.harness import BENCHMARKS, LIVE, ROOT, by_value
from tests.s3 import Bucket, shared_bucket

LEASE_S = 1.5
WORKERS = 3
# A round whose last model is lost twice at its end takes several leases; a machine may be slow.
ROUND_LIMIT_S = 120.0
POLL_S = 0.03
KILLS_A_ROUND = (3, 7)
# Workers take their first models after some time; most kills come while the first ones run.
FIRST_KILL_S = 0.5
BETWEEN_KILLS_S = 0.6
# A worker that stands still for longer than a lease is taken for dead, and wakes up.
PAUSE_S = (0.3, 2 * LEASE_S)
CUT_S = (0.05, 1.0)
SETTLE_S = 15.0
SHARED_MEMORY = Path("/dev/shm")
PR_SET_CHILD_SUBREAPER = 36
# Of a model that was killed, and of one whose workers were.
BY_A_KILLED_MODEL = {"model_crashed", "out_of_memory", "bad_handover"}
BY_KILLED_WORKERS = {"worker_lost"}
WORKER = f"""
import sys
from numerai_predict.held_signals import hold_signals
hold_signals()
from numerai_predict import cli
from numerai_predict.cli import worker
from numerai_predict.round import queue, retries, templates
retries.BACKOFF_S, queue.LONGEST_PAUSE_S = (0.5, 1.0, 2.0), 0.5
templates.FAMILIES = {{"base": ()}}  # The models need pandas alone.
templates.MENTIONS = {{}}
cli.enter(lambda: worker.main(sys.argv[1:], lease_s={LEASE_S}))
"""


def ranks(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")


def ranks_with_benchmarks(live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame) -> pd.DataFrame:
    return live_benchmark_models.sum(axis=1).rank(pct=True).to_frame("prediction")


def ranks_slowly(live_features: pd.DataFrame) -> pd.DataFrame:
    time.sleep(0.7)
    return live_features.filter(like="feature_").mean(axis=1).rank(pct=True).to_frame("prediction")


def returns_nothing(live_features: pd.DataFrame) -> None:
    return None


def leaves_shared_memory(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A model that makes a segment whose name begins so, and does not remove it."""

    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        segment = SharedMemory(f"{name}-{os.getpid()}", create=True, size=1000)
        time.sleep(0.3)
        segment.close()
        return ranks(live_features)

    return predict


@dataclass(frozen=True)
class Model:
    """A model of every round: its pickle, and what a run that nobody disturbs makes of it: a CSV or a code."""

    pickle: bytes
    csv: bytes | None
    code: str | None


@dataclass
class Tally:
    """What was done, and what came of it, in all rounds so far."""

    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    take_overs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Process:
    """A process by its number and, as numbers come again, by when it was started."""

    pid: int
    started: int
    parent: int

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """What /proc says; None if it has ended."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if stat[0] in "ZX" else cls(pid, int(stat[19]), int(stat[1]))

    def send(self, number: signal.Signals) -> bool:
        """Send the signal to this very process; whether it was there."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            now = Process.of(self.pid)  # The descriptor is of whoever has the number now, for good.
            if now is None or now.started != self.started:
                return False
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True


def descendants(pid: int) -> list[Process]:
    """All processes below that one."""
    children: dict[int, list[Process]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        if process := Process.of(int(name)):
            children.setdefault(process.parent, []).append(process)
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += [process.pid for process in below]
    return found


class Engine:
    """Starts the workers of a round, and again those that did not end well, as an array job does."""

    def __init__(self, address: str, folder: Path, environment: dict[str, str], log: Path) -> None:
        self.starts = 0
        self._address = address
        self._folder = folder
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), **environment}
        self._log = log
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def start_all(self) -> None:
        """Start every worker."""
        for index in range(WORKERS):
            self._start(index)

    def _start(self, index: int) -> None:
        argv = [sys.executable, "-c", WORKER, self._address, "--index", str(index), "--workers", str(WORKERS)]
        with self._log.open("ab") as log:
            self._running[index] = subprocess.Popen(argv, env=self._environment, cwd=self._folder, stderr=log)
        self.starts += 1

    def workers(self) -> list[Process]:
        """Those that live."""
        found = (Process.of(process.pid) for process in self._running.values() if process.poll() is None)
        return [process for process in found if process]

    def go_on(self) -> bool:
        """Start again who was killed or stopped; whether anybody has something to do."""
        for index, process in list(self._running.items()):
            if (status := process.poll()) is not None:
                del self._running[index]
                if status != 0:
                    self._start(index)
        return bool(self._running)

    def kill_all(self) -> None:
        """End what a round has left when it took too long."""
        for process in self._running.values():
            process.kill()
            process.wait()


class Killer:
    """Does harm to a round at random moments; what and when is the seed's choice, whom the machine's."""

    def __init__(self, chance: random.Random, engine: Engine, proxy: CuttableProxy | None, tally: Tally) -> None:
        self.done: Counter[str] = Counter()
        self._chance = chance
        self._engine = engine
        self._proxy = proxy
        self._tally = tally
        self._left = chance.randint(*KILLS_A_ROUND)
        self._next = time.monotonic() + FIRST_KILL_S + self._pause()
        self._asleep: list[tuple[float, Process]] = []
        self._kinds = {"worker": 4, "stop": 2, "pause": 2, "template": 2, "model": 4, **({"store": 4} if proxy else {})}

    def _pause(self) -> float:
        return self._chance.expovariate(1 / BETWEEN_KILLS_S)

    def act(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        for until, process in [sleeper for sleeper in self._asleep if sleeper[0] <= now]:
            process.send(signal.SIGCONT)
            self._asleep.remove((until, process))
        if self._left and now >= self._next:
            kind = self._chance.choices([*self._kinds], [*self._kinds.values()])[0]
            where, how_long = self._chance.random(), self._chance.random()
            if self._harm(kind, where, how_long):
                self._left -= 1
                self.done[kind] += 1
                self._tally.kills[kind] += 1
            self._next = now + self._pause()

    def _harm(self, kind: str, where: float, how_long: float) -> bool:
        if kind == "store":
            assert self._proxy is not None
            self._proxy.cut(CUT_S[0] + how_long * (CUT_S[1] - CUT_S[0]))
            return True
        among = self._engine.workers()
        if kind in ("template", "model"):
            below = [(worker.pid, process) for worker in among for process in descendants(worker.pid)]
            # Templates are what a worker starts itself; a model run anew, too, but seldom.
            among = [process for parent, process in below if (process.parent == parent) == (kind == "template")]
        if not among:
            return False
        victim = among[int(where * len(among))]
        if kind == "pause":
            self._asleep.append((time.monotonic() + PAUSE_S[0] + how_long * (PAUSE_S[1] - PAUSE_S[0]), victim))
            return victim.send(signal.SIGSTOP)
        return victim.send(signal.SIGTERM if kind == "stop" else signal.SIGKILL)

    def end(self) -> None:
        """Wake up who sleeps."""
        for _, process in self._asleep:
            process.send(signal.SIGCONT)


@dataclass(frozen=True)
class Proof:
    """What all rounds have in common."""

    models: dict[str, Model]
    folder: Path
    segment: str
    segments_go: bool
    bucket: Bucket
    ours: set[Process]
    tally: Tally

    def play(self, number: int, seed: int, in_s3: bool) -> list[str]:
        """Play a round; returns what is wrong."""
        folder = self.folder / f"round-{number}"
        temporary = folder / "temporary"
        temporary.mkdir(parents=True)
        began = time.monotonic()
        with contextlib.ExitStack() as until_over:
            proxy = until_over.enter_context(cuttable(self.bucket.endpoint)) if in_s3 else None
            address = f"s3://{self.bucket.name}/round-{number}" if in_s3 else str(folder / "round")
            store = self._make_round(address)
            settings = settings_of(self.bucket, proxy.url) if proxy else {}
            engine = Engine(address, temporary, settings, folder / "log")
            killer = Killer(random.Random(seed), engine, proxy, self.tally)
            until_over.callback(engine.kill_all)
            until_over.callback(killer.end)
            engine.start_all()
            while is_going := engine.go_on():
                killer.act()
                time.sleep(POLL_S)
                if time.monotonic() - began > ROUND_LIMIT_S:
                    break
        wrong = [f"it is not over after {ROUND_LIMIT_S:.0f} s"] if is_going else []
        log = (folder / "log").read_text(errors="replace")
        wrong += [*self._wrong_outcomes(store, killer.done), *self._run_twice(log), *self._left(temporary)]
        self._note(engine, log, began, "S3" if in_s3 else "folder")
        if wrong:
            wrong += log.splitlines()
        shutil.rmtree(folder)
        return wrong

    def _make_round(self, address: str) -> Store:
        if not address.startswith("s3://"):
            Path(address).mkdir()
        store = open_store(address)
        store.write("data/live.parquet", LIVE.read_bytes())
        store.write("data/live_benchmark_models.parquet", BENCHMARKS.read_bytes())
        for name, model in self.models.items():
            store.write(f"models/{name}.pkl", model.pickle)
        rows = [json.dumps({"id": name, "model": f"models/{name}.pkl"}) for name in self.models]
        store.write("manifest.jsonl", "\n".join(rows).encode())
        return store

    def _wrong_outcomes(self, store: Store, done: Counter[str]) -> Iterator[str]:
        expected = {f"{name}.json" for name in self.models}
        if (found := store.names("outcomes")) != expected:
            yield f"outcomes are missing, or too many: {sorted(found ^ expected)}"
        for name, model in self.models.items():
            outcome = store.read(f"outcomes/{name}.json")
            if outcome is not None:
                csv = store.read(f"predictions/{name}.csv")
                content = csv.content if csv else None
                yield from self._wrong_outcome(name, model, json.loads(outcome.content), content, done)

    def _wrong_outcome(
        self, name: str, model: Model, outcome: dict[str, object], csv: bytes | None, done: Counter[str]
    ) -> Iterator[str]:
        fault = outcome["fault"]
        code = fault["code"] if isinstance(fault, dict) else None
        self.tally.outcomes[code or "success"] += 1
        if code is None and csv != model.csv:
            yield f"{name} succeeded, and its CSV is {'missing' if csv is None else 'another'}"
        if code is None and outcome.get("csv_sha256") != hashlib.sha256(model.csv or b"").hexdigest():
            yield f"{name} succeeded, and its outcome has the digest of another CSV"
        allowed = {model.code}
        if done["model"] + done["template"]:
            allowed |= BY_A_KILLED_MODEL
        if done["worker"] + done["pause"] + done["store"] >= 2:
            allowed |= BY_KILLED_WORKERS
        if code not in allowed:
            yield f"{name} ended as {code}: {fault}"

    def _run_twice(self, log: str) -> Iterator[str]:
        """Models whose outcome was written by two workers, by what those say."""
        for name in self.models:
            if (times := log.count(f" INFO {name}: ")) > 1:
                yield f"{name} has {times} outcomes"

    def _left(self, temporary: Path) -> list[str]:
        """What is left on the machine once what must end had its time."""
        enough = time.monotonic() + SETTLE_S
        while (left := [*self._processes(), *self._files(temporary)]) and time.monotonic() < enough:
            time.sleep(0.05)
        return left

    def _processes(self) -> Iterator[str]:
        """Descendants of this program, which adopts orphans, that it did not have before the first round."""
        for process in set(descendants(os.getpid())) - self.ours:
            with contextlib.suppress(OSError):  # It may have ended meanwhile.
                words = Path(f"/proc/{process.pid}/cmdline").read_text(errors="replace").replace("\0", " ")
                yield f"process {process.pid} is left: {words}"

    def _files(self, temporary: Path) -> Iterator[str]:
        yield from (f"{path} is left" for path in temporary.iterdir())
        segments = SHARED_MEMORY.glob(f"{self.segment}*")
        if self.segments_go:
            yield from (f"{path} is left" for path in segments)
        else:
            for path in segments:
                path.unlink(missing_ok=True)

    def _note(self, engine: Engine, log: str, began: float, kind: str) -> None:
        self.tally.starts += engine.starts
        self.tally.take_overs += log.count(" was cut off from the round")
        self.tally.rounds[kind] += 1
        self.tally.seconds.append(time.monotonic() - began)


def settings_of(bucket: Bucket, endpoint: str) -> dict[str, str]:
    """What boto3 finds the bucket by."""
    keys = {"AWS_ACCESS_KEY_ID": bucket.access_key, "AWS_SECRET_ACCESS_KEY": bucket.secret_key}
    return {**keys, "AWS_ENDPOINT_URL_S3": endpoint, "AWS_DEFAULT_REGION": bucket.region}


def models_of_a_round(folder: Path, segment: str) -> dict[str, Model]:
    """The models by their ids, with what comes of each when nobody disturbs it."""
    kinds = {
        "ranks": ranks,
        "slow": ranks_slowly,
        "benchmarks": ranks_with_benchmarks,
        "segment": leaves_shared_memory(segment),
        "nothing": returns_nothing,
    }
    models = {name: undisturbed_run(folder, by_value(model)) for name, model in kinds.items()}
    again = ("ranks", "slow", "segment")
    return {**models, **{f"{name}-again": models[name] for name in again}}


def undisturbed_run(folder: Path, pickle: bytes) -> Model:
    """A run of its own, as predict.py has it."""
    path = folder / "reference.pkl"
    path.write_bytes(pickle)
    report = run_model(RunRequest(path, LIVE, BENCHMARKS, folder))
    csv = Path(report.delivery.saved.path).read_bytes() if report.delivery.saved else None
    return Model(pickle, csv, report.fault.code if report.fault else None)


def has_own_user() -> bool:
    """Whether models run as users of their own here: what one leaves in shared memory is known by its user."""
    workspace = Workspace()
    workspace.remove(lambda: False)
    return workspace.user is not None


@contextlib.contextmanager
def proof() -> Iterator[Proof]:
    """All that the rounds need. This process adopts what its descendants leave behind from now on."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    bucket = shared_bucket()
    segment = f"kills-{secrets.token_hex(4)}"
    with (
        tempfile.TemporaryDirectory(prefix="kills-") as name,
        mock.patch.dict(os.environ, settings_of(bucket, bucket.endpoint)),
    ):
        folder = Path(name)
        folder.chmod(0o755)  # Models run as users of their own.
        models = models_of_a_round(folder, segment)
        yield Proof(models, folder, segment, has_own_user(), bucket, set(descendants(os.getpid())), Tally())


def show(tally: Tally) -> None:
    """Print what was done, and what came of it."""
    seconds = sorted(tally.seconds)
    rows: dict[str, Mapping[str, object]] = {
        "rounds": dict(tally.rounds),
        "seconds a round": {"median": f"{seconds[len(seconds) // 2]:.1f}", "most": f"{seconds[-1]:.1f}"},
        "workers started": {"": tally.starts},
        "done to them": dict(tally.kills),
        "taken over from workers that were lost": {"": tally.take_overs},
        "outcomes": dict(tally.outcomes.most_common()),
    }
    for name, counts in rows.items():
        print(f"{name:<40}{', '.join(f'{count} {label}'.strip() for label, count in counts.items())}")


def main() -> int:
    """Play the rounds that the command line asks for; returns 1 if something was wrong after any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="of the first; the others follow")
    args = parser.parse_args()
    failed = 0
    with proof() as rounds:
        for number in range(args.rounds):
            seed = args.seed + number
            # Half of the rounds in each, whichever seed is repeated alone.
            if wrong := rounds.play(number, seed, in_s3=bool(seed % 2)):
                failed += 1
                print(f"Wrong after the round of --rounds 1 --seed {seed}:", *wrong, sep="\n  ", flush=True)
        show(rounds.tally)
    print(f"{failed} of {args.rounds} rounds were wrong" if failed else "nothing was wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
