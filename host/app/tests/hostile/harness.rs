//! Runs attacks one after the other, measures them, and checks what must hold for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sedge_app::plugin::add::plugin_add;
use sedge_app::types::Choice;
use sedge_app::{AppError, Events, ReportedEvent, Repository, RunFailed};
use sedge_sys::clock::{DeadlinePassed, Moment, until as by_deadline};
use sedge_test_forge::PluginText;
use serde_json::{Value, json};

use crate::fixture::{House, cx_of, list_of, run_seen_by, until, words};
use crate::process::{PeakMemory, n_open_files};

/// The time limit of a call in this suite, and of a plugin's description.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1);

/// The time after which an attack counts as hanging. It is long because machines are busy; the
/// table shows the actual time.
const LIVENESS: Duration = Duration::from_secs(30);

/// How late an attack may end and still count as punctual in the table.
pub(crate) const GRACE: Duration = Duration::from_millis(100);

/// How much the process may grow during an attack, including the needs of the neighbour: a multiple
/// of the memory that a call may have in this suite.
const GROWTH_BYTES_MAX: u64 = 256 << 20;

/// The limits of an attacker.
const LIMITS: &str = "wallTimeSeconds: 1, memoryMebibytes: 32";

/// How many more files the process may have open at the end than at the beginning, besides
/// [`FILES_PER_PLUGIN`] for each loaded plugin. Only pooled connections account for them, and the
/// plugins of attacks that add theirs themselves.
const OPEN_FILES_MORE_MAX: usize = 100;

/// How many files a loaded plugin has open: its code, once for the lease and once for the mapping.
const FILES_PER_PLUGIN: usize = 2;

pub(crate) type Ending = std::pin::Pin<Box<dyn Future<Output = String> + Send>>;

/// An attack and its expected end.
pub(crate) struct Attack {
    pub(crate) name: String,
    what: What,
    type_name: String,
    plugin: Option<PluginText>,
    limits: String,
    definition: String,
    /// The result must contain one of these texts.
    ends: Vec<String>,
    /// The names that the call may have written if it succeeds.
    leaves: &'static [&'static str],
}

enum What {
    /// Methods of the attack's own model. Each must end as expected.
    Calls(Vec<(String, Value)>),
    /// A component to add.
    Added(Vec<u8>),
    /// Any other action.
    Other(Box<dyn FnOnce(Scene) -> Ending + Send>),
}

/// The context of an attack of the kind `Other`.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) house: Arc<House>,
    pub(crate) repository: Arc<Repository>,
    pub(crate) model: String,
}

impl Attack {
    fn new(name: &str, what: What, ends: &str) -> Self {
        Self {
            name: name.to_owned(),
            what,
            type_name: type_of(name),
            plugin: None,
            limits: LIMITS.to_owned(),
            definition: String::new(),
            ends: vec![ends.to_owned()],
            leaves: &[],
        }
    }

    /// A method of an existing guest.
    pub(crate) fn call(
        name: &str,
        (type_name, method): (&str, &str),
        arguments: Value,
        ends: &str,
    ) -> Self {
        let calls = What::Calls(vec![(method.to_owned(), arguments)]);
        Self {
            type_name: type_name.to_owned(),
            ..Self::new(name, calls, ends)
        }
    }

    /// The method `run` of a plugin that is made here.
    pub(crate) fn forged(
        name: &str,
        make: impl FnOnce(PluginText) -> PluginText,
        ends: &str,
    ) -> Self {
        Self::forged_all(name, &["run"], make, ends)
    }

    /// Methods of a plugin that is made here, which all have the same expected end.
    pub(crate) fn forged_all(
        name: &str,
        methods: &[&str],
        make: impl FnOnce(PluginText) -> PluginText,
        ends: &str,
    ) -> Self {
        let calls = methods.iter().map(|it| ((*it).to_owned(), json!({})));
        Self {
            plugin: Some(make(PluginText::new(&type_of(name)))),
            ..Self::new(name, What::Calls(calls.collect()), ends)
        }
    }

