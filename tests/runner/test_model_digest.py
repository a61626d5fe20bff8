"""model_digest.py: when the SHA-256 of a model is computed, and of which file."""

import contextlib
import hashlib
import os
import shutil
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from numerai_predict.faults import Code, Fault, Interrupted
from numerai_predict.inspection import sha256
from numerai_predict.report import ModelSection
from numerai_predict.runner import RunContext, RunRequest, run_model
from numerai_predict.runner.model_digest import ModelDigest
from tests.harness import BENCHMARKS, LIVE, MODEL, PredictTestCase
from tests.servers import Answer, serving

SHA256 = hashlib.sha256(MODEL.read_bytes()).hexdigest()
DIGESTING = "numerai_predict.runner.model_digest.sha256"


class ModelDigestTest(PredictTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = Path(shutil.copy2(MODEL, self.folder))
        self.section = ModelSection()

    @contextlib.contextmanager
    def run_of_the_file(self, is_wanted: bool = True) -> Iterator[None]:
        """A run that has just looked at the file."""
        with ModelDigest(self.section, is_wanted) as digest:
            digest.note_file(self.path)
            yield

    def digest_during(self, change: object) -> str | None:
        """The digest if this happens while it is computed."""
        with mock.patch(DIGESTING, side_effect=change), self.run_of_the_file():
            pass
        return self.section.sha256

    def test_section_gets_it_when_all_is_over(self) -> None:
        with self.run_of_the_file():
            self.assertIsNone(self.section.sha256)
        self.assertEqual(SHA256, self.section.sha256)

    def test_run_that_failed_has_it_too(self) -> None:
        with self.assertRaises(Fault), self.run_of_the_file():
            raise Fault(Code.TIMEOUT, "")
        self.assertEqual(SHA256, self.section.sha256)

    def test_one_that_nobody_wants_is_not_computed(self) -> None:
        with mock.patch(DIGESTING) as digesting, self.run_of_the_file(is_wanted=False):
            pass
        digesting.assert_not_called()

    def test_interrupted_run_does_not_compute_it(self) -> None:
        for ending in (Interrupted, KeyboardInterrupt):
            with mock.patch(DIGESTING) as digesting, self.assertRaises(ending), self.run_of_the_file():
                raise ending
            digesting.assert_not_called()

    def test_signal_while_it_is_computed_ends_that_alone(self) -> None:
        self.assertIsNone(self.digest_during(Interrupted("SIGTERM")))

    def test_file_that_was_replaced_has_none(self) -> None:
        with self.run_of_the_file():
            other = Path(shutil.copy2(MODEL, self.folder / "other.pkl"))
            other.replace(self.path)
        self.assertIsNone(self.section.sha256)

    def test_file_that_was_written_to_has_none_though_its_time_is_the_old_one(self) -> None:
        before = os.stat(self.path)
        with self.run_of_the_file():
            with open(self.path, "r+b") as file:
                file.write(b"\x80\x04")
            os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertIsNone(self.section.sha256)

    def test_file_that_is_gone_has_none(self) -> None:
        with self.run_of_the_file():
            self.path.unlink()
        self.assertIsNone(self.section.sha256)

    def test_file_that_is_written_to_meanwhile_has_none(self) -> None:
        def write(path: Path) -> str:
            with open(path, "ab") as file:
                file.write(b"more")
            return SHA256

        self.assertIsNone(self.digest_during(write))


class RunTest(PredictTestCase):
    """Of whole runs."""

    def seen_at(self, model: Path | str, with_digest: bool = True) -> tuple[list[list[str]], str | None]:
        """The files in the output folder whenever the file is read for its digest, and the digest in the report."""
        seen = []

        def digesting(path: Path) -> str:
            seen.append(sorted(entry.suffix for entry in self.output_dir.iterdir()))
            return sha256(path)

        with mock.patch(DIGESTING, side_effect=digesting):
            request = RunRequest(model, LIVE, BENCHMARKS, self.output_dir)
            report = run_model(request, RunContext(with_digest=with_digest))
        self.assertIsNone(report.fault)
        return seen, report.model.sha256

    def test_file_is_read_once_and_when_the_predictions_are_there(self) -> None:
        self.assertEqual(([[".csv"]], SHA256), self.seen_at(MODEL))

    def test_file_is_not_read_for_a_caller_who_wants_none(self) -> None:
        self.assertEqual(([], None), self.seen_at(MODEL, with_digest=False))

    def test_download_is_digested_as_it_comes(self) -> None:
        with serving() as server:
            url = server.queue("/model.pkl", Answer(body=MODEL.read_bytes()))
            self.assertEqual(([], SHA256), self.seen_at(url))


if __name__ == "__main__":
    unittest.main()
