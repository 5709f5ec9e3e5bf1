//! The shared fixture: a repository with the plugins of all guests, and short ways to run its
//! models.

#[path = "fixture/template.rs"]
mod template;
#[path = "fixture/text.rs"]
pub(crate) mod text;
#[path = "fixture/typescript.rs"]
pub(crate) mod typescript;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sedge_api::view::data::DataVersionView;
use sedge_api::view::datastore::LockView;
use sedge_api::view::model::MethodRunView;
use sedge_api::view::workflow::WorkflowEnd;
use sedge_app::actor::actor;
use sedge_app::data::get::data_get;
use sedge_app::data::list::data_list;
use sedge_app::data::versions::data_versions;
use sedge_app::datastore::lock_status::datastore_lock_status;
use sedge_app::init::init;
use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_app::plugin::add::{AddRequest, plugin_add};
use sedge_app::run::show::run_show;
use sedge_app::types::{
    Actor, CachePlaces, CallError, CallRecord, CallStatus, Choice, ComponentCompiler, RunId,
    RunStatus, Scan,
};
use sedge_app::workflow::resume::{ResumeRequest, workflow_resume};
use sedge_app::workflow::run::{WorkflowRunRequest, workflow_run};
use sedge_app::{
    AppError, Cx, DataUseError, Event, Events, Notices, ReportedEvent, Repository, RunFailed,
    RunUseError, Settings,
};
use sedge_store::Store;
use sedge_sys::clock::{self, Clock, Moment, SettableClock};
use sedge_sys::folder::Folder;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::shown::{Recorded, stands};
use template::{REPOSITORY, USER, compiled_code, copy, template};

/// How long an operation may take before it counts as hanging. Successful tests never wait so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The models, and the type of each.
const MODELS: [(&str, &str); 14] = [
    ("counter", "@test/counter"),
    ("files", "@test/filer"),
    ("guarded", "@test/guarded"),
    ("one", "@test/counter"),
    ("two", "@test/counter"),
    ("sink", "@sedge/sink"),
    ("sink-two", "@sedge/sink"),
    ("spawn", "@sedge/spawn"),
    ("hostile", "@test/hostile"),
    ("raw", "@test/raw"),
    ("reader", "@test/reader"),
    ("recurse", "@test/recurse"),
    ("a", "@test/recurse"),
    ("b", "@test/recurse"),
];

/// A repository in its own folder.
pub(crate) struct House {
    pub(crate) repository: Arc<Repository>,
    pub(crate) seen: Arc<Seen>,
    keep: TempDir,
    compiled: CachePlaces,
    compiler: ComponentCompiler,
    clock: Clock,
}

/// Returns the default settings of a process.
pub(crate) fn settings() -> Settings {
    Settings {
        reaper: Some(sedge_test_artifacts::REAPER.into()),
        ..Settings::default()
    }
}

/// Records the events, for a test to inspect or to wait for.
#[derive(Default)]
pub(crate) struct Seen {
    events: Mutex<Vec<Event>>,
    news: Notify,
}

impl Events for Seen {
    fn event(&self, reported: ReportedEvent) {
        self.events.lock().expect("no panic").push(reported.event);
        self.news.notify_waiters();
    }
}

impl Seen {
    /// Returns all events.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().expect("no panic").clone()
    }

    /// Returns the lines that calls logged.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |event: Event| {
            let Event::Logged { line, .. } = event else {
                return None;
            };
            Some(line.message)
        };
        self.events().into_iter().filter_map(line).collect()
    }
}

impl House {
    /// Makes a repository with the plugins of all sound guests, and a model of each.
    pub(crate) fn new() -> Self {
        let keep = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder can be made");
        copy(&template().join(REPOSITORY), keep.path());
        let house = Self::at(keep, compiled_code(template()));
        for (name, type_name) in MODELS {
            house.model(name, type_name, "");
        }
        house
    }

    /// Makes a repository as [`House::new`] does, with its own cache: for tests that change the
    /// content of the cache.
    pub(crate) fn with_own_cache() -> Self {
        let mut house = Self::new();
        copy(&template().join(USER), &house.path().join(USER));
        house.compiled = compiled_code(house.path());
        house.repository = house.other_process();
        house
    }

    /// Makes a repository as [`House::new`] does, for processes whose time is that of `clock`.
    pub(crate) fn with_clock(clock: &SettableClock) -> Self {
        let mut house = Self::new();
        house.clock = clock.handle();
        house.repository = house.other_process();
        house
    }