    /// A component that is added and never called.
    pub(crate) fn added(name: &str, component: Vec<u8>, ends: &str) -> Self {
        Self::new(name, What::Added(component), ends)
    }

    /// A plugin that is made here and never called.
    pub(crate) fn described(
        name: &str,
        make: impl FnOnce(PluginText) -> PluginText,
        ends: &str,
    ) -> Self {
        let plugin = make(PluginText::new(&type_of(name)));
        Self::added(name, plugin.component(), ends)
    }

    /// An attack of any other kind.
    pub(crate) fn other<F: Future<Output = String> + Send + 'static>(
        name: &str,
        run: impl FnOnce(Scene) -> F + Send + 'static,
        ends: &str,
    ) -> Self {
        let run = |scene| Box::pin(run(scene)) as Ending;
        Self::new(name, What::Other(Box::new(run)), ends)
    }

    /// Sets the type of the attack's model.
    pub(crate) fn of(mut self, type_name: &str) -> Self {
        type_name.clone_into(&mut self.type_name);
        self
    }

    /// Adds another expected end.
    pub(crate) fn or(mut self, ends: &str) -> Self {
        self.ends.push(ends.to_owned());
        self
    }

    /// Sets further limits, besides those of time and memory.
    pub(crate) fn limits(mut self, more: &str) -> Self {
        self.limits = format!("{LIMITS}, {more}");
        self
    }

    /// Adds lines to the definition of the attack's model.
    pub(crate) fn with(mut self, lines: &str) -> Self {
        self.definition = format!("{lines}\n");
        self
    }

    /// The call succeeds and writes these names.
    pub(crate) fn leaving(mut self, names: &'static [&'static str]) -> Self {
        self.leaves = names;
        self
    }

    /// Returns the name of the attack's model.
    fn model(&self) -> String {
        slug(&self.name)
    }
}

pub(crate) fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let text: String = name.to_ascii_lowercase().chars().map(plain).collect();
    let parts: Vec<&str> = text.split('-').filter(|it| !it.is_empty()).collect();
    parts.join("-")
}

fn type_of(name: &str) -> String {
    format!("@forged/{}", slug(name))
}

/// The result of one attack.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ended: String,
    pub(crate) took: Duration,
    pub(crate) grew_bytes: Option<u64>,
    pub(crate) n_neighbour: u64,
    /// The number of files that the process has open afterwards.
    pub(crate) n_open: usize,
    pub(crate) faults: Vec<String>,
}

/// All attacks, in one repository.
pub(crate) struct Suite {
    house: Arc<House>,
    attacks: Vec<Attack>,
}

/// Ignores all events.
pub(crate) struct Silent;

impl Events for Silent {
    fn event(&self, _: ReportedEvent) {}
}

impl Suite {
    /// Makes the repository, with the plugins of all attacks and a model for each attack.
    pub(crate) async fn new(attacks: Vec<Attack>) -> Self {
        let mut house = House::with_own_cache();
        // With the default limits: these components are larger than those of the attacks.
        for component in [
            sedge_test_artifacts::PY_HOSTILE,
            sedge_test_artifacts::TS_HOSTILE,
        ] {
            crate::fixture::typescript::built(component);
            let added = plugin_add(&house.cx(), Path::new(component)).await;
            let added = added.unwrap_or_else(|error| panic!("{}", words(&error)));
            added.pin(&[Choice::All]).expect("it can be pinned");
        }
        house.compile_by(sedge_test_kit::sedge());
        house.write(
            "sedge.yaml",
            &format!(
                "version: 1\ncomponentLimits: {{customMebibytes: 8, describeSeconds: 1, compileSeconds: 10}}\n\
                 processLimits: {{descriptors: 300}}\n{}{}",
                crate::commands::PINS,
                crate::guards::prepare(&house),
            ),
        );
        crate::files::folders_make(&house);
        crate::secrets::put(&house);
        crate::sealed::prepare(&house);
        house.reopen().await;
        for attack in &attacks {
            let (limits, definition) = (&attack.limits, &attack.definition);
            let more = format!("limits: {{{limits}}}\n{definition}");
            house.model(&attack.model(), &attack.type_name, &more);
            let Some(plugin) = attack.plugin.clone() else {
                continue;
            };
            let component = plugin.component();
            let file = house.path().join("forged.wasm");
            std::fs::write(&file, component).expect("the folder can be written");
            let added = plugin_add(&house.cx().with_events(Arc::new(Silent)), file.as_path()).await;
            let added = added.unwrap_or_else(|error| panic!("{}: {}", attack.name, words(&error)));
            added.pin(&[Choice::All]).expect("it can be pinned");
        }
        house.model("neighbour", "@sedge/sink", "");
        house.reopen().await;
        Self {
            house: Arc::new(house),
            attacks,
        }
    }

