//! A store and its plain model. Each step is applied to both, and the results must be equal.

use std::collections::BTreeMap;
use std::fmt;

use sedge_model::lifetime::Retention;
use sedge_model::run::{RunEvent, RunKind, RunStatus};
use sedge_store::{
    Claim, DataChosen, DataDelete, DataRename, DataRestore, DataRestoreEnd, GcReport, GcRules,
    RestoredFrom, Store, StoreError,
};

use super::history::{History, Now, Rules, Step, What};
use super::plain::{self, Plain, Run};
use super::{KEEPS, LIFETIMES, MODELS, N_RUNS, OWNERS, SPANS_MS, STEPS, WORKFLOW};
use crate::fixture::{
    Place, ada, append, attempt, data_name, model_name, permit, run_id, run_start,
};

/// Everything is compared after this many steps. What most steps change is compared after each one.
const READ_ALL_EVERY: usize = 20;

/// A store and its model.
pub(crate) struct Scene {
    place: Place,
    store: Option<Store>,
    /// A handle that stays open, as in another process.
    pub(crate) other: Store,
    pub(crate) plain: Plain,
    pub(crate) names: Vec<String>,
    pub(crate) tally: Tally,
    n_runs: u64,
}

/// Counts of events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, u64>);

/// The events that must happen in a large number of histories.
const COUNTED: [&str; 17] = [
    "steps",
    "commits",
    "versions",
    "large contents",
    "publications",
    "writes to a former name",
    "refusals of an owner",
    "refusals of a claim",
    "refusals of a lock",
    "refusals of a call",
    "renamings",
    "restorations",
    "names taken",
    "names deleted",
    "versions collected",
    "files collected",
    "versions read",
];

impl Tally {
    pub(crate) fn add(&mut self, what: &'static str, n: u64) {
        debug_assert!(COUNTED.contains(&what), "{what}");
        *self.0.entry(what).or_default() += n;
    }

    pub(crate) fn plus(mut self, other: Self) -> Self {
        for (what, n) in other.0 {
            self.add(what, n);
        }
        self
    }

    /// Returns an event that never happened.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        COUNTED.into_iter().find(|what| !self.0.contains_key(what))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = COUNTED.map(|what| format!("{} {what}", self.0.get(what).unwrap_or(&0)));
        f.write_str(&counts.join(", "))
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        let store = Store::create(&place.folder).expect("the folder is empty");
        let other = Store::open(&place.folder).expect("it was made");
        Self {
            place,
            store: Some(store),
            other,
            plain: Plain::default(),
            names: Vec::new(),
            tally: Tally::default(),
            n_runs: 0,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().expect("it is open between steps")
    }

    pub(crate) fn play(&mut self, history: &History) {
        self.names.clone_from(&history.names);
        for n in 0..N_RUNS {
            self.run_start(n);
        }
        for (n, (step, look)) in (1..).zip(&history.steps) {
            self.step(step);
            self.compare(look);
            if n % READ_ALL_EVERY == 0 || n == history.steps.len() {
                self.compare_all();
            }
            self.tally.add("steps", 1);
        }
    }

