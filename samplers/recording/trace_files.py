"""The bytes of a trace file: lines, plain or gzip-compressed, read and written one after the other.

A file says by its first two bytes whether it is compressed, whatever its name. Trace files are hostile input:
every line is counted against `Limits` before anything is built from it, and a compressed file is unpacked by
64 KiB at a time, so a refusal never takes more memory than one line may have.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

MAGIC = b"\x1f\x8b"
GZIP = 31
"""zlib's window bits for a gzip header; ours holds no name and no time: the same run gives the same bytes."""
LEVEL = 6
CHUNK = 1 << 16

PLAIN_BYTES = 1 << 18
"""A trace of more bytes is compressed. Without drafts an event takes some 110 bytes: runs of the bundled
models, and answers of some hundreds of cells, stay files for grep, jq and an editor. Drafts grow with the
square of the answer: with them that ends at about 150 cells."""


class TraceError(ValueError):
    """A file that is not a whole trace; the message says what is wrong and where."""


@dataclass(frozen=True)
class Limits:
    """The most that is read, or written, of a trace: 64 rows of 4,096 cells, every token of a vocabulary of
    262,144 in the header, 4 million drafts. Who shows traces may ask for less.

    file, unpacked, line: bytes; ratio: unpacked to packed, of what is over `small`; rows, cells: of the
    canvas; length: cells of one row; event_cells: in one event; all_cells: in all events; work: cells moved
    by insertions, deletions and forks; boards: events times cells of the first canvas, for those who look at
    all of them each time; depth: of the settings; pieces: how many; piece: bytes of one; model: characters.
    """

    file: int = 64 << 20
    unpacked: int = 256 << 20
    ratio: int = 200
    small: int = 16 << 20
    line: int = 8 << 20
    events: int = 1 << 18
    cells: int = 1 << 18
    rows: int = 1 << 10
    length: int = 1 << 18
    event_cells: int = 1 << 17
    all_cells: int = 1 << 22
    work: int = 1 << 26
    boards: int = 1 << 36
    depth: int = 32
    pieces: int = 1 << 19
    piece: int = 1024
    model: int = 1024


LIMITS = Limits()


def too_much(what: str, most: int) -> TraceError:
    """The sentence of a limit."""
    return TraceError(f"{what}; allowed: at most {most:,}")


def read_lines(file: BinaryIO, limits: Limits = LIMITS) -> Iterator[bytes]:
    """The lines of a file without their ends. TraceError: over a limit, damaged, or more behind the end."""
    line, number = bytearray(), 1
    for chunk in _unpacked(file, limits):
        first, *others = chunk.split(b"\n")
        line += first
        for other in others:
            _check_line(len(line), number, limits)
            yield bytes(line)
            line, number = bytearray(other), number + 1
        _check_line(len(line), number, limits)
    if line:
        yield bytes(line)


def _check_line(size: int, number: int, limits: Limits) -> None:
    if size > limits.line:
        raise too_much(f"line {number} of the trace is longer than {limits.line:,} bytes", limits.line)


def _unpacked(file: BinaryIO, limits: Limits) -> Iterator[bytes]:
    """The file's bytes, at most CHUNK at a time."""
    chunk, size = file.read(CHUNK), 0
    if chunk.startswith(MAGIC):
        yield from _inflated(file, chunk, limits)
        return
    while chunk:
        size += len(chunk)
        _check_file(size, limits)
        yield chunk
        chunk = file.read(CHUNK)


def _inflated(file: BinaryIO, chunk: bytes, limits: Limits) -> Iterator[bytes]:
    inflate, packed, unpacked = zlib.decompressobj(GZIP), 0, 0
    while chunk and not inflate.eof:
        packed += len(chunk)
        _check_file(packed, limits)
        while chunk and not inflate.eof:
            try:
                part = inflate.decompress(chunk, CHUNK)
            except zlib.error:
                raise TraceError("trace is damaged: what is compressed in it cannot be unpacked") from None
            chunk = inflate.unconsumed_tail
            unpacked += len(part)
            if unpacked > limits.unpacked:
                raise too_much(f"trace unpacks to more than {limits.unpacked >> 20} MB", limits.unpacked)
            if unpacked > limits.small and unpacked > limits.ratio * (packed - len(chunk)):
                raise TraceError(
                    f"trace unpacks to more than {limits.ratio} times its size; allowed: at most that"
                )
            yield part
        chunk = chunk or (b"" if inflate.eof else file.read(CHUNK))
    if not inflate.eof:
        raise TraceError("trace is cut short: what is compressed in it has no end")
    if inflate.unused_data or file.read(1):
        raise TraceError("trace has more behind the end of what is compressed; allowed: one gzip part")


def _check_file(size: int, limits: Limits) -> None:
    if size > limits.file:
        raise TraceError(f"trace is larger than {limits.file >> 20} MB; allowed: at most that")


def packed(lines: Iterable[str], always: bool = False) -> Iterator[bytes]:
    """The bytes of a file with these lines, a part at a time: compressed if they are more than PLAIN_BYTES,
    or `always`."""
    rest = (line.encode() + b"\n" for line in lines)
    first, size = [], 0
    for line in rest:
        first.append(line)
        size += len(line)
        if size > PLAIN_BYTES:
            break
    if size <= PLAIN_BYTES and not always:
        yield b"".join(first)
        return
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    for line in chain(first, rest):
        if part := deflate.compress(line):
            yield part
    yield deflate.flush()
