//! A run of a workflow whose processes are killed at chosen events, and resumed until it has succeeded.

use std::collections::BTreeMap;
use std::time::Duration;

use sedge_api::view::run::{RunStatusView, RunView};
use sedge_api::view::workflow::GateView;
use sedge_app::data::get::data_get;
use sedge_app::data::list::data_list;
use sedge_app::run::list::{RunListRequest, run_list};
use sedge_app::run::show::run_show;
use sedge_app::types::{Moment, RunId, Scan};
use sedge_app::workflow::approvals::workflow_approvals;
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::{AppError, Cx, Repository};
use sedge_store::Store;
use sedge_sys::folder::Folder;
use sedge_test_kit::{Child, TestEnv};
use serde_json::Value;

use crate::fixture::cx_of;

/// The most processes that work on one run. Each killed process needs one more, and so does each
/// gate.
const N_PROCESSES_MAX: usize = 20;

/// How long a process may take. Successful tests never wait so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The name of the workflow that is killed.
const WORKFLOW: &str = "every";

/// Returns a repository with the models and the workflow of a test.
pub(crate) fn template(workflow: &str, inner: &str) -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/counter.wasm --grant-all",
        "plugin add $GUESTS/hostile.wasm --grant-all",
        "model create @sedge/sink sink-two",
        "model create @test/hostile hostile",
        "model create @test/counter one",
        "model create @test/counter two",
        "model create @test/counter three",
        "model create @test/counter four",
    ]);
    env.write_file("workflows/every.yaml", workflow);
    env.write_file("workflows/inner.yaml", inner);
    env
}

/// How a run that has failed is repaired.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repair<'a> {
    /// The step that has failed, as `JOB/STEP`.
    pub(crate) step: &'a str,
    /// The text of the workflow with which it succeeds.
    pub(crate) workflow: &'a str,
}

/// How a process is ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum EndBy {
    /// `kill -9`: it records nothing.
    #[default]
    Kill,
    /// SIGINT: it stops its calls, and records that.
    Interrupt,
}

/// What is done to a run until it has succeeded.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Disturbance<'a> {
    /// Processes are ended once the log has these numbers of events.
    pub(crate) kills: &'a [u64],
    /// How they are ended.
    pub(crate) end_by: EndBy,
    /// How the run is repaired when it has failed.
    pub(crate) repair: Option<Repair<'a>>,
    /// Whether each `resume` is started twice at once, as by two users.
    pub(crate) is_doubled: bool,
}

/// What a run has left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Effects {
    /// Each piece of data: how many versions it has, and the content of the latest one.
    pub(crate) data: BTreeMap<String, (u64, Value)>,
    /// The status of each step, those of nested workflows included.
    pub(crate) steps: BTreeMap<String, &'static str>,
}

/// A run in a repository of its own, seen from outside of the processes that work on it.
pub(crate) struct KilledRun {
    env: TestEnv,
    cx: Cx,
    store: Store,
}

impl KilledRun {
    pub(crate) fn new(template: &TestEnv) -> Self {
        let env = template.copied();
        let repository = Repository::open(&env.repository()).expect("a repository");
        let folder = Folder::open(&env.repository().join(".sedge/store")).expect("it is there");
        let store = Store::open(&folder).expect("a datastore");
        Self {
            env,
            cx: cx_of(&repository),
            store,
        }
    }

    /// Runs the workflow until it has succeeded. Every gate is approved when nothing else can run.
    /// Returns how many processes were killed.
    pub(crate) fn run(&self, disturbance: Disturbance<'_>) -> usize {
        let Disturbance {
            kills,
            end_by,
            repair,
            is_doubled,
        } = disturbance;
        let mut n_killed = 0;
        let mut children = vec![self.env.spawn(["workflow", "run", WORKFLOW])];
        for _ in 0..N_PROCESSES_MAX {
            let at = kills.get(n_killed).map(|n_events| (end_by, *n_events));
            n_killed += usize::from(self.end(children, at));
            let run = self.root().expect("its first event was seen");
            let mut resume = vec!["workflow", "resume", WORKFLOW, "--run", &run.id];
            match run.status {
                RunStatusView::Succeeded => return n_killed,
                RunStatusView::Suspended => self.gates_approve(),
                RunStatusView::Interrupted => {}
                RunStatusView::Failed => {
                    // The process that repairs the run may be killed before it has begun, and the run
                    // has then failed as before.
                    let Repair { step, workflow } =
                        repair.unwrap_or_else(|| panic!("{disturbance:?}: {run:?}"));
                    self.env.write_file("workflows/every.yaml", workflow);
                    resume.extend(["--take-edits", "--from", step]);
                }
                RunStatusView::Running | RunStatusView::Cancelling | RunStatusView::Cancelled => {
                    panic!("{disturbance:?}: {run:?}")
                }
            }
            children = vec![self.env.spawn(resume.iter().copied())];
            if is_doubled {
                children.push(self.env.spawn(resume.iter().copied()));
            }
        }
        panic!("{disturbance:?}: the run does not end");
    }

