"""Runs predict.py through one fault of the network, the server or the disk, and collects all there is to see."""

import contextlib
import gzip
import hashlib
import json
import os
import re
import secrets
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pandas as pd

from numerai_predict.faults import Code
from tests.fault_proxy import (
    Exchange,
    Proxy,
    Trouble,
    proxying,
)
from tests.harness import BENCHMARKS, LEGACY_MODEL, LIVE, ROOT, by_value
from tests.outcomes import ROWS
from tests.s3 import Bucket

# predict.py waits without waiting: a pause is noted and put onto its clock. What it starts has clocks of its own.
SHIM = """
import sys
if "--model" in sys.orig_argv:
    import importlib, json, os, random, socket, time

    given = json.loads(os.environ["DELIVERY"])
    passed_s = 0.0
    monotonic, getaddrinfo = time.monotonic, socket.getaddrinfo

    def sleep(seconds):
        global passed_s
        passed_s += seconds
        with open(given["pauses"], "a") as file:
            print(seconds, file=file)

    def look_up(*asked, **options):
        if given["failing_lookups"]:
            given["failing_lookups"] -= 1
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return getaddrinfo(*asked, **options)

    retry = importlib.import_module("numerai_predict.transfer.retry")
    retry.has_route = lambda: True  # Whatever machine this is.
    time.sleep, time.monotonic, socket.getaddrinfo = sleep, lambda: monotonic() + passed_s, look_up
    random.seed(1)  # One run in 300 would need more than the deadline for its 20 tries.
    for name, value in given["settings"].items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(f"numerai_predict.{module}"), constant, value)
"""
SHORTEST_PAUSE_S, FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 0.5, 30.0
# How soon after SIGTERM a run must have ended: Docker kills it after ten seconds.
ENDS_WITHIN_S = 5.0
LONGEST_RUN_S = 60.0
# The names of what gives its reader rights, in a query or a form.
SECRET = re.compile("signature|credential|token|policy", re.IGNORECASE)
LARGER = 100  # times the sample's rows: more than the buffers between a client and a server hold.
SMALL_MODEL = "small.pkl"
WHOLE, INSPECT = ("--debug",), ("--debug", "--inspect")

_signing = threading.Lock()  # boto3's default session is not for several threads.


class CannotRunHereError(RuntimeError):
    """The scenario needs something that this machine does not have."""


@dataclass(frozen=True)
class Outcome:
    """What is counted of a run: requests that the server saw, pauses between them, exit status, code of the fault."""

    requests: int = 1
    pauses: str = "none"
    status: int = 0
    code: str = ""


def failed(code: Code, requests: int = 1, pauses: str = "none") -> Outcome:
    """A run that ended with that fault."""
    return Outcome(requests, pauses, code.blame.exit_status, code.label)


@dataclass(frozen=True)
class Seen:
    """All that was seen of a run: `shown` is what it printed and reported, `leaked` what it should not have, `stored`
    what the bucket holds, `after_s` how long it went on after the signal.
    """

    outcome: Outcome
    report: dict[str, Any]
    shown: str
    leaked: list[str]
    files: dict[str, bytes]
    stored: bytes | None
    exchanges: list[Exchange]
    after_s: float

    @property
    def message(self) -> str:
        """That of the fault; empty if there is none."""
        fault = self.report.get("fault") or {}
        return str(fault.get("message", ""))

    @property
    def csv(self) -> bytes | None:
        """The predictions in the output folder."""
        return next((body for name, body in self.files.items() if is_predictions(name)), None)


def spread(live_features: pd.DataFrame) -> pd.DataFrame:
    """A model that is loaded in no time."""
    count = len(live_features)
    return pd.DataFrame({"prediction": [row / count for row in range(count)]}, index=live_features.index)


def is_predictions(name: str) -> bool:
    """Whether predict.py gives its predictions such a name."""
    return re.fullmatch(r"live_predictions-[0-9a-f]{12}\.csv", name) is not None


@dataclass(frozen=True)
class Scenario(ABC):
    """One fault, what it comes to, and in what surroundings it happens."""

    fault: str
    outcome: Outcome
    becomes: str
    troubles: tuple[Trouble, ...] = ()
    then: Trouble | None = None
    says: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)
    disk: str = ""  # Options of a tmpfs that is the output folder.
    host: str = "127.0.0.1"
    failing_lookups: int = 0
    tls: bool = False
    trusted: bool = True
    sigterm: bool = False
    expires_s: int = 3600
    large: bool = False
    switches: tuple[str, ...] = WHOLE

    @abstractmethod
    def flags(self, bucket: Bucket, key: str, endpoint: str) -> dict[str, str]:
        """Put into the bucket what the run needs, and return the flags with which predict.py finds it."""

    @abstractmethod
    def problems(self, seen: Seen) -> Iterator[str]:
        """What is wrong with the files, beside what is checked of every run."""


