"""s3_store.py: a bucket that cannot be reached, asks to slow down, loses its answers, or refuses."""

import contextlib
import os
import resource
import tempfile
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar
from unittest import mock

from numerai_predict.faults import Code, Fault
from numerai_predict.round.s3_store import S3Store
from numerai_predict.round.store import StoreError
from tests import s3
from tests.fault_proxy import CutAnswer, Pass, Proxy, ResetAtOnce, Status, Trouble, proxying
from tests.round.s3_stores import environment_of, store_in
from tests.s3 import Bucket
from tests.servers import unused_url

TOKEN = "5e55i0n/T0k3n+of+a+role"
LARGE = os.urandom(1 << 20)
ETAG = "0" * 32
IN_HEAD = 30
# More than the head of an answer has, and less than LARGE.
MIDDLE = 10_000
FOREVER = Status(503, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
CONFLICT = Status(409, b"<Error><Code>ConditionalRequestConflict</Code><Message>At once.</Message></Error>")
LOST: tuple[Trouble, ...] = (CutAnswer(0), CutAnswer(0, reset=True), CutAnswer(5), Status(500, passes=True))


class S3StoreTestCase(unittest.TestCase):
    bucket: ClassVar[Bucket]

    @classmethod
    def setUpClass(cls) -> None:
        server = contextlib.ExitStack()
        cls.addClassCleanup(server.close)
        cls.bucket = server.enter_context(s3.serving_stand_in())

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.prefix = self.id()
        self.there = store_in(self.bucket, self.prefix)

    @contextlib.contextmanager
    def store_behind(
        self, *troubles: Trouble, then: Trouble | None = None, attempts: int = 3
    ) -> Iterator[tuple[S3Store, Proxy]]:
        """A store whose first requests have troubles."""
        with proxying(self.bucket.endpoint, *troubles, then=then) as proxy:
            yield store_in(self.bucket, self.prefix, attempts, AWS_ENDPOINT_URL=proxy.url), proxy

    def operations_of(self, store: S3Store) -> dict[str, Callable[[], object]]:
        return {
            "read": lambda: store.read("claims/m1"),
            "create": lambda: store.create("claims/m1", b"mine"),
            "replace": lambda: store.replace("claims/m1", b"mine", ETAG),
            "write": lambda: store.write("claims/m1", b"mine"),
            "names": lambda: store.names("claims"),
            "fetch": lambda: store.fetch("claims/m1", self.folder),
        }

    def assert_all_fail(self, store: S3Store, problem: str) -> None:
        """Every operation raises an error with that in it, and leaves no file."""
        for name, operation in self.operations_of(store).items():
            with self.subTest(name), self.assertRaisesRegex(StoreError, problem) as raised:
                operation()
            said = str(raised.exception)
            self.assertTrue(said.startswith(f"{store.address}/claims"), said)
            self.assertNotIn("?list", said)
            self.assertNotIn(self.bucket.secret_key, said)
        self.assertEqual([], list(self.folder.iterdir()))

    def version(self, key: str) -> str:
        found = self.there.read(key)
        assert found is not None
        return found.version


class RetryTest(S3StoreTestCase):
    def test_server_slow_or_away_for_a_while_tried_again(self) -> None:
        for trouble in (FOREVER, Status(500), ResetAtOnce()):
            with self.subTest(trouble), self.store_behind(trouble, trouble) as (store, proxy):
                store.write("claims/m1", b"one")
                self.assertEqual(3, len(proxy.exchanges))
            self.assertEqual(b"one", self.bucket.get(f"{self.prefix}/claims/m1"))

    def test_server_slow_for_ever_error_after_so_many_tries(self) -> None:
        with self.store_behind(then=FOREVER, attempts=2) as (store, proxy):
            with self.assertRaisesRegex(StoreError, "could not be read: SlowDown: Please reduce your request rate"):
                store.read("claims/m1")
            self.assertEqual(2, len(proxy.exchanges))

    def test_server_slow_for_ever_every_operation_fails(self) -> None:
        with self.store_behind(then=FOREVER, attempts=1) as (store, _):
            self.assert_all_fail(store, "SlowDown")

    def test_nobody_listens_every_operation_fails(self) -> None:
        with unused_url() as url:
            self.assert_all_fail(store_in(self.bucket, attempts=2, AWS_ENDPOINT_URL=url), "Could not connect")

    def test_two_writes_at_once_tried_again(self) -> None:
        with self.store_behind(CONFLICT, CONFLICT) as (store, _):
            self.assertTrue(store.create("claims/m1", b"one"))
        version = self.version("claims/m1")
        with self.store_behind(CONFLICT) as (store, _):
            self.assertTrue(store.replace("claims/m1", b"two", version))
        with self.store_behind(CONFLICT) as (store, _):
            self.assertFalse(store.replace("claims/m1", b"three", version))
        self.assertEqual(b"two", self.bucket.get(f"{self.prefix}/claims/m1"))

    def test_two_writes_at_once_for_ever_error_after_so_many_tries(self) -> None:
        with self.store_behind(then=CONFLICT) as (store, proxy):
            with self.assertRaisesRegex(StoreError, "m1 could not be written: ConditionalRequestConflict: At once"):
                store.create("claims/m1", b"one")
            self.assertEqual(3, len(proxy.exchanges))


class LostAnswerTest(S3StoreTestCase):
    def test_create_answer_lost_written_by_this_call(self) -> None:
        for number, trouble in enumerate(LOST):
            with self.subTest(trouble), self.store_behind(trouble) as (store, proxy):
                self.assertTrue(store.create(f"claims/m{number}", b"mine"))
                self.assertEqual(3, len(proxy.exchanges))

    def test_replace_answer_lost_written_by_this_call(self) -> None:
        self.there.create("claims/m1", b"start")
        for number, trouble in enumerate(LOST):
            with self.subTest(trouble), self.store_behind(trouble) as (store, _):
                self.assertTrue(store.replace("claims/m1", b"%d" % number, self.version("claims/m1")))
                self.assertEqual(b"%d" % number, self.bucket.get(f"{self.prefix}/claims/m1"))

    def test_answer_lost_that_another_was_there_not_written(self) -> None:
        self.there.create("claims/m1", b"first")
        version = self.version("claims/m1")
        self.there.write("claims/m1", b"theirs")
        with self.store_behind(CutAnswer(0)) as (store, _):
            self.assertFalse(store.create("claims/m1", b"mine"))
        with self.store_behind(CutAnswer(0)) as (store, _):
            self.assertFalse(store.replace("claims/m1", b"mine", version))
        self.assertEqual(b"theirs", self.bucket.get(f"{self.prefix}/claims/m1"))

    def test_list_that_breaks_off_read_again(self) -> None:
        self.there.create("claims/m1", b"")
        for after in (0, IN_HEAD, 200, 400):
            with self.subTest(after), self.store_behind(CutAnswer(after)) as (store, proxy):
                self.assertEqual({"m1"}, store.names("claims"))
                self.assertEqual(2, len(proxy.exchanges))

    def test_answer_that_breaks_off_read_again(self) -> None:
        self.there.create("models/m1", LARGE)
        for trouble in (CutAnswer(IN_HEAD), CutAnswer(MIDDLE), CutAnswer(MIDDLE, reset=True)):
            with self.subTest(trouble), self.store_behind(trouble) as (store, proxy):
                found = store.read("models/m1")
                self.assertEqual(LARGE, found and found.content)
                self.assertEqual(2, len(proxy.exchanges))
            with self.subTest(trouble), self.store_behind(trouble) as (store, proxy):
                self.assertEqual(LARGE, store.fetch("models/m1", self.folder).read_bytes())

    def test_answer_that_breaks_off_for_ever_error_and_nothing_left(self) -> None:
        self.there.create("models/m1", LARGE)
        with self.store_behind(then=CutAnswer(MIDDLE)) as (store, proxy):
            with self.assertRaisesRegex(StoreError, "models/m1 could not be read: "):
                store.fetch("models/m1", self.folder)
            self.assertEqual(3, len(proxy.exchanges))
            with self.assertRaisesRegex(StoreError, "models/m1 could not be read: "):
                store.read("models/m1")
        self.assertEqual([], list(self.folder.iterdir()))

    def test_fetch_that_fails_file_of_before_still_there(self) -> None:
        self.there.create("models/m1", LARGE)
        (self.folder / "m1").write_bytes(b"before")
        with self.store_behind(then=CutAnswer(MIDDLE), attempts=1) as (store, _), self.assertRaises(StoreError):
            store.fetch("models/m1", self.folder)
        self.assertEqual([b"before"], [path.read_bytes() for path in self.folder.iterdir()])


class RefusalTest(S3StoreTestCase):
    def test_no_such_bucket_every_operation_says_so(self) -> None:
        store = store_in(self.bucket)
        with mock.patch.object(store, "_bucket", "nowhere"):
            self.assert_all_fail(store, "NoSuchBucket: The specified bucket does not exist")

    def test_wrong_keys_every_operation_says_so(self) -> None:
        store = store_in(self.bucket, AWS_ACCESS_KEY_ID="NOBODY")
        self.assert_all_fail(store, "InvalidAccessKeyId: The AWS Access Key Id you provided does not exist")

    def test_no_credentials_every_operation_says_so(self) -> None:
        store = store_in(self.bucket, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
        self.assert_all_fail(store, "Unable to locate credentials")

    def test_server_quotes_secrets_error_without_them(self) -> None:
        message = f"{self.bucket.secret_key} {TOKEN} http://host/key?X-Amz-Signature=abc"
        quoting = Status(403, f"<Error><Code>AccessDenied</Code><Message>No to {message}</Message></Error>".encode())
        with proxying(self.bucket.endpoint, then=quoting) as proxy:
            store = store_in(self.bucket, AWS_ENDPOINT_URL=proxy.url, AWS_SESSION_TOKEN=TOKEN)
            self.assert_all_fail(store, r"AccessDenied: No to … … http://host/key\?…$")

    def test_error_holds_none_of_what_it_was_raised_from(self) -> None:
        with self.store_behind(then=FOREVER, attempts=1) as (store, _), self.assertRaises(StoreError) as raised:
            store.read("claims/m1")
        self.assertIsNone(raised.exception.__cause__)
        self.assertTrue(raised.exception.__suppress_context__)

    def test_write_refused_by_a_condition_of_the_server_error(self) -> None:
        not_met = Status(412, b"<Error><Code>PreconditionFailed</Code><Message>No.</Message></Error>")
        with self.store_behind(not_met) as (store, _), self.assertRaisesRegex(StoreError, "PreconditionFailed"):
            store.write("claims/m1", b"one")

    def test_configuration_that_is_wrong_said_at_once(self) -> None:
        with (
            mock.patch.dict(os.environ, environment_of(self.bucket, AWS_PROFILE="nobody"), clear=True),
            self.assertRaisesRegex(StoreError, r"^s3://a/b could not be opened: The config profile \(nobody\)"),
        ):
            S3Store("a", "b")
        with self.assertRaisesRegex(Fault, "Invalid endpoint: nonsense") as raised:
            store_in(self.bucket, AWS_ENDPOINT_URL="nonsense")
        self.assertIs(Code.USAGE, raised.exception.code)

    def test_fetch_disk_full_error_and_nothing_left(self) -> None:
        self.there.create("models/m1", LARGE)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            with self.assertRaisesRegex(StoreError, f"{self.folder}/m1 could not be written: File too large"):
                self.there.fetch("models/m1", self.folder)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assertEqual([], list(self.folder.iterdir()))

    def test_fetch_folder_that_does_not_exist_error(self) -> None:
        self.there.create("models/m1", b"one")
        with self.assertRaisesRegex(StoreError, "m1 could not be written: No such file or directory"):
            self.there.fetch("models/m1", self.folder / "nowhere")


class RgwFaultsTest(S3StoreTestCase):
    """The same at a server that is not ours."""

    @classmethod
    def setUpClass(cls) -> None:
        if not s3.rgw_is_installed():
            raise unittest.SkipTest("Ceph is not installed")
        cls.bucket = s3.shared_bucket()

    def test_answers_lost_written_by_this_call(self) -> None:
        with self.store_behind(CutAnswer(0)) as (store, _):
            self.assertTrue(store.create("claims/m1", b"one"))
        with self.store_behind(CutAnswer(0)) as (store, _):
            self.assertTrue(store.replace("claims/m1", b"two", self.version("claims/m1")))
        with self.store_behind(CutAnswer(0), Pass()) as (store, _):
            self.assertFalse(store.create("claims/m1", b"three"))
        self.assertEqual(b"two", self.bucket.get(f"{self.prefix}/claims/m1"))


if __name__ == "__main__":
    unittest.main()
