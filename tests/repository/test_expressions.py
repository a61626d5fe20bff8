"""Every regular expression of the package, as it is used, on a megabyte of what it takes longest for."""

import argparse
import ast
import contextlib
import io
import json
import os
import tempfile
import time
import unittest
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import requests

from numerai_predict.child import LIVE_FEATURES, Answer, MissingColumns, Shape
from numerai_predict.cli import arguments, presign, worker
from numerai_predict.diagnosis.crash import crash_site, without_our_frames
from numerai_predict.diagnosis.exceptions import fault_of_exception
from numerai_predict.diagnosis.exhausted import exhausted
from numerai_predict.excerpt import MOST, excerpt
from numerai_predict.faults import Fault
from numerai_predict.inspection import (
    before_loading,
    compatibility,
    fingerprints,
    installed,
    look,
    mentioned,
    packages,
)
from numerai_predict.inspection.stub_unpickler import trace
from numerai_predict.redaction import hide_queries
from numerai_predict.round import StoreError, array_job, manifest, open_store, prepare
from numerai_predict.runner.csv_form import read_csv
from numerai_predict.runner.id_counts import IdCounts
from numerai_predict.runner.live_ids import LiveIds
from numerai_predict.sandbox import ProtocolError, hide_parent, landlock
from numerai_predict.times import time_in
from numerai_predict.tournament import settings
from numerai_predict.transfer import http, s3
from numerai_predict.transfer.download import PartialFile
from numerai_predict.visible import VisibleStream
from tests import findings
from tests.diagnosis.cases import FACTS, exception
from tests.diagnosis.test_outcome import GOOD
from tests.harness import ROOT
from tests.round.memory_store import MemoryStore

PACKAGE = ROOT / "numerai_predict"
MEGABYTE = 1 << 20
# Quadratic time would be minutes.
MOST_SECONDS = 1.0
# The longest argument of a command line, and so the longest secret: MAX_ARG_STRLEN of Linux.
ARGUMENT = 1 << 17
OF_RE = {"compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn"}
# Letters, digits and what separates them: for what has no beginning of its own.
ANY = ("a", "1", ".", " ", "1.", "a.", "Aa1_", "\n", "'", "é")
STYLES = ("\x1b[", "\x1b[1;", "\x1b[1m", "\x1b", "1", ";", "\x9b", "\u202e")
KINDS = ("AttributeError", "ImportError", "KeyError", "OSError", "SystemError", "SystemExit", "TypeError", "ValueError")


class Use(NamedTuple):
    """Where expressions are: how many are written out there (0: a table that others search with), who takes the text or
    returns calls that do, and what a text is made of that takes long.
    """

    expressions: int
    take: Callable[[str], object]
    seeds: tuple[str, ...] = ANY


def diagnose(kind: str, phase: str, text: str) -> None:
    fault_of_exception(Answer(exception=exception(kind, text, name="name")), phase, FACTS)


def everywhere(text: str) -> Iterator[Callable[[], object]]:
    for kind in KINDS:
        for phase in ("loading", "predicting"):
            yield partial(diagnose, kind, phase, text)


def raised(text: str) -> list[Callable[[], object]]:
    return [*everywhere(text), *everywhere(f"x not in index {text} not in index")]


def missing(text: str) -> list[Callable[[], object]]:
    """As a shared library that is not there."""
    return [*everywhere(f"cannot open shared object file {text}")]


def shelled(text: str) -> list[Callable[[], object]]:
    return [partial(diagnose, "CalledProcessError", "predicting", f"{begin}{text}") for begin in ("", "Command '")]


def refused_by_network(text: str) -> list[Callable[[], object]]:
    return [*everywhere(f"Network is unreachable {text}")]


def ran_out(text: str) -> list[Callable[[], object]]:
    """As what the model raised, and as what it printed before it died."""
    full = replace(GOOD, full_shared_memory_bytes=64 << 20)
    raised_it = Answer(exception=exception("OSError", text))
    return [partial(exhausted, full, raised_it, FACTS), partial(exhausted, replace(full, log_tail=text), None, FACTS)]


