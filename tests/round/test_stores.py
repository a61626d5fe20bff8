"""The stores of a round: what both promise, in a folder and in S3, and which of them an address means."""

import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import threading
import unittest
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from numerai_predict.faults import Code, Fault
from numerai_predict.round.folder_store import FolderStore
from numerai_predict.round.open_store import open_store
from numerai_predict.round.store import Store, StoreError, Versioned
from tests import s3, s3_stand_in
from tests.examples import examples
from tests.harness import ROOT
from tests.round.s3_stores import environment_of, store_in
from tests.s3 import Bucket

STRANGE = "models/it's 50% of a+b&c=d?e#f~g é日本.pkl"
NO_KEYS = ("", "/", "/etc/m1", "claims/", "claims//m1", ".", "..", "../m1", "claims/../m1", ".lock", "claims/.m1")
UNPRINTABLE = ("claims/m\0", "claims/m\n", "claims/\ud800")
RACERS = 6
OPERATIONS = ("read", "create", "replace", "write", "names", "fetch")
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(OPERATIONS), st.sampled_from(("claims/a", "claims/b", "outcomes/a"))),
    max_size=25,
)

if TYPE_CHECKING:
    Mixin = unittest.TestCase
else:
    Mixin = object


class StoreChecks(Mixin):
    """What every store promises. `open` gives another store of the round that `begin` has begun."""

    def begin(self) -> None:
        raise NotImplementedError

    def open(self) -> Store:
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.begin()
        self.store = self.open()
        self.other = self.open()
        self.third = self.open()

    def found(self, key: str) -> Versioned:
        found = self.other.read(key)
        assert found is not None
        return found

    def assert_there(self, content: bytes, key: str) -> None:
        self.assertEqual(content, self.found(key).content)

    def test_read_nothing_there_none(self) -> None:
        self.assertIsNone(self.store.read("claims/m1"))

    def test_create_nothing_there_written(self) -> None:
        self.assertTrue(self.store.create("claims/m1", b"one"))
        self.assert_there(b"one", "claims/m1")

    def test_create_something_there_left_as_it_is(self) -> None:
        self.store.create("claims/m1", b"one")
        self.assertFalse(self.other.create("claims/m1", b"two"))
        self.assertFalse(self.store.create("claims/m1", b"three"))
        self.assert_there(b"one", "claims/m1")

    def test_create_in_folders_of_several_levels_and_in_none(self) -> None:
        for key in ("round.json", "models/base/old/m1.pkl"):
            self.assertTrue(self.store.create(key, key.encode()))
            self.assert_there(key.encode(), key)

    def test_any_bytes_come_back(self) -> None:
        for number, content in enumerate((b"", bytes(range(256)), os.urandom(3 << 20))):
            self.store.create(f"predictions/{number}", content)
            self.assert_there(content, f"predictions/{number}")

    def test_replace_version_that_is_there_written(self) -> None:
        self.store.create("claims/m1", b"one")
        self.assertTrue(self.store.replace("claims/m1", b"two", self.found("claims/m1").version))
        self.assert_there(b"two", "claims/m1")
        self.assertTrue(self.other.replace("claims/m1", b"three", self.found("claims/m1").version))
        self.assert_there(b"three", "claims/m1")

    def test_replace_version_of_before_left_as_it_is(self) -> None:
        self.store.create("claims/m1", b"one")
        first = self.found("claims/m1").version
        self.store.replace("claims/m1", b"two", first)
        self.assertFalse(self.other.replace("claims/m1", b"three", first))
        self.assert_there(b"two", "claims/m1")

    def test_replace_nothing_there_not_written(self) -> None:
        self.store.create("claims/m1", b"one")
        self.assertFalse(self.store.replace("claims/m2", b"two", self.found("claims/m1").version))
        self.assertIsNone(self.store.read("claims/m2"))

    def test_write_whatever_is_there_written(self) -> None:
        for content in (b"one", b"two"):
            self.store.write("predictions/m1.csv", content)
            self.assert_there(content, "predictions/m1.csv")

    def test_replace_after_write_by_another_left_as_it_is(self) -> None:
        self.store.write("claims/m1", b"one")
        first = self.found("claims/m1").version
        self.other.write("claims/m1", b"two")
        self.assertFalse(self.store.replace("claims/m1", b"three", first))

    def test_versions_of_two_contents_differ(self) -> None:
        versions = set()
        for number in range(10):
            self.store.write("claims/m1", b"%d" % number)
            versions.add(self.found("claims/m1").version)
        self.assertEqual(10, len(versions))

    def test_names_only_of_files_in_the_folder_itself(self) -> None:
        for key in ("outcomes/m1.json", "outcomes/m2.json", "outcomes/old/m3.json", "outcomes2/m4.json", "outcomes3"):
            self.store.create(key, b"content")
        self.assertEqual({"m1.json", "m2.json"}, self.other.names("outcomes"))
        self.assertEqual({"m3.json"}, self.other.names("outcomes/old"))

    def test_names_no_such_folder_none(self) -> None:
        self.assertEqual(set(), self.store.names("outcomes"))

    def test_strange_key_as_any_other(self) -> None:
        self.assertTrue(self.store.create(STRANGE, b"one"))
        self.assertTrue(self.store.replace(STRANGE, b"two", self.found(STRANGE).version))
        self.assertEqual({STRANGE.removeprefix("models/")}, self.other.names("models"))
        self.assertEqual(b"two", self.other.fetch(STRANGE, self.folder).read_bytes())

    def test_key_that_is_none_refused(self) -> None:
        calls: tuple[Callable[[str], object], ...] = (
            self.store.read,
            self.store.names,
            lambda key: self.store.create(key, b"content"),
            lambda key: self.store.replace(key, b"content", "version"),
            lambda key: self.store.write(key, b"content"),
            lambda key: self.store.fetch(key, self.folder),
        )
        for key in NO_KEYS + UNPRINTABLE:
            for number, call in enumerate(calls):
                with self.subTest(key=key, call=number), self.assertRaisesRegex(StoreError, "is not a key of a round"):
                    call(key)

    def test_fetch_local_file_with_the_content(self) -> None:
        content = os.urandom(3 << 20)
        self.store.create("models/m1.pkl", content)
        path = self.other.fetch("models/m1.pkl", self.folder)
        self.assertEqual(("m1.pkl", content), (path.name, path.read_bytes()))

    def test_fetch_nothing_there_file_not_found(self) -> None:
        with self.assertRaisesRegex(FileNotFoundError, "models/m1.pkl"):
            self.store.fetch("models/m1.pkl", self.folder)
        self.assertEqual([], [path for path in self.folder.iterdir() if path.is_file()])

    @functools.cached_property
    def racers(self) -> dict[bytes, Store]:
        """Stores, by what each of them writes."""
        return {b"racer %d" % number: self.open() for number in range(RACERS)}

    def racing(self, call: Callable[[Store, bytes], str | None]) -> list[bytes]:
        """The contents of those who won: each store calls with a content of its own, all at once."""
        stores = self.racers
        start = threading.Barrier(RACERS)

        def race(content: bytes) -> str | None:
            start.wait()
            return call(stores[content], content)

        with ThreadPoolExecutor(RACERS) as pool:
            return [content for content, won in zip(stores, pool.map(race, stores), strict=True) if won]

    def test_create_by_many_at_once_one_wins(self) -> None:
        for key in (f"claims/m{number}" for number in range(5)):

            def create(store: Store, content: bytes, key: str = key) -> str | None:
                return store.create(key, content)

            won = self.racing(create)
            self.assertEqual([self.found(key).content], won)

    def test_replace_by_many_at_once_one_wins(self) -> None:
        self.store.create("claims/m1", b"start")
        for turn in (b"turn %d of " % number for number in range(5)):

            def replace(
                store: Store, content: bytes, turn: bytes = turn, version: str = self.found("claims/m1").version
            ) -> str | None:
                return store.replace("claims/m1", turn + content, version)

            won = self.racing(replace)
            self.assertEqual([self.found("claims/m1").content], [turn + content for content in won])

    def test_threads_share_a_store(self) -> None:
        with ThreadPoolExecutor(RACERS) as pool:
            won = list(pool.map(lambda n: self.store.create(f"claims/m{n % 10}", b"%d" % n), range(40)))
        self.assertEqual(10, len(list(filter(None, won))))
        self.assertEqual({f"m{number}" for number in range(10)}, self.other.names("claims"))

    @examples(20)
    @given(steps=STEPS)
    def test_operations_of_three_stores_as_with_a_dictionary(self, steps: list[tuple[int, str, str]]) -> None:
        stores = [self.store, self.other, self.third]
        lot = uuid.uuid4().hex
        expected: dict[str, bytes] = {}
        seen: dict[tuple[int, str], Versioned] = {}
        for number, (who, operation, name) in enumerate(steps):
            key = f"{lot}/{name}"
            store, content = stores[who], b"written in step %d" % number
            before = expected.get(key)
            match operation:
                case "read":
                    found = store.read(key)
                    self.assertEqual(before, found and found.content)
                    if found:
                        seen[who, key] = found
                case "create":
                    self.assertEqual(before is None, bool(store.create(key, content)))
                    expected.setdefault(key, content)
                case "replace" if (who, key) in seen:
                    is_there = before == seen[who, key].content
                    self.assertEqual(is_there, bool(store.replace(key, content, seen[who, key].version)))
                    expected.update({key: content} if is_there else {})
                case "write":
                    store.write(key, content)
                    expected[key] = content
                case "names":
                    folder = key.rpartition("/")[0]
                    names = {name.removeprefix(f"{folder}/") for name in expected if name.startswith(f"{folder}/")}
                    self.assertEqual(names, store.names(folder))
                case "fetch" if before is not None:
                    self.assertEqual(before, store.fetch(key, self.folder).read_bytes())


