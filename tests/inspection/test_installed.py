"""installed.py: what is here and what is not, found without importing or executing anything."""

import importlib.machinery
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

from numerai_predict.inspection import installed
from numerai_predict.inspection.installed import (
    is_here,
    is_package_of_its_own,
    is_standard,
    missing_part,
    skewed_part,
    version_of,
)
from numerai_predict.inspection.packages import pip_name
from tests.harness import ROOT

HOSTILE = (
    *("", ".", "..", "...", "a.", ".a", "os..path", "a b", " os", "os ", "os\0", "\0", "o\ns", "\ud800", "a.\udcff"),
    *("../numpy", "/etc/passwd", "numpy/core", "numpy.core/../..", "C:\\x", "1", "numpy.1", "~"),
    *("x" * (1 << 20), "numpy." * (1 << 17) + "x", "." * (1 << 20), "\ud800" * 1000, "é" * 600),
)


class ModulesTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        sys.path.insert(0, str(self.folder))
        self.addCleanup(sys.path.remove, str(self.folder))

    def add_finder(self, finder: Any) -> None:
        sys.meta_path.append(finder)
        self.addCleanup(sys.meta_path.remove, finder)

    def write(self, path: str, text: str = "raise SystemExit('executed')") -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


class IsHereTest(ModulesTestCase):
    def test_modules_of_all_kinds_are_here(self) -> None:
        for name in ("sys", "json", "json.decoder", "xml.etree.ElementTree", "zlib", "numpy", "numpy.linalg.linalg"):
            with self.subTest(name):
                self.assertTrue(is_here(name))

    def test_c_extensions_within_packages_are_here(self) -> None:
        for name in ("numpy.random._pcg64", "sklearn.tree._tree", "pandas._libs.arrays"):
            with self.subTest(name):
                self.assertTrue(is_here(name))

    def test_what_does_not_exist_is_not_here(self) -> None:
        for name in ("nope", "numpy.nope", "numpy.linalg.nope.deeper", "json.nope"):
            with self.subTest(name):
                self.assertFalse(is_here(name))

    def test_hostile_names_are_not_here(self) -> None:
        for name in HOSTILE:
            with self.subTest(ascii(name[:30])):
                self.assertFalse(is_here(name))
                self.assertFalse(is_standard(name))
                self.assertEqual(missing_part(name), name)
                self.assertIsNone(version_of(name))
                self.assertEqual(pip_name(name), "")

    def test_a_long_chain_of_names_ends_at_the_first_that_is_missing(self) -> None:
        self.assertEqual(missing_part("numpy." + "a." * 200 + "b"), "numpy.a")

    def test_a_module_that_is_only_in_sys_modules_is_not_here(self) -> None:
        sys.modules["made_up"] = unittest
        self.addCleanup(sys.modules.pop, "made_up")
        self.assertFalse(is_here("made_up"))

    def test_nothing_is_imported_or_executed(self) -> None:
        self.write("hostile/__init__.py", f"open({str(self.folder / 'ran')!r}, 'w')")
        self.write("hostile/inner/__init__.py", f"open({str(self.folder / 'ran')!r}, 'w')")
        self.write("hostile/inner/leaf.py")
        before = set(sys.modules)
        for name in (
            "hostile",
            "hostile.inner",
            "hostile.inner.leaf",
            "statistics",
            "distutils.core",
            "lightgbm.sklearn",
        ):
            is_here(name)
        self.assertTrue(is_here("hostile.inner.leaf"))
        self.assertEqual(missing_part("hostile.inner.other"), "hostile.inner.other")
        self.assertFalse((self.folder / "ran").exists())
        self.assertEqual(set(sys.modules), before)

    def test_in_a_fresh_interpreter_nothing_heavy_is_imported(self) -> None:
        code = (
            "import sys; from numerai_predict.inspection import installed; before = set(sys.modules); "
            "assert 'importlib.metadata' not in before; "
            "assert installed.is_here('numpy.random._pcg64') and installed.is_here('sklearn.tree._tree'); "
            "assert installed.missing_part('distutils.core') in ('', 'distutils', 'distutils.core'); "
            "assert installed.version_of('numpy'); "
            "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
            "sys.exit(str(new) if new & {'numpy', 'sklearn', 'setuptools', 'distutils'} else 0)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(installed.__file__).parents[2])

    def test_a_namespace_package_is_here_with_its_parts_from_several_folders(self) -> None:
        other = self.folder / "other"
        self.write("space/deep/one.py")
        self.write("other/space/deep/two.py")
        sys.path.insert(0, str(other))
        self.addCleanup(sys.path.remove, str(other))
        for name in ("space", "space.deep", "space.deep.one", "space.deep.two"):
            with self.subTest(name):
                self.assertTrue(is_here(name))
        self.assertEqual(missing_part("space.deep.three"), "space.deep.three")

    def test_an_editable_package_is_here_through_the_finder_that_it_installs(self) -> None:
        self.write("elsewhere/package/__init__.py")
        self.write("elsewhere/package/part.py")
        folder = self.folder / "elsewhere/package"

        class Finder:
            """On sys.meta_path as the class, as setuptools does it."""

            @classmethod
            def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
                if name != "editable":
                    return None
                spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
                spec.submodule_search_locations = [str(folder)]
                return spec

        self.add_finder(Finder)
        self.assertTrue(is_here("editable.part"))
        self.assertEqual(missing_part("editable.other"), "editable.other")

    def test_a_finder_that_knows_the_modules_of_its_package_is_asked_for_them(self) -> None:
        class Finder:
            def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
                if name in ("built", "built.part"):
                    return importlib.machinery.ModuleSpec(name, None, is_package=True)
                return None

        self.add_finder(Finder())
        self.assertEqual(missing_part("built.part"), "")
        self.assertEqual(missing_part("built.other"), "built.other")

    def test_a_finder_that_fails_has_found_nothing(self) -> None:
        class Finder:
            def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
                raise RuntimeError(name)

        self.add_finder(Finder())
        self.add_finder(object())
        self.assertFalse(is_here("nope"))
        self.assertTrue(is_here("json"))

    def test_finders_of_others_are_not_asked_for_what_python_finds(self) -> None:
        asked = []

        class Finder:
            def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
                asked.append(name)

        sys.meta_path.insert(0, Finder())
        self.addCleanup(sys.meta_path.pop, 0)
        self.assertTrue(is_here("json.decoder"))
        self.assertEqual(asked, [])
        self.assertFalse(is_here("json.nope"))
        self.assertEqual(asked, ["json.nope"])

    def test_the_finder_of_setuptools_is_never_asked_as_it_imports(self) -> None:
        asked = []

        class Finder:
            def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
                asked.append(name)

        Finder.__module__ = "_distutils_hack"
        self.add_finder(Finder())
        self.assertFalse(is_here("nope"))
        self.assertEqual(asked, [])

    def test_no_name_leaves_the_folders_of_its_package(self) -> None:
        self.write("package/__init__.py")
        self.write("outside.py")
        self.assertTrue(is_here("outside"))
        for name in ("package.outside", "package...outside", "package/../outside", "package.."):
            with self.subTest(name):
                self.assertFalse(is_here(name))

    def test_a_folder_that_is_not_on_the_path_is_not_found(self) -> None:
        self.assertFalse(is_here(os.path.basename(os.getcwd()) + "_nope"))


class MissingPartTest(ModulesTestCase):
    def test_the_shortest_part_that_is_missing_is_named(self) -> None:
        for name, missing in (
            ("my_utils", "my_utils"),
            ("my_utils.features.rank", "my_utils"),
            ("sklearn.ensemble._gb_losses", "sklearn.ensemble._gb_losses"),
            ("numpy.nope.deeper.still", "numpy.nope"),
            ("numpy.linalg", ""),
        ):
            with self.subTest(name):
                self.assertEqual(missing_part(name), missing)

    def test_modules_made_at_run_time_are_not_missing(self) -> None:
        for name in ("os.path", "six.moves", "six.moves.urllib.parse", "xml.parsers.expat.errors", "pyexpat.errors"):
            with self.subTest(name):
                self.assertEqual(missing_part(name), "")

    def test_main_is_not_missing(self) -> None:
        self.assertEqual(missing_part("__main__"), "")

    def test_compiled_modules_known_without_their_package_are_not_missing(self) -> None:
        """sklearn 1.6 pickles the losses of gradient boosting as `_loss.CyHalfSquaredError`."""
        for name in ("_loss", "_catboost", "_cython_3_1_2", "_pcg64", "__mp_main__", "_openssl"):
            with self.subTest(name):
                self.assertEqual(missing_part(name), "")
        self.write("_package/__init__.py")
        self.assertEqual(missing_part("_package.other"), "_package.other")

    def test_a_users_own_module_that_begins_with_an_underscore_is_missing(self) -> None:
        for name in ("_features", "_my_utils.rank", "__utils__", "_cython_helpers"):
            with self.subTest(name):
                self.assertEqual(missing_part(name), name.partition(".")[0])

    def test_in_too_many_folders_no_compiled_module_is_looked_for(self) -> None:
        installed._compiled_modules.cache_clear()
        self.addCleanup(installed._compiled_modules.cache_clear)
        with unittest.mock.patch.object(installed, "MAX_FOLDERS", 3):
            self.assertEqual(missing_part("_features"), "")

    def test_thousands_of_names_with_an_underscore_are_looked_for_at_once(self) -> None:
        installed._compiled_modules.cache_clear()
        with unittest.mock.patch.object(os, "walk", side_effect=os.walk) as walk:
            self.assertEqual([missing_part(f"_own{number}") for number in range(1000)][-1], "_own999")
        self.assertLess(walk.call_count, 10)

    def test_modules_below_a_package_that_makes_some_are_not_missing(self) -> None:
        """TensorFlow adds Keras' folder to its own, torch registers torch.ops, transformers are lazy."""
        for number, source in enumerate(
            (
                "__path__ = [folder] + __path__",
                "__path__.append(folder)",
                "__path__ += [folder]",
                "sys.modules.setdefault(f'{__name__}.ops', ops)",
                "sys.modules[__name__ + '.moves'] = moves",
                "sys.modules[__name__] = LazyModule()",
            )
        ):
            with self.subTest(source):
                self.write(f"makes{number}/__init__.py", source)
                self.assertEqual(missing_part(f"makes{number}.keras.layers"), "")

    def test_modules_below_a_package_that_only_looks_at_its_own_are_missing(self) -> None:
        for number, source in enumerate(("if sys.modules[__name__] == x: pass", "print(__path__)", "__path__ == []")):
            with self.subTest(source):
                self.write(f"makes_none{number}/__init__.py", source)
                self.assertEqual(missing_part(f"makes_none{number}.keras.layers"), f"makes_none{number}.keras")

    def test_of_a_namespace_the_package_below_is_missing(self) -> None:
        for name, missing in (
            ("google.colab.drive", "google.colab"),
            ("google.cloud.bigquery.dbapi", "google.cloud.bigquery"),
            ("google.cloud", "google.cloud"),
            ("databricks.sdk.runtime", "databricks.sdk"),
            ("azure.storage", "azure.storage"),
        ):
            with self.subTest(name):
                if not is_here("google"):
                    self.assertEqual(missing_part(name), missing)

    def test_parts_of_the_standard_library_that_are_not_there_are_missing(self) -> None:
        with unittest.mock.patch.object(sys, "stdlib_module_names", {"_not_built", "not_built"}):
            self.assertEqual(missing_part("_not_built"), "_not_built")
            self.assertFalse(is_standard("not_built"))

    def test_distutils_is_here_where_python_or_setuptools_has_it(self) -> None:
        expected = "" if sys.version_info < (3, 12) or is_here("setuptools._distutils") else "distutils"
        self.assertEqual(missing_part("distutils.core"), expected)
        self.assertEqual(missing_part("distutils"), expected)

    def test_no_module_that_libraries_make_when_they_are_imported_breaks_a_pickle_that_names_it(self) -> None:
        code = """if True:
            import sys
            import cloudpickle, joblib, lightgbm, pandas, scipy.stats, sklearn.ensemble, sklearn.neighbors
            from numerai_predict.inspection.installed import missing_part
            from numerai_predict.inspection.compatibility import ALL_FILES
            names = {name for name in sys.modules if all(part.isidentifier() for part in name.split("."))}
            missing = {name: missing_part(name) for name in names - {"cython_runtime"}}
            tops = {part for part in missing.values() if part and "." not in part}
            sys.exit(str([tops, [part for part in missing.values() if part.partition(".")[0] in ALL_FILES]])
                     if tops or ALL_FILES & {part.partition(".")[0] for part in missing.values()} else 0)
        """
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(installed.__file__).parents[2])


