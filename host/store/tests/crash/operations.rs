//! The table of the tested operations. Their initial states are in `setups`.
//!
//! To add an operation, add an entry to [`OPERATIONS`] with a setup, a call of the store, and the
//! durability that its documentation promises. The states before and after it are what the store
//! contains if nothing fails.

use std::sync::atomic::{AtomicUsize, Ordering};

use sedge_model::call::LogLevel;
use sedge_model::lifetime::Retention;
use sedge_model::permission::{EnvPermission, Permission};
use sedge_model::run::{RunEvent, RunKind, RunStatus};
use sedge_store::{
    AuditEntry, Author, CallEnd, DataChosen, DataDelete, DataRename, DataRestore, FollowUp,
    GcRules, Medium, RestoredFrom, RunEdits, Store, StoreError, UnsavedPut, WriteSequence,
};
use sedge_sys::folder::Folder;
use sedge_sys::input::Input;
use sedge_sys::thread::Stop;

use crate::dice::Dice;
use crate::fixture::{
    ada, append, call_start, data_name, failure, file_write, gate_opened, log_line, model_name,
    permit, released, run_id, run_start, step_started, success,
};
use crate::images::Image;
use crate::setups::{
    claim, expanded_large, fill, fill_and_back_up, fill_and_end, fill_large, lineage, long_log,
    of_schema_2, of_schema_3, of_schema_5, of_schema_6, task_started, text,
};
use crate::state::{State, open};

/// A tested operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    setup: Setup,
    run: Run,
    pub(crate) survives: Survives,
}

/// The initial state of a store.
#[derive(Debug, Clone, Copy)]
enum Setup {
    /// No store exists.
    Nothing,
    /// A store was created, and then this function was called.
    Store(fn(&Store)),
    /// This function was called with the folder. The store that it returns stays open, because
    /// closing a store changes its files.
    Folder(fn(&Folder) -> Option<Store>),
}

/// The operation. It is repeated if it fails and has no visible effect.
#[derive(Debug, Clone, Copy)]
enum Run {
    OnStore(fn(&Store) -> Result<(), StoreError>),
    OnMedium(fn(Medium) -> Result<(), StoreError>),
}

/// The durability that an operation promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survives {
    PowerLoss,
    /// It becomes durable with the next durable operation.
    ProcessCrash,
}

/// An operation with its initial disk image, and its states.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) operation: Operation,
    pub(crate) start: Image,
    /// The states before and after the operation, and after [`seal`].
    pub(crate) states: [State; 3],
}

/// The number of operations that are tested in parallel.
const N_THREADS: usize = 4;

