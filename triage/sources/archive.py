"""Archive: what a packed file is by its first bytes, and what is in it, entry by entry."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Protocol, cast

import zstandard

_MEMORY = 256 << 20  # bytes that a decoder may ask for
_CHUNK = 1 << 20
_MARKS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),  # an empty one
    (257, b"ustar", "tar"),
)
# What opening an archive, or reading what is in it, may raise where it is damaged.
ERRORS = (
    EOFError,
    MemoryError,  # a header may ask for any amount
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    zstandard.ZstdError,
)


def kind(path: str) -> str:
    """ "gzip", "zstd", "bzip2", "xz", "zip" or "tar" by the first bytes of a file; else ""."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        head = os.pread(fd, 512, 0)
    except OSError:
        return ""
    finally:
        os.close(fd)
    name = next((name for at, mark, name in _MARKS if head[at:].startswith(mark)), "")
    return "" if name == "tar" and not _is_tar(head) else name


def _is_tar(head: bytes) -> bool:
    """Whether 512 bytes are a tar header: a text log may hold its mark where an attacker wills."""
    if b"\x00" not in head:
        return False
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


class _Readable(Protocol):
    def read1(self, size: int, /) -> bytes: ...


def _chunks(content: _Readable, size: int = _CHUNK) -> Iterator[bytes]:
    # Not read(): it would lose what lies before damage within a chunk.
    while chunk := content.read1(size):
        yield chunk


# Its name, why it can not be read, and its content where it can.
Entry = tuple[str, str, Iterator[bytes] | None]


def entries(file: IO[bytes], name: str) -> Iterator[Entry]:
    """What an archive of a kind holds; a stream has one entry, which has no name.

    Raises one of ERRORS, also while the content of an entry is read.
    """
    if name == "zip":
        yield from _zip(file)
    elif name == "tar":
        yield from _tar(file)
    elif name == "gzip":
        yield "", "", _chunks(gzip.GzipFile(fileobj=file))
    elif name == "bzip2":
        yield "", "", _chunks(bz2.BZ2File(file))
    else:
        yield "", "", _xz(file) if name == "xz" else _zstd(file)


def _xz(file: IO[bytes]) -> Iterator[bytes]:
    data = b""
    while data := data or file.read(_CHUNK):
        decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
        while not decoder.eof:
            yield decoder.decompress(data, _CHUNK)
            data = b""
            if decoder.needs_input and not decoder.eof:
                data = file.read(_CHUNK)
                if not data:
                    raise EOFError("it ends within a stream")
        data = decoder.unused_data.lstrip(b"\x00")  # streams may be padded


def _zstd(file: IO[bytes]) -> Iterator[bytes]:
    data = b""
    while data := data or file.read(_CHUNK >> 3):
        decoder = zstandard.ZstdDecompressor(max_window_size=_MEMORY >> 1).decompressobj()
        while not decoder.eof:
            if not data:
                raise EOFError("it ends within a frame")
            # Bounded: a block of zstd unpacks to 128 KiB at most, whatever its size.
            for at in range(0, len(data), 4096):
                yield decoder.decompress(data[at : at + 4096])
                if decoder.eof:
                    data = decoder.unused_data + data[at + 4096 :]
                    break
            else:
                data = file.read(_CHUNK >> 3)


def _zip(file: IO[bytes]) -> Iterator[Entry]:
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or entry.filename.startswith("__MACOSX/"):
                continue
            if entry.flag_bits & 1:
                yield entry.filename, "locked with a password; unpack it first", None
                continue
            try:
                content = cast(zipfile.ZipExtFile, archive.open(entry))
            except ERRORS as error:
                yield entry.filename, f"damaged zip: {words(error)}", None
                continue
            with content:
                if entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    yield entry.filename, "", _chunks(content)
                else:
                    # All that was read is unpacked at once: little must be read.
                    content.MAX_N = zipfile.ZipExtFile.MIN_READ_SIZE
                    yield entry.filename, "", _chunks(content, -1)


def _tar(file: IO[bytes]) -> Iterator[Entry]:
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is not None:
                yield entry.name, "", _chunks(content)  # type: ignore[arg-type]
                archive.members = []  # type: ignore[attr-defined] # or it keeps them all


def words(error: Exception) -> str:
    """What is wrong with an archive, in a line."""
    if "disk" in str(error) and isinstance(error, zipfile.BadZipFile):
        return "one part of several; join them (cat big.zip.* > whole.zip)"
    return str(error)[:200] or type(error).__name__