    /// Makes an empty repository.
    pub(crate) fn empty() -> Self {
        let keep = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder can be made");
        init(keep.path()).expect("an empty folder");
        Self::at(keep, compiled_code(template()))
    }

    fn at(keep: TempDir, compiled: CachePlaces) -> Self {
        let seen = Arc::<Seen>::default();
        let events = Arc::clone(&seen) as Arc<dyn Events>;
        let settings = settings_of(&compiled, events);
        Self {
            repository: Repository::open_with(keep.path(), settings).expect("a repository"),
            seen,
            keep,
            compiled,
            compiler: ComponentCompiler::InProcess,
            clock: Clock::machine(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.keep.path()
    }

    /// Opens the repository again, as another process would, with its own settings.
    pub(crate) fn other_process_with(&self, settings: Settings) -> Arc<Repository> {
        let settings = Settings {
            compiled_code: self.compiled.clone(),
            compiler: self.compiler.clone(),
            notices: Notices::to(Arc::clone(&self.seen) as Arc<dyn Events>),
            clock: self.clock.clone(),
            ..settings
        };
        Repository::open_with(self.path(), settings).expect("a repository")
    }

    /// Opens the repository again, as another process would.
    pub(crate) fn other_process(&self) -> Arc<Repository> {
        self.other_process_with(settings())
    }

    /// Opens the repository again, as a process of a user with other folders would.
    pub(crate) fn process_with_cache(&self, compiled_code: CachePlaces) -> Arc<Repository> {
        let events = Arc::clone(&self.seen) as Arc<dyn Events>;
        let settings = settings_of(&compiled_code, events);
        Repository::open_with(self.path(), settings).expect("a repository")
    }

    /// Makes processes that are opened from now on compile in a child process, as the program does.
    pub(crate) fn compile_by(&mut self, program: &Path) {
        self.compiler = ComponentCompiler::Program(program.to_owned());
    }

    /// Returns the folders of compiled code.
    pub(crate) fn compiled_code(&self) -> &CachePlaces {
        &self.compiled
    }

    /// Returns the context of a use case in this process, whose events [`House::seen`] receives.
    pub(crate) fn cx(&self) -> Cx {
        self.cx_in(&self.repository)
    }

    /// Returns the same for another process.
    pub(crate) fn cx_in(&self, process: &Arc<Repository>) -> Cx {
        cx_of(process).with_events(Arc::clone(&self.seen) as Arc<dyn Events>)
    }

    /// Drops this handle, which interrupts its work, and opens another one.
    pub(crate) async fn reopen(&mut self) {
        let new = self.other_process();
        let old = std::mem::replace(&mut self.repository, new);
        drop(old);
        // Tasks of interrupted work hold the handle until they have stopped.
        until("the old handle is gone", || self.sessions().is_empty()).await;
    }

    /// Returns the files by which processes show that they are alive.
    pub(crate) fn sessions(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path().join(".sedge/locks")) else {
            return Vec::new();
        };
        let paths = entries.map(|entry| entry.expect("it can be read").path());
        let is_session = |path: &PathBuf| {
            let path = path.to_string_lossy();
            path.contains("/session-") && path.ends_with(".lock")
        };
        paths.filter(is_session).collect()
    }

    /// Writes a model's definition. `more` contains further lines of it.
    pub(crate) fn model(&self, name: &str, type_name: &str, more: &str) {
        let text = format!("name: {name}\ntype: \"{type_name}\"\n{more}");
        self.write(&format!("models/{name}.yaml"), &text);
    }

    /// Writes a workflow with these steps in one job, `main`.
    pub(crate) fn workflow(&self, name: &str, steps: &[String]) {
        let text = format!(
            "name: {name}\njobs:\n  - name: main\n    steps:\n{}",
            steps.concat()
        );
        self.write(&format!("workflows/{name}.yaml"), &text);
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).expect("the folder can be written");
    }

    /// Replaces a file at once, as Sedge and editors do, while other processes read it.
    pub(crate) fn replace(&self, file: &str, text: &str) {
        self.write("new", text);
        fs::rename(self.path().join("new"), self.path().join(file)).expect("it can be moved");
    }

    /// Runs a method.
    pub(crate) async fn run(
        &self,
        model: &str,
        method: &str,
        arguments: Value,
    ) -> Result<MethodRunView, AppError> {
        run_in(&self.repository, &self.seen, (model, method), arguments).await
    }

