"""images/pull.py on made-up layers; what it prints of real ones is in docs/images.md."""

import contextlib
import io
import sys
import unittest

from tests.harness import ROOT

sys.path.append(str(ROOT / "images"))

from pull import Layer, fetched_by_chain, fetched_by_digest, name_of, print_table

OLD = [Layer("torch", "t", 130_000_000), Layer("rest", "r", 70_000_000), Layer("system", "s", 60_000_000)]
NEW = [OLD[0], Layer("rest", "r2", 71_000_000), OLD[2]]


class PullTest(unittest.TestCase):
    def test_containerd_fetches_what_it_has_nowhere(self) -> None:
        self.assertEqual([NEW[1]], fetched_by_digest(OLD, NEW))

    def test_docker_fetches_all_above_the_first_that_it_lacks(self) -> None:
        self.assertEqual(NEW[1:], fetched_by_chain(OLD, NEW))
        self.assertEqual([], fetched_by_chain(OLD, OLD))
        self.assertEqual([NEW[1]], fetched_by_chain(OLD[:1], NEW[:2]))

    def test_table_has_a_row_for_each_layer_and_a_sum_for_each_kind_of_engine(self) -> None:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            print_table(OLD, {"host/image:new": NEW})
        _, _, *rows = printed.getvalue().splitlines()
        expected = ["| torch | 130 | – |", "| rest | 70 | 71 |", "| system | 60 | – |"]
        expected += ["| **fetched, containerd** | 260 | 71 |", "| **fetched, Docker's own store** | 260 | 131 |"]
        self.assertEqual(expected, rows)

    def test_parts_are_named_after_what_is_copied(self) -> None:
        steps = {
            "COPY /built/torch / # buildkit": "torch",
            "COPY / / # buildkit": "system",
            "RUN |1 PYTHON=3.11 /bin/sh -c apt-get update": "system",
            "COPY predict.py ./ # buildkit": "runtime",
            "COPY numerai_predict numerai_predict # buildkit": "runtime",
        }
        self.assertEqual(list(steps.values()), [name_of(step) for step in steps])


if __name__ == "__main__":
    unittest.main()
