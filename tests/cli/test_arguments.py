"""arguments.py: what the values of the command line may be."""

import argparse
import unittest
from urllib.parse import urlencode

from numerai_predict.cli import arguments
from numerai_predict.faults import Code, Fault
from numerai_predict.transfer import is_url


class SizeTest(unittest.TestCase):
    def test_size_with_unit_is_bytes(self) -> None:
        sizes = {
            "4GiB": 4 << 30,
            "4 GiB": 4 << 30,
            " 4gib ": 4 << 30,
            "4g": 4 << 30,
            "512MB": 512 * 10**6,
            "2GB": 2 * 10**9,
            "512MiB": 512 << 20,
            "512m": 512 << 20,
            "1.5g": 3 << 29,
            "0.5kB": 500,
            "2k": 2048,
            "1tb": 10**12,
            "1t": 1 << 40,
            "7b": 7,
            "1024": 1024,
            "0": 0,
        }
        for text, expected in sizes.items():
            with self.subTest(text=text):
                self.assertEqual(arguments.size(text), expected)

    def test_size_of_anything_else_is_refused_by_name(self) -> None:
        for text in (
            "-1",
            "4XB",
            "",
            " ",
            "nan",
            "inf",
            "1e9",
            "GiB",
            "1.",
            ".5g",
            "4 G B",
            "4,5g",
            "0x10",
            "٣g",
            "1_0",
        ):
            with self.subTest(text=text), self.assertRaisesRegex(argparse.ArgumentTypeError, "not a size") as caught:
                arguments.size(text)
            self.assertIn(repr(text), str(caught.exception))

    def test_size_beyond_floats_is_refused(self) -> None:
        with self.assertRaises((argparse.ArgumentTypeError, ValueError)):
            arguments.size("9" * 400)


class SecondsTest(unittest.TestCase):
    def test_seconds_from_a_number_are_that_number(self) -> None:
        for text, expected in {"600": 600.0, "0": 0.0, "0.5": 0.5, "1e3": 1000.0}.items():
            with self.subTest(text=text):
                self.assertEqual(arguments.seconds(text), expected)

    def test_seconds_of_anything_else_are_refused_by_name(self) -> None:
        for text in ("-1", "-0.001", "nan", "inf", "-inf", "1e400", "", "10s", "ten"):
            with self.subTest(text=text), self.assertRaisesRegex(argparse.ArgumentTypeError, "seconds") as caught:
                arguments.seconds(text)
            self.assertIn(repr(text), str(caught.exception))


class FormFieldsTest(unittest.TestCase):
    def test_form_fields_of_a_presigned_post_come_back_as_they_were(self) -> None:
        fields = {"key": "a b/ü.csv", "policy": "eyJ4IjogMX0=", "x-amz-signature": "a+b&c=d"}
        self.assertEqual(arguments.form_fields(urlencode(fields)), fields)

    def test_form_fields_with_blank_values_keep_them(self) -> None:
        self.assertEqual(arguments.form_fields("acl=&key=k"), {"acl": "", "key": "k"})

    def test_form_fields_of_garbage_are_refused_without_repeating_it(self) -> None:
        for text in ("secret", "a=1&secret", '{"key": "secret"}', "a=1&&b=secret"):
            with self.subTest(text=text), self.assertRaises(argparse.ArgumentTypeError) as caught:
                arguments.form_fields(text)
            self.assertNotIn("secret", str(caught.exception))

    def test_form_fields_of_json_with_an_equals_sign_are_refused(self) -> None:
        with self.assertRaises(argparse.ArgumentTypeError):
            arguments.form_fields('{"key": "k", "policy": "eyJ4IjogMX0="}')


class UrlTest(unittest.TestCase):
    def test_url_of_http_and_https_is_kept(self) -> None:
        for text in ("http://localhost:9000/b", "https://b.s3.amazonaws.com/?X-Amz-Signature=1", "HTTPS://host/"):
            with self.subTest(text=text):
                self.assertEqual(arguments.url(text), text)

    def test_url_of_anything_else_is_refused_without_repeating_it(self) -> None:
        for text in ("", "secret", "/tmp/secret", "ftp://secret/x", "s3://secret/x", "https:secret", "https:///secret"):
            with self.subTest(text=text), self.assertRaises(argparse.ArgumentTypeError) as caught:
                arguments.url(text)
            self.assertNotIn("secret", str(caught.exception))

    def test_url_with_a_broken_host_is_refused_without_repeating_it(self) -> None:
        with self.assertRaises(argparse.ArgumentTypeError):
            arguments.url("https://[secret/")

    def test_is_url_of_paths_is_false(self) -> None:
        for text in ("model.pkl", "/tmp/http/model.pkl", "C:\\model.pkl", "http", "file:///model.pkl"):
            with self.subTest(text=text):
                self.assertFalse(is_url(text))

    def test_is_url_of_a_broken_url_does_not_raise(self) -> None:
        is_url("http://[::1/model.pkl")


class ParserTest(unittest.TestCase):
    def test_parser_with_a_wrong_command_line_raises_a_usage_fault(self) -> None:
        parser = arguments.Parser()
        parser.add_argument("--size", type=arguments.size)
        for argv in (["--size", "4XB"], ["--unknown"], ["--size"]):
            with self.subTest(argv=argv), self.assertRaises(Fault) as caught:
                parser.parse_args(argv)
            self.assertIs(caught.exception.code, Code.USAGE)
            self.assertIn(argv[-1], caught.exception.message)


class SecretsTest(unittest.TestCase):
    def test_signatures_passwords_and_fields_are_secrets(self) -> None:
        argv = ["--model=https://user:password@host/m.pkl?X-Amz-Signature=1", "--post_url", "http://h/b?Signature=22"]
        found = arguments.secrets_in([*argv, "--post_data", "policy=abc&key=1", "--debug"])
        self.assertEqual(set(found), {"X-Amz-Signature=1", "user:password", "Signature=22", "policy=abc&key=1"})

    def test_paths_and_what_is_too_short_are_no_secrets(self) -> None:
        argv = ["--model", "/tmp/model.pkl?version=1234567", "--post_url", "http://host/?v=1", "--post_data", "a=b"]
        self.assertEqual(arguments.secrets_in(argv), [])

    def test_secrets_are_the_values_of_queries_and_form_but_for_its_key(self) -> None:
        form = {"key": "predictions.csv", "policy": "eyJ==", "x-amz-signature": "5ec2e7"}
        url = "https://host/model.pkl?X-Amz-Credential=AK%2F2026&X-Amz-Signature=abc"
        words = ["--model", url, "--post_url", "https://host/?token=t0ken", "--post_data", urlencode(form)]
        secrets = arguments.request_of(arguments.parse([*words, "--output_dir", "/"])).secrets
        self.assertEqual(secrets, ["AK/2026", "abc", "t0ken", "eyJ==", "5ec2e7"])

    def test_secrets_of_a_run_on_local_files_are_none(self) -> None:
        argv = ["--model", "/tmp/model.pkl?version=1234567", "--output_dir", "/"]
        self.assertEqual(arguments.request_of(arguments.parse(argv)).secrets, [])