    /// Runs all attacks beside a neighbour.
    pub(crate) async fn run(self) -> Vec<Row> {
        let n_calls = Arc::new(AtomicU64::new(0));
        let neighbour = tokio::spawn(neighbour(
            Arc::clone(&self.house.repository),
            Arc::clone(&n_calls),
        ));
        until("the neighbour runs", || n_calls.load(Ordering::SeqCst) > 0).await;
        let n_plugins = self.attacks.iter().filter(|it| it.plugin.is_some()).count();
        let n_open_before = n_open_files();
        let mut rows = Vec::new();
        for attack in self.attacks {
            rows.push(attacked(&self.house, attack, &n_calls).await);
        }
        let n_open = n_open_files();
        if n_open > n_open_before + n_plugins * FILES_PER_PLUGIN + OPEN_FILES_MORE_MAX
            && let Some(last) = rows.last_mut()
        {
            let fault = format!("{n_open} files are open, before there were {n_open_before}");
            last.faults.push(fault);
        }
        neighbour.abort();
        // The neighbour must end before its repository is deleted.
        let stopped = neighbour.await.expect_err("it never ends by itself");
        assert!(stopped.is_cancelled(), "the neighbour failed: {stopped}");
        rows
    }
}

/// Calls a healthy model repeatedly.
async fn neighbour(repository: Arc<Repository>, n_calls: Arc<AtomicU64>) {
    loop {
        let called = call(&repository, "neighbour", "run", json!({})).await;
        assert!(called.starts_with("returned"), "the neighbour: {called}");
        n_calls.fetch_add(1, Ordering::SeqCst);
    }
}

/// Runs a method, and returns how it ended.
pub(crate) async fn call(
    repository: &Arc<Repository>,
    model: &str,
    method: &str,
    arguments: Value,
) -> String {
    match run_seen_by(repository, Arc::new(Silent), (model, method), arguments).await {
        Ok(report) => format!("returned {}", report.value),
        Err(AppError::Failed(RunFailed::Call(failed))) => failed.source.to_string(),
        Err(other) => words(&other),
    }
}

