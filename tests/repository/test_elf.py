"""images/elf.py on libraries of wheels, which a loader then loads."""

import importlib.util
import struct
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterable
from pathlib import Path

from tests.harness import ROOT

sys.path.append(str(ROOT / "images"))

import elf

# Two read-only sections side by side, which nothing reads before an exception is thrown.
SECTIONS = (".eh_frame", ".gcc_except_table")
# Prints the memory of a loaded library, and what a function of it says. A handle is a link map, which begins with the
# address that the library was loaded at: https://man7.org/linux/man-pages/man3/dlinfo.3.html
LOAD = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.LGBM_GetLastError.restype = ctypes.c_char_p
print(library.LGBM_GetLastError().decode())
base = ctypes.c_size_t.from_address(library._handle).value
sys.stdout.buffer.write(ctypes.string_at(base + int(sys.argv[2]), int(sys.argv[3])))
"""


def lightgbm() -> elf.Library:
    """LightGBM's library, from its wheel."""
    spec = importlib.util.find_spec("lightgbm")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return elf.parse(Path(spec.submodule_search_locations[0], "lib/lib_lightgbm.so").read_bytes())


def with_segments(library: elf.Library, segments: Iterable[elf.Segment]) -> elf.Library:
    """The library with another table of segments."""
    data = bytearray(library.data)
    for number, segment in enumerate(segments):
        struct.pack_into("<IIQQQQQQ", data, library.segments_at + 56 * number, *segment)
    return elf.parse(bytes(data))


def with_a_page_before_the_last_segment(library: elf.Library) -> elf.Library:
    """The library with another page in the file, which nothing loads, before what can be written to."""
    (last,) = [each for each in library.segments if each.type == elf.LOAD and each.flags & elf.WRITABLE]
    place = last.offset
    data = bytearray(library.data[:place] + bytes(4096) + library.data[place:])
    struct.pack_into("<Q", data, 40, library.sections_at + 4096)
    moved = [each._replace(offset=each.offset + 4096 * (each.offset >= place)) for each in library.segments]
    return with_segments(library._replace(data=bytes(data)), moved)


@unittest.skipUnless(sys.platform == "linux" and sys.maxsize > 1 << 32, "elsewhere libraries have another format")
class CutTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.library = lightgbm()

    library: elf.Library

    def memory(self, data: bytes, address: int, size: int) -> tuple[str, bytes]:
        """What a function says of the library of these bytes, loaded, and its memory there."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "library.so")
            path.write_bytes(data)
            command = [sys.executable, "-c", LOAD, str(path), str(address), str(size)]
            said, _, memory = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.partition(b"\n")
            return said.decode(), memory

    def test_sections_cut_out_are_zeros_in_memory_and_all_else_stays_at_its_address(self) -> None:
        first, last = self.library.named(SECTIONS)
        (around,) = [s for s in self.library.segments if s.type == elf.LOAD and s.offset <= first.offset < s.end]
        said, before = self.memory(self.library.data, around.address, around.memory_size)
        smaller = elf.cut(self.library, *SECTIONS)
        said_then, after = self.memory(smaller, around.address, around.memory_size)
        self.assertEqual(said, said_then)
        cut = len(self.library.data) - len(smaller)
        self.assertGreater(cut, (last.end - first.offset) * 0.9)
        begin = -(-first.address // 4096) * 4096 - around.address
        self.assertNotEqual(bytes(cut), before[begin : begin + cut])
        self.assertEqual(before[:begin] + bytes(cut) + before[begin + cut :], after)

    def test_library_with_sections_cut_out_trains_a_model(self) -> None:
        data = elf.cut(self.library, *SECTIONS)
        train = """
