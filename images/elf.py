"""Shared libraries in ELF format, as far as trim.py must understand them: 64 bits, little-endian, with both tables.

Segments say what a loader puts into memory, sections are for tools: https://gabi.xinuos.com and elf(5).
"""

import hashlib
import struct
from collections.abc import Iterable
from typing import NamedTuple

# The magic number, the class of 64-bit files, the little-endian encoding.
MAGIC = b"\x7fELF\x02\x01"
SHARED_LIBRARY = 3
LOAD, NOTE, TABLE, THREAD_LOCAL = 1, 4, 6, 7
WRITABLE = 2
NOBITS = 8

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTIONS_AT = 40


class NotUnderstoodError(ValueError):
    """A file that is no shared library, or that is laid out in a way that nothing here changes."""


class Segment(NamedTuple):
    """An entry of the program header table, fields in their order there."""

    type: int
    flags: int
    offset: int
    address: int
    physical_address: int
    file_size: int
    memory_size: int
    alignment: int

    @property
    def end(self) -> int:
        """Where it ends in the file."""
        return self.offset + self.file_size


class Section(NamedTuple):
    """An entry of the section header table, fields in their order there."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int

    @property
    def end(self) -> int:
        """Where it ends in the file."""
        return self.offset + (0 if self.type == NOBITS else self.size)


_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")


class Library(NamedTuple):
    """A shared library and its tables."""

    data: bytes
    segments: list[Segment]
    sections: list[Section]
    segments_at: int
    sections_at: int
    names_at: int

    def named(self, names: Iterable[str]) -> list[Section]:
        """The sections of these names that there are."""
        wanted = tuple(name.encode() + b"\0" for name in names)
        return [found for found in self.sections if self.data.startswith(wanted, self.names_at + found.name)]


def parse(data: bytes) -> Library:
    """Read the tables of a library."""
    if not data.startswith(MAGIC):
        raise NotUnderstoodError("not a 64-bit little-endian ELF file")
    try:
        _, kind, _, _, _, segments_at, sections_at, _, _, *sizes, names = _HEADER.unpack_from(data)
        segment_size, segment_count, section_size, section_count = sizes
        segments = [Segment(*_SEGMENT.unpack_from(data, segments_at + i * segment_size)) for i in range(segment_count)]
        sections = [Section(*_SECTION.unpack_from(data, sections_at + i * section_size)) for i in range(section_count)]
        names_at = sections[names].offset
    except (struct.error, IndexError) as error:
        raise NotUnderstoodError(f"no tables: {error}") from None
    if kind != SHARED_LIBRARY or (segment_size, section_size) != (_SEGMENT.size, _SECTION.size):
        raise NotUnderstoodError("not a shared library with tables of the usual kind")
    loads = [segment for segment in segments if segment.type == LOAD]
    if not all(load.end <= len(data) and load.alignment > 0 for load in loads):
        raise NotUnderstoodError("segments that are not in the file, or anywhere in memory")
    if any((load.offset - load.address) % load.alignment for load in loads):
        raise NotUnderstoodError("segments that cannot be mapped")
    return Library(data, segments, sections, segments_at, sections_at, names_at)


def loaded(library: Library) -> list[tuple[Segment, str]]:
    """What a loader sees: the segments but for their places in the file, with hashes of what is mapped.

    The header and the table of segments are not part of it, as they hold those places. Nor is the padding of
    thread-local storage, which some linkers round up and some do not.
    """
    content, seen = memoryview(library.data), []
    tables_end = library.segments_at + len(library.segments) * _SEGMENT.size
    for segment in library.segments:
        begin = max(segment.offset, tables_end) if segment.type == LOAD else segment.end
        if segment.type == THREAD_LOCAL:
            segment = segment._replace(memory_size=_rounded_up(segment.memory_size, segment.alignment))
        seen.append((segment._replace(offset=0), hashlib.blake2b(content[begin : segment.end]).hexdigest()))
    return seen


def cut(library: Library, *names: str) -> bytes:
    """The library without the contents of read-only sections that lie side by side; all addresses stay.

    In memory they are zeros: the segment around them becomes two, and the first ends in memory that no file fills.
    """
    sections = library.named(names)
    if not sections:
        raise NotUnderstoodError(f"none of {', '.join(names)}")
    around = _around(library, sections)
    alignment = max(segment.alignment for segment in library.segments if segment.type == LOAD)
    begin = _rounded_up(min(section.offset for section in sections), alignment)
    end = max(section.end for section in sections) // alignment * alignment
    if begin >= end:
        raise NotUnderstoodError("less than a page")
    _refuse_others(library, begin, end, around, sections)

    def moved(offset: int) -> int:
        return max(min(offset, begin), offset - (end - begin))

    segments = [segment._replace(offset=moved(segment.offset)) for segment in _split(library, around, begin, end)]
    emptied = [section._replace(type=NOBITS) if section in sections else section for section in library.sections]
    changed = bytearray(library.data[:begin] + library.data[end:])
    struct.pack_into("<Q", changed, _SECTIONS_AT, moved(library.sections_at))
    for number, segment in enumerate(segments):
        _SEGMENT.pack_into(changed, library.segments_at + number * _SEGMENT.size, *segment)
    for number, section in enumerate(emptied):
        place = moved(library.sections_at) + number * _SECTION.size
        _SECTION.pack_into(changed, place, *section._replace(offset=moved(section.offset)))
    return bytes(changed)


def _rounded_up(number: int, alignment: int) -> int:
    return -(-number // alignment) * alignment


def _around(library: Library, sections: list[Section]) -> Segment:
    """The read-only segment that all these sections are in."""
    for segment in library.segments:
        if segment.type == LOAD and all(_holds(segment, section) for section in sections):
            if segment.flags & WRITABLE or segment.file_size != segment.memory_size:
                raise NotUnderstoodError("sections that can be written to")
            return segment
    raise NotUnderstoodError("sections that are not loaded, or not together")


def _holds(segment: Segment, section: Section) -> bool:
    in_file = segment.offset <= section.offset < section.end <= segment.end
    return in_file and section.address - segment.address == section.offset - segment.offset


def _refuse_others(library: Library, begin: int, end: int, around: Segment, sections: list[Section]) -> None:
    """Nothing else of the file may be between these places."""
    taken = [(segment.offset, segment.end) for segment in library.segments if segment is not around]
    taken += [(section.offset, section.end) for section in library.sections if section not in sections]
    taken.append((library.segments_at, library.segments_at + len(library.segments) * _SEGMENT.size))
    taken.append((library.sections_at, library.sections_at + len(library.sections) * _SECTION.size))
    if any(first < end and begin < last for first, last in taken):
        raise NotUnderstoodError("something else between the sections")


def _split(library: Library, around: Segment, begin: int, end: int) -> list[Segment]:
    """The segments, with two in place of the one around what is cut out.

    There is no room for one more. The loader of libraries needs no entry for the table itself, and none for notes.
    """
    of_no_use = [segment for kind in (TABLE, NOTE) for segment in library.segments if segment.type == kind]
    if not of_no_use:
        raise NotUnderstoodError("no room for one more segment")
    first, rest = begin - around.offset, end - around.offset
    segments = []
    for segment in library.segments:
        if segment is around:
            segments.append(around._replace(file_size=first, memory_size=rest))
            left = {"file_size": around.file_size - rest, "memory_size": around.memory_size - rest}
            places = {"address": around.address + rest, "physical_address": around.physical_address + rest}
            segments.append(around._replace(offset=end, **places, **left))
        elif segment is not of_no_use[0]:
            segments.append(segment)
    return segments