async fn attacked(house: &Arc<House>, attack: Attack, n_calls: &AtomicU64) -> Row {
    let scene = Scene {
        house: Arc::clone(house),
        repository: Arc::clone(&house.repository),
        model: attack.model(),
    };
    let tree = tree(house.path());
    let peak = PeakMemory::begin();
    let (n_before, since) = (n_calls.load(Ordering::SeqCst), Moment::now());
    let mut row = Row {
        name: attack.name.clone(),
        ended: String::new(),
        took: Duration::ZERO,
        grew_bytes: None,
        n_neighbour: 0,
        n_open: 0,
        faults: Vec::new(),
    };
    let ended = by_deadline(since.after(LIVENESS), ending(&scene, attack.what)).await;
    row.took = since.elapsed();
    row.grew_bytes = peak.grew_bytes();
    row.n_neighbour = n_calls.load(Ordering::SeqCst) - n_before;
    let endings = match ended {
        Ok(endings) => endings,
        Err(DeadlinePassed) => vec![format!("it went on for more than {LIVENESS:?}")],
    };
    let is_expected = |it: &String| attack.ends.iter().any(|ends| it.contains(ends));
    let mut faults = Vec::new();
    for ended in endings.iter().filter(|it| !is_expected(it)) {
        faults.push(format!("it ended otherwise: {ended}"));
    }
    row.ended = endings.into_iter().next_back().unwrap_or_default();
    if row.grew_bytes.is_some_and(|it| it > GROWTH_BYTES_MAX) {
        faults.push(format!("the process grew by {:?} bytes", row.grew_bytes));
    }
    let data = list_of(&house.repository, None);
    let own = data.iter().filter(|it| it.model.as_str() == scene.model);
    let names: Vec<&str> = own.map(|it| it.name.as_str()).collect();
    if names != attack.leaves {
        faults.push(format!("it left {names:?}"));
    }
    faults.extend(tree_faults(&tree, &self::tree(house.path())));
    // Later calls must be served: those of the neighbour, and one like the attack.
    let n_now = n_calls.load(Ordering::SeqCst);
    until("the neighbour goes on", || {
        n_calls.load(Ordering::SeqCst) > n_now + 1
    })
    .await;
    if row.took >= DEADLINE && row.n_neighbour == 0 {
        faults.push("the neighbour stood still".to_owned());
    }
    let healthy = call(&house.repository, "hostile", "sleep", json!({"ms": 0})).await;
    if healthy != "returned 0" {
        faults.push(format!("afterwards, a healthy call: {healthy}"));
    }
    row.n_open = n_open_files();
    let named = |fault| format!("{}: {fault}", attack.name);
    row.faults = faults.into_iter().map(named).collect();
    row
}

async fn ending(scene: &Scene, what: What) -> Vec<String> {
    match what {
        What::Calls(calls) => {
            let mut endings = Vec::new();
            for (method, arguments) in calls {
                endings.push(call(&scene.repository, &scene.model, &method, arguments).await);
            }
            endings
        }
        What::Added(component) => vec![added(scene, &component).await],
        What::Other(run) => vec![run(scene.clone()).await],
    }
}

/// Adds a component without pinning it, and returns the result.
pub(crate) async fn added(scene: &Scene, component: &[u8]) -> String {
    let file = scene.house.path().join("forged.wasm");
    std::fs::write(&file, component).expect("the folder can be written");
    match plugin_add(
        &cx_of(&scene.repository).with_events(Arc::new(Silent)),
        file.as_path(),
    )
    .await
    {
        Ok(added) => format!("described {}", added.plugin.name),
        Err(error) => {
            let text = words(&error);
            text.split_once(": ")
                .map_or(text.clone(), |(_, why)| why.to_owned())
        }
    }
}

/// Returns the files that no attack may change, with their sizes: all files except those of the
/// datastore and the locks.
fn tree(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut tree = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("it is there").flatten() {
            let (path, Ok(about)) = (entry.path(), entry.metadata()) else {
                continue;
            };
            let is_state = [
                ".sedge/locks",
                ".sedge/store/sedge.db",
                ".sedge/store/write.lock",
                ".sedge/secrets/",
            ];
            if is_state
                .iter()
                .any(|it| path.to_string_lossy().contains(it))
            {
                continue;
            }
            if about.is_dir() {
                folders.push(path);
            } else {
                tree.insert(path, about.len());
            }
        }
    }
    tree
}

fn tree_faults(before: &BTreeMap<PathBuf, u64>, after: &BTreeMap<PathBuf, u64>) -> Vec<String> {
    let is_forged = |path: &Path| path.ends_with("forged.wasm");
    let mut faults = Vec::new();
    for (path, size) in after {
        let is_changed = before.get(path) != Some(size);
        // A plugin that was described has compiled code, whether it is pinned or not.
        let is_cache = path.to_string_lossy().contains("/user/code/");
        if is_changed && !is_forged(path) && !is_cache {
            faults.push(format!("{} was written", path.display()));
        }
    }
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    faults.extend(gone.map(|path| format!("{} is gone", path.display())));
    faults
}