class PackageOfItsOwnTest(ModulesTestCase):
    def test_what_is_missing_at_the_top_level_is_a_package(self) -> None:
        self.assertTrue(is_package_of_its_own("my_utils"))

    def test_what_is_missing_in_a_namespace_is_a_package(self) -> None:
        self.write("space/part/__init__.py")
        self.write("space/below/part/__init__.py")
        self.write("extended/__init__.py", "__path__ = __import__('pkgutil').extend_path(__path__, __name__)")
        self.write("declared/__init__.py", "__import__('pkg_resources').declare_namespace(__name__)")
        for name in ("space.other", "space.below.other", "extended.other", "declared.other", "google.cloud.other"):
            with self.subTest(name):
                self.assertEqual(missing_part(name), name)
                self.assertTrue(is_package_of_its_own(name))
                self.assertEqual(skewed_part(name), "")

    def test_what_is_missing_in_a_package_is_a_matter_of_its_version(self) -> None:
        self.write("package/__init__.py", "import other")
        self.write("package/without_init/file.py")
        self.write("space/part/__init__.py", "")
        for name in ("package.other", "package.without_init.other", "space.part.other", "sklearn.gone", "numpy.gone"):
            with self.subTest(name):
                self.assertFalse(is_package_of_its_own(name))
                self.assertEqual(skewed_part(name), name)

    def test_what_no_module_can_be_named_is_no_part_of_any(self) -> None:
        for name in HOSTILE:
            self.assertTrue(is_package_of_its_own(name))
            self.assertEqual(skewed_part(name), "")

    def test_what_is_here_is_not_skewed(self) -> None:
        self.assertEqual(skewed_part("numpy.linalg"), "")


