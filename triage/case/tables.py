"""The tables of a case file, as SQL: a step a version, from the first to today's."""

from __future__ import annotations

from collections.abc import Callable

import apsw

from triage.case import chain, risk

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- One row an alert. `change` is the value of the case's change counter when the row last changed:
-- a console asks for what is newer than the last it saw.
CREATE TABLE alert (
  id TEXT PRIMARY KEY, change INTEGER NOT NULL,
  rule_id TEXT NOT NULL, rule_name TEXT NOT NULL, severity TEXT NOT NULL, risk_score REAL NOT NULL,
  time INTEGER NOT NULL, created INTEGER NOT NULL, bucket INTEGER NOT NULL,
  host TEXT NOT NULL, user TEXT NOT NULL, process TEXT NOT NULL, entity_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  collapsed INTEGER NOT NULL DEFAULT 0, superseded INTEGER NOT NULL DEFAULT 0,
  status TEXT NOT NULL DEFAULT 'open', close_reason TEXT NOT NULL DEFAULT '',
  assignee TEXT NOT NULL DEFAULT '', decided_by TEXT NOT NULL DEFAULT '',
  decided_at INTEGER NOT NULL DEFAULT 0, notes INTEGER NOT NULL DEFAULT 0,
  gathered INTEGER NOT NULL DEFAULT 0, doc BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX alert_change ON alert (change);
CREATE INDEX alert_bucket ON alert (rule_id, bucket);
CREATE INDEX alert_host ON alert (host, entity_id);
CREATE INDEX alert_gathered ON alert (gathered) WHERE gathered = 0;
-- Alerts beyond a rule's max_signals in one interval: known by id alone, so that none counts twice.
CREATE TABLE collapsed (alert_id TEXT PRIMARY KEY, rule_id TEXT NOT NULL, bucket INTEGER NOT NULL)
  WITHOUT ROWID;

-- Evidence: matched events, events that an open sequence waits with, and what lies around alerts.
CREATE TABLE event (
  id TEXT PRIMARY KEY, time INTEGER NOT NULL, tiebreaker INTEGER NOT NULL, source TEXT NOT NULL,
  position INTEGER NOT NULL, host TEXT NOT NULL, doc BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX event_host_time ON event (host, time);
-- `stage` is the place of a matched event in its rule's query; context is what panes show besides.
CREATE TABLE alert_event (alert_id TEXT NOT NULL, stage INTEGER NOT NULL, event_id TEXT NOT NULL,
  PRIMARY KEY (alert_id, stage)) WITHOUT ROWID;

CREATE TABLE process (
  host TEXT NOT NULL, entity_id TEXT NOT NULL, parent_entity_id TEXT NOT NULL, pid INTEGER NOT NULL,
  parent_pid INTEGER NOT NULL, name TEXT NOT NULL, executable TEXT NOT NULL,
  command_line TEXT NOT NULL, parent_name TEXT NOT NULL, parent_executable TEXT NOT NULL,
  parent_command_line TEXT NOT NULL, user TEXT NOT NULL, start INTEGER NOT NULL,
  "end" INTEGER NOT NULL DEFAULT 0, sha256 TEXT NOT NULL, integrity TEXT NOT NULL,
  PRIMARY KEY (host, entity_id)) WITHOUT ROWID;
CREATE INDEX process_parent ON process (host, parent_entity_id);
CREATE INDEX process_pid ON process (host, pid, start);

CREATE TABLE block (
  source TEXT NOT NULL, format TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  events INTEGER NOT NULL, min_time INTEGER NOT NULL, max_time INTEGER NOT NULL,
  hosts TEXT NOT NULL, generation TEXT NOT NULL, PRIMARY KEY (generation, first)) WITHOUT ROWID;
CREATE INDEX block_time ON block (min_time, max_time);

CREATE TABLE position (generation TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE open_hit (
  rule_id TEXT NOT NULL, fingerprint TEXT NOT NULL, key TEXT NOT NULL, event_id TEXT NOT NULL,
  stages TEXT NOT NULL, PRIMARY KEY (rule_id, key, event_id)) WITHOUT ROWID;

CREATE TABLE reject (id INTEGER PRIMARY KEY, source TEXT NOT NULL, position INTEGER NOT NULL,
  length INTEGER NOT NULL, reason TEXT NOT NULL, excerpt BLOB NOT NULL, UNIQUE (source, position));
CREATE TABLE gap (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, source TEXT NOT NULL,
  message TEXT NOT NULL);
CREATE TABLE suppressed (item_id TEXT NOT NULL, rule_id TEXT NOT NULL, event_id TEXT NOT NULL,
  time INTEGER NOT NULL, host TEXT NOT NULL, PRIMARY KEY (item_id, rule_id, event_id))
  WITHOUT ROWID;

-- What people did. Rows are only ever added; `undoes` names the entry an undo takes back.
CREATE TABLE journal (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL,
  action TEXT NOT NULL, detail TEXT NOT NULL, undoes INTEGER);
CREATE TABLE journal_change (journal_id INTEGER NOT NULL, alert_id TEXT NOT NULL,
  before TEXT NOT NULL, after TEXT NOT NULL, PRIMARY KEY (journal_id, alert_id)) WITHOUT ROWID;
CREATE INDEX journal_change_alert ON journal_change (alert_id);
CREATE TABLE note (id INTEGER PRIMARY KEY, alert_id TEXT NOT NULL, at INTEGER NOT NULL,
  who TEXT NOT NULL, body TEXT NOT NULL, removed INTEGER NOT NULL DEFAULT 0);
CREATE INDEX note_alert ON note (alert_id);
CREATE TABLE tick (alert_id TEXT NOT NULL, step_id TEXT NOT NULL, at INTEGER NOT NULL,
  who TEXT NOT NULL, PRIMARY KEY (alert_id, step_id)) WITHOUT ROWID;

-- What the engine says of itself and of its rules, for the console to show.
CREATE TABLE engine (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rule (rule_id TEXT PRIMARY KEY, name TEXT NOT NULL, severity TEXT NOT NULL,
  path TEXT NOT NULL, runnable INTEGER NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE problem (id INTEGER PRIMARY KEY, path TEXT NOT NULL, line INTEGER NOT NULL,
  "column" INTEGER NOT NULL, severity TEXT NOT NULL, message TEXT NOT NULL);
INSERT INTO meta VALUES ('change', '0');
"""

# Apart from the others: what the engine says anew at each start may change from version to version.
_SOURCES = """
DROP TABLE IF EXISTS source;
CREATE TABLE source (path TEXT PRIMARY KEY, format TEXT NOT NULL, state TEXT NOT NULL,
  reason TEXT NOT NULL, offset INTEGER NOT NULL, size INTEGER NOT NULL, events INTEGER NOT NULL,
  rejects INTEGER NOT NULL, lag INTEGER NOT NULL, behind_since INTEGER NOT NULL, rate REAL NOT NULL,
  error TEXT NOT NULL) WITHOUT ROWID;
"""

_TAGS = "ALTER TABLE alert ADD COLUMN tags TEXT NOT NULL DEFAULT ''"  # each on a line of its own

# To be added to every step that adds a column to `alert`: the document must stay the last one, for
# SQLite walks through all of a long value to reach what stands behind it.
DOC_LAST = """
ALTER TABLE alert RENAME COLUMN doc TO old_doc;
ALTER TABLE alert ADD COLUMN doc BLOB NOT NULL DEFAULT x'';
UPDATE alert SET doc = old_doc;
ALTER TABLE alert DROP COLUMN old_doc;
"""

# What starts everything on a host, and so tells two stories apart by nothing.
_ORIGINS = (
    "'system', 'smss.exe', 'csrss.exe', 'wininit.exe', 'winlogon.exe', 'services.exe',"
    " 'svchost.exe', 'userinit.exe', 'explorer.exe', 'init', 'systemd', 'launchd', 'kthreadd'"
)


def root_of(host: str, entity_id: str) -> str:
    """Where the process tree of a process begins, as SQL: id and name of its oldest known ancestor
    below those origins. Where its own start is not known, a child of it tells its id and name. No
    row where the process is unknown.
    """
    return f"""
WITH RECURSIVE up (entity_id, parent_id, name, pid, parent_name, parent_pid, told, depth) AS (
  SELECT entity_id, parent_entity_id, name, pid, parent_name, parent_pid,
      parent_entity_id <> '' AND lower(parent_name) NOT IN ({_ORIGINS}), 0
    FROM process WHERE host = {host} AND entity_id = {entity_id}
  UNION ALL
  SELECT p.entity_id, p.parent_entity_id, p.name, p.pid, p.parent_name, p.parent_pid,
      p.parent_entity_id <> '' AND lower(p.parent_name) NOT IN ({_ORIGINS}), depth + 1
    FROM up JOIN process p ON p.host = {host} AND p.entity_id = up.parent_id
    WHERE up.told AND depth < 32)
SELECT iif(told, parent_id, entity_id),
  iif(told, parent_name || ' (' || parent_pid || ')', name || ' (' || pid || ')')
  FROM up ORDER BY depth DESC LIMIT 1
"""  # noqa: S608 - own text


ROOT = root_of("alert.host", "alert.entity_id")


def _told(field: str) -> str:
    """A field of an alert's document, else of the first of its events that has it, as SQL."""
    found = f"coalesce(json_extract(d, '$.{field}'), json_extract(d, '$.\"{field}\"'))"
    alert = f"(SELECT {found} FROM (SELECT CAST(alert.doc AS TEXT) AS d))"  # noqa: S608 - own text
    event = (
        f"(SELECT {found} AS v FROM (SELECT stage, CAST(e.doc AS TEXT) AS d FROM alert_event"  # noqa: S608 - own text
        " JOIN event e ON e.id = event_id WHERE alert_id = alert.id)"
        " WHERE v IS NOT NULL ORDER BY stage LIMIT 1)"
    )
    return f"coalesce({alert}, {event}, '')"


# What the list groups by: cause, ATT&CK technique and process tree.
_GROUPED = f"""
ALTER TABLE alert ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN destination TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN threat TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN root_id TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN root TEXT NOT NULL DEFAULT '';
UPDATE alert SET parent = {_told("process.parent.name")},
  destination = {_told("destination.ip")},
  root_id = entity_id, root = process,
  threat = coalesce((SELECT group_concat(value, ' ') FROM
    json_tree(CAST(doc AS TEXT), '$."kibana.alert.rule.threat"') WHERE key = 'id'), '');
UPDATE alert SET (root_id, root) = ({ROOT})
  WHERE EXISTS (SELECT 1 FROM process p WHERE p.host = alert.host
    AND p.entity_id = alert.entity_id);
CREATE INDEX alert_time ON alert (time);
{DOC_LAST}
"""  # noqa: S608 - own text

# Of the join values by which records of a block wait: sorted 32-bit hashes (triage.engine.waiting).
_WAITING = "ALTER TABLE block ADD COLUMN waiting BLOB NOT NULL DEFAULT x''"

# A table of its own, since what the engine says of rules it says anew at each start.
_RULE_TAGS = """
CREATE TABLE rule_tag (rule_id TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (rule_id, tag))
  WITHOUT ROWID;
"""

# What the process tree shows, and who talked to whom: asked across hosts, far from any alert.
_DEPTH = """
ALTER TABLE process ADD COLUMN sha1 TEXT NOT NULL DEFAULT '';
ALTER TABLE process ADD COLUMN md5 TEXT NOT NULL DEFAULT '';
ALTER TABLE process ADD COLUMN imphash TEXT NOT NULL DEFAULT '';
ALTER TABLE process ADD COLUMN signer TEXT NOT NULL DEFAULT '';
ALTER TABLE process ADD COLUMN signature TEXT NOT NULL DEFAULT '';
CREATE TABLE contact (address TEXT NOT NULL, host TEXT NOT NULL, hour INTEGER NOT NULL,
  count INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (address, host, hour)) WITHOUT ROWID;
CREATE TABLE resolved (host TEXT NOT NULL, address TEXT NOT NULL, name TEXT NOT NULL,
  last INTEGER NOT NULL, PRIMARY KEY (host, address, name)) WITHOUT ROWID;
"""
# Whether an alert's last event had been read before the one that completed it.
_LATE = f"ALTER TABLE alert ADD COLUMN late INTEGER NOT NULL DEFAULT 0;{DOC_LAST}"

# How a response step ended, a word on it, and how many its guide has: the list shows progress.
_OUTCOMES = """
ALTER TABLE tick ADD COLUMN outcome TEXT NOT NULL DEFAULT 'done';
ALTER TABLE tick ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE tick ADD COLUMN steps INTEGER NOT NULL DEFAULT 0;
"""

# What a rule's file says of itself, for the screen of rules and the ATT&CK matrix.
_RULE_FACTS = """
ALTER TABLE rule ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1;
ALTER TABLE rule ADD COLUMN threat TEXT NOT NULL DEFAULT '';
"""

# Alerts whose surroundings are not kept yet, by time: asked for several times a second.
_UNGATHERED = """
DROP INDEX alert_gathered;
CREATE INDEX alert_ungathered ON alert (time) WHERE gathered = 0;
"""

# Counting a rule's alerts of an interval, once for each alert, reads no alert.
_COUNTED = """
DROP INDEX alert_bucket;
CREATE INDEX alert_bucket ON alert (rule_id, bucket, superseded);
"""

# When each place in a log was last written (ns): what is long gone need not be known again.
_PLACE_AGES = """
ALTER TABLE position ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE position SET at = CAST(strftime('%s', 'now') AS INTEGER) * 1000000000;
"""

# `gathered`: 1 once all that lies around an alert is kept, 2 while only what soon was there is.
_GATHERED_TWICE = """
DROP INDEX alert_ungathered;
CREATE INDEX alert_ungathered ON alert (time) WHERE gathered <> 1;
"""

# Rows by number, not by id: to find a long row by its key in a table WITHOUT ROWID, SQLite reads
# all of each row that it compares with. An alert with its rule is some 12 KB, an event one or two.
_NUMBERED = f"""
CREATE TABLE numbered (
  id TEXT NOT NULL PRIMARY KEY, change INTEGER NOT NULL,
  rule_id TEXT NOT NULL, rule_name TEXT NOT NULL, severity TEXT NOT NULL, risk_score REAL NOT NULL,
  time INTEGER NOT NULL, created INTEGER NOT NULL, bucket INTEGER NOT NULL,
  host TEXT NOT NULL, user TEXT NOT NULL, process TEXT NOT NULL, entity_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  collapsed INTEGER NOT NULL DEFAULT 0, superseded INTEGER NOT NULL DEFAULT 0,
  status TEXT NOT NULL DEFAULT 'open', close_reason TEXT NOT NULL DEFAULT '',
  assignee TEXT NOT NULL DEFAULT '', decided_by TEXT NOT NULL DEFAULT '',
  decided_at INTEGER NOT NULL DEFAULT 0, notes INTEGER NOT NULL DEFAULT 0,
  gathered INTEGER NOT NULL DEFAULT 0, tags TEXT NOT NULL DEFAULT '',
  parent TEXT NOT NULL DEFAULT '', destination TEXT NOT NULL DEFAULT '',
  threat TEXT NOT NULL DEFAULT '', root_id TEXT NOT NULL DEFAULT '', root TEXT NOT NULL DEFAULT '',
  late INTEGER NOT NULL DEFAULT 0, doc BLOB NOT NULL
);
INSERT INTO numbered SELECT id, change, rule_id, rule_name, severity, risk_score, time, created,
  bucket, host, user, process, entity_id, reason, collapsed, superseded, status, close_reason,
  assignee, decided_by, decided_at, notes, gathered, tags, parent, destination, threat, root_id,
  root, late, doc FROM alert ORDER BY change, id;
DROP TABLE alert;
ALTER TABLE numbered RENAME TO alert;
CREATE INDEX alert_change ON alert (change);
CREATE INDEX alert_bucket ON alert (rule_id, bucket, superseded);
CREATE INDEX alert_host ON alert (host, entity_id);
CREATE INDEX alert_time ON alert (time);
CREATE INDEX alert_ungathered ON alert (time) WHERE gathered <> 1;
{risk.ON_ALERTS}
CREATE TABLE numbered (
  id TEXT NOT NULL PRIMARY KEY, time INTEGER NOT NULL, tiebreaker INTEGER NOT NULL,
  source TEXT NOT NULL, position INTEGER NOT NULL, host TEXT NOT NULL, doc BLOB NOT NULL
);
INSERT INTO numbered SELECT id, time, tiebreaker, source, position, host, doc FROM event
  ORDER BY host, time;
DROP TABLE event;
ALTER TABLE numbered RENAME TO event;
CREATE INDEX event_host_time ON event (host, time);
"""  # noqa: S608 - own text

# One step a version of the case file, SQL or a function where SQL is not enough. What is released
# is never changed: a change is a new step at the end, and a case of any older version is brought up
# to date by the steps it lacks.
STEPS: tuple[str | Callable[[apsw.Connection], None], ...] = (
    _TABLES,
    _SOURCES,
    chain.install,
    _TAGS,
    _WAITING,
    _GROUPED,
    _RULE_TAGS,
    _DEPTH,
    _OUTCOMES,
    risk.install,
    _LATE,
    _RULE_FACTS,
    _UNGATHERED,
    _COUNTED,
    _PLACE_AGES,
    _GATHERED_TWICE,
    _NUMBERED,
)
VERSION = len(STEPS)
CHAINED = STEPS.index(_OUTCOMES) + 1  # the first version that can be verified
