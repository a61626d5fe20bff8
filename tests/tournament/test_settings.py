"""What a tournament's folder says: real folders and files; nothing of a secret in what is said of them."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from numerai_predict.faults import Code, Fault
from numerai_predict.platform_limits import MEMORY_LIMIT, TIME_LIMIT_S
from numerai_predict.tournament.settings import Channels, Settings, TournamentModel, read_settings
from tests.harness import ROOT

PING = "https://hc-ping.com/5ec2e7a0-7b1c-4f55"
WEBHOOK = "https://discord.com/api/webhooks/1234567890/5ec2e7T0ken?wait=5ec2e7wait"
APPRISE = "tgram://123456:5ec2e7T0ken/987654"
SECRET = "5ec2e7"


class SettingsTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.models = self.folder / "models"
        self.models.mkdir()

    def add(self, *names: str) -> None:
        for name in names:
            (self.models / name).write_bytes(b"")

    def write(self, toml: str) -> None:
        (self.folder / "tournament.toml").write_text(toml)

    def read(self, **environment: str) -> Settings:
        return read_settings(self.folder, environment)

    def slots(self) -> dict[str, str]:
        return {model.name: model.pickle.name for model in self.read().models}

    def fault(self, **environment: str) -> Fault:
        """What is said, which never shows a secret."""
        with self.assertRaises(Fault) as raised:
            self.read(**environment)
        fault = raised.exception
        self.assertIs(Code.USAGE, fault.code)
        self.assertNotEqual(Code.USAGE.hint, fault.hint)
        self.assertNotIn(SECRET, f"{fault.message} {fault.hint} {fault!r} {fault.__cause__!r}")
        return fault

    def assert_refused(self, *words: str, **environment: str) -> None:
        fault = self.fault(**environment)
        for word in words:
            self.assertIn(word, fault.message)


class ModelsTest(SettingsTestCase):
    def test_folder_of_pickles_is_models_by_their_names_with_the_usual_limits(self) -> None:
        self.add("bob.pkl", "alice_2.pkl.gz", "Carol-3.PKL", "README.md", ".hidden.pkl", "notes.txt")
        expected = [
            TournamentModel(name, self.models / file, None, TIME_LIMIT_S, MEMORY_LIMIT)
            for name, file in {"Carol-3": "Carol-3.PKL", "alice_2": "alice_2.pkl.gz", "bob": "bob.pkl"}.items()
        ]
        self.assertEqual(Settings(self.folder, expected, Channels()), self.read())

    def test_pickle_of_a_relative_folder_has_a_whole_path(self) -> None:
        self.add("bob.pkl")
        relative = Path(os.path.relpath(self.folder))
        [model] = read_settings(relative, {}).models
        self.assertTrue(model.pickle.is_absolute())
        self.assertTrue(model.pickle.samefile(self.models / "bob.pkl"))

    def test_folder_without_pickles_is_refused_with_what_to_put_there(self) -> None:
        self.add("model.txt", ".bob.pkl")
        for there in (True, False):
            with self.subTest(there=there):
                fault = self.fault()
                self.assertIn(str(self.models), fault.message)
                self.assertEqual("Put NAME.pkl, named like your model at Numerai, into models/.", fault.hint)
            for file in self.models.iterdir() if there else ():
                file.unlink()
            if there:
                self.models.rmdir()

    def test_file_in_place_of_the_folder_is_refused(self) -> None:
        self.models.rmdir()
        self.models.write_text("")
        self.assert_refused(str(self.models), "Not a directory")

    def test_two_files_of_one_name_are_refused_by_both_names(self) -> None:
        self.add("bob.pkl", "bob.pkl.gz")
        self.assert_refused("bob.pkl and ", "bob.pkl.gz", "for the model bob")

    def test_file_that_is_not_named_like_a_model_is_refused_by_its_name(self) -> None:
        for name in ("my model.pkl", "v1.2.pkl", "ü.pkl", "a" * 51 + ".pkl", "bob\n.pkl"):
            with self.subTest(name):
                self.add(name)
                self.assert_refused(name)
                (self.models / name).unlink()

    def test_name_that_is_no_text_is_refused_with_escapes(self) -> None:
        with open(os.fsencode(self.models) + b"/b\xffb.pkl", "wb"):
            self.assert_refused(r"b\xffb.pkl")

    def test_what_is_no_file_is_refused_as_what_it_is(self) -> None:
        bob = self.models / "bob.pkl"
        bob.symlink_to(self.folder / "nothing")
        self.assert_refused("bob.pkl is a link to nothing")
        bob.unlink()
        bob.mkdir()
        self.assert_refused("bob.pkl is a folder, not a file")
        bob.rmdir()
        os.mkfifo(bob)
        self.assert_refused("bob.pkl is a pipe, not a file")

    def test_link_to_a_pickle_is_that_pickle(self) -> None:
        (self.folder / "elsewhere.bin").write_bytes(b"")
        (self.models / "bob.pkl").symlink_to(self.folder / "elsewhere.bin")
        self.assertEqual({"bob": "bob.pkl"}, self.slots())


class SlotsTest(SettingsTestCase):
    def test_pickle_for_several_slots_is_none_of_its_own(self) -> None:
        self.add("shared model.pkl", "carol.pkl")
        self.write('[models.alice]\npickle = "shared model.pkl"\n[models.bob]\npickle = "shared model.pkl"\n')
        self.assertEqual({"alice": "shared model.pkl", "bob": "shared model.pkl", "carol": "carol.pkl"}, self.slots())

    def test_pickle_for_another_slot_is_its_own_too_if_that_is_named(self) -> None:
        self.add("shared.pkl")
        for own in ("[models.shared]", '[models.shared]\npickle = "shared.pkl"'):
            self.write(f'[models.alice]\npickle = "shared.pkl"\n{own}\n')
            with self.subTest(own):
                self.assertEqual({"alice": "shared.pkl", "shared": "shared.pkl"}, self.slots())

    def test_pickles_of_two_slots_may_be_swapped(self) -> None:
        self.add("alice.pkl", "bob.pkl")
        self.write('[models.alice]\npickle = "bob.pkl"\n[models.bob]\npickle = "alice.pkl"\n')
        self.assertEqual({"alice": "bob.pkl", "bob": "alice.pkl"}, self.slots())

    def test_pickle_of_a_slot_that_is_given_another_is_not_left_out_silently(self) -> None:
        self.add("alice.pkl", "new.pkl")
        self.write('[models.alice]\npickle = "new.pkl"\n')
        self.assert_refused("alice.pkl", "new.pkl", "are both for the model alice")

    def test_slot_without_a_pickle_is_refused_by_its_key(self) -> None:
        self.add("bob.pkl")
        self.write("[models.alice]\ntime_limit = 3\n")
        self.assert_refused("tournament.toml: models.alice has no pickle")

    def test_pickle_that_is_not_in_the_folder_is_refused_by_its_key(self) -> None:
        self.add("bob.pkl", "bob.txt")
        for value in ('"none.pkl"', '"bob.txt"', '"models/bob.pkl"', '"../models/bob.pkl"', '""', "3", '["bob.pkl"]'):
            self.write(f"[models.alice]\npickle = {value}\n")
            with self.subTest(value):
                self.assert_refused("tournament.toml: models.alice.pickle does not name a pickle in models/")

    def test_values_are_those_of_their_slot_only(self) -> None:
        self.add("alice.pkl", "bob.pkl")
        self.write('[models.alice]\npython = "3.12"\ntime_limit = 300\nmemory_limit = "2GiB"\n')
        alice, bob = self.read().models
        self.assertEqual(TournamentModel("alice", self.models / "alice.pkl", "3.12", 300.0, 2 << 30), alice)
        self.assertEqual(TournamentModel("bob", self.models / "bob.pkl"), bob)

    def test_limit_may_be_none_a_part_and_a_number(self) -> None:
        self.add("bob.pkl")
        for toml, limits in {
            "time_limit = 0\nmemory_limit = 0": (0.0, 0),
            'time_limit = 0.5\nmemory_limit = "1.5g"': (0.5, 3 << 29),
            "time_limit = 1_000\nmemory_limit = 1048576": (1000.0, 1 << 20),
        }.items():
            self.write(f"[models.bob]\n{toml}\n")
            with self.subTest(toml):
                [bob] = self.read().models
                self.assertEqual(limits, (bob.time_limit, bob.memory_limit))

    def test_value_that_cannot_be_is_refused_by_its_key(self) -> None:
        self.add("bob.pkl")
        for key, values in {
            "python": ("3.11", '"3.9"', '"3"', '"python3.11"', "[]"),
            "time_limit": ('"300"', "-1", "inf", "nan", "true", "1e30", "[3]", "2026-11-27"),
            "memory_limit": ('"2 apples"', '""', "-1", "true", "1.5", '"99999999999TiB"', "9223372036854775807", "{}"),
        }.items():
            for value in values:
                self.write(f"[models.bob]\n{key} = {value}\n")
                with self.subTest(key=key, value=value):
                    self.assert_refused(f"tournament.toml: models.bob.{key} is not a ")


class TomlTest(SettingsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.add("bob.pkl")

    def test_empty_file_is_as_good_as_none(self) -> None:
        before = self.read()
        for toml in ("", "# nothing\n", "[models]\n[notify]\n"):
            self.write(toml)
            with self.subTest(toml):
                self.assertEqual(before, self.read())

    def test_key_that_is_unknown_is_refused_with_those_that_are_not(self) -> None:
        for toml, key in {
            "submit = true": "the key submit",
            "[model.bob]": "the key model",
            "[models.bob]\nlimit = 3": "the key models.bob.limit",
            "[notify]\nslack = 3": "the key notify.slack",
            f'[notify]\n"{PING}" = "ping"': "a key of [notify]",
            f'"{PING}" = "ping"': "a key is unknown",
        }.items():
            self.write(toml)
            with self.subTest(toml):
                self.assert_refused("tournament.toml: ", key, " is unknown")
                self.assertIn("Known are ", self.fault().hint)

    def test_table_that_is_none_is_refused(self) -> None:
        for toml, key in {
            'models = "bob.pkl"': "models is not",
            '[models]\nbob = "bob.pkl"': "models.bob is not",
            "[[models.bob]]": "models.bob is not",
            f'notify = "{PING}"': "notify is not",
        }.items():
            self.write(toml)
            with self.subTest(toml):
                self.assert_refused(f"tournament.toml: {key} a table")

    def test_name_that_no_model_has_is_refused_and_not_shown(self) -> None:
        self.write(f'[models."{PING}"]\n')
        self.assert_refused("tournament.toml: a key of [models] is not the name of a model")

    def test_file_that_is_no_toml_is_refused_with_the_line(self) -> None:
        for line in (f"ping = {PING}", f'ping = "{PING}', f'ping "{PING}"', f'ping = "{PING}"\nping = "{PING}"'):
            self.write(f"[notify]\n{line}\n")
            with self.subTest(line):
                self.assert_refused("tournament.toml is not TOML: ", "(at ")
        for toml in ("a = " + "[" * 100_000, "a = " + "9" * 10_000):
            self.write(toml)
            with self.subTest(toml[:8]):
                self.assert_refused("tournament.toml is not TOML: ")

    def test_file_that_cannot_be_read_is_refused(self) -> None:
        (self.folder / "tournament.toml").write_bytes(b'[notify]\nping = "\xff"')
        self.assert_refused("tournament.toml is not UTF-8")
        (self.folder / "tournament.toml").unlink()
        (self.folder / "tournament.toml").mkdir()
        self.assert_refused("tournament.toml cannot be read: it is a folder, not a file")

    def test_python_without_a_reader_of_toml_is_refused_with_the_remedy(self) -> None:
        self.write("[notify]\n")
        program = (
            "import sys, pathlib; sys.modules['tomllib'] = sys.modules['tomli'] = None\n"
            "from numerai_predict.tournament import read_settings\nfrom numerai_predict.faults import Fault\n"
            "try: read_settings(pathlib.Path(sys.argv[1]), {})\n"
            "except Fault as fault: print(fault.code.label, fault.message, fault.hint)"
        )
        argv = [sys.executable, "-c", program, str(self.folder)]
        said = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        self.assertRegex(said, "^missing_packages .*toml.* is not installed.*pip install tomli")

    def test_python_without_a_reader_of_toml_needs_none_where_there_is_no_file(self) -> None:
        program = (
            "import sys, pathlib; sys.modules['tomllib'] = sys.modules['tomli'] = None\n"
            "from numerai_predict.tournament import read_settings\n"
            "print(read_settings(pathlib.Path(sys.argv[1]), {}).models[0].name)"
        )
        argv = [sys.executable, "-c", program, str(self.folder)]
        said = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        self.assertEqual("bob\n", said)


class ChannelsTest(SettingsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.add("bob.pkl")

    def test_channels_of_the_file_are_those_that_are_given(self) -> None:
        self.write(f'[notify]\nping = "{PING}"\n')
        self.assertEqual(Channels(ping=PING), self.read().channels)
        self.write(f'[notify]\nping = "{PING}"\nwebhook = "{WEBHOOK}"\napprise = "{APPRISE}"\n')
        self.assertEqual(Channels(PING, WEBHOOK, APPRISE), self.read().channels)

    def test_channels_of_the_environment_are_taken_from_it(self) -> None:
        environment = {"NUMERAI_PING_URL": PING, "NUMERAI_WEBHOOK_URL": WEBHOOK, "OTHER": "stays"}
        (self.folder / "secret").write_text(f"{APPRISE}\n")
        environment["NUMERAI_APPRISE_URL_FILE"] = str(self.folder / "secret")
        self.assertEqual(Channels(PING, WEBHOOK, APPRISE), read_settings(self.folder, environment).channels)
        self.assertNotIn(SECRET, str(environment))
        self.assertEqual("stays", environment["OTHER"])

    def test_secrets_are_taken_from_the_environment_also_if_the_file_is_wrong(self) -> None:
        self.write("[notify]\npings = 3\n")
        environment = {"NUMERAI_PING_URL": PING}
        with self.assertRaises(Fault):
            read_settings(self.folder, environment)
        self.assertEqual({}, environment)

    def test_channel_that_is_given_twice_is_refused(self) -> None:
        self.write(f'[notify]\nwebhook = "{WEBHOOK}"\n')
        self.assert_refused("tournament.toml: notify.webhook", "NUMERAI_WEBHOOK_URL", NUMERAI_WEBHOOK_URL=WEBHOOK)

    def test_address_that_is_none_is_refused_by_its_key_and_not_shown(self) -> None:
        bare = PING.partition("://")[2]
        for key, values in {
            "ping": (f'"{bare}"', f'"ftp://{bare}"', '"https://"', f'"{PING} x"', f'"{PING}\\n"', "3", '""', "true"),
            "webhook": (f'"{bare}"', f'["{PING}"]', f'"http://[{SECRET}"'),
            "apprise": ('"tgram"', '"tgram://"', f'["{APPRISE}"]', f'"{APPRISE} {APPRISE}"', "1.5"),
        }.items():
            for value in values:
                self.write(f"[notify]\n{key} = {value}\n")
                with self.subTest(key=key, value=value):
                    self.assert_refused(f"tournament.toml: notify.{key} is not an ")

    def test_secret_that_is_no_address_is_refused_by_its_name_and_not_shown(self) -> None:
        self.assert_refused("NUMERAI_PING_URL is not an http(s) URL", NUMERAI_PING_URL=SECRET)
        self.assert_refused("NUMERAI_APPRISE_URL is not an address", NUMERAI_APPRISE_URL=SECRET)

    def test_secrets_are_the_addresses_and_what_requests_quotes_of_them(self) -> None:
        secrets = Channels(PING, WEBHOOK, APPRISE).secrets
        quoted = f"{PING} {WEBHOOK} {APPRISE} url: /5ec2e7a0-7b1c-4f55/start /api/webhooks/1234567890/5ec2e7T0ken "
        quoted += "?wait=5ec2e7wait 123456:5ec2e7T0ken/987654"
        for secret in sorted(secrets, key=len, reverse=True):
            quoted = quoted.replace(secret, "…")
        self.assertNotIn(SECRET, quoted)
        self.assertEqual([], Channels().secrets)
        self.assertNotIn(SECRET, repr(Channels(PING, WEBHOOK, APPRISE)))

    def test_root_address_has_no_secret_but_itself(self) -> None:
        self.assertEqual(["https://example.com"], Channels(ping="https://example.com").secrets)


if __name__ == "__main__":
    unittest.main()