/// The name of a backup, in the folder of its datastore.
pub(crate) const BACKUP: &str = "backup.tar";

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "creation",
        setup: Setup::Nothing,
        run: Run::OnMedium(|medium| Store::create_on(medium).map(drop)),
        survives: Survives::PowerLoss,
    },
    Operation {
        name: "creation of a file left empty",
        setup: Setup::Folder(|folder| {
            folder.write("sedge.db", b"").expect("it can be written");
            None
        }),
        run: Run::OnMedium(|medium| Store::create_on(medium).map(drop)),
        survives: Survives::PowerLoss,
    },
    durable("run_start", |store| {
        let start = run_start(7, RunKind::Workflow, "deploy");
        store.run_start(&start, &[RunEvent::Started]).map(drop)
    }),
    durable("run_start_unsaved", |store| {
        let start = run_start(7, RunKind::Method, "web");
        let put = UnsavedPut {
            name: model_name("web"),
            type_name: "@test/web".parse().expect("a type's name"),
            former: None,
            text: "name: web\n".to_owned(),
        };
        store.run_start_unsaved(&start, &put).map(drop)
    }),
    durable("run_claim", |store| {
        let seen = store.run_get(&run_id(1))?;
        let claimed = store.run_claim(&seen, "session-2", &[RunEvent::Resumed]);
        claimed.map(drop)
    }),
    durable("run_append", |store| {
        let events = vec![step_started("build/compile", 1), gate_opened("build/ask")];
        append(store, &claim(1), events, Some(RunStatus::Suspended)).map(drop)
    }),
    durable("run_append by a user", |store| {
        store.run_append(Author::Person(&run_id(3)), 0, |events| {
            assert!(!events.is_empty(), "it has begun");
            Ok::<_, StoreError>(vec![RunEvent::Resumed.into()])
        })?;
        Ok(())
    }),
    durable("run_append of a large task", |store| {
        let entry = task_started(2, 100_000);
        store.run_append(Author::Process(&claim(1)), 0, |_| {
            Ok::<_, StoreError>(vec![entry])
        })?;
        Ok(())
    }),
    durable("run_append_queue", |store| {
        let sequence = WriteSequence::default();
        let queued = store.run_append_queue(&claim(1), follow(2), &sequence);
        queued.wait().map(drop)
    }),
    durable("call_commit_queue of large content", |store| {
        let large = text('q', 90_000);
        let end = success(&lineage(1, &[1]), "sink", &[("record", large.as_str())]);
        let end = store.call_end_prepare(end)?;
        let sequence = WriteSequence::default();
        let queued = store.call_commit_queue(&claim(1), &end, follow(2), &sequence);
        queued.wait().map(drop)
    }),
    durable("run_append of large values", |store| {
        let entry = expanded_large("build/each", 100_000).into();
        store.run_append(Author::Process(&claim(1)), 0, |_| {
            Ok::<_, StoreError>(vec![entry])
        })?;
        Ok(())
    }),
    durable("run_claim_edited", |store| {
        let edits = RunEdits {
            source: Some("name: deploy # edited\n".to_owned()),
            inputs: Some([("n".to_owned(), 1.into())].into_iter().collect()),
        };
        let seen = store.run_get(&run_id(1))?;
        let events = [RunEvent::EditsTaken, RunEvent::Resumed];
        let claimed = store.run_claim_edited((&seen, 1), "session-2", &edits, &events);
        claimed.map(drop)
    }),
    durable("run_release", |store| store.run_release(&claim(1))),
    durable("audit_append", |store| {
        store.audit_append(&AuditEntry {
            actor: ada(),
            what: "secret-put".to_owned(),
            on: "token".to_owned(),
            detail: None,
        })
    }),
    lazy("run_end", |store| {
        store.run_end(&claim(2), RunStatus::Succeeded, None)
    }),
    lazy("call_start", |store| {
        let start = call_start(&claim(1), &[2], "sink");
        store.call_start(&claim(1), start).wait()
    }),
    lazy("call_roll_back", |store| {
        store.call_roll_back(&claim(1), &lineage(1, &[1])).map(drop)
    }),
    lazy("call_roll_back_kept", |store| {
        let kept = store.call_roll_back_kept(&claim(1), &lineage(1, &[1]));
        kept.map(drop)
    }),
    durable("call_commit", |store| {
        store.call_commit(&claim(1), end(), None).wait().map(drop)
    }),
    durable("call_commit with a follow-up", |store| {
        let committed = store.call_commit(&claim(1), end(), Some(follow(2)));
        committed.wait().map(drop)
    }),
    durable("call_commit of a failure", |store| {
        let end = failure(&lineage(1, &[1]), "sink");
        store.call_commit(&claim(1), end, None).wait().map(drop)
    }),
    durable("call_commit of large content", |store| {
        let large = [text('a', 100_000), text('b', 300_000)];
        let writes = [
            ("large", large[0].as_str()),
            ("larger", large[1].as_str()),
            ("record", "{\"n\":4}"),
            ("same", large[0].as_str()),
        ];
        let end = success(&lineage(1, &[1]), "sink", &writes);
        store.call_commit(&claim(1), end, None).wait().map(drop)
    }),
    Operation {
        name: "call_commit that copies the log",
        setup: Setup::Folder(|folder| Some(long_log(folder))),
        run: Run::OnStore(|store| store.call_commit(&claim(1), end(), None).wait().map(drop)),
        survives: Survives::PowerLoss,
    },
    durable("call_commit of files", commit_files),
    durable("call_publish", publish),
    durable("data_delete", |store| {
        delete(store, DataChosen::Name(data_name("record")))
    }),
    durable("data_delete of a version", |store| {
        delete(store, DataChosen::Version(data_name("record"), 2))
    }),
    durable("data_delete of all", |store| delete(store, DataChosen::All)),
    durable("data_rename", |store| rename(store, "record", "renamed")),
    Operation {
        name: "data_rename back",
        setup: Setup::Store(|store| {
            fill(store);
            rename(store, "record", "renamed").expect("nothing fails");
        }),
        ..durable("", |store| rename(store, "renamed", "record"))
    },
    durable("data_restore", |store| restore_version(store, "record", 1)),
    Operation {
        name: "data_restore of a file",
        setup: Setup::Store(fill_large),
        ..durable("", |store| restore_version(store, "large", 2))
    },
    Operation {
        name: "data_gc",
        setup: Setup::Store(fill_large),
        ..durable("", collect)
    },
    Operation {
        name: "runs_delete",
        setup: Setup::Store(fill_and_end),
        ..durable("", |store| {
            store
                .runs_delete(&permit(), &[run_id(2), run_id(1)], &ada())
                .map(drop)
        })
    },
    Operation {
        name: "compact",
        setup: Setup::Store(fill_large),
        ..durable("", |store| store.compact())
    },
    Operation {
        name: "backup",
        setup: Setup::Store(fill_large),
        ..durable("", back_up)
    },
    Operation {
        name: "restore",
        setup: Setup::Store(fill_and_back_up),
        ..durable("", restore)
    },
    Operation {
        name: "migration of schema 2",
        setup: Setup::Folder(of_schema_2),
        // The migration is done by opening the store, so no store stays open.
        run: Run::OnMedium(|medium| Store::open_on(medium)?.status().map(drop)),
        survives: Survives::PowerLoss,
    },
    Operation {
        name: "migration of schema 3",
        setup: Setup::Folder(of_schema_3),
        run: Run::OnMedium(|medium| Store::open_on(medium)?.status().map(drop)),
        survives: Survives::PowerLoss,
    },
    Operation {
        name: "migration of schema 5",
        setup: Setup::Folder(of_schema_5),
        run: Run::OnMedium(|medium| Store::open_on(medium)?.status().map(drop)),
        survives: Survives::PowerLoss,
    },
    Operation {
        name: "migration of schema 6",
        setup: Setup::Folder(of_schema_6),
        run: Run::OnMedium(|medium| Store::open_on(medium)?.status().map(drop)),
        survives: Survives::PowerLoss,
    },
    lazy("permission_uses_forget", |store| {
        store.permission_uses_forget(&permit(), &model_name("sink"))
    }),
    durable("fence", |store| {
        store.fence(&[lineage(1, &[])], &released())
    }),
    Operation {
        name: "fences_forget",
        setup: Setup::Store(|store| {
            fill(store);
            let fenced = store.fence(&[lineage(1, &[1, 2])], &released());
            fenced.expect("nothing fails");
        }),
        ..lazy("", |store| store.fences_forget(&lineage(1, &[1])))
    },
    lazy("lock_epoch_set", |store| {
        store.lock_epoch_set(Some(1), 2).map(drop)
    }),
];

