"""Which libraries a file mentions, as far as its ends show."""

import gzip
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict.inspection import mentioned
from tests.harness import MODEL, by_value

NAMES = ("torch", "tensorflow", "keras")


class MentionsTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "model.pkl"

    def of(self, content: bytes) -> set[str]:
        self.path.write_bytes(content)
        return mentioned(self.path, NAMES)

    def test_modules_of_pickled_objects_and_imports_of_code_are_mentioned(self) -> None:
        def predict(live_features: object) -> object:
            import torch.nn.functional as functional

            return functional.relu(live_features)

        self.assertEqual({"torch"}, self.of(by_value(predict)))
        self.assertEqual({"torch", "keras"}, self.of(b"\x8c\x05torch\x94\x8c\x0ckeras.layers\x94"))

    def test_names_within_others_are_no_mentions(self) -> None:
        self.assertEqual(set(), self.of(b"pytorch_lightning tensorflows my_keras skorch"))

    def test_sample_model_mentions_none(self) -> None:
        self.assertEqual({"lightgbm"}, mentioned(MODEL, [*NAMES, "lightgbm"]))

    def test_compressed_pickle_mentions_none(self) -> None:
        self.assertEqual(set(), self.of(gzip.compress(b"torch")))

    def test_both_ends_of_a_large_file_are_looked_at_and_not_its_middle(self) -> None:
        with mock.patch("numerai_predict.inspection.mentions.END_BYTES", 100):
            self.assertEqual({"torch", "keras"}, self.of(b"torch".ljust(200) + b"tensorflow" + b"keras".rjust(200)))
            self.assertEqual({"torch"}, self.of(b" ".ljust(60) + b"torch" + b" " * 60))

    def test_file_that_is_not_there_is_an_error(self) -> None:
        with self.assertRaises(OSError):
            mentioned(self.path, NAMES)


if __name__ == "__main__":
    unittest.main()