    /// Ends processes as soon as the log has the number of events, or waits for their ends. Returns
    /// whether one was ended: they may end by themselves before.
    fn end(&self, mut children: Vec<Child<'_>>, at: Option<(EndBy, u64)>) -> bool {
        if let Some((end_by, n_events)) = at {
            self.wait_for_events(&mut children, n_events);
            for child in &mut children {
                match end_by {
                    EndBy::Kill => child.kill(),
                    EndBy::Interrupt if child.is_running() => child.interrupt(),
                    EndBy::Interrupt => {}
                }
            }
        }
        let n_children = children.len();
        let mut was_ended = false;
        for child in children {
            let output = child.wait();
            match output.code() {
                // A process that has just started does not handle a signal yet, which then ends it.
                None if at.is_some() => was_ended = true,
                Some(130) if at.is_some() => was_ended = true,
                // The run failed, which is checked by its status; or another process drives it.
                Some(1) => {}
                Some(3) if n_children > 1 => {}
                None | Some(_) => drop(output.succeeded()),
            }
        }
        was_ended
    }

    /// Waits until the log has `n_events` events, or all processes have ended.
    fn wait_for_events(&self, children: &mut [Child<'_>], n_events: u64) {
        let deadline = Moment::now().after(PATIENCE);
        let mut root = None;
        while children.iter_mut().any(Child::is_running) {
            root = root.or_else(|| self.root_id());
            if root
                .as_ref()
                .is_some_and(|root| self.n_events_of(root) >= n_events)
            {
                break;
            }
            assert!(!deadline.left().is_zero(), "the processes hang");
        }
    }

    /// Returns the number of events in the logs of the run and of its nested workflows.
    pub(crate) fn n_events(&self) -> u64 {
        self.n_events_of(&self.root_id().expect("it has run"))
    }

    fn n_events_of(&self, root: &RunId) -> u64 {
        let children = self.store.run_children(root).expect("it can be read");
        let runs = children.iter().map(|child| &child.id).chain([root]);
        runs.map(|run| self.store.run_seq(run).expect("it can be read"))
            .sum()
    }

    fn root_id(&self) -> Option<RunId> {
        let id = self.root()?.id;
        Some(id.parse().expect("an id"))
    }

    /// Returns the run of the workflow; `None` before it was created.
    fn root(&self) -> Option<RunView> {
        let request = RunListRequest {
            of: Some(WORKFLOW.to_owned()),
            ..RunListRequest::default()
        };
        let mut found = None;
        let listed = run_list(&self.cx, &request, |run| {
            found = Some(run);
            Ok::<_, AppError>(Scan::Enough)
        });
        listed.expect("a datastore");
        found
    }

    fn gates_approve(&self) {
        let mut gates: Vec<GateView> = Vec::new();
        let listed = workflow_approvals(&self.cx, |gate| {
            gates.push(gate);
            Ok::<_, AppError>(Scan::More)
        });
        listed.expect("a datastore");
        // Without open gates, they were decided, and the process that resumed the run was killed
        // before it began.
        for gate in gates {
            let request = GateRequest {
                workflow: gate.workflow,
                gate: gate.gate,
                run: Some(gate.run),
                comment: None,
                shown: None,
            };
            workflow_approve(&self.cx, &request).expect("the gate is open");
        }
    }

    /// Returns the effects of the run.
    pub(crate) fn effects(&self) -> Effects {
        let mut data = BTreeMap::new();
        let mut names = Vec::new();
        let listed = data_list(&self.cx, None, |record| {
            names.push((record.model.clone(), record.name.clone()));
            Ok::<_, AppError>(Scan::More)
        });
        listed.expect("a datastore");
        for (model, name) in names {
            let found = data_get(&self.cx, &model, &name, None);
            let (record, content) = found.expect("it is listed");
            let text = content.read_all().expect("it can be read");
            let mut content: Value = serde_json::from_slice(&text).expect("it is a resource");
            if let Value::Object(keys) = &mut content {
                // They differ from run to run.
                keys.retain(|key, _| key != "run" && key != "call");
            }
            data.insert(format!("{model}/{name}"), (record.version, content));
        }
        let mut steps = BTreeMap::new();
        let root = self.root().expect("it has run").id;
        self.steps_add(&root, "", &mut steps);
        Effects { data, steps }
    }

    fn steps_add(&self, run: &str, prefix: &str, steps: &mut BTreeMap<String, &'static str>) {
        let run = run_show(&self.cx, Some(run)).expect("a run");
        for step in run.steps {
            let path = format!("{prefix}{}", step.step);
            if let Some(child) = &step.child {
                self.steps_add(child, &format!("{path}/"), steps);
            }
            steps.insert(path, step.status.as_str());
        }
    }
}
