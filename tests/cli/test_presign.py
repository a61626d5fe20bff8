"""presign.py: the `docker run` command with presigned URLs, as an operator gets it."""

import base64
import json
import os
import shlex
import subprocess
import sys
import tempfile
import unittest
from argparse import Namespace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import requests

from numerai_predict.cli import arguments
from tests.harness import BENCHMARKS, LIVE, MODEL, PYTHON_TAG, ROOT, PredictTestCase
from tests.s3 import shared_bucket

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "5ec2e7"}
REGION = {"AWS_DEFAULT_REGION": "eu-west-1"}
WEEK_S = 7 * 24 * 3600
REQUIRED = ("--bucket", "models", "--model", "model.pkl", "--output", "live.csv")
NASTY = 'a folder/it\'s "1+1" & 50% = $HOME `x`;#?*\\~é日本.pkl'


def presign(*flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in an environment whose AWS variables are these, and no configuration of the machine's."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_") and name != "GIT_REF"}
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return subprocess.run(
        [sys.executable, "-m", "numerai_predict", "presign", *flags],
        cwd=ROOT,
        env={**ours, **nothing, "AWS_EC2_METADATA_DISABLED": "true", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class PresignTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def signed(self, *flags: str, with_region: bool = True, **environment: str) -> Namespace:
        """What predict.py makes of the flags in the command that is printed; later flags win."""
        done = presign(*REQUIRED, *flags, **{**KEYS, **(REGION if with_region else {}), **environment})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.said = done.stderr
        return arguments.parse(flags_in(done.stdout))

    def file(self, name: str, text: str) -> str:
        """A file with that text; gives its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)


def words_of(command: str) -> list[str]:
    """The command's words; shlex takes a line that is continued for a word."""
    return shlex.split(command.replace("\\\n", ""))


def flags_in(command: str) -> list[str]:
    """What the command gives to the container."""
    words = words_of(command)
    if words[:5] != ["docker", "run", "-i", "--rm", f"numerai_predict_py_{PYTHON_TAG}:latest"]:
        raise AssertionError(f"this is another command: {words[:5]}")
    return words[5:]


def policy_of(args: Namespace) -> dict[str, Any]:
    """What the form allows."""
    policy: dict[str, Any] = json.loads(base64.b64decode(args.post_data["policy"]))
    return policy


def query_of(args: Namespace) -> dict[str, str]:
    """The parameters of the model's URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(args.model).query, strict_parsing=True).items()}


class CommandTest(PresignTestCase):
    def test_command_given_to_a_shell_runs_docker_with_its_words(self) -> None:
        done = presign("--bucket", "models", "--model", NASTY, "--output", NASTY, **KEYS, **REGION)
        script = f"docker() {{ printf '%s\\0' \"$@\"; }}\n{done.stdout}"
        ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        self.assertEqual(ran.stdout.split("\0")[:-1], words_of(done.stdout)[1:])
        self.assertEqual(flags_in(done.stdout)[::2], ["--model", "--post_url", "--post_data"])
        self.assertEqual(ran.stderr, "")

    def test_command_in_an_image_names_its_commit(self) -> None:
        done = presign(*REQUIRED, **KEYS, **REGION, GIT_REF="abc123")
        self.assertIn(f"numerai_predict_py_{PYTHON_TAG}:abc123", words_of(done.stdout))

    def test_command_without_a_network_is_the_same(self) -> None:
        refuse = "def refuse(*args, **kwargs):\n    os._exit(99)\n"
        patch = f"import os, socket\n{refuse}socket.getaddrinfo = socket.socket.connect = refuse\n"
        self.file("sitecustomize.py", patch)
        self.signed(PYTHONPATH=str(self.folder))

    def test_both_requests_are_signed_with_version_4(self) -> None:
        args = self.signed()
        self.assertEqual(query_of(args)["X-Amz-Algorithm"], "AWS4-HMAC-SHA256")
        fields = {"key", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "policy", "x-amz-signature"}
        self.assertEqual(set(args.post_data), fields)
        self.assertEqual(args.post_data["x-amz-algorithm"], "AWS4-HMAC-SHA256")

    def test_every_field_of_the_form_is_in_its_policy(self) -> None:
        args = self.signed(AWS_SESSION_TOKEN="to+ken/==")
        conditions = policy_of(args)["conditions"]
        self.assertIn({"bucket": "models"}, conditions)
        for name, value in args.post_data.items():
            if name not in ("policy", "x-amz-signature"):
                self.assertIn({name: value}, conditions)

    def test_secret_key_is_not_in_the_output(self) -> None:
        done = presign(*REQUIRED, **KEYS, **REGION)
        self.assertNotIn(KEYS["AWS_SECRET_ACCESS_KEY"], done.stdout + done.stderr)


class ExpiryTest(PresignTestCase):
    def assert_valid(self, args: Namespace, seconds: int) -> None:
        """Both requests and what is said of them end in so many seconds, give or take the time of a test."""
        self.assertEqual(query_of(args)["X-Amz-Expires"], str(seconds))
        end = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        form = datetime.strptime(policy_of(args)["expiration"], "%Y-%m-%dT%H:%M:%S%z")
        self.assertLess(abs(form - end), timedelta(seconds=60))
        said = datetime.strptime(self.said[:31], "Valid until %Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
        self.assertLessEqual(said, form)
        self.assertLess(form - said, timedelta(seconds=30))

    def test_expiry_by_default_is_an_hour(self) -> None:
        self.assert_valid(self.signed(), 3600)

    def test_expiry_is_as_long_as_asked_for(self) -> None:
        for seconds in (1, WEEK_S):
            with self.subTest(seconds=seconds):
                self.assert_valid(self.signed("--expires", str(seconds)), seconds)

    def test_operator_is_told_when_it_ends_and_what_it_is_worth(self) -> None:
        self.signed()
        [line] = self.said.splitlines()
        self.assertRegex(line, r"^Valid until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. .*can read .* and write")

    def test_session_token_is_passed_on_and_said_to_end_earlier(self) -> None:
        args = self.signed(AWS_SESSION_TOKEN="to+ken/==")
        self.assertEqual(query_of(args)["X-Amz-Security-Token"], "to+ken/==")
        self.assertEqual(args.post_data["x-amz-security-token"], "to+ken/==")
        _, line = self.said.splitlines()
        self.assertRegex(line, "credentials are temporary.*end earlier")


class SizeLimitTest(PresignTestCase):
    def test_size_limit_by_default_is_that_of_the_runtime(self) -> None:
        self.assertIn(["content-length-range", 1, 64 << 20], policy_of(self.signed())["conditions"])

    def test_size_limit_is_as_asked_for(self) -> None:
        args = self.signed("--max_size", "1.5kB")
        self.assertIn(["content-length-range", 1, 1500], policy_of(args)["conditions"])


class AddressTest(PresignTestCase):
    def addresses(self, *flags: str, with_region: bool = True, **environment: str) -> tuple[str, str, set[str]]:
        """Where the model is read and the form is posted, and the regions that are signed for."""
        args = self.signed(*flags, with_region=with_region, **environment)
        scopes = (query_of(args)["X-Amz-Credential"], args.post_data["x-amz-credential"])
        return args.model.partition("?")[0], args.post_url, {scope.split("/")[2] for scope in scopes}

    def test_address_at_amazon_is_the_regions(self) -> None:
        for region in ("eu-west-1", "us-east-2", "ap-southeast-2"):
            with self.subTest(region=region):
                host = f"https://models.s3.{region}.amazonaws.com"
                found = self.addresses("--region", region, AWS_DEFAULT_REGION="eu-north-1")
                self.assertEqual(found, (f"{host}/model.pkl", f"{host}/", {region}))

    def test_address_of_a_bucket_with_dots_has_no_host_of_its_own(self) -> None:
        host = "https://s3.eu-west-1.amazonaws.com"
        found = self.addresses("--bucket", "my.models")
        self.assertEqual(found, (f"{host}/my.models/model.pkl", f"{host}/my.models", {"eu-west-1"}))

    def test_address_at_another_endpoint_has_the_bucket_in_its_path(self) -> None:
        expected = ("http://minio:9000/models/model.pkl", "http://minio:9000/models", {"eu-west-1"})
        self.assertEqual(self.addresses("--endpoint_url", "http://minio:9000"), expected)
        self.assertEqual(self.addresses(AWS_ENDPOINT_URL_S3="http://minio:9000"), expected)

    def test_address_at_another_endpoint_needs_no_region(self) -> None:
        _, _, regions = self.addresses("--endpoint_url", "http://minio:9000", with_region=False)
        self.assertEqual(regions, {"us-east-1"})

    def test_address_from_a_profile_is_used(self) -> None:
        profile = "[default]\nregion = eu-north-1\nendpoint_url = https://store.example\ns3 =\n  "
        config = self.file("config", f"{profile}addressing_style = virtual\n")
        host = "https://models.store.example"
        found = self.addresses(AWS_CONFIG_FILE=config, with_region=False)
        self.assertEqual(found, (f"{host}/model.pkl", f"{host}/", {"eu-north-1"}))


class KeyTest(PresignTestCase):
    def test_key_with_special_characters_comes_through(self) -> None:
        for name in (NASTY, "/slashes//everywhere/", "%41%2F", "line\nbreak", "ü" * 512):
            with self.subTest(name=name):
                args = self.signed("--model", name, "--output", name)
                url = urlsplit(args.model)
                self.assertEqual(unquote(url.path), f"/{name}")
                self.assertEqual(requests.Request("GET", args.model).prepare().url, args.model)
                self.assertEqual(args.post_data["key"], name)
                self.assertIn({"key": name}, policy_of(args)["conditions"])

    def test_key_that_ends_in_the_file_name_may_have_any(self) -> None:
        args = self.signed("--output", "round 1/${filename}")
        self.assertEqual(args.post_data["key"], "round 1/${filename}")
        self.assertIn(["starts-with", "$key", "round 1/"], policy_of(args)["conditions"])


class RefusalTest(PresignTestCase):
    def refused(self, *flags: str, **environment: str) -> tuple[int, str]:
        """The exit status and the one line that is said."""
        done = presign(*flags, **environment)
        self.assertEqual(done.stdout, "")
        [line] = done.stderr.splitlines()
        prefix = "numerai-predict presign: error: "
        self.assertTrue(line.startswith(prefix), line)
        return done.returncode, line.removeprefix(prefix)

    def assert_usage(self, flags: tuple[str, ...], said: str) -> None:
        with self.subTest(flags=flags):
            status, line = self.refused(*REQUIRED, *flags, **KEYS, **REGION)
            self.assertEqual(status, 2)
            self.assertRegex(line, f"{said}.* \\(see --help\\)$")

    def assert_environment(self, said: str, **environment: str) -> None:
        with self.subTest(environment=environment):
            status, line = self.refused(*REQUIRED, **environment)
            self.assertEqual(status, 3)
            self.assertRegex(line, said)

    def test_missing_flag_is_refused_by_name(self) -> None:
        for place in (0, 2, 4):
            status, line = self.refused(*REQUIRED[:place], *REQUIRED[place + 2 :], **KEYS, **REGION)
            self.assertEqual(status, 2)
            self.assertIn(f"required: {REQUIRED[place]} ", line)

    def test_unknown_flag_is_refused(self) -> None:
        self.assert_usage(("--debug",), "--debug")

    def test_expiry_that_s3_refuses_is_refused(self) -> None:
        for seconds in ("0", "-1", str(WEEK_S + 1), "1.5", "1h", "", "٣", "1_0"):
            self.assert_usage((f"--expires={seconds}",), "--expires: .*from 1 to 604800")

    def test_size_that_nothing_fits_in_is_refused(self) -> None:
        self.assert_usage(("--max_size", "0.5b"), "--max_size: no predictions")
        self.assert_usage(("--max_size", "4XB"), "--max_size: '4XB' is not a size")

    def test_key_that_s3_refuses_is_refused(self) -> None:
        for flag in ("--model", "--output"):
            for name in ("", "ü" * 512 + "a"):
                self.assert_usage((flag, name), f"{flag}: a key has 1 to 1024 bytes")
            self.assert_usage((flag, "\udcff"), flag)

    def test_model_that_cannot_be_downloaded_is_refused(self) -> None:
        for name in ("..", "a/../model.pkl", "./model.pkl"):
            self.assert_usage(("--model", name), "--model: .*dots|--model: .*cannot be downloaded")

    def test_file_name_before_the_end_of_a_key_is_refused(self) -> None:
        self.assert_usage(("--output", "${filename}/live.csv"), "--output: .*at its end")

    def test_bucket_that_cannot_be_is_refused(self) -> None:
        for name in ("my models", "", "models/2026"):
            self.assert_usage(("--bucket", name), f"--bucket: '{name}' is not the name of a bucket")
        self.assert_usage(("--bucket", "models--usw2-az1--x-s3"), "--bucket: a directory bucket")
        self.assert_usage(("--bucket", "arn:aws:s3:eu-west-1:123456789012:accesspoint/models"), "Access points")

    def test_endpoint_that_is_no_url_is_refused(self) -> None:
        for url in ("minio:9000", "s3://models", "http://"):
            self.assert_usage(("--endpoint_url", url), "--endpoint_url: it is not an http")
        for url in ("http://under_score:9000", "http://minio:99999"):
            self.assert_usage(("--endpoint_url", url), "(?i)endpoint")

    def test_region_that_cannot_be_is_refused(self) -> None:
        self.assert_usage(("--region", "Ireland, EU"), "Ireland, EU")

    def test_unknown_region_is_an_error(self) -> None:
        self.assert_environment("region is unknown; give --region", **KEYS)

    def test_missing_credentials_are_an_error(self) -> None:
        self.assert_environment("(?i)credentials", **REGION)
        self.assert_environment("AWS_SECRET_ACCESS_KEY", **REGION, AWS_ACCESS_KEY_ID="AKIDEXAMPLE")

    def test_broken_profile_is_an_error(self) -> None:
        self.assert_environment("nobody", **KEYS, **REGION, AWS_PROFILE="nobody")
        self.assert_environment("config", **KEYS, **REGION, AWS_CONFIG_FILE=self.file("config", "no section\n"))

    def test_credentials_that_a_program_refuses_are_an_error_of_one_line(self) -> None:
        program = self.file("program", "echo The login has expired. >&2; echo Log in again. >&2; exit 1\n")
        config = self.file("config", f"[default]\ncredential_process = sh {program}\n")
        self.assert_environment(r"The login has expired\. Log in again\.", **REGION, AWS_CONFIG_FILE=config)

    def test_missing_boto3_is_an_error(self) -> None:
        self.file("boto3.py", "raise ModuleNotFoundError('No module named boto3', name='boto3')\n")
        status, line = self.refused(*REQUIRED, **KEYS, **REGION, PYTHONPATH=str(self.folder))
        self.assertEqual(status, 2)
        self.assertRegex(line, r"boto3 is not installed \(pip install boto3, or run this in the image\)$")


class DeliveryTest(PredictTestCase):
    """The command against a server that checks signatures and policies as S3 does."""

    def test_flags_of_the_command_read_the_model_and_write_the_predictions(self) -> None:
        bucket = shared_bucket()
        model, output = "models/it's a model+1 (é).pkl", "round & 1/live predictions.csv"
        bucket.put(model, MODEL.read_bytes())
        keys = {"AWS_ACCESS_KEY_ID": bucket.access_key, "AWS_SECRET_ACCESS_KEY": bucket.secret_key}
        flags = ("--endpoint_url", bucket.endpoint, "--bucket", bucket.name, "--region", bucket.region)
        done = presign(*flags, "--model", model, "--output", output, **keys)
        self.assertEqual(done.returncode, 0, done.stderr)
        sample = ("--dataset", LIVE, "--benchmarks", BENCHMARKS, "--output_dir", self.output_dir)
        run = self.run_command(*flags_in(done.stdout), *sample)
        self.assertEqual(run.status, 0, run.stderr)
        [csv] = run.csvs
        self.assertEqual(bucket.get(output), csv.read_bytes())


if __name__ == "__main__":
    unittest.main()
