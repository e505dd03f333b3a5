"""What lies around alerts: kept events, processes, contacts, and where in the logs the rest is."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from operator import itemgetter

import orjson

from triage.case.model import Contacts, Process
from triage.case.opened import OpenCase, stored_event
from triage.case.schema import count, told_path
from triage.event import Event

_PROCESS = (
    "host, entity_id, parent_entity_id, pid, parent_pid, name, executable, command_line,"
    ' parent_name, parent_executable, parent_command_line, user, start, "end", sha256, integrity,'
    " sha1, md5, imphash, signer, signature"
)

_LATEST = (1 << 63) - 1  # ns: no instant is later
_MOST_NEAR = 4_000  # blocks each side of an instant that are thought of


class Surroundings(OpenCase):
    """What a case tells of hosts, apart from their alerts."""

    def gathered(self, alert_id: str) -> bool:
        """Whether the case keeps all that lay around an alert: then no log need be read again."""
        found = self._db.execute("SELECT gathered FROM alert WHERE id = ?", (alert_id,)).fetchone()
        return bool(found and found[0] == 1)

    def events(self, host: str, start: int, end: int, limit: int = 2000) -> list[Event]:
        """The events kept as evidence for ``host`` between two instants (ns, inclusive), in order;
        of more than ``limit`` those nearest to the middle between the two."""
        rows = self._db.execute(
            "SELECT id, time, tiebreaker, source, position, doc FROM event WHERE id IN"
            " (SELECT id FROM event WHERE host = ?1 AND time BETWEEN ?2 AND ?3"
            "  ORDER BY abs(time - ?4) LIMIT ?5) ORDER BY time, tiebreaker",
            (host, start, end, (start + end) // 2, limit),
        )
        return [stored_event(row) for row in rows]

    def evidence(self) -> Iterator[Event]:
        """All events kept in the case, in order: what there still is of logs that are gone."""
        for row in self._db.execute(
            "SELECT id, time, tiebreaker, source, position, doc FROM event"
            " ORDER BY time, tiebreaker"
        ):
            yield stored_event(row)

    def process(self, host: str, entity_id: str) -> Process | None:
        """The process of that entity id on that host."""
        found = self._db.execute(
            f"SELECT {_PROCESS} FROM process WHERE host = ? AND entity_id = ?",  # noqa: S608 - own columns
            (host, entity_id),
        ).fetchone()
        return Process(*found) if found else None

    def children(self, host: str, entity_id: str, limit: int = 200) -> list[Process]:
        """The processes that one started, oldest first."""
        rows = self._db.execute(
            f"SELECT {_PROCESS} FROM process WHERE host = ? AND parent_entity_id = ?"  # noqa: S608 - own columns
            " ORDER BY start, pid LIMIT ?",
            (host, entity_id, limit),
        )
        return [Process(*row) for row in rows]

    def processes(self, host: str, near: int, limit: int) -> list[Process]:
        """The processes of a host, oldest first; of more than ``limit`` those that started nearest
        to the instant ``near`` (ns)."""
        rows = self._db.execute(
            f"SELECT {_PROCESS} FROM process WHERE host = ?"  # noqa: S608 - own columns
            " ORDER BY abs(start - ?) LIMIT ?",
            (host, near, limit),
        )
        return sorted((Process(*row) for row in rows), key=lambda one: (one.start, one.pid))

    def process_count(self, host: str) -> int:
        """How many processes of a host are known."""
        return count(self._db, "SELECT count(*) FROM process WHERE host = ?", (host,))

    def contacts(self, address: str, before: int) -> list[Contacts]:
        """Who talked with an address before an instant (ns), the most frequent first."""
        rows = self._db.execute(
            "SELECT host, sum(count), max(last) < ?1, min(first), max(min(last, ?1)) FROM contact"
            " WHERE address = ?2 AND first < ?1 GROUP BY host ORDER BY 2 DESC, host",
            (before, address),
        )
        return [Contacts(host, n, bool(sure), a, b) for host, n, sure, a, b in rows]

    def names(self, host: str, address: str) -> list[str]:
        """The names a host was told for an address, the latest first."""
        rows = self._db.execute(
            "SELECT name FROM resolved WHERE host = ? AND address = ? ORDER BY last DESC LIMIT 8",
            (host, address),
        )
        return [row[0] for row in rows]

    def blocks(
        self, host: str = "", start: int | None = None, end: int | None = None
    ) -> list[tuple[str, str, int, int]]:
        """Where events of ``host`` ("": of any) between two instants (ns, None: without a limit)
        lie: (source, format, first, last), the earliest first."""
        # First by the index alone: a block's row is long, and half of them begin before the end.
        rows = self._db.execute(
            "WITH hit AS MATERIALIZED (SELECT generation, first FROM block INDEXED BY block_time"
            "  WHERE min_time <= ? AND max_time >= ?)"
            " SELECT source, format, first, last, hosts FROM hit JOIN block USING"
            " (generation, first) WHERE events > 0 ORDER BY min_time",
            (_LATEST if end is None else end, -_LATEST if start is None else start),
        )
        return [
            (told_path(row[0]), *row[1:4])
            for row in rows
            if not host or host in orjson.loads(row[4])
        ]

    def blocks_near(
        self, host: str, middle: int, window: int
    ) -> Iterator[tuple[int, tuple[str, str, int, int]]]:
        """Where events of ``host`` lie around an instant (ns), up to ``window`` ns away: how far
        (ns), and the place as in :meth:`blocks`; the nearest first as far as blocks are short."""
        ask = (
            "SELECT source, format, first, last, hosts, min_time, max_time FROM block"
            " INDEXED BY block_time WHERE events > 0 AND "
        )
        over = self._db.execute(f"{ask} min_time <= ? AND max_time >= ?", (middle, middle))
        later = self._db.execute(
            f"{ask} min_time > ? AND min_time <= ? ORDER BY min_time LIMIT {_MOST_NEAR}",
            (middle, middle + window),
        )
        before = self._db.execute(
            f"{ask} min_time <= ? AND min_time >= ? AND max_time < ? ORDER BY min_time DESC"
            f" LIMIT {_MOST_NEAR}",
            (middle, middle - 2 * window, middle),
        )
        sides = (
            ((max(row[5] - middle, middle - row[6], 0), row) for row in rows)
            for rows in map(list, (over, later, before))  # no open cursor while others write
        )
        for far, row in merge(*sides, key=itemgetter(0)):
            if far <= window and host in orjson.loads(row[4]):
                yield far, (told_path(row[0]), *row[1:4])
