"""Conversations that a model may have with the runtime, right ones changed at random, and what they may lead to.

A program that only plays them stands in for the model's process: all else is the real run, to the report.
`make fuzz` plays thousands (EXAMPLES=…), and prints what came of them.
"""

import copy
import io
import json
import logging
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import pandas as pd
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from numerai_predict.child.checks import describe
from numerai_predict.report import RunReport, explain, schema, summarize
from numerai_predict.runner import RunContext, RunRequest, run_model
from numerai_predict.sandbox import Birthplace, Child, ExecLauncher
from tests.findings import GOOD
from tests.harness import BENCHMARKS, LIVE, MODEL

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")

MOST_GROWTH_BYTES = 50_000_000
# It begins a hundred times faster than an interpreter with our packages would.
PLAYER = """
import json, os, socket, sys
channel = socket.socket(fileno=0)
nonce = b""
for kind, text, times in json.load(open(sys.argv[1])):
    data = text.encode("latin-1").replace(b"NONCE", nonce)
    try:
        if kind == "slow":
            for place in range(len(data)):
                channel.sendall(data[place : place + 1])
            continue
        for _ in range(times):
            channel.sendall(data)
        if kind == "ask":
            reply, descriptors, _, _ = socket.recv_fds(channel, 1 << 20, 1)
            nonce = json.loads(reply or b"{}").get("nonce", nonce.decode()).encode()
            for descriptor in descriptors:
                os.close(descriptor)
    except OSError:
        break
os._exit(0)
"""
# What is done, with which bytes (as Latin-1), how often.
Step: TypeAlias = tuple[str, str, int]


@dataclass
class Words:
    """One message: its header, and the payload, which comes `times` over; as it is said if `raw` is not None."""

    header: dict[str, Any]
    payload: bytes = b""
    times: int = 1
    announced: Any = None
    raw: bytes | None = None
    kind: str = "send"

    def steps(self) -> list[Step]:
        """What the player does."""
        if self.raw is not None:
            return [(self.kind, self.raw.decode("latin-1"), self.times)]
        size = len(self.payload) * self.times if self.announced is None else self.announced
        header = {**self.header, "payload_bytes": size} if size else self.header
        line = json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        # What JSON can say and Python's does not.
        line = line.replace(b'"INFINITE"', b"1e999").replace(b'"HUGE"', b"9" * 400).replace(b'"MINUS"', b"-0")
        if not self.payload:
            return [(self.kind, line.decode("latin-1"), 1)]
        return [("send", line.decode("latin-1"), 1), (self.kind, self.payload.decode("latin-1"), self.times)]


@cache
def sample() -> tuple[bytes, bytes, dict[str, Any]]:
    """The live ids, a CSV of predictions for them, and their statistics."""
    ids = pd.Index([f"n{row:04x}" for row in range(50)], name="id")
    frame = pd.DataFrame({"prediction": [row / 50 for row in range(50)]}, index=ids)
    csv: str = frame.to_csv()
    return "".join(f"{name}\n" for name in ids).encode(), csv.encode(), describe(frame, frame.rename(columns=str.upper))


def ask(name: str) -> Words:
    return Words({"need": name}, kind="ask")


def beginning() -> list[Words]:
    """What our own code says before any line of the model has run."""
    findings = Words({"report": "findings", "content": GOOD.as_message()})
    live = {"shape": {"rows": 50, "columns": 3}, "ids_are_a_column": False}
    ids = Words({"report": "live_features", "content": live}, sample()[0])
    phases = [Words({"phase": name}) for name in ("importing", "inspecting", "reading", "loading")]
    importing, inspecting, reading, loading = phases
    broken = Words({"broken": {}})
    return [
        ask("terms"),
        broken,
        importing,
        ask("model"),
        inspecting,
        findings,
        ask("live_features"),
        reading,
        ids,
        loading,
    ]


def rest() -> list[Words]:
    """What a process says that a model runs in, if that is honest."""
    _, csv, stats = copy.deepcopy(sample())
    shape = {"rows": 50, "columns": 3}
    answer = {
        "hosts": [],
        "parameters": 2,
        "optional_second": None,
        "data": {"live_features": shape, "benchmark_models": shape},
        "failures": [],
        "notices": ["Some are missing."],
        "remarks": ["The order is another."],
        "predictions": stats,
    }
    phases = [Words({"phase": name}) for name in ("reading", "predicting", "checking")]
    return [ask("benchmark_models"), *phases, ask("nonce"), Words({"answer": answer, "nonce": "NONCE"}, csv)]


