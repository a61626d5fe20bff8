"""What others import from predict.py, and how the platform itself tests it."""

import io
import subprocess
import sys
import unittest
from unittest import mock

import pandas as pd
import requests

import predict
from numerai_predict.faults import Code, Fault
from tests.harness import LIVE, ROOT

SECRET = "X-Amz-Signature=5ec2e7"
S3_DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
POST_URL = "https://bucket.example/"
POST_DATA = {"key": "predictions.csv", "policy": "eyJ9"}
PREDICTIONS = pd.DataFrame({"prediction": [0.25, 0.75]}, index=pd.Index(["n1", "n2"], name="id"))


class TestPlatformsOwnWay(unittest.TestCase):
    """Its tests put mocks in the place of predict.requests.post and predict.time.sleep, and count the calls."""

    def responses(self, *statuses: int) -> list[mock.Mock]:
        """Responses that have nothing but a status."""
        return [mock.Mock(status_code=status) for status in statuses]

    def test_upload_after_two_server_errors_posts_three_times(self) -> None:
        with (
            mock.patch("predict.requests.post", side_effect=self.responses(500, 500, 200)) as post,
            mock.patch("predict.time.sleep") as sleep,
            self.assertLogs(),
        ):
            predict.upload_live_output(PREDICTIONS, POST_URL, POST_DATA, "live_predictions-1.csv")
        self.assertEqual((3, 2), (post.call_count, sleep.call_count))
        for call in post.call_args_list:
            self.assertEqual((POST_URL,), call.args)
            self.assertEqual(POST_DATA, call.kwargs["data"])
            name, content, content_type = call.kwargs["files"]["file"]
            self.assertEqual(("live_predictions-1.csv", "text/csv"), (name, content_type))
            self.assertEqual(PREDICTIONS.to_csv().encode(), content)

    def test_mocks_that_are_assigned_and_not_patched_are_called(self) -> None:
        real = requests.post
        self.addCleanup(setattr, requests, "post", real)
        post = predict.requests.post = mock.Mock(side_effect=self.responses(204))  # type: ignore[attr-defined]
        predict.upload_live_output(PREDICTIONS, POST_URL, POST_DATA, "live.csv")
        self.assertEqual(1, post.call_count)

    def test_callable_is_called_until_it_succeeds(self) -> None:
        attempt = mock.Mock(side_effect=self.responses(500, 503, 200))
        with mock.patch("predict.time.sleep") as sleep, self.assertLogs():
            self.assertEqual(200, predict.retry_request_with_backoff(attempt).status_code)
        self.assertEqual((3, 2), (attempt.call_count, sleep.call_count))

    def test_dataset_that_is_there_is_read_where_it_is(self) -> None:
        self.assertEqual(LIVE, predict.get_data(str(LIVE), "/tmp"))

    def test_arguments_are_parsed_to_a_namespace(self) -> None:
        args = predict.parse_args(["--model", "m.pkl"])
        self.assertEqual(("m.pkl", "/tmp", False), (args.model, args.output_dir, args.debug))

    def test_name_that_is_not_there_is_an_attribute_error(self) -> None:
        with self.assertRaisesRegex(AttributeError, "'predict' has no attribute 'numpy'"):
            predict.__getattr__("numpy")


class TestPublicNames(unittest.TestCase):
    """What others import from predict.py."""

    def response(self, status: int, body: bytes = b"") -> requests.Response:
        response = requests.Response()
        response.status_code = status
        response.raw = io.BytesIO(body)
        return response

    def test_request_that_is_overloaded_is_made_again(self) -> None:
        answers = mock.Mock(
            side_effect=[self.response(503), requests.ConnectionError(f"/?{SECRET}"), self.response(204)]
        )
        with mock.patch("time.sleep") as sleep, self.assertLogs() as logs:
            self.assertEqual(predict.retry_request_with_backoff(answers).status_code, 204)
        self.assertEqual((answers.call_count, sleep.call_count), (3, 2))
        self.assertNotIn("5ec2e7", "".join(logs.output))

    def test_request_that_always_fails_is_tried_so_often_and_no_more(self) -> None:
        answers = mock.Mock(side_effect=requests.ConnectionError(f"http://host/?{SECRET}"))
        with mock.patch("time.sleep") as sleep, self.assertLogs(), self.assertRaises(RuntimeError) as raised:
            predict.retry_request_with_backoff(answers)
        self.assertEqual((answers.call_count, sleep.call_count), (20, 19))
        self.assertNotIn("5ec2e7", str(raised.exception))

    def test_request_that_is_refused_is_not_tried_again(self) -> None:
        answers = mock.Mock(return_value=self.response(403, S3_DENIED))
        with self.assertRaisesRegex(RuntimeError, "403, AccessDenied"):
            predict.retry_request_with_backoff(answers)
        self.assertEqual(answers.call_count, 1)

    def test_upload_that_fails_raises_a_fault_without_the_query(self) -> None:
        refused = mock.patch("requests.post", return_value=self.response(400, S3_DENIED))
        with refused, self.assertRaises(Fault) as raised:
            predict.upload_live_output(b"id,prediction\n", f"http://host/bucket?{SECRET}", {}, "live.csv")
        self.assertIs(raised.exception.code, Code.UPLOAD_FAILED)
        self.assertNotIn("5ec2e7", raised.exception.message)

    def test_libraries_for_the_network_are_not_imported_before_they_are_used(self) -> None:
        script = "import predict, sys; print({'requests', 'urllib3', 'tenacity', 'tqdm', 'email'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "set()\n")


if __name__ == "__main__":
    unittest.main()
