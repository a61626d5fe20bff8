"""The index and the number of workers, from the environments of three engines."""

import unittest

from numerai_predict.faults import Code, Fault
from numerai_predict.round.array_job import array_index, array_size


class ArrayJobTest(unittest.TestCase):
    def check(self, index: int | None, size: int | None, **environ: str) -> None:
        self.assertEqual((index, size), (array_index(environ), array_size(environ)))

    def test_process_that_no_engine_started_has_neither(self) -> None:
        self.check(None, None, HOME="/root")

    def test_child_of_an_array_of_batch_has_both(self) -> None:
        self.check(2, 5, AWS_BATCH_JOB_ARRAY_INDEX="2", AWS_BATCH_JOB_ARRAY_SIZE="5", AWS_BATCH_JOB_ID="0a-1b:2")

    def test_child_of_an_array_of_batch_without_an_index_has_that_of_its_id(self) -> None:
        self.check(12, None, AWS_BATCH_JOB_ID="4c2f5e1a-7d9e-4a6f-b0f1-111111111111:12")

    def test_job_of_batch_that_is_no_array_has_neither(self) -> None:
        self.check(None, None, AWS_BATCH_JOB_ID="4c2f5e1a-7d9e-4a6f-b0f1-111111111111")

    def test_task_of_slurm_counts_from_the_first_of_its_array(self) -> None:
        self.check(3, 8, SLURM_ARRAY_TASK_ID="4", SLURM_ARRAY_TASK_MIN="1", SLURM_ARRAY_TASK_COUNT="8")
        self.check(4, None, SLURM_ARRAY_TASK_ID="4")

    def test_pod_of_an_indexed_job_has_its_index(self) -> None:
        self.check(7, None, JOB_COMPLETION_INDEX="7")

    def test_what_is_no_number_is_a_fault_that_names_the_variable(self) -> None:
        for value in ("", "two", "-1", "1.5", "²", "9" * 10):
            with self.subTest(value), self.assertRaises(Fault) as caught:
                array_index({"JOB_COMPLETION_INDEX": value})
            self.assertEqual(Code.USAGE, caught.exception.code)
            self.assertIn("JOB_COMPLETION_INDEX", caught.exception.message)


if __name__ == "__main__":
    unittest.main()
