//! A run of a workflow is killed after each event of its log, and resumed. In the end each step has
//! had its effect exactly once, and the data are those of an undisturbed run.
//!
//! The test reads the log of the run while the program writes it, and kills the program as soon as
//! the log has the chosen number of events, those of nested workflows included. Events of one
//! transaction appear together, so that some numbers are killed at the next possible point.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sedge_api::view::run::{RunStatusView, RunView};
use sedge_api::view::workflow::GateView;
use sedge_app::actor::actor;
use sedge_app::data::get::data_get;
use sedge_app::data::list::data_list;
use sedge_app::run::list::{RunListRequest, run_list};
use sedge_app::run::show::run_show;
use sedge_app::types::{Moment, RunId, Scan};
use sedge_app::workflow::approvals::workflow_approvals;
use sedge_app::workflow::gates::{GateRequest, workflow_approve};
use sedge_app::{AppError, Repository};
use sedge_store::Store;
use sedge_sys::folder::Folder;
use sedge_test_kit::{Child, Dice, TestEnv, number_from_env};
use serde_json::Value;

use crate::fixture::dice;

/// The number of steps of the workflow in the long form of the test.
const LONG_STEPS: u64 = 15;

/// The most processes that work on one run. Each killed process needs one more, and so does each
/// gate.
const N_PROCESSES_MAX: usize = 20;

/// How long a process may take. Successful tests never wait so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The most events between the first and the second kill of one run.
const N_EVENTS_BETWEEN_MAX: u64 = 12;

/// The name of the workflow that is killed.
const WORKFLOW: &str = "every";

/// Six steps: a call, nested calls, `forEach`, a retry, a gate, and a nested workflow.
const SMALL: &str = "\
name: every
jobs:
  - name: main
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - name: nested-calls
        dependsOn: [add]
        task:
          type: model_method
          modelIdOrName: one
          methodName: run
          inputs: {steps: [{call: {model: two, steps: [add]}}, add]}
      - name: each
        dependsOn: [nested-calls]
        forEach: {item: it, in: [a, b]}
        task: {type: model_method, modelIdOrName: three, methodName: add}
      - name: again
        dependsOn: [add]
        allowFailure: true
        retry: {attempts: 2, backoff: 1s, on: [unlucky]}
        task:
          type: model_method
          modelIdOrName: hostile
          methodName: fail
          inputs: {code: unlucky, message: on purpose, keep: true}
      - {name: gate, dependsOn: [each], task: {type: manual_approval, prompt: \"Go on?\"}}
      - {name: inner, dependsOn: [gate], task: {type: workflow, workflowIdOrName: inner}}
";

/// The nested workflow of [`SMALL`].
const SMALL_INNER: &str = "\
name: inner
jobs:
  - name: main
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: two, methodName: add}}
";