    /// Empties the store, so that the next history starts with an empty one.
    pub(crate) fn leave(&mut self) -> Tally {
        for run in 0..N_RUNS {
            self.run_end(run);
        }
        self.runs_forget(&(0..N_RUNS).collect::<Vec<_>>());
        for model in 0..MODELS.len() {
            self.delete(model, &What::All);
        }
        self.collect(&Rules {
            now: Now::Zero,
            overrides: Vec::new(),
            with_latest: false,
        });
        let status = self.other.status().expect("it can be read");
        let left = [
            status.n_names,
            status.n_versions,
            status.n_files,
            status.n_runs,
        ];
        assert_eq!(left, [0; 4], "all went");
        self.plain = Plain::default();
        std::mem::take(&mut self.tally)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Call(call) => self.call(call),
            Step::Rename {
                model,
                from,
                to,
                forward,
            } => self.rename(*model, (*from, *to), *forward),
            Step::Delete { model, what } => self.delete(*model, what),
            Step::Restore {
                model,
                name,
                version,
                owner,
            } => self.restore(*model, *name, *version, *owner),
            Step::Collect(rules) => self.collect(rules),
            Step::PartEnds { run, step } => self.step_end(*run, *step),
            Step::RunEnds(run) => self.run_end(*run),
            Step::RunsGo(runs) => self.runs_forget(runs),
            Step::Reopen => {
                self.store = None;
                self.store = Some(Store::open(&self.place.folder).expect("it is there"));
            }
        }
    }

    fn run_start(&mut self, n: usize) {
        self.n_runs += 1;
        let has_source = n + 1 < N_RUNS;
        let kind = if has_source {
            RunKind::Workflow
        } else {
            RunKind::Method
        };
        let mut start = run_start(self.n_runs, kind, "deploy");
        start.source = has_source.then(|| WORKFLOW.to_owned());
        let started = self.store().run_start(&start, &[RunEvent::Started]);
        started.expect("the id is new");
        self.plain.runs.push(Run {
            id: run_id(self.n_runs),
            has_source,
            is_there: true,
            has_ended: false,
            calls: BTreeMap::new(),
            steps_ended: [].into(),
            lost: Vec::new(),
        });
    }

    pub(crate) fn claim(&self, run: usize) -> Claim {
        let run = self.plain.runs[run].id.clone();
        Claim { run, number: 1 }
    }

    fn step_end(&mut self, run: usize, nth: usize) {
        let ended = RunEvent::StepSucceeded {
            step: attempt(STEPS[nth]),
            call: None,
        };
        let appended = append(self.store(), &self.claim(run), vec![ended], None);
        let run = &mut self.plain.runs[run];
        assert_eq!(appended.is_ok(), run.is_there, "{appended:?}");
        run.steps_ended.insert(nth);
    }

    fn run_end(&mut self, run: usize) {
        let ended = self
            .store()
            .run_end(&self.claim(run), RunStatus::Succeeded, None);
        let run = &mut self.plain.runs[run];
        assert_eq!(ended.is_ok(), run.is_there, "{ended:?}");
        run.has_ended = true;
    }

    fn runs_forget(&mut self, runs: &[usize]) {
        let ids: Vec<_> = runs.iter().map(|run| self.claim(*run).run).collect();
        let n_deleted = self.store().runs_delete(&permit(), &ids, &ada());
        let mut n_expected = 0;
        for run in runs {
            let run = &mut self.plain.runs[*run];
            n_expected += u64::from(run.is_there && run.has_ended);
            run.is_there &= !run.has_ended;
        }
        assert_eq!(n_deleted.expect("nothing is fenced"), n_expected);
    }

    fn rename(&mut self, model: usize, (from, to): (usize, usize), forward: bool) {
        let (from, to) = (self.names[from].clone(), self.names[to].clone());
        let rename = DataRename {
            model: model_name(MODELS[model]),
            from: data_name(&from),
            to: data_name(&to),
            forward,
        };
        let renamed = self.store().data_rename(&permit(), &rename);
        let renamed = renamed.map_err(|error| {
            let StoreError::NameTaken { name, .. } = error else {
                panic!("{error}");
            };
            name.to_string()
        });
        let expected = self.plain.rename(MODELS[model], (&from, &to), forward);
        assert_eq!(renamed, expected, "{rename:?}");
        self.tally.add("renamings", u64::from(renamed == Ok(true)));
        self.tally.add("names taken", u64::from(renamed.is_err()));
    }

    fn restore(&mut self, model: usize, name: usize, version: u64, owner: usize) {
        let name = self.names[name].clone();
        let restore = DataRestore {
            model: model_name(MODELS[model]),
            name: data_name(&name),
            from: RestoredFrom {
                version,
                by: "ada".to_owned(),
            },
            type_name: OWNERS[owner].map(|it| it.parse().expect("a type")),
        };
        let restored = self.store().data_restore(&permit(), &restore);
        let restored = restored.map_err(|error| {
            let StoreError::NotOwner { owner, .. } = error else {
                panic!("{error}");
            };
            owner.to_string()
        });
        let expected = self
            .plain
            .restore((MODELS[model], &name), version, OWNERS[owner]);
        assert_eq!(restored, expected, "{restore:?}");
        self.take_times();
        let is_written = matches!(restored, Ok(DataRestoreEnd::Written(_)));
        self.tally.add("restorations", u64::from(is_written));
    }

    fn delete(&mut self, model: usize, what: &What) {
        let name = |n: &usize| self.names[*n].clone();
        let what = match what {
            What::Version(n, version) => DataChosen::Version(data_name(&name(n)), *version),
            What::Name(n) => DataChosen::Name(data_name(&name(n))),
            What::Prefix(n, n_chars) => {
                DataChosen::Prefix(name(n).chars().take(*n_chars).collect())
            }
            What::All => DataChosen::All,
        };
        let model = MODELS[model];
        let delete = DataDelete {
            model: model_name(model),
            what: what.clone(),
        };
        let plan = self.store().data_delete_plan(&delete).expect("readable");
        let deleted = self.store().data_delete(&permit(), &delete);
        let called = |data: &plain::Data, name: &str| {
            data.model == model && (data.name == name || data.former.contains(name))
        };
        let expected = match &what {
            DataChosen::Version(name, version) => self
                .plain
                .delete(|data| called(data, name.as_str()), Some(*version)),
            DataChosen::Name(name) => self.plain.delete(|data| called(data, name.as_str()), None),
            DataChosen::Prefix(prefix) => self.plain.delete(
                |data| data.model == model && data.name.starts_with(prefix.as_str()),
                None,
            ),
            DataChosen::All => self.plain.delete(|data| data.model == model, None),
        };
        let deleted = deleted.expect("nothing is fenced");
        assert_eq!(deleted, expected, "{what:?}");
        assert_eq!(plan, expected, "{what:?}");
        self.tally.add("names deleted", deleted.len() as u64);
    }

    fn collect(&mut self, rules: &Rules) {
        let written = self
            .plain
            .data
            .iter()
            .flat_map(|data| data.versions.values());
        let times: Vec<u64> = written.map(|version| version.created_at_ms).collect();
        let mut all = GcRules {
            now_ms: match rules.now {
                Now::After {
                    pick,
                    span,
                    plus_ms,
                } if !times.is_empty() => times[pick % times.len()] + SPANS_MS[span] + plus_ms - 1,
                Now::After { .. } | Now::Zero => 0,
                Now::EndOfTime => u64::MAX,
            },
            overrides: BTreeMap::new(),
            with_latest: rules.with_latest,
        };
        for (model, is_resource, lifetime, keep) in &rules.overrides {
            let rule = Retention {
                lifetime: lifetime.map(|n| LIFETIMES[n].parse().expect("a lifetime")),
                keep: keep.map(|n| KEEPS[n].parse().expect("so many versions")),
                ..Retention::default()
            };
            let spec = spec(*is_resource).parse().expect("the name of a spec");
            let of_model = all.overrides.entry(model_name(MODELS[*model]));
            of_model.or_default().insert(spec, rule);
        }
        let plan = self.store().data_gc_plan(&all).expect("readable");
        let report = self.store().data_gc(&permit(), &all);
        let report: GcReport = report.expect("nothing is fenced");
        let expected = self.plain.collect(&all);
        assert_eq!(report, expected, "{all:?}");
        assert_eq!(plan, expected, "{all:?}");
        let check = self.other.check(true, |_| {}).expect("readable");
        assert_eq!(check.findings, [], "after a collection");
        let n_versions = report.deleted.iter().map(|it| it.n_versions).sum();
        self.tally.add("versions collected", n_versions);
        self.tally.add("files collected", report.files.0);
    }

    /// Copies the times of new versions from the store.
    pub(crate) fn take_times(&mut self) {
        for data in &mut self.plain.data {
            let (model, name) = (model_name(&data.model), data_name(&data.name));
            for (number, version) in &mut data.versions {
                if version.created_at_ms == 0 {
                    let written = self.other.data_get(&model, &name, Some(*number));
                    let written = written.expect("readable").expect("it was written");
                    version.created_at_ms = written.created_at.0;
                }
            }
        }
    }
}

pub(crate) fn spec(is_resource: bool) -> &'static str {
    if is_resource { "record" } else { "blob" }
}