import sys, ctypes
original = ctypes.cdll.LoadLibrary
ctypes.cdll.LoadLibrary = lambda name: original(sys.argv[1] if "lightgbm" in str(name) else name)
import lightgbm, numpy
features = numpy.random.default_rng(0).random((200, 3))
model = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(features, features.sum(axis=1))
print(lightgbm.basic._LIB._name, round(float(numpy.corrcoef(model.predict(features), features.sum(axis=1))[0, 1]), 1))
"""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "changed.so")
            path.write_bytes(data)
            done = subprocess.run([sys.executable, "-c", train, str(path)], capture_output=True, text=True, check=True)
        self.assertEqual(f"{path} 0.9", done.stdout.strip())

    def test_tables_of_a_cut_library_name_the_same_sections(self) -> None:
        smaller = elf.parse(elf.cut(self.library, *SECTIONS))
        for section in self.library.sections:
            if section.flags & 2 and section not in self.library.named(SECTIONS):
                (same,) = [
                    each for each in smaller.sections if each.address == section.address and each[0] == section[0]
                ]
                self.assertEqual(self.library.data[section.offset : section.end], smaller.data[same.offset : same.end])

    def test_segments_of_a_cut_library_cover_the_same_memory_once(self) -> None:
        smaller = elf.parse(elf.cut(self.library, *SECTIONS))
        (before, after) = (
            [(s.address, s.address + s.memory_size, s.flags) for s in each.segments if s.type == elf.LOAD]
            for each in (self.library, smaller)
        )
        (split,) = set(before) - set(after)
        first, second = [part for part in after if part not in before]
        self.assertEqual(split, (first[0], second[1], first[2]))
        self.assertEqual((first[1], first[2]), (second[0], second[2]))
        self.assertEqual(sorted(after), after)

    def test_layouts_that_are_not_understood_are_refused(self) -> None:
        library, segments = self.library, self.library.segments
        without_notes = [each._replace(type=1 << 30) if each.type == elf.NOTE else each for each in segments]
        read_only = [each for each in segments if each.type == elf.LOAD and not each.flags & elf.WRITABLE]
        first = library.named(SECTIONS)[0]
        in_the_way = [each._replace(offset=first.offset + 8192) if each.type == elf.NOTE else each for each in segments]
        elsewhere = bytearray(library.data)
        place = library.sections_at + 64 * library.sections.index(first)
        struct.pack_into("<Q", elsewhere, place + 16, first.address + 4096)
        writable = [each._replace(flags=6) if each in read_only else each for each in segments]
        table = (
            ("no section", library, (".nv_fatbin",), "none of"),
            ("a writable section", library, (".data",), "written to"),
            ("a section that is not loaded", library, (".comment",), "not loaded"),
            ("sections with another between them", library, (".rodata", ".eh_frame"), "something else"),
            ("a small section", library, (".init",), "less than a page"),
            ("a writable segment", with_segments(library, writable), SECTIONS, "written to"),
            ("a section of another address", elf.parse(bytes(elsewhere)), SECTIONS, "not loaded"),
            ("no entry to spare", with_segments(library, without_notes), SECTIONS, "no room"),
            ("a note in the way", with_segments(library, in_the_way), SECTIONS, "something else"),
        )
        for name, changed, sections, says in table:
            with self.subTest(name), self.assertRaisesRegex(elf.NotUnderstoodError, says):
                elf.cut(changed, *sections)


@unittest.skipUnless(sys.platform == "linux" and sys.maxsize > 1 << 32, "elsewhere libraries have another format")
class ParseTest(unittest.TestCase):
    def test_files_that_are_no_shared_libraries_are_refused(self) -> None:
        library = lightgbm()
        data, segments = library.data, library.segments
        program, wrong_size = bytearray(data), bytearray(data)
        struct.pack_into("<H", program, 16, 2)
        struct.pack_into("<H", wrong_size, 54, 32)
        misaligned = [each._replace(address=each.address + 8) if each.type == elf.LOAD else each for each in segments]
        table = (
            ("text", b"no library", "64-bit"),
            ("of 32 bits", data[:4] + b"\1" + data[5:], "64-bit"),
            ("big-endian", data[:5] + b"\2" + data[6:], "64-bit"),
            ("only a beginning", data[:20], "no tables"),
            ("without its end", data[: library.sections_at], "no tables"),
            ("a program", bytes(program), "usual kind"),
            ("another size of entries", bytes(wrong_size), "usual kind"),
        )
        for name, content, says in table:
            with self.subTest(name), self.assertRaisesRegex(elf.NotUnderstoodError, says):
                elf.parse(content)
        with self.assertRaisesRegex(elf.NotUnderstoodError, "mapped"):
            with_segments(library, misaligned)

    def test_loader_sees_what_is_mapped_and_where_but_not_where_it_is_in_the_file(self) -> None:
        library = lightgbm()
        seen = elf.loaded(library)
        text = library.named([".text"])[0]
        changed = library.data[: text.offset] + b"\xcc" + library.data[text.offset + 1 :]
        self.assertNotEqual(seen, elf.loaded(elf.parse(changed)))
        larger = [each._replace(memory_size=each.memory_size + 1) for each in library.segments]
        self.assertNotEqual(seen, elf.loaded(with_segments(library, larger)))
        self.assertEqual(seen, elf.loaded(with_a_page_before_the_last_segment(library)))
        comment = library.named([".comment"])[0]
        unloaded = library.data[: comment.offset] + b"\xcc" + library.data[comment.offset + 1 :]
        self.assertEqual(seen, elf.loaded(elf.parse(unloaded)))

    def test_padding_of_thread_local_storage_is_no_difference(self) -> None:
        library = lightgbm()
        (storage,) = [each for each in library.segments if each.type == elf.THREAD_LOCAL]
        self.assertEqual(0, storage.memory_size % 8)
        for less, same in ((7, True), (8, False)):
            padded = [
                each._replace(memory_size=each.memory_size - less) if each is storage else each
                for each in library.segments
            ]
            self.assertEqual(same, elf.loaded(library) == elf.loaded(with_segments(library, padded)))


if __name__ == "__main__":
    unittest.main()