@dataclass(frozen=True)
class Download(Scenario):
    """The model is downloaded, and mostly only looked into, as the rest takes longer and is always the same;
    `resumed` requests ask for the rest of the file.
    """

    switches: tuple[str, ...] = INSPECT
    resumed: int = 0
    stored: Mapping[str, str] = field(default_factory=dict)
    missing: bool = False
    tampered: Callable[[str], str] = str

    def flags(self, bucket: Bucket, key: str, endpoint: str) -> dict[str, str]:
        """Store the model, gzipped if it is to be stored as such."""
        model = LEGACY_MODEL.read_bytes()
        if not self.missing:
            bucket.put(key, gzip.compress(model) if self.stored else model, **self.stored)
        return {"--model": self.tampered(bucket.presigned_get(key, self.expires_s, endpoint))}

    def problems(self, seen: Seen) -> Iterator[str]:
        """What was read must be the whole model, or nothing, and none of it may stay."""
        files = {name for name in seen.files if not is_predictions(name)}
        if files:
            yield f"the output folder holds {sorted(files)}"
        whole = hashlib.sha256(LEGACY_MODEL.read_bytes()).hexdigest()
        if seen.report.get("model", {}).get("sha256") != (None if self.outcome.code else whole):
            yield "what was read is not the model"
        if (seen.csv is None) != (self.switches == INSPECT or bool(self.outcome.code)):
            yield "there are predictions without a model, or none in spite of it"
        resumed = sum("range" in exchange.request.headers for exchange in seen.exchanges)
        if resumed != self.resumed:
            yield f"{resumed} instead of {self.resumed} requests for the rest of it"


@dataclass(frozen=True)
class Upload(Scenario):
    """The predictions are uploaded; `arrives` says whether they come whole, where the exit status does not say."""

    arrives: bool | None = None
    max_bytes: int | None = None
    tampered: Callable[[dict[str, str]], dict[str, str]] = dict

    def flags(self, bucket: Bucket, key: str, endpoint: str) -> dict[str, str]:
        """Sign a form."""
        url, data = bucket.presigned_post(key, self.expires_s, self.max_bytes, endpoint)
        # S3 ignores such a field, whatever it holds.
        fields = {**dict(parse_qsl(data)), "x-ignore-token": secrets.token_hex(20)}
        return {"--model": SMALL_MODEL, "--post_url": url, "--post_data": urlencode(self.tampered(fields))}

    def problems(self, seen: Seen) -> Iterator[str]:
        """The CSV must be kept, and arrive as it is; where there is no room for it, it must arrive all the same."""
        if set(seen.files) - {name for name in seen.files if is_predictions(name)}:
            yield f"the output folder holds {sorted(seen.files)}"
        if (seen.csv is None) != bool(self.disk):
            yield "the CSV was not kept, or could not have been"
        delivery = seen.report.get("delivery", {})
        if seen.csv is not None and delivery.get("bytes") != len(seen.csv):
            yield "the report does not have the CSV's size"
        if (Path(delivery.get("path", "none")).name in seen.files) == bool(self.disk):
            yield "the report is wrong about the CSV's path"
        arrives = not self.outcome.code if self.arrives is None else self.arrives
        if ("uploaded_to" in delivery) != arrives:
            yield "the report is wrong about where the CSV is"
        if arrives and not is_whole(seen):
            yield "the object in the bucket is not the CSV"
        if not arrives and seen.stored is not None and seen.stored == seen.csv:
            yield "the CSV arrived in spite of all"
        yield from bodies_problems(seen)


def is_whole(seen: Seen) -> bool:
    """Whether what is in the bucket is the local CSV; if there is none, whether it looks like it."""
    if seen.csv is None:
        return seen.stored is not None and len(seen.stored.splitlines()) == ROWS + 1
    return seen.stored == seen.csv


def bodies_problems(seen: Seen) -> Iterator[str]:
    """Every try must send the whole CSV anew."""
    for exchange in seen.exchanges:
        request = exchange.request
        announced = int(request.headers.get("content-length", 0))
        if len(request.body) == announced > 0 and seen.csv is not None and seen.csv not in request.body:
            yield "a try did not send the whole CSV"
        if 0 < announced < len(seen.csv or b""):
            yield "a try announced less than the CSV"


# Run one


