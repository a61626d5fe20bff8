"""keys.py: secrets in variables, files and credentials of systemd, and no sign of them anywhere else."""

import os
import tempfile
import traceback
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict.api import ApiKeys, take_keys, take_secret
from numerai_predict.faults import Code, Fault
from tests.api.harness import KEYS, SECRET

ID = "NUMERAI_PUBLIC_ID"
KEY = "NUMERAI_SECRET_KEY"


class KeysTestCase(unittest.TestCase):
    def setUp(self) -> None:
        context = tempfile.TemporaryDirectory()
        self.folder = Path(context.name)
        self.addCleanup(context.cleanup)

    def file(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def fault(self, environment: dict[str, str], name: str = KEY) -> Fault:
        """The fault of a secret that must not be taken, and is not shown."""
        with self.assertRaises(Fault) as raised:
            take_secret(name, environment)
        fault = raised.exception
        self.assertIs(Code.USAGE, fault.code)
        self.assertNotIn("5ec2e7", "".join(traceback.format_exception(fault)) + fault.hint)
        self.assertNotIn(name, environment)
        return fault


class SecretTest(KeysTestCase):
    def test_secret_of_a_variable_is_taken_out_of_the_environment(self) -> None:
        environment = {KEY: SECRET, "HOME": "/"}
        self.assertEqual(SECRET, take_secret(KEY, environment))
        self.assertEqual({"HOME": "/"}, environment)
        with mock.patch.dict(os.environ, {KEY: SECRET}):
            take_secret(KEY, os.environ)
            self.assertIsNone(os.getenv(KEY))

    def test_secret_of_a_file_is_read(self) -> None:
        self.assertEqual(SECRET, take_secret(KEY, {f"{KEY}_FILE": self.file("key", SECRET)}))

    def test_secret_of_a_credential_is_read(self) -> None:
        self.file("numerai_secret_key", SECRET)
        self.assertEqual(SECRET, take_secret(KEY, {"CREDENTIALS_DIRECTORY": str(self.folder)}))

    def test_secret_that_is_nowhere_is_none(self) -> None:
        for environment in ({}, {KEY: ""}, {KEY: " \n"}, {f"{KEY}_FILE": ""}, {"CREDENTIALS_DIRECTORY": ""}):
            self.assertIsNone(take_secret(KEY, environment))
        self.file("numerai_public_id", "other")
        self.assertIsNone(take_secret(KEY, {"CREDENTIALS_DIRECTORY": str(self.folder)}))

    def test_blanks_and_line_breaks_around_a_secret_do_not_count(self) -> None:
        self.assertEqual(SECRET, take_secret(KEY, {KEY: f" {SECRET}\r\n"}))
        self.assertEqual(SECRET, take_secret(KEY, {f"{KEY}_FILE": self.file("key", f"{SECRET}\r\n\n")}))

    def test_secret_with_a_character_that_no_header_holds_is_a_fault(self) -> None:
        for inside in (" ", "\n", "\r\nX-Header: 1", "\t", "\0", "\x1b", "\x7f", "\u00a0", "\u2026", "\ufeff"):
            with self.subTest(inside):
                fault = self.fault({KEY: f"5ec2e7{inside}5ec2e7"})
                self.assertIn(f"{KEY}, in the variable {KEY}, has a blank or a character", fault.message)
        for content in (b"\xef\xbb\xbf5ec2e7", b"5ec2e7\xff5ec2e7", "5ec2e7".encode("utf-16")):
            self.assertIn(f"in the file of {KEY}_FILE", self.fault({f"{KEY}_FILE": self.file("key", content)}).message)

    def test_secret_that_is_given_twice_is_a_fault_that_names_the_places(self) -> None:
        file = self.file("numerai_secret_key", SECRET)
        folder = str(self.folder)
        for environment, places in (
            ({KEY: SECRET, f"{KEY}_FILE": file}, f"the variable {KEY} and in the file of {KEY}_FILE"),
            ({KEY: SECRET, "CREDENTIALS_DIRECTORY": folder}, f"the variable {KEY} and in the credential"),
            ({f"{KEY}_FILE": file, "CREDENTIALS_DIRECTORY": folder}, f"the file of {KEY}_FILE and in the credential"),
        ):
            self.assertIn(f"{KEY} is given twice: in {places}", self.fault(environment).message)

    def test_file_without_a_secret_is_a_fault_that_names_the_variable(self) -> None:
        for path, problem in (
            (str(self.folder / "missing"), "cannot be read: No such file or directory."),
            (str(self.folder), "cannot be read: it is a folder, not a file."),
            ("a\0b", "cannot be read: it is no path."),
            (self.file("empty", " \n"), "is empty."),
            (self.file("large", "5ec2e7" * 10_000), "is too large for a secret."),
        ):
            with self.subTest(problem):
                fault = self.fault({KEY: SECRET, f"{KEY}_FILE": path})
                self.assertEqual(f"The file of {KEY}_FILE {problem}", fault.message)

    def test_credential_that_cannot_be_read_is_a_fault(self) -> None:
        (self.folder / "numerai_secret_key").symlink_to("nowhere")
        fault = self.fault({"CREDENTIALS_DIRECTORY": str(self.folder)})
        self.assertEqual("The credential numerai_secret_key cannot be read: No such file or directory.", fault.message)


class TakeKeysTest(KeysTestCase):
    def test_keys_may_come_from_different_places(self) -> None:
        environment = {ID: "PUBLICID", f"{KEY}_FILE": self.file("key", SECRET)}
        self.assertEqual(KEYS, take_keys(environment))
        self.assertEqual({f"{KEY}_FILE"}, set(environment))

    def test_one_missing_key_is_a_fault_that_names_it_and_all_ways_to_give_it(self) -> None:
        for environment, problem in (
            ({ID: "PUBLICID"}, f"{KEY} is missing."),
            ({KEY: SECRET}, f"{ID} is missing."),
            ({}, f"{ID} and {KEY} are missing."),
        ):
            with self.assertRaises(Fault) as raised:
                take_keys(environment)
            self.assertEqual((Code.USAGE, problem), (raised.exception.code, raised.exception.message))
            for way in (ID, KEY, f"{ID}_FILE", f"{KEY}_FILE", "systemd credentials numerai_public_id"):
                self.assertIn(way, raised.exception.hint)
            self.assertEqual({}, environment)

    def test_file_named_dotenv_is_not_read(self) -> None:
        self.file(".env", f"{ID}=PUBLICID\n{KEY}={SECRET}\n")
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        with self.assertRaises(Fault):
            take_keys({})

    def test_secret_is_not_in_the_representation_of_the_keys(self) -> None:
        self.assertEqual("ApiKeys(public_id='PUBLICID')", repr(ApiKeys("PUBLICID", SECRET)))


if __name__ == "__main__":
    unittest.main()