class IsStandardTest(unittest.TestCase):
    def test_only_modules_of_the_standard_library_are_standard(self) -> None:
        for name, standard in (
            ("json", True),
            ("sys", True),
            ("xml.etree.ElementTree", True),
            ("os.path", True),
            ("json.nope", False),
            ("numpy", False),
            ("nope", False),
        ):
            with self.subTest(name):
                self.assertEqual(is_standard(name), standard)


class VersionOfTest(unittest.TestCase):
    def test_the_version_is_that_of_the_package(self) -> None:
        import numpy
        import sklearn  # type: ignore[import-untyped]

        self.assertEqual(version_of("numpy"), numpy.__version__)
        self.assertEqual(version_of("sklearn"), sklearn.__version__)

    def test_a_module_without_a_distribution_has_no_version(self) -> None:
        for name in ("json", "numerai_predict", "nope", "numpy.linalg", "numpy scipy"):
            with self.subTest(name):
                self.assertIsNone(version_of(name))

    def test_every_installed_package_has_the_version_that_importlib_finds(self) -> None:
        found = {str(package.metadata["Name"]) for package in metadata.distributions()}
        self.assertGreater(len(found), 20)
        for name in found:
            with self.subTest(name):
                self.assertEqual(installed._version_of_distribution(name), metadata.version(name))

    def test_packages_are_looked_up_without_importlib_metadata(self) -> None:
        code = (
            "import sys; from numerai_predict.inspection.installed import version_of; "
            "assert version_of('numpy') and version_of('sklearn') and not version_of('json'); "
            "sys.exit('importlib.metadata' in sys.modules)"
        )
        self.assertEqual(subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode, 0)


