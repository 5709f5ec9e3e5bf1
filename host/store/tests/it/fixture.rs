//! What the tests share: a datastore in a folder of its own, and short ways to fill it.

use sedge_model::call::{CallError, Failure, LogLevel, LogLine, StagedWrite};
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName, RunId};
use sedge_model::run::{RunEvent, RunKind, RunStatus, StepPath};
use sedge_store::{
    Author, CallEnd, CallStart, Claim, EventRecord, RunStart, Store, StoreError, VersionRecord,
};
use sedge_sys::folder::Folder;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder that goes when this does.
pub(crate) struct Place {
    _keep: TempDir,
    pub(crate) folder: Folder,
}

/// A datastore in a folder of its own.
pub(crate) struct Fixture {
    place: Place,
    pub(crate) store: Store,
}

impl Place {
    pub(crate) fn new() -> Self {
        let keep = tempfile::tempdir().expect("a folder can be made");
        let folder = Folder::open(keep.path()).expect("it is there");
        Self {
            _keep: keep,
            folder,
        }
    }

    /// Returns an error's text with `FOLDER` in place of this folder.
    pub(crate) fn words(&self, error: &StoreError) -> String {
        let path = self.folder.path().display().to_string();
        error.to_string().replace(&path, "FOLDER")
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        let store = Store::create(&place.folder).expect("the folder is empty");
        Self { place, store }
    }

    /// Opens the datastore once more, as another process would.
    pub(crate) fn other_process(&self) -> Store {
        Store::open(&self.place.folder).expect("it was made")
    }

    /// Makes a run of the workflow `deploy`.
    pub(crate) fn run(&self, n: u64) -> Claim {
        let start = run_start(n, RunKind::Workflow, "deploy");
        let claim = self.store.run_start(&start, &[RunEvent::Started]);
        claim.expect("the id is new")
    }

    /// Takes a run up anew, as another process would.
    pub(crate) fn taken_up(&self, run: &RunId) -> Claim {
        let seen = self.store.run_get(run).expect("it was made");
        let claim = self.store.run_claim(&seen, "session-2", &RunEvent::Resumed);
        claim.expect("nobody was faster")
    }

    /// Returns the texts of a run's log.
    pub(crate) fn events(&self, run: &RunId) -> Vec<String> {
        let events = self.store.run_events(run).expect("they can be read");
        shown(&events)
    }

    /// Begins a call of the method `run` of a model.
    pub(crate) fn call(&self, claim: &Claim, path: &[u32], model: &str) -> Lineage {
        let start = call_start(claim, path, model);
        self.store
            .call_start(claim, &start)
            .expect("the claim counts");
        start.lineage
    }

    /// Returns the versions that a name has.
    pub(crate) fn versions(&self, model: &str, name: &str) -> Vec<u64> {
        let versions = self
            .store
            .data_versions(&model_name(model), &data_name(name));
        let versions = versions.expect("they can be read");
        versions
            .iter()
            .map(|it: &VersionRecord| it.version)
            .collect()
    }
}

pub(crate) fn run_id(n: u64) -> RunId {
    RunId::from_bits(n)
}

pub(crate) fn model_name(text: &str) -> ModelName {
    text.parse().expect("a model's name")
}

pub(crate) fn data_name(text: &str) -> DataName {
    text.parse().expect("a name of data")
}

pub(crate) fn step(text: &str) -> StepPath {
    let (job, step) = text.split_once('/').expect("`job/step`");
    StepPath {
        job: job.parse().expect("a job's name"),
        step: step.parse().expect("a step's name"),
    }
}

pub(crate) fn run_start(n: u64, kind: RunKind, subject: &str) -> RunStart {
    RunStart {
        id: run_id(n),
        kind,
        subject: subject.to_owned(),
        method: (kind == RunKind::Method).then(|| "run".to_owned()),
        source: (kind == RunKind::Workflow).then(|| "name: deploy\n".to_owned()),
        exclusive: false,
        session: "session-1".to_owned(),
        by: "ada".to_owned(),
    }
}