@dataclass(frozen=True)
class Place:
    """Where a run happens: its folder, the proxy before the bucket, and the proxy's certificate if it has one."""

    folder: Path
    proxy: Proxy
    certificate: Path | None

    @property
    def output_dir(self) -> Path:
        """The output folder."""
        return self.folder / "output"

    @property
    def report(self) -> Path:
        """The run report."""
        return self.folder / "report.json"

    @property
    def pauses(self) -> Path:
        """Where the pauses are noted, one a line."""
        return self.folder / "pauses"


def run(scenario: Scenario, bucket: Bucket) -> Seen:
    """Run predict.py through it and collect what there is to see. Raises CannotRunHereError."""
    with prepared(scenario, bucket) as place:
        key = f"{secrets.token_hex(6)}/object"
        with _signing:
            flags = scenario.flags(bucket, key, place.proxy.url.replace("127.0.0.1", scenario.host))
        with start(scenario, place, flags) as process:
            printed, after_s = watch(process, place.proxy, scenario.sigterm)
        text = place.report.read_text() if place.report.exists() else "{}"
        report = json.loads(text)
        return Seen(
            outcome=Outcome(
                requests=len(place.proxy.exchanges),
                pauses=spacing(noted(place.pauses)),
                status=process.returncode,
                code=(report.get("fault") or {}).get("code", ""),
            ),
            report=report,
            shown=printed + text,
            leaked=leaks(flags, printed + text),
            files=files_in(place.output_dir),
            stored=bucket.get(key),
            exchanges=place.proxy.exchanges,
            after_s=after_s,
        )


@contextlib.contextmanager
def prepared(scenario: Scenario, bucket: Bucket) -> Iterator[Place]:
    """The folder, the disk and the proxy that the scenario asks for."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        certificate = make_certificate(folder) if scenario.tls else None
        tls = server_context(certificate) if certificate else None
        proxy = stack.enter_context(proxying(bucket.endpoint, *scenario.troubles, then=scenario.then, tls=tls))
        place = Place(folder, proxy, certificate)
        place.output_dir.mkdir()
        if scenario.disk:
            stack.enter_context(mounted(place.output_dir, scenario.disk))
        (folder / SMALL_MODEL).write_bytes(by_value(spread))
        (folder / "sitecustomize.py").write_text(SHIM)
        yield place


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A disk of its own at the folder, as small, or as closed to writers, as the options say."""
    run_tool("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    try:
        yield
    finally:
        run_tool("umount", str(folder))


def make_certificate(folder: Path) -> Path:
    """The key of a server on loopback, and a certificate for which nobody else vouches, in one file."""
    path = folder / "certificate.pem"
    command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2 -subj /CN=127.0.0.1"
    extensions = ("subjectAltName=IP:127.0.0.1", "keyUsage=critical,digitalSignature,keyCertSign")
    added = [word for extension in extensions for word in ("-addext", extension)]
    run_tool(*command.split(), *added, "-keyout", str(path), "-out", str(path))
    return path


def run_tool(*command: str) -> None:
    """Run a program of the system, as far as it may be run. Raises CannotRunHereError."""
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise CannotRunHereError(f"{command[0]} is missing here, or not allowed") from None


def server_context(certificate: Path) -> ssl.SSLContext:
    """TLS for a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def start(scenario: Scenario, place: Place, flags: Mapping[str, str]) -> "subprocess.Popen[str]":
    """predict.py on the sample data, under a clock that does not wait."""
    paths = {
        "--dataset": larger_live(place.folder) if scenario.large else LIVE,
        "--benchmarks": BENCHMARKS,
        "--output_dir": place.output_dir,
        "--report": place.report,
    }
    words = [str(word) for flag in {**flags, **paths}.items() for word in flag]
    return subprocess.Popen(
        [sys.executable, str(ROOT / "predict.py"), *scenario.switches, *words],
        cwd=place.folder,
        env={**os.environ, **environment(scenario, place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def environment(scenario: Scenario, place: Place) -> dict[str, str]:
    """What the shim and the TLS library of predict.py are to know."""
    given = {
        "pauses": str(place.pauses),
        "failing_lookups": scenario.failing_lookups,
        "settings": dict(scenario.settings),
    }
    variables = {"PYTHONPATH": f"{place.folder}:{ROOT}", "DELIVERY": json.dumps(given), "NO_PROXY": "*"}
    if place.certificate and scenario.trusted:
        variables["REQUESTS_CA_BUNDLE"] = str(place.certificate)
    return variables


def larger_live(folder: Path) -> Path:
    """The sample's rows many times over, under ids of their own."""
    live = pd.concat([pd.read_parquet(LIVE)] * LARGER)
    live.index = pd.Index([f"n{number:015x}" for number in range(len(live))], name="id")
    path = folder / "live.parquet"
    live.to_parquet(path)
    return path


def watch(process: "subprocess.Popen[str]", proxy: Proxy, sigterm: bool) -> tuple[str, float]:
    """Wait for the end of the run, after a signal as soon as the proxy is silent if there is to be one; returns what
    the run printed, and how long it went on after the signal.
    """
    if sigterm:
        proxy.is_silent.wait(LONGEST_RUN_S)
        process.send_signal(signal.SIGTERM)
    signalled = time.monotonic()
    try:
        printed, _ = process.communicate(timeout=LONGEST_RUN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        printed, _ = process.communicate()
    return printed, time.monotonic() - signalled if sigterm else 0.0


def noted(path: Path) -> list[float]:
    """The numbers in the file; there is none if nothing was noted."""
    return [float(line) for line in path.read_text().splitlines()] if path.exists() else []


def files_in(folder: Path) -> dict[str, bytes]:
    """Everything below the folder; folders count as empty files."""
    found = folder.rglob("*")
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in found}


def spacing(pauses: Sequence[float]) -> str:
    """Pauses that double at most, each shortened at random, by their upper limits; others as they are."""
    if not pauses:
        return "none"
    limits = [min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**number) for number in range(len(pauses))]
    if not all(SHORTEST_PAUSE_S <= pause <= limit for pause, limit in zip(pauses, limits, strict=True)):
        return ", ".join(f"{pause:g}" for pause in pauses) + " s"
    numbers = [f"{limit:g}" for limit in limits]
    shown = [*numbers[:3], "…", numbers[-1]] if len(numbers) > 4 else numbers
    return f"up to {', '.join(shown)} s"