class VersionElsewhereTest(ModulesTestCase):
    """Packages that are described in many ways, in a folder of sys.path."""

    def setUp(self) -> None:
        super().setUp()
        version_of.cache_clear()
        self.addCleanup(version_of.cache_clear)

    def describe(self, path: str, version: str) -> None:
        self.write(path, f"Metadata-Version: 2.1\nName: made-up\nVersion: {version}\n\nVersion: 0\n")

    def assert_version(self, version: str | None) -> None:
        self.assertEqual(version_of("made_up"), version)
        if version:
            self.assertEqual(metadata.version("made_up"), version)

    def test_version_is_what_the_metadata_says_not_what_the_folder_is_called(self) -> None:
        self.describe("Made.Up-1.dist-info/METADATA", "1.0+local")
        self.assert_version("1.0+local")

    def test_package_of_an_egg_info_folder_or_file_has_its_version(self) -> None:
        for path in ("made_up.egg-info/PKG-INFO", "made_up-2.5-py3.11.egg-info"):
            with self.subTest(path):
                self.describe(path, "2.5")
                self.assert_version("2.5")
                version_of.cache_clear()
                shutil.rmtree(self.folder / "made_up.egg-info", ignore_errors=True)

    def test_package_of_an_egg_has_its_version(self) -> None:
        egg = "made_up-3.1-py3.11.egg"
        self.describe(f"{egg}/EGG-INFO/PKG-INFO", "3.1")
        sys.path.insert(0, str(self.folder / egg))
        self.addCleanup(sys.path.remove, str(self.folder / egg))
        self.assert_version("3.1")

    def test_package_in_an_archive_has_its_version_before_one_in_a_later_folder(self) -> None:
        self.describe("made_up-1.dist-info/METADATA", "1")
        archive = self.folder / "packages.zip"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("made_up-4.dist-info/METADATA", "Metadata-Version: 2.1\nName: made-up\nVersion: 4\n")
        sys.path.insert(0, str(archive))
        self.addCleanup(sys.path.remove, str(archive))
        self.assert_version("4")

    def test_first_folder_that_has_the_package_counts(self) -> None:
        for number in ("5", "6"):  # The later one is searched first.
            self.describe(f"{number}/made_up-{number}.dist-info/METADATA", number)
            sys.path.insert(0, str(self.folder / number))
            self.addCleanup(sys.path.remove, str(self.folder / number))
        self.assert_version("6")

    def test_package_that_is_installed_meanwhile_is_found(self) -> None:
        self.assert_version(None)
        version_of.cache_clear()
        self.describe("made_up-7.dist-info/METADATA", "7")
        self.assert_version("7")

    def test_package_without_metadata_has_no_version(self) -> None:
        (self.folder / "made_up-1.dist-info").mkdir()
        self.assert_version(None)

    def test_a_package_under_one_of_its_other_names_has_its_version(self) -> None:
        self.describe("xgboost_cpu-9.8.7.dist-info/METADATA", "9.8.7")
        self.assertEqual(version_of("xgboost"), "9.8.7")