/// A durable operation on a store with entries of every kind.
const fn durable(name: &'static str, run: fn(&Store) -> Result<(), StoreError>) -> Operation {
    Operation {
        name,
        setup: Setup::Store(fill),
        run: Run::OnStore(run),
        survives: Survives::PowerLoss,
    }
}

/// An operation that becomes durable with the next durable one.
const fn lazy(name: &'static str, run: fn(&Store) -> Result<(), StoreError>) -> Operation {
    Operation {
        survives: Survives::ProcessCrash,
        ..durable(name, run)
    }
}

impl Operation {
    /// Runs the operation on a medium. Returns the store if it was opened and can be used further.
    pub(crate) fn attempt(&self, medium: Medium) -> (Option<Store>, Result<(), StoreError>) {
        match self.run {
            Run::OnMedium(run) => (None, run(medium)),
            Run::OnStore(run) => match Store::open_on(medium) {
                Ok(store) => {
                    let done = run(&store);
                    (Some(store), done)
                }
                Err(error) => (None, Err(error)),
            },
        }
    }

    /// Repeats the operation on the open store, or on the medium if none is open.
    pub(crate) fn again(&self, store: Option<&Store>, medium: Medium) -> Result<(), StoreError> {
        match (self.run, store) {
            (Run::OnStore(run), Some(store)) => run(store),
            (Run::OnStore(_), None) | (Run::OnMedium(_), _) => self.attempt(medium).1,
        }
    }

    fn start(&self) -> Image {
        let place = Image::default().place();
        let folder = &place.folder;
        let made = || Store::create(folder).expect("the folder is empty");
        // The store stays open until the folder was read.
        let _store = match self.setup {
            Setup::Nothing => None,
            Setup::Folder(setup) => setup(folder),
            Setup::Store(setup) => {
                let store = made();
                setup(&store);
                Some(store)
            }
        };
        Image::of(folder)
    }
}

impl Subject {
    pub(crate) fn new(operation: Operation) -> Self {
        let start = operation.start();
        let place = start.place();
        let state = || {
            let store = open(&place.folder).expect("nothing fails");
            store.map_or(State::ABSENT, |store| State::of(&store).expect("readable"))
        };
        let before = state();
        let medium = || Medium::new(&place.folder).expect("a descriptor is left");
        operation.attempt(medium()).1.expect("nothing fails");
        let after = state();
        seal(&Store::open(&place.folder).expect("there is one now")).expect("nothing fails");
        let sealed = state();
        Self {
            operation,
            start,
            states: [before, after, sealed],
        }
    }
}