/// Fifteen steps in two jobs: also guards, an assert, results of other steps, and skipped steps.
const LONG: &str = "\
name: every
jobs:
  - name: first
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: one, methodName: add}}
      - name: nested-calls
        dependsOn: [add]
        task:
          type: model_method
          modelIdOrName: one
          methodName: run
          inputs:
            steps:
              - {call: {model: two, steps: [add]}}
              - together: [{model: three, steps: [add]}, {model: four, steps: [add]}]
              - add
      - name: each
        dependsOn: [nested-calls]
        forEach: {item: it, in: [a, b, c]}
        task:
          type: model_method
          modelIdOrName: three
          methodName: run
          inputs: {steps: [{call: {model: four, steps: [add]}}, add]}
      - name: again
        dependsOn: [add]
        allowFailure: true
        retry: {attempts: 3, backoff: 1s, on: [unlucky]}
        task:
          type: model_method
          modelIdOrName: hostile
          methodName: fail
          inputs: {code: unlucky, message: on purpose, keep: true}
      - name: not-done
        dependsOn: [each]
        guard: \"model.method('one', 'read') > 100\"
        task: {type: model_method, modelIdOrName: two, methodName: add}
      - name: done
        dependsOn: [not-done]
        guard: \"model.method('one', 'read') > 0\"
        task: {type: model_method, modelIdOrName: two, methodName: add}
      - name: check
        dependsOn: [done]
        task: {type: assert, expr: \"steps.add.outputs == 1\", message: it added more}
      - {name: gate, dependsOn: [check], task: {type: manual_approval, prompt: \"Go on?\"}}
      - name: behind
        dependsOn: [gate]
        task: {type: model_method, modelIdOrName: one, methodName: add}
      - {name: inner, dependsOn: [gate], task: {type: workflow, workflowIdOrName: inner}}
      - name: note
        dependsOn: [inner]
        task:
          type: model_method
          modelIdOrName: sink
          methodName: run
          inputs: {note: \"the first step returned ${{ steps.add.outputs }}\"}
  - name: second
    dependsOn: [{job: first}]
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: four, methodName: add}}
      - name: on-failure
        dependsOn: [{step: add, condition: failed}]
        task: {type: model_method, modelIdOrName: four, methodName: add}
      - name: of-map
        dependsOn: [add]
        forEach: {item: it, in: {x: 1, y: 2}}
        concurrency: 1
        task: {type: model_method, modelIdOrName: one, methodName: add}
      - name: always
        dependsOn: [{step: of-map, condition: always}, {step: on-failure, condition: skipped}]
        task: {type: model_method, modelIdOrName: two, methodName: add}
";

/// The nested workflow of [`LONG`], with a gate of its own.
const LONG_INNER: &str = "\
name: inner
jobs:
  - name: main
    steps:
      - {name: add, task: {type: model_method, modelIdOrName: two, methodName: add}}
      - {name: gate, dependsOn: [add], task: {type: manual_approval, prompt: \"And on?\"}}
      - name: note
        dependsOn: [gate]
        task:
          type: model_method
          modelIdOrName: sink-two
          methodName: run
          inputs: {note: in the nested workflow}
";

/// Returns a repository with the models and the workflow of a test.
fn template(workflow: &str, inner: &str) -> TestEnv {
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

/// What a run has left.
#[derive(Debug, PartialEq, Eq)]
struct Effects {
    /// Each piece of data: how many versions it has, and the content of the latest one.
    data: BTreeMap<String, (u64, Value)>,
    /// The status of each step, those of nested workflows included.
    steps: BTreeMap<String, &'static str>,
}

/// A run in a repository of its own, seen from outside of the processes that work on it.
struct KilledRun {
    env: TestEnv,
    repository: Arc<Repository>,
    store: Store,
}

impl KilledRun {
    fn new(template: &TestEnv) -> Self {
        let env = template.copied();
        let repository = Repository::open(&env.repository()).expect("a repository");
        let folder = Folder::open(&env.repository().join(".sedge/store")).expect("it is there");
        let store = Store::open(&folder).expect("a datastore");
        Self {
            env,
            repository,
            store,
        }
    }

    /// Runs the workflow until it has succeeded. Processes are killed once the log has these numbers
    /// of events; every gate is approved when nothing else can run. Returns how many processes were
    /// killed.
    fn run(&self, kills: &[u64]) -> usize {
        let mut n_killed = 0;
        let mut child = self.env.spawn(["workflow", "run", WORKFLOW]);
        for _ in 0..N_PROCESSES_MAX {
            match kills.get(n_killed) {
                Some(n_events) => n_killed += usize::from(self.kill(child, *n_events)),
                None => drop(child.wait().succeeded()),
            }
            let run = self.root().expect("its first event was seen");
            match run.status {
                RunStatusView::Succeeded => return n_killed,
                RunStatusView::Suspended => self.gates_approve(),
                RunStatusView::Interrupted => {}
                RunStatusView::Running
                | RunStatusView::Cancelling
                | RunStatusView::Failed
                | RunStatusView::Cancelled => panic!("killed at {kills:?}: {run:?}"),
            }
            let resume = ["workflow", "resume", WORKFLOW, "--run", &run.id];
            child = self.env.spawn(resume);
        }
        panic!("killed at {kills:?}: the run does not end");
    }

    /// Kills a process as soon as the log has `n_events` events. Returns whether it was killed: it
    /// may end before.
    fn kill(&self, mut child: Child<'_>, n_events: u64) -> bool {
        let deadline = Moment::now().after(PATIENCE);
        let mut root = None;
        while child.is_running() {
            root = root.or_else(|| self.root_id());
            if root
                .as_ref()
                .is_some_and(|root| self.n_events_of(root) >= n_events)
            {
                break;
            }
            assert!(!deadline.left().is_zero(), "the process hangs");
        }
        child.kill();
        let output = child.wait();
        let was_killed = output.code().is_none();
        if !was_killed {
            let _ = output.succeeded();
        }
        was_killed
    }

    /// Returns the number of events in the logs of the run and of its nested workflows.
    fn n_events(&self) -> u64 {
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
        let listed = run_list(&self.repository, &request, |run| {
            found = Some(run);
            Ok::<_, AppError>(Scan::Enough)
        });
        listed.expect("a datastore");
        found
    }

    fn gates_approve(&self) {
        let mut gates: Vec<GateView> = Vec::new();
        let listed = workflow_approvals(&self.repository, |gate| {
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
            workflow_approve(&self.repository, &actor(), &request).expect("the gate is open");
        }
    }

    /// Returns the effects of the run.
    fn effects(&self) -> Effects {
        let mut data = BTreeMap::new();
        let mut names = Vec::new();
        let listed = data_list(&self.repository, None, |record| {
            names.push((record.model.clone(), record.name.clone()));
            Ok::<_, AppError>(Scan::More)
        });
        listed.expect("a datastore");
        for (model, name) in names {
            let found = data_get(&self.repository, &model, &name, None);
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
        let run = run_show(&self.repository, Some(run)).expect("a run");
        for step in run.steps {
            let path = format!("{prefix}{}", step.step);
            if let Some(child) = &step.child {
                self.steps_add(child, &format!("{path}/"), steps);
            }
            steps.insert(path, step.status.as_str());
        }
    }
}

/// Checks what the undisturbed run has left, so that the comparison is not one of two errors.
#[track_caller]
fn check_counts(effects: &Effects, counts: &[(&str, u64)]) {
    for (model, count) in counts {
        let (_, content) = &effects.data[&format!("{model}/count")];
        assert_eq!(content["n"], *count, "{model}: {effects:#?}");
    }
}

/// Kills runs of a workflow after each of their events. In the long form, each run is killed a
/// second time while it is resumed.
fn kill_after_every_event(template: &TestEnv, counts: &[(&str, u64)], again: Option<&mut Dice>) {
    let undisturbed = KilledRun::new(template);
    assert_eq!(undisturbed.run(&[]), 0);
    let expect = undisturbed.effects();
    check_counts(&expect, counts);
    let n_undisturbed = undisturbed.n_events();
    let mut again = again;
    let mut n_events = 0;
    loop {
        n_events += 1;
        let mut kills = vec![n_events];
        if let Some(dice) = again.as_deref_mut() {
            kills.push(n_events + 1 + dice.below(N_EVENTS_BETWEEN_MAX));
        }
        let run = KilledRun::new(template);
        let n_killed = run.run(&kills);
        assert_eq!(run.effects(), expect, "killed at {kills:?}");
        // Its last event was written before it could be killed.
        if n_killed == 0 {
            break;
        }
    }
    println!("killed after each of {n_events} events; undisturbed there are {n_undisturbed}");
    // A process writes its last event shortly before it ends, so a kill after one of the last
    // events may come too late. More than these must not be missing.
    assert!(n_events + 4 > n_undisturbed, "{n_events} events");
}

#[test]
fn kill_after_every_event_loses_and_repeats_nothing() {
    if number_from_env("SEDGE_CRASH_STEPS", 0) >= LONG_STEPS {
        let template = template(LONG, LONG_INNER);
        // `four` counts once in `nested-calls`, three times in `each`, and once in `second/add`.
        let counts = [("one", 5), ("two", 4), ("three", 4), ("four", 5)];
        kill_after_every_event(&template, &counts, Some(&mut dice()));
    } else {
        let template = template(SMALL, SMALL_INNER);
        let counts = [("one", 2), ("two", 2), ("three", 2)];
        kill_after_every_event(&template, &counts, None);
    }
}
