"""A week of a participant, against the stand-in of the API and by its clock: real mornings in real processes, whose
models run in real workers.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd

from tests.api.stand_in import Failure, StandInRound, StandInSlot, standing_in, week
from tests.harness import BENCHMARKS, LIVE, ROOT, by_value
from tests.servers import Answer, serving

MONDAY = datetime(2026, 11, 30, tzinfo=timezone.utc)
FIRST = 1340
KEYS = ("AB12CD34EF56GH78", "SECRETKEY0123456789ABCDEFGHIJKLMN")
LIMIT_S = 180
ALWAYS = 10**6


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


class WeekTest(unittest.TestCase):
    """One test, as the days stand on each other; each day is a method."""

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
        self.api.scopes = {"$".join(KEYS): {"upload_submission", "read_submission_info", "read_user_info"}}
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

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start the command."""
        given = words or ("run", "--submit")
        flags = ("--folder", str(self.folder), *(() if given[0] == "status" else ("--native",)))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("NUMERAI_")}
        environment |= {"NUMERAI_API_URL": self.api.url, "NUMERAI_PUBLIC_ID": KEYS[0], "NUMERAI_SECRET_KEY": KEYS[1]}
        argv = [sys.executable, "-m", "tests.tournament.one_morning", *given, *flags]
        return subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def morning(self, *words: str) -> MorningEnded:
        """The command from its start to its end."""
        process = self.start(*words)
        output, log = process.communicate(timeout=LIMIT_S)
        self.assertNotIn(KEYS[1], output + log)
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

    def pings(self) -> list[str]:
        """What was pinged since the last call."""
        found = [request.path.removeprefix("/ping/") for request in self.messages.requests if "/ping" in request.path]
        self.texts = [json.loads(one.body)["text"] for one in self.messages.requests if one.path == "/webhook"]
        self.messages.requests.clear()
        return found

    def test_every_model_has_exactly_the_right_submission_for_every_round(self) -> None:
        for day in (
            self.monday_without_a_round,
            self.tuesday_whose_round_opens_late,
            self.wednesday_with_a_stale_file_and_a_model_that_times_out,
            self.thursday_without_an_api,
            self.friday_with_a_put_of_403_and_a_kill,
            self.saturday_that_lasts_until_sunday,
        ):
            with self.subTest(day.__name__):
                day()
        self.assertEqual([], self.api.violations)
        self.assertEqual([], [one for one in self.api.sent if one.round not in range(FIRST, FIRST + 5)])
        self.check_page()

    def monday_without_a_round(self) -> None:
        self.day(0)
        self.check(self.morning(), 0, "No round is open")
        self.assertEqual(([], []), (self.pings(), self.texts))
        self.assertEqual([], self.api.sent)

    def tuesday_whose_round_opens_late(self) -> None:
        opens = self.api.rounds[0]
        opens.opening = MONDAY + timedelta(days=1, hours=12, minutes=25)
        self.day(1)
        self.check(self.morning(), 0, rf"^Round {FIRST}: 4 on time, \d+ min left$")
        self.check_sent(1, anna=1, bert=1, twin_a=1, twin_b=1)
        self.assertTrue(all(one.at >= opens.opening for one in self.api.sent))
        self.assertEqual(["start", "0"], self.pings())
        self.assertEqual(1, len(self.texts))
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(1, anna=1, bert=1, twin_a=1, twin_b=1)
        self.assertEqual((["start", "0"], []), (self.pings(), self.texts))

    def wednesday_with_a_stale_file_and_a_model_that_times_out(self) -> None:
        today, yesterday = self.api.rounds[1], self.api.rounds[0]
        today.stale, today.stale_live = 2, yesterday.live
        self.put("bert", sleeps)
        self.put("uploaded", ranking(4))
        self.put("unknown", ranking(4))
        self.day(2)
        ended = self.morning()
        self.check(ended, 1, "3 on time, 1 failed, 2 no slot: bert timeout, unknown no slot, uploaded no slot")
        self.check_sent(2, anna=1, twin_a=1, twin_b=1)
        self.assertEqual(["start", "1"], self.pings())
        self.assertIn("bert timeout", self.texts[0])
        self.put("bert", leaves_ids_out)
        self.check(self.morning(), 1, "bert missing_ids")
        self.put("bert", ranking(1))
        self.remove("uploaded")
        self.remove("unknown")
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(2, anna=1, twin_a=1, twin_b=1, bert=1)

    def thursday_without_an_api(self) -> None:
        self.api.failures = [Failure("*", times=ALWAYS, status=503)]
        self.day(3)
        self.pings()
        self.check(self.morning(), 3, "No round could be found")
        self.assertEqual(["3"], self.pings())
        self.assertEqual(1, len(self.texts))
        self.api.failures = []
        self.day(3, 13, 10)
        self.check(self.morning(), 0, "No round is open")
        self.check_sent_nothing(3)

    def check_sent_nothing(self, days: int) -> None:
        self.assertEqual([], [one for one in self.api.sent if one.round == FIRST + days - 1])

    def friday_with_a_put_of_403_and_a_kill(self) -> None:
        self.api.failures = [Failure("put", times=2, status=403), Failure("createSubmission", after=True, hang_s=30)]
        self.day(4)
        process = self.start()
        self.wait_until(lambda: [one for one in self.api.sent if one.round == FIRST + 3])
        process.kill()
        process.communicate()
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(4, anna=1, bert=1, twin_a=1, twin_b=1)
        self.put("anna", leaves_ids_out)
        self.check(self.morning(), 1, "3 on time, 1 failed: anna missing_ids")
        self.check_sent(4, anna=1, bert=1, twin_a=1, twin_b=1)
        self.put("anna", ranking(5))
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(4, anna=2, bert=1, twin_a=1, twin_b=1)

    def saturday_that_lasts_until_sunday(self) -> None:
        self.day(5)
        self.check(self.morning(), 0, "4 on time")
        self.day(6)
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(5, anna=1, bert=1, twin_a=1, twin_b=1)
        self.day(6, 15)
        self.check(self.morning(), 0, "No round is open")

    def wait_until(self, condition: Callable[[], object]) -> None:
        enough = time.monotonic() + LIMIT_S
        while not condition():
            self.assertLess(time.monotonic(), enough, "it does not happen")
            time.sleep(0.02)

    def check_page(self) -> None:
        """What a week leaves to read."""
        page = (self.folder / "report/index.html").read_text()
        for number in (FIRST, FIRST + 1, FIRST + 3, FIRST + 4):
            self.assertIn(str(number), page)
        status = self.morning("status", str(FIRST + 1))
        self.assertEqual(0, status.status, status.log)
        self.assertEqual(4, status.output.count("on time"))


def ids_of(round_: StandInRound) -> list[str]:
    """The live ids."""
    import io

    return [str(one) for one in pd.read_parquet(io.BytesIO(round_.live)).index]


if __name__ == "__main__":
    unittest.main()
