"""Related alerts: what an alert shares with others, by which they may be one story."""

from __future__ import annotations

from dataclasses import dataclass

from triage.case.model import AlertDetail, AlertRow
from triage.case.read import CaseReader
from triage.fields import first_text

TIES = ("process tree", "hash", "destination", "user", "host")  # the strongest first
_MOST = 500  # looked at for each tie, the nearest in time
# Accounts that every Windows host has: the same name on two hosts ties nothing together.
_NOBODY = {"system", "local service", "network service", "localservice", "networkservice",
           "anonymous logon", "root", ""}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kin:
    """Another alert, and what it shares with the first."""

    row: AlertRow
    ties: tuple[str, ...]  # of TIES, in their order

    @property
    def strength(self) -> tuple[int, int]:
        """Compared: the strongest tie counts first, then how many there are."""
        return -TIES.index(self.ties[0]), len(self.ties)


def kin(case: CaseReader, alert: AlertDetail) -> tuple[Kin, ...]:
    """The other alerts of the same process tree, hash, destination, user or host: the strongest
    ties first, the nearest in time before the others."""
    row = alert.row
    name = row.user.rpartition("\\")[2].lower()
    user = "" if name in _NOBODY or name.endswith("$") else row.user
    found: dict[str, AlertRow] = {}
    ties: dict[str, set[str]] = {}
    for tie, rows in (
        ("process tree", case.alerts_like(row, "root_id", row.root_id, _MOST, same_host=True)),
        ("hash", case.alerts_of_hash(_hash(alert), row.time, _MOST)),
        ("destination", case.alerts_like(row, "destination", row.destination, _MOST)),
        ("user", case.alerts_like(row, "user", user, _MOST)),
        ("host", case.alerts_like(row, "host", row.host, _MOST)),
    ):
        for one in rows:
            if one.id != row.id:
                found[one.id] = one
                ties.setdefault(one.id, set()).add(tie)
    told = [Kin(found[id_], tuple(tie for tie in TIES if tie in has)) for id_, has in ties.items()]
    told.sort(key=lambda one: (abs(one.row.time - row.time), one.row.id))
    return tuple(sorted(told, key=lambda one: one.strength, reverse=True))


def _hash(alert: AlertDetail) -> str:
    return next(
        (
            found
            for one in alert.matched
            if (found := first_text(one.event.doc, "process.hash.sha256", "file.hash.sha256"))
        ),
        "",
    )
