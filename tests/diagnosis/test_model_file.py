"""model_file.py: the fault of a model file that is no pickle."""

import unittest
from dataclasses import replace

from numerai_predict.diagnosis import other_file
from numerai_predict.faults import Code
from tests.diagnosis.cases import FACTS


class OtherFileTest(unittest.TestCase):
    def test_other_file_of_a_pickle_is_none(self) -> None:
        self.assertIsNone(other_file(FACTS))

    def test_other_file_of_nothing_is_empty_file(self) -> None:
        fault = other_file(replace(FACTS, other="empty"))
        assert fault is not None
        self.assertEqual((fault.code, fault.message), (Code.EMPTY_FILE, "The model file /tmp/model.pkl is empty."))

    def test_other_file_of_something_else_names_it(self) -> None:
        fault = other_file(replace(FACTS, other="a PDF"))
        assert fault is not None
        expected = "The model file /tmp/model.pkl is a PDF."
        self.assertEqual((fault.code, fault.message), (Code.NOT_A_PICKLE, expected))
