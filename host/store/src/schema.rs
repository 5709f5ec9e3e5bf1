//! The tables, and how a file says which version of them it has.
//!
//! `application_id` tells a datastore from any other SQLite file, `user_version` is the
//! schema's version. A reader refuses every version but its own: there is only one.

/// "Sdge", as a number.
pub(crate) const APPLICATION_ID: i64 = 0x5364_6765;

/// The version of the tables below.
pub(crate) const SCHEMA_VERSION: i64 = 2;

/// Times are milliseconds since 1970-01-01T00:00:00Z; JSON is text. A call's `path` are
/// its ordinals from the run down (`1/2`).
pub(crate) const TABLES: &str = "
CREATE TABLE runs (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,     -- `method` or `workflow`
    subject    TEXT NOT NULL,     -- the model's or the workflow's name
    method     TEXT,              -- of a run of kind `method`
    source     TEXT,              -- the workflow's file as it was when the run was made
    exclusive  INTEGER NOT NULL,  -- 1 if it has the whole datastore while it is worked on
    status     TEXT NOT NULL,     -- see RunStatus; never `interrupted`
    session    TEXT NOT NULL,     -- the process that works on it, if it is `running`
    claim      INTEGER NOT NULL,  -- counts the processes that took it up; fences the former
    started_by TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX runs_by_subject ON runs (kind, subject, started_at);

CREATE TABLE run_events (
    run   TEXT NOT NULL REFERENCES runs (id),
    seq   INTEGER NOT NULL,       -- 1, 2, 3 and so on without holes
    at    INTEGER NOT NULL,
    event TEXT NOT NULL,          -- JSON, see RunEvent
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    run        TEXT NOT NULL REFERENCES runs (id),
    path       TEXT NOT NULL,
    step       TEXT,              -- `job/step`, of the calls of a step, nested ones too
    model      TEXT NOT NULL,
    method     TEXT NOT NULL,
    plugin     TEXT NOT NULL,     -- SHA-256 of the component
    status     TEXT NOT NULL,     -- see CallStatus
    arguments  TEXT NOT NULL,     -- JSON
    result     TEXT,              -- JSON: an Outcome, or a CallError
    started_at INTEGER NOT NULL,
    undone     INTEGER NOT NULL,  -- how often it was undone and started anew, for a deadlock
    elapsed_us INTEGER,           -- microseconds from the request to the commit, waiting included
    waited_us  INTEGER,           -- how many of them it waited for its locks
    PRIMARY KEY (run, path)
) STRICT;

CREATE TABLE log_lines (
    run     TEXT NOT NULL,
    path    TEXT NOT NULL,
    n       INTEGER NOT NULL,     -- 1, 2, 3 and so on in the call
    level   TEXT NOT NULL,
    message TEXT NOT NULL,
    fields  TEXT NOT NULL,        -- JSON: [[key, value], ...]
    PRIMARY KEY (run, path, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE data_versions (
    model      TEXT NOT NULL,
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,  -- 1, 2, 3 and so on without holes
    spec       TEXT NOT NULL,
    content    TEXT NOT NULL,     -- JSON
    created_at INTEGER NOT NULL,
    run        TEXT NOT NULL,
    path       TEXT NOT NULL,     -- the call that wrote it
    PRIMARY KEY (model, name, version)
) STRICT;

-- Locks live elsewhere, and may be lost with a power cut; these two say which of those that
-- somebody believes to have count no more.
CREATE TABLE lock_table (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL           -- which lock table counts, as 16 digits of base 16
) STRICT;

CREATE TABLE fences (
    run   TEXT NOT NULL,          -- a run, or what was locked without one
    claim INTEGER NOT NULL,       -- of the process that the lock was taken from; 0 without a run
    path  TEXT NOT NULL,          -- the call that had it; all below lost it too
    at    INTEGER NOT NULL,
    PRIMARY KEY (run, claim, path)
) STRICT, WITHOUT ROWID;
";