def named_columns(text: str) -> list[Callable[[], object]]:
    return raised(f"The feature names should match{text}")


def not_found(text: str) -> list[Callable[[], object]]:
    return [partial(diagnose, "ColumnNotFoundError", "predicting", text)]


def looked_up(text: str) -> None:
    missing = MissingColumns([LIVE_FEATURES], 1, ["a"])
    error = replace(exception("KeyError", text), missing=missing)
    fault_of_exception(Answer(exception=error), "predicting", FACTS)


def crashed(text: str) -> list[Callable[[], object]]:
    current = 'Current thread 0x1:\n  File "'
    logs = (text, f"{current}{text}", f'{current}/lib/python{text}", line 1 in f')
    return [partial(take, log) for log in logs for take in (without_our_frames, crash_site)]


def unread(text: str) -> None:
    for kind in ("UnpicklingError", "EOFError", "ValueError"):
        before_loading(replace(findings.GOOD, complete=False, error_kind=kind, error=text))


def looked_at(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pkl"
        path.write_text(text)
        look(path)


def named(text: str) -> None:
    """As the module and as the name of a global of the pickle, and as a module to import."""
    line = text.replace("\n", "").encode()
    imported = b"\x8d" + len(line).to_bytes(8, "little") + line + b"\x85R."
    for pickle in (
        b"c" + line + b"\nname\n.",
        b"cmodule\n" + line + b"\n.",
        b"ccloudpickle.cloudpickle\nsubimport\n" + imported,
    ):
        trace(io.BytesIO(pickle))


def carried(text: str) -> None:
    """As bytes in the pickle, as they are and behind the beginning of an archive."""
    for content in (text.encode(), b"PK\x03\x04" + bytes(26) + text.encode()):
        argument = b"\x8e" + len(content).to_bytes(8, "little") + content
        trace(io.BytesIO(b"cmodule\nname\n" + argument + b"\x85R."))


def marked(text: str) -> None:
    content = text.encode()
    for _ in (
        *fingerprints.of_call("torch.storage", "_load_from_bytes", (content,)),
        *fingerprints.of_state("sklearn.base", "Model", {"_sklearn_version": text}),
        *fingerprints.of_state("xgboost.core", "Booster", {"handle": content}),
        *fingerprints.of_state("catboost.core", "Model", {"__model": content}),
    ):
        pass


def compared(text: str) -> None:
    marks = [fingerprints.Mark("sklearn", text, "tree"), fingerprints.Mark("sklearn", "1.2", "tree_nodes")]
    compatibility.differences(marks, [], lambda name: "", lambda library: text)


def failed(text: str) -> None:
    for error in (requests.ConnectionError(text), requests.exceptions.SSLError(text)):
        http.describe_error(error)


def announced(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ValueError):
        part = PartialFile("http://localhost/model.pkl", Path(folder))
        for value in (text, f"bytes {text}", f"bytes 1-{text}"):
            part._is_the_rest(SimpleNamespace(headers={"Content-Range": value}), 1)
        part._note(SimpleNamespace(status_code=200, headers={"Content-Length": text}))
        part.close()


def shown(text: str) -> None:
    for keep_styles in (True, False):
        stream = VisibleStream(keep_styles)
        stream.feed(text.encode())
        stream.end()


def numbered(text: str) -> None:
    """As a prediction, and as an id."""
    for line in (f'i,"{text}"', f'"{text}",0.5'):
        with contextlib.suppress(ProtocolError):
            csv = io.BytesIO(f"id,prediction\n{line}\n".encode())
            read_csv(csv, ["prediction"], IdCounts(LiveIds(Shape(1, 1), b"i\n")))


def mentions(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pkl"
        path.write_text(text)
        mentioned(path, ["torch"])


def of_an_engine(text: str) -> None:
    for name in ("AWS_BATCH_JOB_ID", "JOB_COMPLETION_INDEX"):
        with contextlib.suppress(Fault):
            array_job.array_index({name: text})


def in_manifest(text: str) -> list[Callable[[], object]]:
    """As the name of a key and as each value of a row, and as a time of the schedule."""
    row: dict[str, object] = {"id": "a", "model": "a.pkl"}
    form = {"post_url": "https://host/", "post_data": text}
    rows: list[dict[str, object]] = [
        {**row, text: 1},
        {**row, **form},
        *({**row, name: text} for name in ("id", "model", "python", "sha256")),
    ]
    return [partial(scheduled, text), *(partial(listed, each) for each in rows)]


def listed(row: dict[str, object]) -> None:
    store = MemoryStore()
    store.write("manifest.jsonl", json.dumps(row).encode())
    with contextlib.suppress(Fault):
        manifest.read_manifest(store)


def scheduled(text: str) -> None:
    store = MemoryStore()
    store.write("round.json", json.dumps({"deadline": text}).encode())
    with contextlib.suppress(Fault):
        manifest.read_schedule(store)


def opened(text: str) -> None:
    with contextlib.suppress(Fault, StoreError):
        open_store(f"s3://{text}")


def made_a_row(text: str) -> list[Callable[[], object]]:
    return [partial(prepare.MODEL_NAME.fullmatch, f"{text}.pkl"), partial(prepare.NOT_IN_IDS.sub, "_", text)]


def a_time(text: str) -> None:
    with contextlib.suppress(ValueError):
        time_in(text)


def refused(parse: Callable[[str], object]) -> Callable[[str], object]:
    def take(text: str) -> None:
        with contextlib.suppress(argparse.ArgumentTypeError):
            parse(text)

    return take


# By module, and by what holds the expression: a function, a class or a constant. The diagnosis has a function for all.
TABLE: dict[str, dict[str, Use]] = {
    "cli/worker.py": {"_number": Use(1, refused(worker._number))},
    "cli/presign.py": {"expires": Use(1, refused(presign.expires))},
    "diagnosis/crash.py": {
        "_FRAME": Use(1, crashed, ('", line 1', '", line 1 in ', '  File "a', " ", "1", *ANY)),
        "_LIBRARY": Use(1, crashed, ("/lib/python3.11/", "/lib/python1.1", "site-packages/", "<frozen ")),
    },
    "diagnosis/columns.py": {
        "_COUNTS": Use(
            0,
            raised,
            (
                *("number of features in data (", "Model was trained on 1 features, but ", "Model n_features_ is "),
                *("X has 1 features, but ", "X has 1", "Feature shape mismatch, expected: ", "num_col_ (1"),
                *(
                    "with shape (",
                    "with shape (1, ",
                    "expected axis -1 of input shape to have value 1",
                    "found shape=(",
                ),
            ),
        ),
        "_NAMES": Use(
            1,
            raised,
            ("The feature names should ", "At position ", "At position 1", "is present in model ", "Expected '"),
        ),
        "_PRODUCT": Use(1, raised, ("matrices are not ",)),
        "_WITHOUT_NAMES": Use(1, raised, ("data did not contain feature ", "training data did not ")),
        "_LACKS": Use(1, named_columns, ("yet now ", "are missing:", " in input ", "is present in model but ")),
        "_SHAPES": Use(
            0,
            raised,
            (
                *("mat1 and mat2 shapes cannot be multiplied (1x1 and ", "size mismatch, got input (1), mat (1x", "1x"),
                *("size of tensor a (", "running_mean should contain ", "Given normalized_shape=[1], ", " size [1, "),
                *(
                    "Given normalized_shape=[1], a size [1, ",
                    "1, ",
                    "must be equal to input_size. Expected ",
                    "to have 1",
                ),
                *("embedding dimension of ", "Matrix size-incompatible: In[0]: [1,", "(size ", "not aligned: 1 (dim "),
                *("contracting dimensions to have the same shape, got (1,) and (", "shape, got (1", "got ("),
                *("Dot product shape mismatch, (1, 1) vs (", "could not be broadcast together with shapes (1,1) ("),
                *("could not be broadcast together with shapes (1,) (", "Unable to coerce to Series, length must be "),
            ),
        ),
        "_POLARS": Use(1, not_found, ("unable to find column ", '"', "v1", "feature")),
        "_remedy_of_lookup": Use(1, looked_up, ("not found in ", "not found ")),
    },
    "diagnosis/exceptions.py": {
        "_exited": Use(1, raised, ("1", "-", "-1")),
    },
    "diagnosis/exhausted.py": {
        "_NO_TASK": Use(1, ran_out, ("can't start new ", "thread creation ", "pthread_", "resource temporarily ")),
        "_NO_SHARED_MEMORY": Use(1, ran_out, ("No space left on ", "shared ", "Bus ", "terminated ", "unexpectedly ")),
    },
    "diagnosis/loading.py": {
        "python_version": Use(3, raised, ("code", "code() expected ", "code() takes at most 16", "unknown ", "no ")),
        "_NO_SUCH_NAME": Use(
            0,
            raised,
            (
                "Can't get attribute '",
                "Can't get attribute 'a' on <module '",
                "module '",
                "module 'a' has no attribute '",
                "Can't resolve path '",
                "Can't resolve path 'a' on module '",
            ),
        ),
        "_in_nested_pickle": Use(
            1, raised, ("Can't get attribute '", "Can't get attribute 'a' on <module '", "Can't get attribute 'a")
        ),
        "damaged": Use(1, raised, ("Ran out of ", "truncate", "Compressed file ")),
        "_SKEW": Use(
            0,
            raised,
            (
                *("from the pickle has an incompatible ", "_loss.", "numpy.dtype size ", "(CategoricalDtype", "XGB"),
                *("XGBa", "older XGBoos", "'Booster' object has no attribute '", "Could not be ", "_function_"),
            ),
        ),
    },
    "diagnosis/machine.py": {
        "cuda": Use(
            2, raised, ("CUDA ", "No OpenCL ", "deserialize object on a CUDA ", "No CUDA ", "Torch not compiled with ")
        ),
        "_ERRNO": Use(0, raised, ("[Errno 28] ", "[Errno ", "[")),
        "file": Use(3, raised, ("[Errno 28] ", "[Errno 13] ", "'", "No space left on ", "out of shared ")),
        "_NO_COMPILER": Use(
            1,
            raised,
            ("No working C++ ", "command '", "command 'a", "unable to execute 'a", "not find a C", "Ninja is "),
        ),
        "compiler": Use(1, raised, ("Cx", "torc")),
        "program": Use(1, shelled, ("exit status 127", "exit status 127.", " exit status 12", "a", " ")),
        "_NO_LIBRARY": Use(1, raised, ("cannot open shared object ", "cannot load ", "Could not load this ")),
        "_OTHER_LIBRARY": Use(1, raised, ("version `", "version `a", "version `a' not ", "undefined ")),
        "_WITHOUT_LIBRARY": Use(3, missing, ("libcu", "libcua", "libta", "lib", "libnv-", "libGthread")),
    },
    "diagnosis/network.py": {
        "_WORDS": Use(1, raised, ("no internet ", "could not resolve ", "name or service not ", "failed to ", "DNS ")),
        "network": Use(2, refused_by_network, ("server ", "failed to ", "Install ", "install a to ")),
    },
    "diagnosis/modules.py": {
        "_PIP_INSTALL": Use(1, raised, ("pip install ", "pip install -a ", "pip install -a -a ", "pip3 ")),
        "_OPTIONAL": Use(
            1,
            raised,
            (
                *("Missing optional dependency '", "No module named ", "import ", "import a ", "import `a` ", "a, "),
                *("required package ", "conda install ", "must install ", "please install the a", "requires the a-"),
                *("a is ", "a, a, a, a is ", "a>=1", "a>=1, a, ", "requires ", "requires a", "requires a ", "a.", "a"),
            ),
        ),
        "_NOT_IN_NAMESPACE": Use(1, raised, ("cannot import name '", "cannot import name 'a' from 'a.", "a.", "a")),
        "_BROKEN": Use(1, raised, ("shared objec", "undefined symbo", "cannot import nam")),
    },
    "diagnosis/raised.py": {
        "Raised": Use(1, raised),
    },
    "inspection/compatibility.py": {"_number": Use(1, compared)},
    "inspection/file_type.py": {
        "TEXTS": Use(
            7, looked_at, ("<?xm", "<!doctype htm", "version https://git-lf", "{ ", "import", "#", "[", "tree")
        ),
        "_begins_as_a_pickle": Use(1, looked_at, ("I1\n", "S'", "(", "cos\n", "V\\u", *ANY)),
    },
    "inspection/fingerprints.py": {
        "_REVEALING_NAMES": Use(6, named, ("cloudpickle.", "sklearn.metrics._dist_metrics:", "Distance", *ANY)),
        "_sklearn_version": Use(1, marked),
        "_CUDA": Use(1, marked, ("X\x04\0\0\0", "X\x04\0\0\0cuda:", "X\x04\0\0\0cuda:1")),
        "_UBJSON_VERSION": Use(1, marked, ("version[#L", "version[#L" + "\0" * 7 + "\x03i1", "i1i1")),
        "_CATBOOST_RELEASE": Use(1, marked, ("CatBoost release ", "CatBoost release 1.1", "catboost ")),
    },
    "inspection/installed.py": {
        "_NO_FILE": Use(1, installed._NO_FILE.fullmatch, ("_cython_", "_cython_1", "_", "__mp_main__")),
        "_MAKES_MODULES": Use(
            1,
            installed._MAKES_MODULES.search,
            ("__path__", "__path__ ", "__path__=", "sys.modules", "sys.modules[", "sys.modules[a]", "sys.modules[a] "),
        ),
        "_SHARES_ITS_NAME": Use(1, installed._SHARES_ITS_NAME.search, ("extend_pat", "declare_namespac")),
    },
    "inspection/mentions.py": {"mentioned": Use(1, mentions, ("torc", "torch", "_torch", *ANY))},
    "inspection/packages.py": {"canonical": Use(1, packages.canonical, ("-", "_", "-a", *ANY))},
    "inspection/preflight.py": {
        "_CUT_OFF": Use(1, unread, ("Ran out of ", "truncate", "Compressed file ")),
        "_DAMAGED": Use(1, unread, ("invalid load ", "unsupported pickle ", "persisten")),
    },
    "inspection/stub_unpickler.py": {
        "CLOUDPICKLE": Use(1, named, (".", "a.", "cloudpickle.", ".cloudpickle")),
        "DILL": Use(1, named, ("dill.", "dill._dill", "dill")),
        "TORCH_ARCHIVE": Use(1, carried, ("PK\x03\x04", "PK\x03\x04\0\0\0\0\0\0", "a", "/data.pk")),
    },
    "redaction.py": {"hide_queries": Use(1, hide_queries, ("?", "?a", "?a ", "?%", "a?a'", *ANY))},
    "round/array_job.py": {
        "array_index": Use(1, of_an_engine, (":1", ":", *ANY)),
        "_number": Use(1, of_an_engine),
    },
    "round/manifest.py": {
        **{name: Use(1, in_manifest) for name in ("_checked", "_id", "_python", "_sha256")},
    },
    "round/open_store.py": {"BUCKET": Use(1, opened)},
    "round/prepare.py": {
        "MODEL_NAME": Use(1, made_a_row, (".pkl", ".pkl.gz", ".gz", *ANY)),
        "NOT_IN_IDS": Use(1, made_a_row),
    },
    "runner/csv_form.py": {
        "NUMBERS": Use(1, numbered, ("1", "e", "1e", "0.1", "+", ",", "1,", "1\n")),
        "FRACTION": Use(1, numbered, ("1", "/", "1/", "1/1", "0/1,")),
        "COMMANDS": Use(1, numbered, ("a", "\x7f", "\u202e", *ANY)),
    },
    "runner/sizes.py": {"size_in": Use(1, refused(arguments.size))},
    "sandbox/hide_parent.py": {
        "_mask": Use(1, lambda text: hide_parent._mask(os.getpid(), [text[:ARGUMENT].encode()]), ("a", "aab")),
    },
    "sandbox/landlock.py": {"USEFUL_DEVICES": Use(1, landlock.USEFUL_DEVICES.fullmatch, ("nvidia", "random", *ANY))},
    "times.py": {"_TIME": Use(1, a_time, ("2026-11-27T12:00:00.1", "2026-11-27T", "1", *ANY))},
    "tournament/settings.py": {"SLOT_NAME": Use(1, settings.SLOT_NAME.fullmatch, ("a", "-", "_", *ANY))},
    "transfer/download.py": {"PartialFile": Use(2, announced, ("1", "-", "bytes 1-", "/1", *ANY))},
    "transfer/http.py": {
        "describe_error": Use(
            3,
            failed,
            (
                *("certificate verify failed: ", "certificate verify failed", "Name or service not ", "[Errno 1", "1"),
                *("Error(", "aError(1", "Error(1, '", "Error(1, 'a", "[Errno 1] a", *ANY),
            ),
        )
    },
    "transfer/urls.py": {"fields_in": Use(1, refused(arguments.form_fields))},
    "transfer/s3.py": {
        "MD5_IN_BASE64": Use(1, lambda text: s3.md5_in({"Content-MD5": text})),
        "ETAG_OF_MD5": Use(1, lambda text: s3.md5_in({"ETag": text}), ('"', '"0', "0")),
        "error_in": Use(1, s3.error_in, ("<Code>", "<Code>a", "<Code>a</Code>", "<Message>", "<", *ANY)),
    },
    "visible.py": {
        "_UNSAFE": Use(1, shown, STYLES),
        "_UNSAFE_BUT_STYLES": Use(1, shown, STYLES),
        "_BEGINNING_OF_A_STYLE": Use(1, shown, STYLES),
        "_END_OF_STYLES": Use(1, shown, STYLES),
    },
}


def expressions(path: Path) -> dict[str, int]:
    """How many calls of re, or of _Raised.says with an expression of its own, each statement of a module has."""
    found: Counter[str] = Counter()
    for statement in ast.parse(path.read_text()).body:
        found[holder(statement)] += sum(map(is_expression, ast.walk(statement)))
    return dict(+found)


def holder(statement: ast.stmt) -> str:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return ""


def is_expression(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=name)):
            return name in OF_RE
        case ast.Call(func=ast.Attribute(attr="says"), args=[ast.Constant() | ast.Call()]):
            return True
    return False


class ExpressionTest(unittest.TestCase):
    def test_table_has_every_expression_of_the_package(self) -> None:
        self.maxDiff = None
        found = {str(path.relative_to(PACKAGE)): expressions(path) for path in PACKAGE.rglob("*.py")}
        listed = {
            module: {name: use.expressions for name, use in uses.items() if use.expressions}
            for module, uses in TABLE.items()
        }
        self.assertEqual(listed, {module: uses for module, uses in found.items() if uses})

    def test_expression_on_a_megabyte_of_its_worst_takes_no_second(self) -> None:
        for module, uses in TABLE.items():
            for name, use in uses.items():
                for seed in use.seeds:
                    with self.subTest(f"{module}: {name}", seed=seed):
                        self.check_time(use.take, (seed * (MEGABYTE // len(seed) + 1))[:MEGABYTE])

    def check_time(self, take: Callable[[str], object], text: str) -> None:
        """That what takes the text, and each of the calls that it returns, is quick."""
        began = time.process_time()
        calls = take(text)
        self.assertLess(time.process_time() - began, MOST_SECONDS)
        for call in calls if isinstance(calls, list) else ():
            began = time.process_time()
            call()
            self.assertLess(time.process_time() - began, MOST_SECONDS)


class ExcerptTest(unittest.TestCase):
    def test_excerpt_of_a_short_text_is_that_text(self) -> None:
        for text in ("", "x", "x" * MOST):
            self.assertEqual(text, excerpt(text))

    def test_excerpt_of_a_long_text_is_its_two_ends(self) -> None:
        found = excerpt("begins" + "x" * MEGABYTE + "ends")
        self.assertTrue(found.startswith("begins"))
        self.assertTrue(found.endswith("ends"))
        self.assertLess(len(found), MOST + 10)


if __name__ == "__main__":
    unittest.main()