def leaks(flags: Mapping[str, str], shown: str) -> list[str]:
    """The names of the secrets among the flags that can be read in what the run has shown."""
    query, form = urlsplit(flags["--model"]).query, flags.get("--post_data", "")
    secret = {f"field {name}": value for name, value in parse_qsl(f"{query}&{form}") if SECRET.search(name)}
    secret |= {"query": query, "form": form}
    return [name for name, value in secret.items() if value and value in shown]


def problems(scenario: Scenario, seen: Seen) -> list[str]:
    """Everything in which a run was not as the scenario says; nothing if it was."""
    found = [f"{name} was shown" for name in seen.leaked]
    if seen.outcome != scenario.outcome:
        found.append(f"{seen.outcome}")
    if not re.search(scenario.says, seen.message):
        found.append(f"{scenario.says!r} is not in the message: {seen.message}")
    if seen.after_s > ENDS_WITHIN_S:
        found.append(f"it went on for {seen.after_s:.1f} s after SIGTERM")
    return [*found, *scenario.problems(seen)]


# Run all

HEADER = (
    "| fault | requests | pauses | exit status | what becomes of it |",
    "|---|---:|---|---|---|",
)


def run_all(scenarios: Sequence[Scenario], bucket: Bucket) -> Iterator[tuple[Scenario, Seen | CannotRunHereError]]:
    """Run them two at a time, and yield of each in its turn what was seen, or why it cannot be run here."""

    def attempt(scenario: Scenario) -> Seen | CannotRunHereError:
        try:
            return run(scenario, bucket)
        except CannotRunHereError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        yield from zip(scenarios, pool.map(attempt, scenarios), strict=True)


def row(fault: str, outcome: Outcome, becomes: str) -> str:
    """One line of a table."""
    ending = f"{outcome.status} `{outcome.code}`" if outcome.code else f"{outcome.status}"
    return f"| {fault} | {outcome.requests} | {outcome.pauses} | {ending} | {becomes} |"


def expected_table(scenarios: Sequence[Scenario]) -> str:
    """The table as it is in the documentation."""
    return "\n".join([*HEADER, *(row(each.fault, each.outcome, each.becomes) for each in scenarios)])


def print_table(scenarios: Sequence[Scenario], bucket: Bucket) -> int:
    """Run them and print what has happened, as it happens; returns how many were not as they should be."""
    wrong = 0
    print("\n".join(HEADER))
    for scenario, seen in run_all(scenarios, bucket):
        if isinstance(seen, CannotRunHereError):
            print(f"| {scenario.fault} | | | | **NOT RUN**: {seen} |", flush=True)
            continue
        found = "; ".join(problems(scenario, seen))
        print(row(scenario.fault, seen.outcome, f"**WRONG**: {found}" if found else scenario.becomes), flush=True)
        wrong += bool(found)
    return wrong
