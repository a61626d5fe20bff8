"""load.py: a pickle is read once, but for those of an old pandas."""

import io
import pickle
import sys
import types
import unittest
from unittest import mock

import pandas as pd

from numerai_predict.child.load import load_model


class LoadModelTest(unittest.TestCase):
    def attempts(self, content: bytes) -> int:
        main = {"__main__": types.ModuleType("__main__")}  # As in the model's process.
        with mock.patch.dict(sys.modules, main), mock.patch.object(pd, "read_pickle", side_effect=EOFError) as again:
            self.assertRaises((AttributeError, EOFError, ImportError), load_model, io.BytesIO(content), "model.pkl")
        return 1 + again.call_count

    def test_pickle_that_pandas_may_know_to_read_is_given_to_it(self) -> None:
        for content in (
            b"cpandas.no_such_module\nIndex\n.",
            b"cpandas.core.frame\nNoSuchFrame\n.",
            b"X\x01\0\0\0\xff.",
        ):
            with self.subTest(content=content):
                self.assertEqual(2, self.attempts(content))

    def test_names_like_that_of_pandas_are_no_reason_to_read_it_twice(self) -> None:
        for content in (b"c__main__\npandas_mean\n.", b"cpandas_helpers\nmean\n.", b"cjson\nno_such_name\n."):
            with self.subTest(content=content):
                self.assertEqual(1, self.attempts(content))

    def test_what_can_be_read_is_read_once(self) -> None:
        with mock.patch.object(pd, "read_pickle") as again:
            self.assertEqual([1], load_model(io.BytesIO(pickle.dumps([1])), "model.pkl"))
        again.assert_not_called()