    /// Runs a method that succeeds, and returns its value.
    pub(crate) async fn value(&self, model: &str, method: &str, arguments: Value) -> Value {
        let ran = self.run(model, method, arguments).await;
        ran.unwrap_or_else(|error| panic!("{model}.{method}: {}", words(&error)))
            .value
    }

    /// Runs a method that fails, and returns the error and the run.
    pub(crate) async fn failure(
        &self,
        model: &str,
        method: &str,
        arguments: Value,
    ) -> (CallError, Recorded) {
        match self.run(model, method, arguments).await {
            Err(AppError::Failed(RunFailed::Call(failed))) => {
                let run = self.show(&failed.run);
                (failed.source, run)
            }
            other => panic!("{model}.{method} should have failed: {other:?}"),
        }
    }

    /// Adds a plugin with all rights that it requests. It replaces the plugin that provided its type.
    pub(crate) async fn plugin_add(&mut self, component: &str) {
        self.plugin_add_with(component, Choice::All).await;
    }

    /// Adds a plugin with the chosen rights.
    pub(crate) async fn plugin_add_with(&mut self, component: &str, rights: Choice) {
        typescript::built(component);
        let mut request = AddRequest::from(Path::new(component));
        // Several test guests have one type and version.
        request.options.may_replace = true;
        let added = plugin_add(&self.cx(), request).await;
        let added = added.expect("a sound plugin");
        added.pin(&[rights]).expect("it can be pinned");
        self.reopen().await;
    }

    /// Runs a method that fails as another process would, and returns the error and the run.
    pub(crate) async fn failure_in(
        &self,
        process: &Arc<Repository>,
        model: &str,
        method: &str,
        arguments: Value,
    ) -> (CallError, Recorded) {
        match run_in(process, &self.seen, (model, method), arguments).await {
            Err(AppError::Failed(RunFailed::Call(failed))) => {
                let run = self.show(&failed.run);
                (failed.source, run)
            }
            other => panic!("{model}.{method} should have failed: {other:?}"),
        }
    }

    /// Makes `hostile` call a method, and returns the answer that it received.
    pub(crate) async fn answer_of(&self, target: &str, method: &str, arguments: Value) -> Value {
        let arguments =
            serde_json::json!({"target": target, "method": method, "arguments": arguments});
        self.value("hostile", "swallow", arguments).await
    }

    pub(crate) async fn workflow_run(&self, name: &str) -> Result<WorkflowEnd, AppError> {
        within(workflow_run(&self.cx(), &WorkflowRunRequest::of(name))).await
    }

    pub(crate) async fn workflow_resume(&self, name: &str) -> Result<WorkflowEnd, AppError> {
        let request = ResumeRequest {
            workflow: name.to_owned(),
            ..ResumeRequest::default()
        };
        within(workflow_resume(&self.cx(), &request)).await
    }

    /// Returns a run with its calls and events in the datastore.
    pub(crate) fn show(&self, run: &impl ToString) -> Recorded {
        self.recorded(Some(&run.to_string())).expect("a run")
    }

    /// Returns the newest run with its calls and events in the datastore.
    pub(crate) fn newest(&self) -> Recorded {
        self.recorded(None).expect("a run")
    }

    /// Returns the locks and the requests for locks.
    pub(crate) fn locks(&self) -> Vec<LockView> {
        let mut locks = Vec::new();
        let read = datastore_lock_status(&self.cx(), |lock| {
            locks.push(lock);
            Ok::<_, AppError>(Scan::More)
        });
        read.expect("a table");
        locks
    }

    /// Returns how many calls of the newest run are in progress: 0 if there is no run.
    pub(crate) fn n_running(&self) -> usize {
        match self.recorded(None) {
            Ok(run) => n_calls(&run, CallStatus::Running),
            Err(AppError::Run(RunUseError::NoneYet)) => 0,
            Err(other) => panic!("{}", words(&other)),
        }
    }

    fn recorded(&self, run: Option<&str>) -> Result<Recorded, AppError> {
        let shown = run_show(&self.cx(), run)?.run;
        let id: RunId = shown.id.parse().expect("it is one");
        let folder = Folder::open(&self.path().join(".sedge/store")).expect("it is there");
        let store = Store::open(&folder).expect("a datastore");
        Ok(Recorded {
            run: store.run_get(&id).expect("it was just there"),
            status: stands(shown.status),
            events: store.run_events(&id).expect("readable"),
            calls: store.call_list(&id).expect("readable"),
        })
    }