FAULT = {"code": "unreadable_dataset", "message": "cut off", "hint": "again"}
RAISED = {
    **dict.fromkeys(("kind", "message", "name", "where", "trace"), "x\x1b[2J"),
    "kinds": ["MemoryError"],
    "libraries": {"a": "1"},
}
STRANGE: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, -1, 0, 7, 1 << 53, 1 << 60, "INFINITE", "HUGE", "MINUS", 0.5, -1e300, 1e300, "", "\0", "\x1b[2J"),
        *([], {}, [[]], [None], "x" * 100_000, [0] * 10, ["a"] * 1001, {"": {}}, "\ud800", "NONCE", "\u202e\u2028"),
        *(FAULT, [FAULT], {**FAULT, "code": "internal_error"}, RAISED, {"live_features": {"rows": 1, "columns": 1}}),
        *("loading", "inspecting", "benchmark_models", "live_features", "model", "terms", "nonce", "findings"),
    ]
)
FORGED = st.sampled_from(
    [
        *(Words({"phase": name}) for name in ("inspecting", "reading", "loading", "checking", "fetching", "")),
        *(ask(name) for name in ("model", "live_features", "benchmark_models", "terms", "nonce", "../../etc/passwd")),
        *(Words({"report": name, "content": {}}, b"x" * 9) for name in ("findings", "live_features", "others")),
        Words({"broken": {"network": "it is open"}}),
        *(
            Words({"answer": {name: value}, "nonce": "NONCE"})
            for name, value in (("fault", FAULT), ("exception", RAISED), ("failures", [FAULT]))
        ),
        *(Words({}, raw=raw) for raw in (b"\n", b"\0" * 99, b"[" * 99_999 + b"\n", b'{"phase": ' * 999, b"{}\n" * 99)),
        Words({}, raw=b'{"a":0},' * 1_000, times=200),
        Words({}, raw=b" ", times=2 << 20),
    ]
)
# What replaces some of the CSV: by what, how often.
PIECES = st.sampled_from(
    [
        *(
            b"nan",
            b"inf",
            b"-0",
            b"1e999",
            b"0_1",
            b"7",
            b"",
            b",",
            b"\n",
            b'"',
            b'"\n',
            b"\r",
            b"\0",
            b"\xff",
            b"\x1b[2J",
        ),
        *(b"id,prediction\n", b"prediction", b"n0001,0.5\n", b"=1+1", b"x" * 200_000, b"," * 5_000, "\u2028".encode()),
    ]
)


def ways(value: Any) -> list[tuple[Any, ...]]:
    """The way to each value inside."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way for key, inner in entries for way in [(key,), *((key, *further) for further in ways(inner))]]


def change(draw: st.DrawFn, said: list[Words]) -> None:
    """Change one thing in what is said: which messages there are, what one says, or how."""
    place = draw(st.integers(0, len(said) - 1))
    said[place] = copy.deepcopy(said[place])
    changes = (change_order, change_words, change_payload, change_delivery)
    changes[draw(st.integers(0, len(changes) - 1))](draw, said, place)


def change_order(draw: st.DrawFn, said: list[Words], place: int) -> None:
    """Leave a message out, say it twice or elsewhere, or add one that is forged."""
    match draw(st.sampled_from(["drop", "again", "swap", "insert"])):
        case "drop" if len(said) > 1:
            del said[place]
        case "again":
            said.insert(place, said[place])
        case "swap":
            other = draw(st.integers(0, len(said) - 1))
            said[place], said[other] = said[other], said[place]
        case _:
            said.insert(place, copy.deepcopy(draw(FORGED)))


def change_words(draw: st.DrawFn, said: list[Words], place: int) -> None:
    """Put something strange for a value, or as another field."""
    header = said[place].header
    found = ways(header)
    way = draw(st.integers(-len(found), max(0, len(found) - 1)))
    if way < 0:
        put(header, found[way], draw(STRANGE))
    else:
        header[draw(st.text(max_size=5))] = draw(STRANGE)


def change_payload(draw: st.DrawFn, said: list[Words], place: int) -> None:
    """Put a piece into the payload, or something that comes again and again for all of it."""
    words = next((each for each in said[place:] if each.payload), said[place])
    start = draw(st.integers(0, len(words.payload)))
    end = draw(st.integers(start, start + 20))
    if draw(st.booleans()):
        words.payload = words.payload[:start] + draw(PIECES) + words.payload[end:]
    else:
        words.payload, words.times = draw(PIECES) or b"x", draw(st.sampled_from([2, 1_000, 60_000]))


def change_delivery(draw: st.DrawFn, said: list[Words], place: int) -> None:
    """Announce another size, say it byte by byte, or not to its end."""
    match draw(st.sampled_from(["size", "slow", "cut"])):
        case "size":
            said[place].announced = draw(STRANGE)
        case "slow":
            said[place].kind = "slow"
        case _:
            whole = "".join(text for _, text, _ in said[place].steps()).encode("latin-1")
            said[place:] = [Words({}, raw=whole[: draw(st.integers(0, len(whole)))])]


def put(tree: Any, way: tuple[Any, ...], value: Any) -> None:
    """Replace what is there."""
    for key in way[:-1]:
        tree = tree[key]
    tree[way[-1]] = value


@st.composite
def conversations(draw: st.DrawFn) -> list[Words]:
    """What a model's process says from the moment on that the model may speak."""
    said = rest()
    for _ in range(draw(st.integers(0, 4))):
        change(draw, said)
    return said


# What random changes hardly find: as large as may be, or larger, of the worst form.
LARGEST = 64 << 20