pub(crate) fn call_start(claim: &Claim, path: &[u32], model: &str) -> CallStart {
    let run = Lineage::root(claim.run.clone());
    let lineage = path.iter().fold(run, |caller, n| caller.child(*n));
    CallStart {
        step: (path.len() == 1).then(|| step("build/compile")),
        lineage,
        model: model_name(model),
        method: "run".parse().expect("a method's name"),
        plugin: "0".repeat(64),
        arguments: json!({"z": 1, "a": [null, "é"]}),
        n_undone: 0,
    }
}

/// A call that succeeds with `null` and writes these names and contents.
pub(crate) fn success(call: &Lineage, model: &str, writes: &[(&str, &str)]) -> CallEnd {
    let write = |(name, content): &(&str, &str)| StagedWrite {
        name: data_name(name),
        spec: "record".parse().expect("a spec's name"),
        content: (*content).to_owned(),
    };
    CallEnd {
        lineage: call.clone(),
        model: model_name(model),
        result: Ok(Value::Null),
        writes: writes.iter().map(write).collect(),
        log: Vec::new(),
        elapsed_us: 1200,
        waited_us: 300,
        lock_epoch: 1,
    }
}

/// A call that fails, and writes nothing.
pub(crate) fn failure(call: &Lineage, model: &str) -> CallEnd {
    let error = CallError::Failed(Failure {
        code: "quota".to_owned(),
        message: "no more room".to_owned(),
        details: Some(json!({"left": 0})),
        keep_writes: false,
    });
    CallEnd {
        result: Err(error),
        ..success(call, model, &[])
    }
}

pub(crate) fn log_line(level: LogLevel, message: &str) -> LogLine {
    LogLine {
        level,
        message: message.to_owned(),
        fields: vec![("b".to_owned(), json!(1)), ("a".to_owned(), json!("x"))],
    }
}

/// Returns the events as `seq event step`.
pub(crate) fn shown(events: &[EventRecord]) -> Vec<String> {
    let name = |event: &RunEvent| match event {
        RunEvent::Started => "started".to_owned(),
        RunEvent::Resumed => "resumed".to_owned(),
        RunEvent::StepStarted { step, call } => format!("step-started {step} {call}"),
        RunEvent::StepSucceeded { step } => format!("step-succeeded {step}"),
        RunEvent::StepFailed { step, error } => format!("step-failed {step} {}", error.code()),
        RunEvent::StepSkipped { step, because } => format!("step-skipped {step} {because}"),
        RunEvent::GateOpened { gate } => format!("gate-opened {gate}"),
        RunEvent::GateDecided { gate, decision, .. } => {
            format!("gate-decided {gate} {}", decision.as_str())
        }
        RunEvent::Suspended => "suspended".to_owned(),
        RunEvent::Ended { status } => format!("ended {}", status.as_str()),
    };
    let line = |record: &EventRecord| format!("{} {}", record.seq, name(&record.event));
    events.iter().map(line).collect()
}

/// Appends these events, whatever the log says, and one more by which the run stands so.
pub(crate) fn append(
    store: &Store,
    claim: &Claim,
    mut events: Vec<RunEvent>,
    status: Option<RunStatus>,
) -> Result<Vec<EventRecord>, StoreError> {
    events.extend(status.map(|status| match status {
        RunStatus::Running | RunStatus::Interrupted => RunEvent::Resumed,
        RunStatus::Suspended => RunEvent::Suspended,
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => {
            RunEvent::Ended { status }
        }
    }));
    store.run_append(Author::Process(claim), 0, |_| Ok(events))
}

/// Asserts that a claim was refused for having been followed by another.
#[track_caller]
pub(crate) fn assert_fenced<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let error = result.expect_err("the claim is an old one");
    assert!(matches!(error, StoreError::Fenced(_)), "{error}");
}