    /// Returns the versions of a name.
    pub(crate) fn versions(&self, model: &str, name: &str) -> Vec<u64> {
        match versions_of(&self.repository, model, name) {
            Ok(versions) => versions.iter().map(|it| it.version).collect(),
            Err(AppError::Data(DataUseError::Missing { .. })) => Vec::new(),
            Err(other) => panic!("{}", words(&other)),
        }
    }

    /// Checks that a name has `n_versions` versions without gaps.
    #[track_caller]
    pub(crate) fn has_versions(&self, model: &str, name: &str, n_versions: u64) {
        let expect: Vec<u64> = (1..=n_versions).collect();
        assert_eq!(self.versions(model, name), expect, "{name} of {model}");
    }

    /// Returns the content of the latest version.
    pub(crate) fn latest(&self, model: &str, name: &str) -> Value {
        let found = data_get(&self.cx(), model, name, None);
        let (_, content) = found.expect("a version");
        let text = content.read_all().expect("it can be read");
        serde_json::from_slice(&text).expect("it was checked when it was written")
    }
}

/// Returns the context of a use case in a process, without a receiver of events.
pub(crate) fn cx_of(repository: &Arc<Repository>) -> Cx {
    Cx::new(Arc::clone(repository), actor())
}

/// Returns a user who decides at gates.
pub(crate) fn ada() -> Actor {
    Actor {
        name: "ada".to_owned(),
        uid: None,
    }
}

fn settings_of(compiled_code: &CachePlaces, notices: Arc<dyn Events>) -> Settings {
    Settings {
        compiled_code: compiled_code.clone(),
        notices: Notices::to(notices),
        ..settings()
    }
}

/// Returns the versions of a name, oldest first.
pub(crate) fn versions_of(
    repository: &Arc<Repository>,
    model: &str,
    name: &str,
) -> Result<Vec<DataVersionView>, AppError> {
    let mut versions = Vec::new();
    data_versions(&cx_of(repository), model, name, |record| {
        versions.push(record);
        Ok::<_, AppError>(Scan::More)
    })?;
    versions.reverse();
    Ok(versions)
}

/// Returns the latest version of each piece of data of a model, or of all models.
pub(crate) fn list_of(repository: &Arc<Repository>, model: Option<&str>) -> Vec<DataVersionView> {
    let mut list = Vec::new();
    let listed = data_list(&cx_of(repository), model, |record| {
        list.push(record);
        Ok::<_, AppError>(Scan::More)
    });
    listed.expect("a model");
    list
}

/// Runs a method by a given handle.
pub(crate) async fn run_in(
    repository: &Arc<Repository>,
    seen: &Arc<Seen>,
    (model, method): (&str, &str),
    arguments: Value,
) -> Result<MethodRunView, AppError> {
    let events = Arc::clone(seen) as Arc<dyn Events>;
    run_seen_by(repository, events, (model, method), arguments).await
}

/// Runs a method, and passes its events to `events`.
pub(crate) async fn run_seen_by(
    repository: &Arc<Repository>,
    events: Arc<dyn Events>,
    (model, method): (&str, &str),
    arguments: Value,
) -> Result<MethodRunView, AppError> {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object")
    };
    let request = ModelMethodRunRequest {
        model: model.to_owned(),
        method: method.to_owned(),
        arguments,
        ..ModelMethodRunRequest::default()
    };
    within(model_method_run(
        &cx_of(repository).with_events(events),
        &request,
    ))
    .await
}

/// Waits for a future that must end.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    let deadline = Moment::now().after(PATIENCE);
    clock::until(deadline, future).await.expect("it hangs")
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Moment::now().after(PATIENCE);
    while !holds() {
        assert!(!deadline.left().is_zero(), "gave up waiting until {what}");
        clock::pause(Duration::from_millis(1)).await;
    }
}

/// Returns the status of a run, and its calls with their results: `1 spawn.run succeeded`.
pub(crate) fn recorded_calls(report: &Recorded) -> (RunStatus, Vec<String>) {
    (report.status, report.calls.iter().map(call_words).collect())
}

/// Returns how many of a run's calls have a status.
pub(crate) fn n_calls(report: &Recorded, status: CallStatus) -> usize {
    let calls = report.calls.iter();
    calls.filter(|call| call.status == status).count()
}

fn call_words(call: &CallRecord) -> String {
    format!(
        "{} {}.{} {}",
        call.lineage.path(),
        call.model,
        call.method,
        call.status.as_str()
    )
}

/// Returns an error's text and those of its sources.
pub(crate) fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}
