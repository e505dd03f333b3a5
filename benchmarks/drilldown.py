"""How long an analyst waits for what lies around an alert, in a folder of many gigabytes.

    python benchmarks/drilldown.py EVENTS.ndjson [GIGABYTES]

EVENTS.ndjson is a log of some hundred thousand events that the bundled rules alert on. It is read
by the engine; then copies of it, shifted by days to both sides, are written beside it into a
temporary folder until there are GIGABYTES (0.2) of them, and entered into the case's index of
blocks as the engine would. The folder is deleted at the end. Times are wall clock, in
milliseconds: the median and the slowest of 20 alerts.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from triage import context, times
from triage.case.model import AlertDetail
from triage.case.read import CaseReader
from triage.case.schema import connect, transaction
from triage.run import Config, Engine
from triage.sources import Follower

ALERTS = 20
DAY = 86_400 * times.SECOND
_DATE = re.compile(rb"\b(\d{4}-\d\d-\d\d)(?=T)")


def fill(folder: Path, log: Path, gigabytes: float) -> int:
    """Write the case and the shifted copies; the bytes of all logs."""
    data = log.read_bytes()
    first = folder / "log.ndjson"
    first.write_bytes(data)
    config = Config((Path("rules"),), folder / "exceptions")
    engine = Engine(config, str(folder / "c.triage"), Follower([str(first)]), time.time_ns)
    for block in engine.follower.poll():
        engine.take(block)
    engine.close()
    days = sorted({date.fromisoformat(one.decode()) for one in set(_DATE.findall(data))})
    span = (days[-1] - days[0]).days + 1
    copies = max(0, round(gigabytes * 1e9 / len(data)) - 1)
    db = connect(str(folder / "c.triage"))
    rows = list(db.execute("SELECT * FROM block"))
    names = [row[1] for row in db.execute("PRAGMA table_info(block)")]
    for number in range(copies):
        shift = span * (number // 2 + 1) * (1 if number % 2 else -1)
        path = folder / f"copy-{number:04}.ndjson"
        moved = {str(day).encode(): str(day + timedelta(shift)).encode() for day in days}
        path.write_bytes(_DATE.sub(lambda found, moved=moved: moved[found[1]], data))  # type: ignore[misc] # bound here
        with transaction(db):
            for row in rows:
                made = dict(zip(names, row, strict=True))
                made.update(source=str(path), generation=f"copy-{number}",
                            min_time=made["min_time"] + shift * DAY,
                            max_time=made["max_time"] + shift * DAY)  # fmt: skip
                marks = ", ".join("?" * len(names))
                db.execute(f"INSERT INTO block VALUES ({marks})", tuple(made.values()))  # noqa: S608 - own text
    db.close()
    return len(data) * (copies + 1)


def waited(work: Callable[[], object]) -> float:
    """Milliseconds that it took."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def measure(case: CaseReader, alerts: list[AlertDetail]) -> None:
    """Print how long each part takes."""

    def lane(alert: AlertDetail, minutes: int) -> None:
        half = minutes * 30 * times.SECOND
        seen = context.Timeline(alert.row.host)
        for _progress in seen.load(case, alert.row.time - half, alert.row.time + half):
            pass

    def ask(alert: AlertDetail) -> object:
        return case.blocks(alert.row.host, alert.row.time - context.WINDOW,
                           alert.row.time + context.WINDOW)  # fmt: skip

    parts: dict[str, Callable[[AlertDetail], object]] = {
        "look-up of blocks, ±5 min": ask,
        "related events, ±5 min": lambda alert: context.around(case, alert),
        "timeline, 15 min": lambda alert: lane(alert, 15),
        "process tree": lambda alert: context.process_tree(case, alert),
        "process tree of the host": lambda alert: context.host_tree(case, alert),
        "related alerts": lambda alert: context.kin(case, alert),
    }
    for name, part in parts.items():
        taken = sorted(waited(lambda alert=alert, part=part: part(alert)) for alert in alerts)  # type: ignore[misc] # both are bound here
        print(f"{name:28} median {statistics.median(taken):8.1f}  slowest {taken[-1]:8.1f} ms")


def main() -> None:
    """Fill a folder of so many gigabytes, and time what the panes and a search ask of it."""
    log, gigabytes = Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.2
    with tempfile.TemporaryDirectory(prefix="drilldown-") as name:
        folder = Path(name)
        size = fill(folder, log, gigabytes)
        case = CaseReader(str(folder / "c.triage"))
        rows = sorted(case.alerts(), key=lambda row: row.time)
        step = max(1, len(rows) // ALERTS)
        found = (case.alert(row.id) for row in rows[::step][:ALERTS])
        alerts = [alert for alert in found if alert is not None]
        print(f"{size / 1e9:.1f} GB in {len(case.blocks()):,} blocks, {len(alerts)} alerts")
        measure(case, alerts)
        rare = context.same_value("process.entity_id", "no-such-value-anywhere")
        taken = waited(lambda: [None for _ in context.search(case, rare)])
        speed = size / 1e6 / (taken / 1000)
        print(f"{'search of all logs':28} {taken / 1000:.1f} s, {speed:.0f} MB/s")
        case.close()


if __name__ == "__main__":
    main()
