"""file_type.py: what a model file is, by its bytes and its name alone."""

import bz2
import gzip
import hashlib
import importlib
import io
import json
import lzma
import pickle
import tarfile
import tempfile
import unittest
import zipfile
import zlib
from pathlib import Path
from typing import Any, ClassVar

import cloudpickle
import numpy as np
import pandas as pd

from numerai_predict.inspection.file_type import PickleFacts, look, sha256
from tests.harness import LEGACY_MODEL, LIVE, MODEL


class Model:
    def __init__(self, weights: Any) -> None:
        self.weights = weights

    def __call__(self, live_features: Any) -> Any:
        return live_features


PICKLE = cloudpickle.dumps(lambda live_features: live_features)


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.pkl", content)
    return buffer.getvalue()


def tarred(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("model.pkl")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


class LookTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def look(self, content: bytes, name: str = "model.pkl") -> PickleFacts:
        path = self.folder / name
        path.write_bytes(content)
        return look(path)


class FactsTest(LookTestCase):
    def test_look_at_a_pickle_tells_path_size_and_protocol(self) -> None:
        facts = self.look(PICKLE)
        expected = PickleFacts(
            path=str(self.folder / "model.pkl"),
            bytes=len(PICKLE),
            compression=None,
            protocol=PICKLE[1],
            other="",
        )
        self.assertEqual(facts, expected)

    def test_sha256_of_a_file_of_megabytes_digests_all_of_it(self) -> None:
        path = self.folder / "model.pkl"
        path.write_bytes(b"\x00\x01" * (3 << 20) + b"\x02")
        self.assertEqual(sha256(path), hashlib.sha256(path.read_bytes()).hexdigest())

    def test_look_at_a_missing_file_or_a_folder_raises(self) -> None:
        for path in (self.folder / "missing.pkl", self.folder):
            with self.subTest(path=path.name), self.assertRaises(OSError):
                look(path)

    def test_look_executes_nothing(self) -> None:
        class Bomb:
            def __reduce__(self) -> Any:
                return exec, ("raise SystemExit('executed')",)

        self.assertEqual(self.look(pickle.dumps(Bomb())).other, "")


class PickleTest(LookTestCase):
    def test_look_at_any_real_pickle_finds_nothing_else(self) -> None:
        held: dict[str, Any] = {
            "instance": Model([0.5, 0.25]),
            "builtin": len,
            "function": zipped,
            "dict": {"cells": 1, "nbformat": 2},
            "empty dict": {},
            "list of numbers": [0.1, 0.2, 65],
            "tuple": (1, 2),
            "str": "import numpy",
            "html": "<html>",
            "bytes": b"\x1f\x8bPK\x03\x04",
            "float": 0.5,
            "array": np.arange(5.0),
            "frame": pd.DataFrame({"prediction": [0.5]}),
        }
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            for name, value in held.items():
                with self.subTest(protocol=protocol, held=name):
                    facts = self.look(pickle.dumps(value, protocol))
                    self.assertEqual(facts.other, "")
                    self.assertEqual(facts.protocol, protocol if protocol > 1 else None)

    def test_look_at_a_long_pickle_of_protocol_0_finds_nothing_else(self) -> None:
        self.assertEqual(self.look(pickle.dumps(list(range(2000)), 0)).other, "")

    def test_look_at_a_printable_pickle_of_one_line_finds_nothing_else(self) -> None:
        for content in (pickle.dumps(None, 0), pickle.dumps((), 0), pickle.dumps(65, 1)):
            self.assertEqual(self.look(content).other, "")

    def test_look_at_the_sample_models_finds_nothing_else(self) -> None:
        for path in (MODEL, LEGACY_MODEL):
            with self.subTest(path=path.name):
                self.assertEqual(look(path).other, "")

    def test_look_at_a_joblib_dump_without_arrays_finds_nothing_else(self) -> None:
        path = self.folder / "model.joblib"
        importlib.import_module("joblib").dump(Model([0.5]), path)
        self.assertEqual(look(path).other, "")


class CompressionTest(LookTestCase):
    compressed: ClassVar = {
        "gz": gzip.compress(PICKLE),
        "bz2": bz2.compress(PICKLE),
        "xz": lzma.compress(PICKLE),
        "zip": zipped(PICKLE),
        "zst": b"\x28\xb5\x2f\xfd" + PICKLE,  # No Python before 3.14 can write one; only its first bytes count.
    }

    def test_look_at_a_compressed_pickle_with_its_suffix_finds_nothing_else(self) -> None:
        for suffix, content in self.compressed.items():
            for name in (f"model.pkl.{suffix}", f"MODEL.{suffix.upper()}"):
                with self.subTest(name=name):
                    facts = self.look(content, name)
                    self.assertEqual((facts.other, facts.compression, facts.protocol), ("", suffix, None))

    def test_look_at_a_tar_with_its_suffix_finds_nothing_else(self) -> None:
        plain = tarred(PICKLE)
        archives = {
            "tar": plain,
            "tar.gz": gzip.compress(plain),
            "tar.bz2": bz2.compress(plain),
            "TAR.XZ": lzma.compress(plain),
        }
        for suffix, content in archives.items():
            with self.subTest(suffix=suffix):
                facts = self.look(content, f"model.{suffix}")
                self.assertEqual((facts.other, facts.compression), ("", "tar"))

    def test_look_at_a_compressed_pickle_without_its_suffix_names_the_compression(self) -> None:
        names = {"gz": "gzip", "bz2": "bzip2", "xz": "an xz", "zip": "zip archive", "zst": "Zstandard"}
        for suffix, content in self.compressed.items():
            for name in ("model.pkl", "model.pkl.gz" if suffix != "gz" else "model.pkl.xz"):
                with self.subTest(suffix=suffix, name=name):
                    self.assertIn(names[suffix], self.look(content, name).other)

    def test_look_at_an_uncompressed_pickle_with_a_suffix_of_compression_says_so(self) -> None:
        for suffix in self.compressed:
            with self.subTest(suffix=suffix):
                other = self.look(PICKLE, f"model.{suffix}").other
                self.assertEqual(other, f"not compressed, though its name ends in .{suffix}")

    def test_look_at_a_pickle_that_holds_a_joblib_dump_with_arrays_finds_nothing_else(self) -> None:
        dump = io.BytesIO()
        importlib.import_module("joblib").dump(Model(np.arange(1000.0)), dump)
        self.assertEqual("", self.look(pickle.dumps(dump.getvalue()), "model.pkl").other)

    def test_look_at_a_joblib_dump_with_compression_names_it(self) -> None:
        joblib = importlib.import_module("joblib")
        path = self.folder / "model.joblib"
        kinds = {("zlib", 1): "zlib", ("zlib", 6): "zlib", ("zlib", 9): "zlib", ("gzip", 3): "gzip", ("xz", 3): "xz"}
        for compress, name in kinds.items():
            with self.subTest(compress=compress):
                joblib.dump(Model(np.arange(1000.0)), path, compress=compress)
                self.assertIn(name, look(path).other)

    def test_look_at_a_joblib_dump_with_compress_3_names_it(self) -> None:
        path = self.folder / "model.joblib"
        importlib.import_module("joblib").dump(Model(np.arange(1000.0)), path, compress=3)
        self.assertIn("zlib", look(path).other)


class OtherFileTest(LookTestCase):
    def test_look_at_no_bytes_is_empty_whatever_its_name(self) -> None:
        for name in ("model.pkl", "model.pkl.gz", "model.tar"):
            with self.subTest(name=name):
                self.assertEqual(self.look(b"", name).other, "empty")

    def test_look_at_another_binary_format_names_it(self) -> None:
        array = io.BytesIO()
        np.save(array, np.arange(3))
        arrays = io.BytesIO()
        np.savez(arrays, np.arange(3))
        formats = {
            "zlib": zlib.compress(PICKLE, 6),
            "PNG": b"\x89PNG\r\n\x1a\n" + bytes(20),
            "parquet": LIVE.read_bytes(),
            "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(20),
            "NumPy": array.getvalue(),
            "zip archive": arrays.getvalue(),
            "PDF": b"%PDF-1.7\n%\xe2\xe3",
            "program": Path("/proc/self/exe").read_bytes()[:1000],
            "zeros": bytes(5000),
        }
        for name, content in formats.items():
            with self.subTest(format=name):
                self.assertIn(name, self.look(content).other)

    def test_look_at_a_text_names_its_kind(self) -> None:
        notebook = json.dumps({"cells": [], "nbformat": 4}, indent=1)
        texts = {
            "XML": '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>',
            "an XML": "<Error><Code>NoSuchKey</Code></Error>",
            "HTML": "<!DOCTYPE html>\n<html><body>Sign in</body></html>",
            "an HTML": "\n  <html lang=en>",
            "Git LFS": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "notebook": notebook,
            "Python source": "import pandas as pd\n\ndef predict(live_features):\n    return live_features\n",
            "Python": "# My model.\nx = 1\n",
            "source code": '"""My model."""\n',
            "source": "def predict(live_features):\n    return 1.0\n",
            "JSON": '{"model": [1, 2]}',
            "JSON text": "[1, 2]",
            "LightGBM": "tree\nversion=v4\nnum_class=1\n",
            "a text file": "id,prediction\nn0,0.5\n",
        }
        for name, text in texts.items():
            for begin in ("", "\r\n "):
                with self.subTest(text=name, begin=begin):
                    self.assertIn(name, self.look((begin + text).encode()).other)

    def test_look_at_a_text_with_a_byte_order_mark_names_its_kind(self) -> None:
        self.assertIn("XML", self.look(b"\xef\xbb\xbf<?xml version='1.0'?><Error/>").other)

    def test_look_at_a_text_with_a_suffix_of_compression_names_its_kind(self) -> None:
        self.assertIn("HTML", self.look(b"<html></html>", "model.pkl.gz").other)

    def test_look_at_binary_noise_leaves_it_to_the_unpickler(self) -> None:
        self.assertEqual(self.look(b"\x07\x08\xff noise").other, "")