/// Calls `body` for each operation, with separate dice, several at once, because they mostly wait
/// for the disk.
pub(crate) fn for_each(body: impl Fn(Operation, &mut Dice) + Sync) {
    let dice = Dice::from_env();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let work = || {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some(operation) = OPERATIONS.get(n) else {
                    return;
                };
                body(*operation, &mut dice.of(n as u64));
            }
        };
        for _ in 0..N_THREADS {
            scope.spawn(work);
        }
    });
}

/// Makes a durable write, which makes all earlier writes durable, too.
pub(crate) fn seal(store: &Store) -> Result<(), StoreError> {
    let start = run_start(999, RunKind::Method, "seal");
    store.run_start(&start, &[]).map(drop)
}

pub(crate) fn delete(store: &Store, what: DataChosen) -> Result<(), StoreError> {
    let model = model_name("sink");
    let deleted = store.data_delete(&permit(), &DataDelete { model, what });
    deleted.map(drop)
}

fn rename(store: &Store, from: &str, to: &str) -> Result<(), StoreError> {
    let renamed = store.data_rename(
        &permit(),
        &DataRename {
            model: model_name("sink"),
            from: data_name(from),
            to: data_name(to),
            forward: true,
        },
    );
    renamed.map(drop)
}

/// Restores a version.
fn restore_version(store: &Store, name: &str, version: u64) -> Result<(), StoreError> {
    let restore = DataRestore {
        model: model_name("sink"),
        name: data_name(name),
        from: RestoredFrom {
            version,
            by: "ada".to_owned(),
        },
        type_name: None,
    };
    store.data_restore(&permit(), &restore).map(drop)
}

/// Starts of steps, with a small and a large task, after the only event of run 1.
fn follow(call: u32) -> FollowUp {
    FollowUp {
        known: 1,
        entries: vec![task_started(call, 10), task_started(call + 1, 100_000)],
    }
}

/// Commits a large and a small file, as a guest writes them.
fn commit_files(store: &Store) -> Result<(), StoreError> {
    let mut end = success(&lineage(1, &[1]), "sink", &[("record", "{\"n\":5}")]);
    let mut kept = Vec::new();
    for (name, n_pieces) in [("small", 1), ("large", 20)] {
        let mut file = store.file_create();
        for n in 0..n_pieces {
            file.write(text('c', 9_000 + n).as_bytes())?;
        }
        let (content, passing) = file.finish()?;
        kept.extend(passing);
        end.changes.push(file_write(name, content));
    }
    store.call_commit(&claim(1), end, None).wait().map(drop)
}

fn publish(store: &Store) -> Result<(), StoreError> {
    let large = text('p', 90_000);
    let writes = [("record", "{\"n\":6}"), ("published", large.as_str())];
    let so_far = success(&lineage(1, &[1]), "sink", &writes);
    store.call_publish(&claim(1), so_far).wait().map(drop)
}

/// Collects all but the latest versions, in more than one batch.
fn collect(store: &Store) -> Result<(), StoreError> {
    store.data_gc(&permit(), &rules()).map(drop)
}

fn rules() -> GcRules {
    let hour = "1h".parse().expect("a time");
    let retention = Retention {
        lifetime: Some(hour),
        ..Retention::default()
    };
    let spec = "record".parse().expect("a spec's name");
    GcRules {
        now_ms: u64::MAX,
        overrides: [(model_name("sink"), [(spec, retention)].into())].into(),
        with_latest: false,
    }
}

pub(crate) fn back_up(store: &Store) -> Result<(), StoreError> {
    store
        .backup(store.medium(), BACKUP, &Stop::default(), |_, _| {})
        .map(drop)
}

fn restore(store: &Store) -> Result<(), StoreError> {
    let path = store.medium().path().join(BACKUP);
    let from = Input::named(&path)?;
    store
        .restore(&permit(), from, &Stop::default(), |_, _| {})
        .map(drop)
}

/// The end of run 1's call, with several resources, a log, and a used permission.
fn end() -> CallEnd {
    let writes = [("record", "{\"n\":3}"), ("new", "[]"), ("note", "\"ü\"")];
    CallEnd {
        log: vec![
            log_line(LogLevel::Info, "one"),
            log_line(LogLevel::Error, "two"),
        ],
        used: vec![Permission::Env(EnvPermission {
            name: "HOME".parse().expect("a name"),
        })],
        ..success(&lineage(1, &[1]), "sink", &writes)
    }
}