def large(payload: bytes, header: bytes = b"id,prediction\n") -> list[Words]:
    """An honest end with another CSV, of the largest size."""
    *others, answer = rest()
    times = (LARGEST - len(header)) // len(payload)
    whole = Words(answer.header, header, announced=len(header) + times * len(payload))
    return [*others, whole, Words({}, raw=payload, times=times)]


LARGE: dict[str, list[Words]] = {
    "rows": large(b"0.\n" * 1_000, b"p.\n"),
    "good rows": large(b"n0001,0.5\n" * 1_000),
    "wide rows": large(b"x" * 100_000 + b",0.5\n"),
    "one field": large(b"x" * 1_000),
    "empty fields": large(b"," * 1_000),
    "quotes": large(b'"\n",' * 1_000),
    "line breaks": large(b"\n" * 1_000),
    "an answer of small things": [*rest()[:-1], Words({}, raw=b'{"a": [' + b'{"":0},' * 149_000 + b"0]}\n")],
    "phases": [Words({"phase": "reading"}, raw=None)] * 60,
}


@dataclass(frozen=True)
class Script:
    """Launches a player of what is said; the second process of a run, which has no model, is an honest one."""

    path: Path
    launched: list[None] = field(default_factory=list)
    helpers: tuple[int, ...] = ()

    def launch(self, place: Birthplace) -> Child:
        """Start it."""
        if self.launched:
            said = [ask("benchmark_models"), Words({"phase": "reading"}), ask("nonce")]
            write(self.path, [*said, Words({"answer": {}, "nonce": "NONCE"})])
        self.launched.append(None)
        return ExecLauncher([sys.executable, "-S", "-E", "-c", PLAYER, str(self.path)]).launch(place)


def write(path: Path, said: list[Words]) -> None:
    """Write what the player reads."""
    path.write_text(json.dumps([step for words in said for step in words.steps()]))


@dataclass(frozen=True)
class Played:
    """What came of a conversation: the fault's code, the runtime's seconds of CPU and growth, and what is wrong."""

    code: str
    cpu_s: float
    grown_bytes: int
    wrong: list[str]


def play(said: list[Words]) -> Played:
    """Have the conversation in a run of a model, to its report and what a person reads of it."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "script", [*beginning(), *said])
        request = RunRequest(MODEL, LIVE, BENCHMARKS, folder, time_limit=30, memory_limit=0)
        shown = io.StringIO()
        handler = logging.StreamHandler(shown)
        logging.getLogger("numerai_predict").addHandler(handler)
        before_bytes, before_s = reset_peak(), cpu_s()
        try:
            with redirect_stderr(shown):
                report = run_model(request, RunContext(launcher=Script(Path(folder) / "script")))
                wrong = list(read_out(report, Path(folder) / "report.json"))
        finally:
            logging.getLogger("numerai_predict").removeHandler(handler)
        used_s, grown = cpu_s() - before_s, peak() - before_bytes
    if "Traceback" in shown.getvalue():
        wrong.append(shown.getvalue()[-2000:])
    if grown > MOST_GROWTH_BYTES:
        wrong.append(f"the runtime grew by {grown:,} bytes")
    return Played(report.fault.code if report.fault else "success", used_s, grown, wrong)


def read_out(report: RunReport, path: Path) -> list[str]:
    """What is wrong with what a run says of itself."""
    report.write(path)
    jsonschema.validate(json.loads(path.read_text()), schema())
    summarize(report)
    if report.fault:
        explain(report, "docker run", with_trace=True)
    return [] if report.exit_status in (0, 1) else [f"exit {report.exit_status}: {report.fault}"]


def reset_peak() -> int:
    """What this process holds now, from where on its peak counts."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """The most bytes that this process has held."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) << 10


def cpu_s() -> float:
    """Seconds of this process's CPU time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Play as many as EXAMPLES says, and print what came of them."""
    logging.getLogger("numerai_predict").setLevel(logging.DEBUG)
    logging.getLogger("numerai_predict").propagate = False
    examples, number = int(os.environ.get("EXAMPLES", "2000")), int(os.environ.get("SEED", time.time()))
    played = [play(said) for said in LARGE.values()]
    for name, outcome in zip(LARGE, played, strict=True):
        print(
            f"{name:<28} {outcome.code:<20} {outcome.cpu_s:6.2f} s CPU  {outcome.grown_bytes / 1e6:6.1f} MB  ", end=""
        )
        print(*outcome.wrong)

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(conversations())
    def play_any(said: list[Words]) -> None:
        outcome = play(said)
        played.append(outcome)
        if outcome.wrong:
            print("\n", *outcome.wrong, said, sep="\n")

    began = time.monotonic()
    play_any()
    codes = Counter(outcome.code for outcome in played)
    print(f"{len(played):,} conversations in {time.monotonic() - began:.0f} s, SEED={number}")
    print(f"slowest: {max(outcome.cpu_s for outcome in played):.2f} s of the runtime's CPU time")
    print(f"most growth: {max(outcome.grown_bytes for outcome in played) / 1e6:.1f} MB")
    print("outcomes:", ", ".join(f"{code} {count:,}" for code, count in codes.most_common()))
    wrong = sum(bool(outcome.wrong) for outcome in played)
    print(f"wrong: {wrong:,}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
