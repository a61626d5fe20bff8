"""What tests of whole mornings share: a participant's folder, the stand-in of the API, a server that takes messages,
and the command as a real process by the stand-in's clock, whose models run in real workers.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd

from tests.api.stand_in import StandInRound, StandInSlot, standing_in, week
from tests.harness import BENCHMARKS, LIVE, ROOT, by_value
from tests.servers import Answer, serving

MONDAY = datetime(2026, 11, 30, tzinfo=timezone.utc)
FIRST = 1340
LIMIT_S = 180


def ranking(feature: int) -> object:
    """A model that ranks by one feature."""

    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        column = live_features.filter(like="feature_").iloc[:, feature]
        return column.rank(pct=True, method="first").to_frame("prediction")

    return predict


def sleeps(live_features: pd.DataFrame) -> pd.DataFrame:
    import time

    time.sleep(60)
    return live_features


def leaves_ids_out(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.filter(like="feature_").iloc[1:, 0].rank(pct=True, method="first").to_frame("prediction")


@dataclass(frozen=True)
class MorningEnded:
    """How a start of the command ended."""

    status: int
    output: str
    log: str


class MorningTestCase(unittest.TestCase):
    """A folder with four slots of three pickles, and a week at Numerai, which begins on Monday before any round."""

    keys = ("AB12CD34EF56GH78", "SECRETKEY0123456789ABCDEFGHIJKLMN")

    def setUp(self) -> None:
        until_end = contextlib.ExitStack()
        self.addCleanup(until_end.close)
        self.folder = Path(until_end.enter_context(tempfile.TemporaryDirectory()))
        self.folder.chmod(0o755)
        self.api = until_end.enter_context(standing_in())
        self.messages = until_end.enter_context(serving())
        self.ping = self.messages.url + "/ping"
        self.webhook = self.messages.queue("/webhook", Answer(200))
        for end in ("/start", "/0", "/1", "/3"):
            self.messages.queue("/ping" + end, Answer(200))
        self.api.rounds = week(MONDAY, LIVE.read_bytes(), BENCHMARKS.read_bytes(), FIRST)
        names = ("anna", "bert", "twin_a", "twin_b", "uploaded", "unused")
        self.api.slots = [StandInSlot(f"id-{name}", name, has_pickle=name == "uploaded") for name in names]
        self.api.scopes = {"$".join(self.keys): {"upload_submission", "read_submission_info", "read_user_info"}}
        (self.folder / "models").mkdir()
        (self.folder / "tournament.toml").write_text(
            "[models.bert]\ntime_limit = 2\n"
            '[models.twin_a]\npickle = "twins.pkl"\n[models.twin_b]\npickle = "twins.pkl"\n'
            f'[notify]\nping = "{self.ping}"\nwebhook = "{self.webhook}"\n'
        )
        self.put("anna", ranking(0))
        self.put("bert", ranking(1))
        self.put("twins", ranking(2))

    def put(self, name: str, model: Any) -> None:
        """Drop a pickle into the folder."""
        (self.folder / f"models/{name}.pkl").write_bytes(by_value(model))

    def remove(self, name: str) -> None:
        (self.folder / f"models/{name}.pkl").unlink()

    def day(self, days: int, hour: int = 11, minute: int = 55) -> None:
        """Go to a time of the week."""
        self.api.clock.set(MONDAY + timedelta(days=days, hours=hour, minutes=minute))

    def start(self, *words: str, keys: bool = True) -> "subprocess.Popen[str]":
        """Start the command, with keys in its environment or without."""
        given = words or ("run", "--submit")
        flags = ("--folder", str(self.folder), *(("--native",) if given[0] in ("run", "again", "check") else ()))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("NUMERAI_")}
        environment |= {"NUMERAI_API_URL": self.api.url}
        environment |= {"NUMERAI_PUBLIC_ID": self.keys[0], "NUMERAI_SECRET_KEY": self.keys[1]} if keys else {}
        argv = [sys.executable, "-m", "tests.tournament.one_morning", *given, *flags]
        process = subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def morning(self, *words: str, keys: bool = True) -> MorningEnded:
        """The command from its start to its end."""
        process = self.start(*words, keys=keys)
        output, log = process.communicate(timeout=LIMIT_S)
        self.assertNotIn(self.keys[1], output + log)
        return MorningEnded(process.returncode, output, log)

    def check(self, ended: MorningEnded, status: int, text: str) -> None:
        """The exit status, and the last line of the output."""
        self.assertEqual(status, ended.status, ended.output + ended.log)
        self.assertRegex(ended.output.splitlines()[-1], text)

    def check_sent(self, days: int, **times: int) -> None:
        """How often each slot has sent something for the round of that day, all of it on time, and with its ids."""
        number = FIRST + days - 1
        sent = [one for one in self.api.sent if one.round == number]
        self.assertEqual(times, Counter(one.model.removeprefix("id-") for one in sent))
        self.assertEqual({"on-time"}, {one.status for one in sent})
        live = next(one for one in self.api.rounds if one.number == number)
        for one in sent:
            self.assertEqual(ids_of(live), [line.split(",")[0] for line in one.csv.decode().splitlines()[1:]])

    def received(self) -> tuple[list[str], list[str]]:
        """The pings and the texts of the webhook since the last call."""
        came, self.messages.requests = self.messages.requests, []
        pings = [request.path.removeprefix("/ping/") for request in came if request.path.startswith("/ping")]
        return pings, [json.loads(request.body)["text"] for request in came if request.path == "/webhook"]


def ids_of(round_: StandInRound) -> list[str]:
    """The live ids."""
    return [str(one) for one in pd.read_parquet(io.BytesIO(round_.live)).index]
