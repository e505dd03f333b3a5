"""Each format's price beside the bare parser of that format, in one run: events a second, memory.

    python benchmarks/formats.py GENERATOR.py [LOG...]

GENERATOR.py makes endpoint events as NDJSON (``-n COUNT -o FILE --shape ecs|evtx``); from them come
logs of the formats that can be written in a few lines. A LOG is measured as well, repeated to about
as many events. Ours is what every part of the program does with a log: tell what it is, cut it,
and make each record ECS. The bare parser makes objects of it, and no more: orjson, lxml, csv or
evtx; for Splunk's classic blocks a split at their lines; of an archive it unpacks it first. Each
is a process of its own and is run ``ROUNDS`` times in turn; figures are medians of CPU time and of
the peak of memory, both without start and imports, and are best kept as ratios. Linux.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast
from xml.sax.saxutils import escape, quoteattr

import zstandard

from triage import fields
from triage.sources import (
    BLOCK_BYTES,
    Detected,
    Follower,
    RecordError,
    decode,
    detect,
    evtx,
    read_range,
)
from triage.sources.evtx_process import PARSER
from triage.sources.formats import framing

ROUNDS = 3
EVENTS = 20_000
_HEAD = 1 << 16
_ENDLESS = 1 << 62
_EVENT = re.compile(rb"<Event[ >].*?</Event>", re.DOTALL)
_CHUNKS = slice(42, 44)  # where an EVTX header says how many it has
_CLASSIC = re.compile(r"^(?=\d\d/\d\d/\d{4} )", re.MULTILINE)
_PACKED = (".gz", ".zst", ".zip")


def measured(way: str, log: Path) -> dict[str, float]:
    """What a way says of itself, run in a process of its own."""
    command = [sys.executable, __file__, f"--{way}", str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def known(log: Path) -> Detected:
    """What a log is; ends the run where it is none."""
    with log.open("rb") as file:
        found = detect(file.read(_HEAD), final=True)
    if not isinstance(found, Detected):
        raise SystemExit(f"{log}: {found.reason if found else 'nothing in it'}")
    return found


def ours(log: Path) -> tuple[int, int]:
    """(events, records that could not be read) on the way of the program."""
    events = rejects = 0
    if log.suffix in _PACKED:
        follower = Follower([log], once=True)
        for block in follower.poll():
            rejects += len(block.rejects)
            events += sum(decode(block.format, record) is not None for record in block.records)
        follower.close()
        return events, rejects
    found = known(log)
    end = _ENDLESS if found.format == "evtx" else log.stat().st_size
    for _, record in read_range(str(log), found.format, found.start, end):
        try:
            events += decode(found.format, record) is not None
        except RecordError:
            rejects += 1
    PARSER.close()  # so that its time counts as ours
    return events, rejects


def bare(log: Path) -> tuple[int, int]:
    """(objects made, 0) by the parser of the format alone."""
    import orjson

    if log.suffix in _PACKED:
        with _unpacked(log) as lines:
            return sum(1 for line in lines if orjson.loads(line) is not None), 0
    found = known(log)
    kind = framing(found.format)
    if kind == "evtx":
        from evtx import PyEvtxParser

        return sum(1 for _ in PyEvtxParser(str(log)).records_json()), 0
    if kind == "rows":
        csv.field_size_limit(1 << 20)
        with log.open(encoding=found.encoding, newline="") as table:
            return sum(1 for _ in csv.reader(table)), 0
    if kind == "xml" and log.read_bytes()[:1] != b"<":
        blocks = _CLASSIC.split(log.read_text(found.encoding))[1:]
        return sum(1 for text in blocks if dict(_pairs(text))), 0
    if kind == "xml":
        from lxml import etree

        # A slice of the text at a time, as nobody holds a whole log.
        return sum(1 for event in _events(log, found) if etree.fromstring(event) is not None), 0
    if kind == "lines":
        with log.open("rb") as lines:
            lines.seek(found.start)
            if found.encoding == "utf-8":
                return sum(1 for line in lines if orjson.loads(line) is not None), 0
    whole = orjson.loads(log.read_bytes()[found.start :].decode(found.encoding))
    return len(whole["hits"]["hits"] if kind == "hits" else whole), 0


def _events(log: Path, found: Detected) -> Iterator[bytes]:
    with log.open(encoding=found.encoding, newline="") as file:
        rest = b""
        while text := file.read(BLOCK_BYTES):
            rest += text.encode()
            end = 0
            for event in _EVENT.finditer(rest):
                end = event.end()
                yield event[0]
            rest = rest[end:]


def one_way(way: str, log: Path) -> None:
    """Take one way over a log and print what it cost."""
    before, held = _cpu(), _memory("VmRSS")
    events, rejects = (ours if way == "ours" else bare)(log)
    cpu, peak = _cpu() - before, _memory("VmHWM") - held
    # The process that takes EVTX apart counts whole.
    peak += resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({"events": events, "rejects": rejects, "cpu": cpu, "peak": peak}))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _memory(which: str) -> float:
    """MiB of memory that this process holds, or held at most, as Linux counts them.

    The figure of ``getrusage`` would be that of whoever started it, where that was larger.
    """
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    (kib,) = (line.split()[1] for line in lines if line.startswith(f"{which}:"))
    return int(kib) / 1024


def generated(generator: str, folder: Path) -> Iterator[Path]:
    """Logs in several formats of the events that a generator makes."""
    docs: dict[str, list[dict[str, Any]]] = {}
    for shape, name in (("ecs", "ecs.ndjson"), ("evtx", "evtx_dump.ndjson")):
        path = folder / name
        command = [sys.executable, generator, "-n", str(EVENTS), "--shape", shape, "-o", str(path)]
        subprocess.run(command, check=True, capture_output=True)
        docs[shape] = [json.loads(line) for line in path.read_bytes().splitlines()]
        yield path
    hits = [
        json.dumps({"_index": "logs", "_id": str(at), "_source": doc})
        for at, doc in enumerate(docs["ecs"])
    ]
    texts = {
        "array.json": "[" + ",\n".join(json.dumps(doc) for doc in docs["ecs"]) + "]",
        "hits.ndjson": "\n".join(hits) + "\n",
        "search.json": '{"took":1,"hits":{"hits":[' + ",".join(hits) + "]}}",
        "kibana.csv": _table(docs["ecs"]),
        "wevtutil.xml": "\n".join(_xml(doc["Event"]) for doc in docs["evtx"]),
        "splunk_classic.raw": "".join(_classic(doc["Event"]) for doc in docs["evtx"]),
        "winlogbeat6.ndjson": "".join(_winlogbeat6(doc["Event"]) for doc in docs["evtx"]),
        "eqllib.json": json.dumps([_eqllib(doc["Event"]) for doc in docs["evtx"]], indent=4),
    }
    for name, text in texts.items():
        path = folder / name
        path.write_text(text, "utf-8")
        yield path
    plain = (folder / "ecs.ndjson").read_bytes()
    (folder / "ecs.ndjson.gz").write_bytes(gzip.compress(plain))
    (folder / "ecs.ndjson.zst").write_bytes(zstandard.compress(plain))
    with zipfile.ZipFile(folder / "ecs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ecs.ndjson", plain)
    yield from (folder / name for name in ("ecs.ndjson.gz", "ecs.ndjson.zst", "ecs.zip"))


def _table(docs: list[dict[str, Any]]) -> str:
    flat = [fields.flatten(doc) for doc in docs]
    names = dict.fromkeys(name for row in flat for name in row)
    out = io.StringIO()
    rows = csv.DictWriter(out, list(names), restval="-")
    rows.writeheader()
    for row in flat:
        rows.writerow(
            {name: ", ".join(map(str, v)) if isinstance(v, list) else v for name, v in row.items()}
        )
    return out.getvalue()


def _xml(event: dict[str, Any]) -> str:
    system = ""
    for name, value in event["System"].items():
        given = value.get("#attributes", {}) if isinstance(value, dict) else {}
        attributes = "".join(f" {key}={quoteattr(str(text))}" for key, text in given.items())
        shown = "" if isinstance(value, dict) or value is None else escape(str(value))
        system += f"<{name}{attributes}>{shown}</{name}>"
    data = "".join(
        f"<Data Name={quoteattr(name)}>{escape(str(value))}</Data>"
        for name, value in event["EventData"].items()
    )
    space = event["#attributes"]["xmlns"]
    return f"<Event xmlns='{space}'><System>{system}</System><EventData>{data}</EventData></Event>"


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(path) as log:
            yield cast(IO[bytes], log)
    elif path.suffix == ".zst":
        with io.BufferedReader(zstandard.open(path)) as log:
            yield log
    else:
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as log:
            yield log


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, found, value = line.partition("=")
        name, value = (name, value) if found else line.partition(": ")[::2]
        yield name, value


def _classic(event: dict[str, Any]) -> str:
    system, at = event["System"], event["System"]["TimeCreated"]["#attributes"]["SystemTime"]
    message = "".join(f"{name}: {value}\n" for name, value in event["EventData"].items())
    return (
        f"{at[5:7]}/{at[8:10]}/{at[:4]} {int(at[11:13]) % 12 or 12:02}:{at[14:19]}"
        f" {'AP'[int(at[11:13]) >= 12]}M\nLogName={system['Channel']}\n"
        f"SourceName={system['Provider']['#attributes']['Name']}\n"
        f"EventCode={system['EventID']}\nType=Information\nComputerName={system['Computer']}\n"
        f"RecordNumber={system['EventRecordID']}\nMessage=Sysmon event:\n{message}"
    )


def _winlogbeat6(event: dict[str, Any]) -> str:
    system = event["System"]
    doc = {
        "@timestamp": system["TimeCreated"]["#attributes"]["SystemTime"],
        "@metadata": {"beat": "winlogbeat", "type": "doc", "version": "6.7.0"},
        "log_name": system["Channel"],
        "source_name": system["Provider"]["#attributes"]["Name"],
        "event_id": system["EventID"],
        "record_number": str(system["EventRecordID"]),
        "computer_name": system["Computer"],
        "event_data": {name: str(value) for name, value in event["EventData"].items()},
    }
    return json.dumps(doc) + "\n"


def _eqllib(event: dict[str, Any]) -> dict[str, Any]:
    return {"EventId": event["System"]["EventID"], **event["EventData"]}


def repeated(log: Path, folder: Path) -> Path:
    """A copy of a log whose events come again and again, till there are about EVENTS of them."""
    found = known(log)
    end = _ENDLESS if found.format == "evtx" else log.stat().st_size
    events = sum(1 for _ in read_range(str(log), found.format, found.start, end))
    times = max(1, EVENTS // max(events, 1))
    kind = framing(found.format)
    body = log.read_bytes()
    if kind == "evtx":
        header = bytearray(body[: evtx.place_of(0)])
        chunks = body[len(header) : evtx.place_of(int.from_bytes(header[_CHUNKS], "little"))]
        times = min(times, 0xFFFF // (len(chunks) // evtx.CHUNK_BYTES))
        header[_CHUNKS] = (len(chunks) // evtx.CHUNK_BYTES * times).to_bytes(2, "little")
        made = bytes(header) + chunks * times
    else:
        text = _again(body[found.start :].decode(found.encoding), kind, times)
        made = body[: found.start] + text.encode(found.encoding)
    path = folder / log.name
    path.write_bytes(made)
    return path


def _again(text: str, kind: str, times: int) -> str:
    if kind == "hits":
        answer = json.loads(text)
        answer["hits"]["hits"] *= times
        return json.dumps(answer)
    if kind == "objects":
        return json.dumps(json.loads(text) * times)
    if kind == "rows":
        header = text.index("\n", text.startswith("#TYPE") and text.index("\n") + 1) + 1
        return text[:header] + text[header:].rstrip("\n").join(["", "\n"]) * times
    return (text.rstrip("\n") + "\n") * times


def compare(log: Path) -> None:
    """Take both ways in turn over one log, and print a line of the table."""
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    for _ in range(ROUNDS):
        for way, done in runs.items():
            done.append(measured(way, log))
    events = runs["ours"][0]["events"]
    each = {
        way: statistics.median(run["cpu"] for run in done) / events for way, done in runs.items()
    }
    peak = {way: statistics.median(run["peak"] for run in done) for way, done in runs.items()}
    rejects = runs["ours"][0]["rejects"]
    kind = log.suffix if log.suffix in _PACKED else known(log).format
    print(
        f"{log.name[:32]:32} {kind:13} {events:>7,} {1 / each['ours']:>9,.0f}"
        f" {1 / each['bare']:>10,.0f} {each['ours'] / each['bare']:>6.1f}×"
        f" {peak['ours']:>8,.1f} {peak['bare']:>6,.1f}"
        + (f"  {rejects:,} records could not be read" if rejects else ""),
        flush=True,
    )


def main(arguments: Sequence[str]) -> None:
    """Print the table; or be one way over one log, in a process of its own."""
    if arguments[0] in ("--ours", "--bare"):
        one_way(arguments[0][2:], Path(arguments[1]))
        return
    print(f"{'':54}{'events a CPU second':>20} {'time':>8} {'peak MiB':>15}")
    print(f"{'log':32} {'format':13} {'events':>7} {'ours':>9} {'bare':>10} {'ratio':>7}"
          f" {'ours':>8} {'bare':>6}")  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for argument in arguments:
            if argument.endswith(".py"):
                for log in generated(argument, folder):
                    compare(log)
            else:
                compare(repeated(Path(argument), folder))


if __name__ == "__main__":
    main(sys.argv[1:])
