"""Notices: blocks without records, which tell where a log lies now, that it ended, what is lost."""

from __future__ import annotations

from dataclasses import replace

from triage.sources.block import Block, Position
from triage.sources.generation import Generation


def empty(position: Position, gap: str = "") -> Block:
    """A block that carries a position, and in words what may be lost."""
    gaps = (gap,) if gap else ()
    return Block(position.path, position.format, (), (), position, gaps=gaps)


def last(position: Position, gap: str = "") -> Block:
    """The last block of a generation: no file will be taken for it again."""
    return empty(replace(position, device=0, inode=0), gap)


def truncated(generation: Generation) -> Block:
    """A log's bytes are not those that were read: another one has begun in its place."""
    return last(
        generation.position(),
        f"{generation.path} was truncated or rewritten; what had been written to it after "
        f"{_place(generation.format, generation.offset)} and was not yet read is lost",
    )


def unread(generation: Generation, what: str) -> str:
    """What of a log that is followed no longer was not read, in words; ``what`` happened to it."""
    if generation.format in ("", "evtx") or generation.size <= generation.offset:
        return ""
    return (
        f"{generation.path} {what}: bytes {generation.offset:,} to {generation.size:,} "
        "were not read"
    )


def replaced(position: Position) -> Block:
    """Where a log of an earlier run lay there is another one."""
    return last(
        position,
        f"{position.path} was replaced or truncated while it was not watched; "
        f"whatever came after {_place(position.format, position.offset)} is not known",
    )


def gone(position: Position) -> Block | None:
    """A log of an earlier run is not there any more; None where all of it was read."""
    if position.format == "evtx" or position.size <= position.offset:
        return None
    place = _place(position.format, position.offset)
    gap = f"{position.path} is gone: {place} to {position.size:,} were not read"
    return empty(replace(position, size=position.offset), gap)  # told once


def _place(format: str, offset: int) -> str:
    return f"record {offset:,}" if format == "evtx" else f"byte {offset:,}"
