//! The tables, and how a database file identifies their version.
//!
//! `application_id` distinguishes a datastore from any other SQLite file, and `user_version` is the
//! version of the schema. A newer version is refused, an older one is migrated (`migrate.rs`).
//! `FORMAT.md` describes the tables and their invariants.

/// "Sdge", as a number.
pub(crate) const APPLICATION_ID: i64 = 0x5364_6765;

/// The version of the tables below.
pub(crate) const SCHEMA_VERSION: i64 = 8;

/// The oldest version that can be migrated. No release had an older one.
pub(crate) const SCHEMA_VERSION_OLDEST: i64 = 2;

/// Returns the statements that create the tables of one version, in parts; empty for an unknown
/// version.
pub(crate) fn tables_of(version: i64) -> &'static [&'static str] {
    match version {
        2 => &[RUNS_TABLE_7, RUN_TABLES, OLD_DATA_TABLE],
        3 => &[
            RUNS_TABLE_7,
            RUN_TABLES,
            DATA_TABLES,
            VERSIONS_TABLE_7,
            VERSION_INDEXES,
            DATA_BY_RUN,
        ],
        4 => &[
            RUNS_TABLE_7,
            RUN_TABLES,
            DATA_TABLES,
            VERSIONS_TABLE_7,
            VERSION_INDEXES,
            DATA_BY_RUN,
            USE_TABLES,
        ],
        5 => &[
            RUNS_TABLE_7,
            RUN_TABLES,
            DATA_TABLES,
            VERSIONS_TABLE_7,
            VERSION_INDEXES,
            DATA_BY_RUN,
            USE_TABLES,
            INPUT_TABLES,
            UNSAVED_TABLES,
        ],
        6 => &[
            RUNS_TABLE_7,
            RUN_TABLES,
            DATA_TABLES,
            VERSIONS_TABLE_7,
            VERSION_INDEXES,
            DATA_BY_RUN,
            USE_TABLES,
            INPUT_TABLES,
            UNSAVED_TABLES,
            WORKFLOW_TABLES,
            AUDIT_TABLES,
        ],
        7 => &[
            RUNS_TABLE_7,
            RUN_TABLES,
            DATA_TABLES,
            VERSIONS_TABLE_7,
            VERSION_INDEXES,
            DATA_BY_CALL,
            USE_TABLES,
            INPUT_TABLES,
            UNSAVED_TABLES,
            WORKFLOW_TABLES,
            AUDIT_TABLES,
            ITEM_TABLES,
        ],
        SCHEMA_VERSION => &PRESENT_TABLES,
        _ => &[],
    }
}

/// The statements that create the current tables, in parts.
pub(crate) const PRESENT_TABLES: [&str; 13] = [
    RUNS_TABLE,
    RUNS_BY_CALL,
    RUN_TABLES,
    DATA_TABLES,
    VERSIONS_TABLE,
    VERSION_INDEXES,
    DATA_BY_CALL,
    USE_TABLES,
    INPUT_TABLES,
    UNSAVED_TABLES,
    WORKFLOW_TABLES,
    AUDIT_TABLES,
    ITEM_TABLES,
];