class FolderContractTest(StoreChecks, unittest.TestCase):
    def begin(self) -> None:
        self.round = self.folder / uuid.uuid4().hex
        self.round.mkdir()

    def open(self) -> Store:
        return FolderStore(self.round)

    def test_fetch_where_it_lies(self) -> None:
        self.store.create("models/m1.pkl", b"model")
        self.assertEqual(self.round / "models/m1.pkl", self.store.fetch("models/m1.pkl", self.folder / "elsewhere"))


class S3Checks(StoreChecks):
    bucket: ClassVar[Bucket]

    def begin(self) -> None:
        self.prefix = f"rounds/{uuid.uuid4().hex}"

    def open(self) -> Store:
        # RGW answers 500 to whoever loses a race, and is then asked again.
        return store_in(self.bucket, self.prefix, attempts=8)

    def test_object_lies_under_the_prefix(self) -> None:
        self.store.create("claims/m1", b"one")
        self.assertEqual(b"one", self.bucket.get(f"{self.prefix}/claims/m1"))

    def test_no_prefix_object_lies_in_the_bucket(self) -> None:
        key = f"{uuid.uuid4().hex}/m1"
        self.assertTrue(store_in(self.bucket).create(key, b"one"))
        self.assertEqual(b"one", self.bucket.get(key))

    def test_names_not_of_hidden_objects_and_not_of_the_folder(self) -> None:
        for name in ("", ".hidden", "m1"):
            self.bucket.put(f"{self.prefix}/claims/{name}", b"")
        self.assertEqual({"m1"}, self.store.names("claims"))