/// The table of runs, with the columns that later schemas added at its end.
macro_rules! runs_table {
    ($added:literal) => {
        concat!(
            "
CREATE TABLE runs (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,     -- `method` or `workflow`
    subject    TEXT NOT NULL,     -- the model's or the workflow's name
    method     TEXT,              -- of a run of kind `method`
    source     TEXT,              -- the workflow's file at the time when the run was created
    exclusive  INTEGER NOT NULL,  -- 1 if it locks the whole datastore while it is running
    status     TEXT NOT NULL,     -- see RunStatus; never `interrupted`
    session    TEXT NOT NULL,     -- the process that works on it, if `running`; empty if none does
    claim      INTEGER NOT NULL,  -- counts the processes that claimed it; fences off former ones
    started_by TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER",
            $added,
            ") STRICT;
"
        )
    };
}

/// The runs.
///
/// Times are milliseconds since 1970-01-01T00:00:00Z; JSON is text.
pub(crate) const RUNS_TABLE: &str = runs_table!(
    ",
    by_call    TEXT               -- the call whose command started it: `k3v9q2x8w1mz/1/2`
"
);

/// The runs before schema 8.
const RUNS_TABLE_7: &str = runs_table!("");

/// The runs by the calls whose commands started them, which schema 8 added.
pub(crate) const RUNS_BY_CALL: &str = "
CREATE INDEX runs_by_call ON runs (by_call) WHERE by_call IS NOT NULL;
";

/// The indexes of runs, and the tables of events, calls and locks.
///
/// The `path` of a call is the list of ordinals from the run down to the call (`1/2`).
pub(crate) const RUN_TABLES: &str = "
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX runs_by_subject ON runs (kind, subject, started_at);

CREATE TABLE run_events (
    run   TEXT NOT NULL REFERENCES runs (id),
    seq   INTEGER NOT NULL,       -- 1, 2, 3 and so on without gaps
    at    INTEGER NOT NULL,
    event TEXT NOT NULL,          -- JSON, see StoredEvent
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    run        TEXT NOT NULL REFERENCES runs (id),
    path       TEXT NOT NULL,
    step       TEXT,              -- `job/step` or `job/expansion`, also for its nested calls
    model      TEXT NOT NULL,
    method     TEXT NOT NULL,
    plugin     TEXT NOT NULL,     -- SHA-256 of the component
    status     TEXT NOT NULL,     -- see CallStatus
    arguments  TEXT NOT NULL,     -- JSON
    result     TEXT,              -- JSON: an Outcome, or a CallError
    started_at INTEGER NOT NULL,
    undone     INTEGER NOT NULL,  -- how often it was rolled back and retried after a deadlock
    elapsed_us INTEGER,           -- microseconds from the request to the commit, waiting included
    waited_us  INTEGER,           -- microseconds of these spent waiting for locks
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

-- Locks are stored elsewhere, and may be lost in a power loss. These two tables say which
-- locks are no longer valid.
CREATE TABLE lock_table (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL           -- the valid lock table, as 16 hexadecimal digits
) STRICT;

CREATE TABLE fences (
    run   TEXT NOT NULL,          -- a run, or the id of a lock outside of any run
    claim INTEGER NOT NULL,       -- of the process that lost the lock; 0 without a run
    path  TEXT NOT NULL,          -- the call that lost it, with all its callees
    at    INTEGER NOT NULL,
    PRIMARY KEY (run, claim, path)
) STRICT, WITHOUT ROWID;
";

/// The only table of data in schema 2.
const OLD_DATA_TABLE: &str = "
CREATE TABLE data_versions (
    model      TEXT NOT NULL,
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    spec       TEXT NOT NULL,
    content    TEXT NOT NULL,     -- JSON
    created_at INTEGER NOT NULL,
    run        TEXT NOT NULL,
    path       TEXT NOT NULL,
    PRIMARY KEY (model, name, version)
) STRICT;
";

/// The tables of data, which replaced the one of schema 2 in schema 3.
pub(crate) const DATA_TABLES: &str = "
CREATE TABLE data (
    id      INTEGER PRIMARY KEY,
    model   TEXT NOT NULL,
    name    TEXT NOT NULL,
    owner   TEXT,                 -- the type of the model that wrote it first; null if unknown
    latest  INTEGER NOT NULL,     -- the highest existing version; 0 for a former name
    written INTEGER NOT NULL,     -- the highest version that was ever assigned
    keep    TEXT,                 -- versions or time to keep; set by the last write
    forward INTEGER REFERENCES data (id),  -- for a former name: the current one
    UNIQUE (model, name)
) STRICT;
CREATE INDEX data_by_forward ON data (forward) WHERE forward IS NOT NULL;

-- The origin of versions, shared by many of them.
CREATE TABLE origins (
    id         INTEGER PRIMARY KEY,
    type       TEXT NOT NULL,     -- of the model; empty if unknown
    method     TEXT NOT NULL,
    plugin     TEXT NOT NULL,     -- SHA-256 of the component; see StoredPlugin
    definition TEXT NOT NULL,     -- BLAKE3 of the model's file; empty if unknown
    UNIQUE (plugin, definition, method, type)
) STRICT;

-- Small content. Large content is in files.
CREATE TABLE contents (
    id    INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;
";

/// The table of versions, with the columns that later schemas added at its end.
macro_rules! versions_table {
    ($added:literal) => {
        concat!(
            "
CREATE TABLE data_versions (
    data       INTEGER NOT NULL REFERENCES data (id),
    version    INTEGER NOT NULL,  -- 1, 2, 3 and so on; old ones are deleted
    kind       TEXT NOT NULL,     -- `resource` or `file`
    spec       TEXT NOT NULL,
    media_type TEXT,              -- of a file; a resource is `application/json`
    size       INTEGER NOT NULL,  -- bytes
    digest     BLOB NOT NULL,     -- BLAKE3, 32 bytes
    content    INTEGER,           -- a row of contents, which adjacent versions of the name
                                  -- may share; null: the file named by the digest
    tags       TEXT,              -- JSON: {key: value}; null for none
    lifetime   TEXT NOT NULL,     -- see Lifetime
    created_at INTEGER NOT NULL,
    run        TEXT NOT NULL,     -- it stays after the run is deleted
    path       TEXT NOT NULL,     -- the call that wrote it
    step       TEXT,              -- `job/step` or `job/expansion`
    origin     INTEGER NOT NULL REFERENCES origins (id),
",
            $added,
            "    PRIMARY KEY (data, version)
) STRICT, WITHOUT ROWID;
"
        )
    };
}

/// The versions of data.
pub(crate) const VERSIONS_TABLE: &str = versions_table!(
    "    environment TEXT,             -- JSON: the names of the variables of the environment whose
                                  -- values it may contain; null for none
"
);

/// The versions before schema 8.
const VERSIONS_TABLE_7: &str = versions_table!("");

/// The indexes and the labels of versions.
pub(crate) const VERSION_INDEXES: &str = "
CREATE INDEX data_versions_by_time ON data_versions (created_at);
CREATE INDEX data_versions_by_file ON data_versions (digest) WHERE content IS NULL;

CREATE TABLE data_tags (
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    data    INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (key, value, data, version),
    FOREIGN KEY (data, version) REFERENCES data_versions (data, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX data_tags_by_version ON data_tags (data, version);
";

/// The index of versions by their runs, which schema 7 replaced by that of their calls.
pub(crate) const DATA_BY_RUN: &str = "
CREATE INDEX data_versions_by_run ON data_versions (run);
";

/// The index of versions by the calls that wrote them, which schema 7 added.
pub(crate) const DATA_BY_CALL: &str = "
CREATE INDEX data_versions_by_call ON data_versions (run, path);
";

/// The permissions that models have used, which schema 4 added.
pub(crate) const USE_TABLES: &str = "
CREATE TABLE permission_uses (
    model      TEXT NOT NULL,
    permission TEXT NOT NULL,     -- what its plugin requests, see Permission
    used_at    INTEGER NOT NULL,  -- the end of a call that used it, up to a minute old
    PRIMARY KEY (model, permission)
) STRICT, WITHOUT ROWID;
";

/// The inputs of runs, which schema 5 added.
pub(crate) const INPUT_TABLES: &str = "
CREATE TABLE run_inputs (
    run    TEXT NOT NULL PRIMARY KEY REFERENCES runs (id),
    inputs TEXT NOT NULL          -- JSON: {name: value}, with the defaults
) STRICT, WITHOUT ROWID;
";

/// The definitions of models without a file, which schema 5 added.
pub(crate) const UNSAVED_TABLES: &str = "
CREATE TABLE unsaved_models (
    name       TEXT NOT NULL PRIMARY KEY,
    type       TEXT NOT NULL,
    definition TEXT NOT NULL,     -- YAML, as the file of a definition has it
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
";

/// What schema 6 added to runs: who started them and how, their parents, and what their steps run.
pub(crate) const WORKFLOW_TABLES: &str = "
CREATE TABLE run_details (
    run     TEXT NOT NULL PRIMARY KEY REFERENCES runs (id),
    uid     INTEGER,              -- the number of the user in `runs.started_by`
    parent  TEXT REFERENCES runs (id),  -- the run that this one is a part of
    options TEXT NOT NULL         -- JSON, see StoredOptions
) STRICT, WITHOUT ROWID;
CREATE INDEX run_details_by_parent ON run_details (parent) WHERE parent IS NOT NULL;

-- What a step runs, with its evaluated inputs, as the event `step-started` logged it.
CREATE TABLE step_tasks (
    run    TEXT NOT NULL REFERENCES runs (id),
    call   INTEGER NOT NULL,      -- the ordinal in the event
    task   TEXT,                  -- JSON, see StoredTask; null: the file named by the digest
    digest BLOB,                  -- of that file: BLAKE3, 32 bytes
    size   INTEGER,               -- of that file, in bytes
    PRIMARY KEY (run, call)
) STRICT, WITHOUT ROWID;
CREATE INDEX step_tasks_by_file ON step_tasks (digest) WHERE digest IS NOT NULL;
";

/// The values of steps with `forEach` that are too large for their events, which schema 7 added.
pub(crate) const ITEM_TABLES: &str = "
CREATE TABLE step_items (
    run    TEXT NOT NULL REFERENCES runs (id),
    seq    INTEGER NOT NULL,      -- the number of the event `expanded`
    items  TEXT,                  -- JSON: the values, in order; null: the file named by the digest
    digest BLOB,                  -- of that file: BLAKE3, 32 bytes
    size   INTEGER,               -- of that file, in bytes
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX step_items_by_file ON step_items (digest) WHERE digest IS NOT NULL;
";

/// What users did, which schema 6 added. Rows are added, and never changed or deleted.
pub(crate) const AUDIT_TABLES: &str = "
CREATE TABLE audit (
    n      INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    actor  TEXT NOT NULL,         -- the name of the user
    uid    INTEGER,               -- the number of the user
    what   TEXT NOT NULL,         -- a word: `gate-approved`
    object TEXT NOT NULL,         -- on what it was done: a run, a model, a secret
    detail TEXT
) STRICT;
";