class StandInContractTest(S3Checks, unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        server = contextlib.ExitStack()
        cls.addClassCleanup(server.close)
        cls.bucket = server.enter_context(s3.serving_stand_in())

    def test_names_of_several_pages_all(self) -> None:
        names = {f"m{number}" for number in range(7)}
        for name in names:
            self.store.create(f"claims/{name}", b"")
            self.store.create(f"claims/{name}-old/{name}", b"")
        with mock.patch.object(s3_stand_in, "PAGE_KEYS", 2):
            self.assertEqual(names, self.store.names("claims"))


@unittest.skipUnless(s3.rgw_is_installed(), "Ceph is not installed")
class RgwContractTest(S3Checks, unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.bucket = s3.shared_bucket()


class OpenStoreTest(unittest.TestCase):
    def assert_usage(self, address: str, problem: str) -> None:
        with self.assertRaisesRegex(Fault, problem) as raised:
            open_store(address)
        self.assertIs(Code.USAGE, raised.exception.code)

    def test_folder_a_store_there_wherever_the_process_goes(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "round").mkdir()
            before = Path.cwd()
            os.chdir(folder)
            try:
                store = open_store("round")
            finally:
                os.chdir(before)
            store.create("claims/m1", b"one")
            self.assertEqual("round", store.address)
            self.assertEqual(b"one", (Path(folder) / "round/claims/m1").read_bytes())

    def test_s3_a_store_there(self) -> None:
        with s3.serving_stand_in() as bucket, mock.patch.dict(os.environ, environment_of(bucket), clear=True):
            for address, key in (
                (f"s3://{bucket.name}/rounds/7", "rounds/7/claims/m1"),
                (f"s3://{bucket.name}/rounds/8/", "rounds/8/claims/m1"),
                (f"s3://{bucket.name}", "claims/m1"),
                (f"s3://{bucket.name}/", "claims/m1"),
            ):
                with self.subTest(address):
                    store = open_store(address)
                    store.write("claims/m1", address.encode())
                    self.assertEqual(address.rstrip("/"), store.address)
                    self.assertEqual(address.encode(), bucket.get(key))

    def test_address_without_a_bucket_refused(self) -> None:
        for address in ("s3://", "s3:///rounds/7", "s3://a b/rounds", "s3://arn:aws:s3:eu-west-1:1:accesspoint/a"):
            with self.subTest(address):
                self.assert_usage(address, "no name of a bucket")

    def test_folder_that_does_not_exist_refused(self) -> None:
        for address in ("", "/no/such/folder", __file__, "a\0b"):
            with self.subTest(address):
                self.assert_usage(address, "does not exist")

    def test_other_scheme_refused_without_what_may_be_secret(self) -> None:
        self.assert_usage("https://user:secret@host/round?signature=secret", "not at https://$")

    def test_import_boto3_not_imported(self) -> None:
        program = "import sys, numerai_predict.round as r; r.open_store('.'); sys.exit('boto3' in sys.modules)"
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)

    def test_s3_without_boto3_packages_are_missing(self) -> None:
        with mock.patch.dict(sys.modules, {"boto3": None}), self.assertRaisesRegex(Fault, "boto3 is not in") as raised:
            open_store("s3://bucket/round")
        self.assertIs(Code.MISSING_PACKAGES, raised.exception.code)


if __name__ == "__main__":
    unittest.main()
