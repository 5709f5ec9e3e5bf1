//! Resuming a run at its last step, compared with loading it.
//!
//! Both are measured in this process, so that neither has the start of a process in it. To load a run
//! is to read its workflow and its log, and to fold the log. The time of a resumption ends when its
//! last step starts, so it also has the two commits that claim the run and start the step.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_app::types::Workload;
use sedge_app::workflow::resume::{ResumeRequest, workflow_resume};
use sedge_app::{Event, Events, ReportedEvent};
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::workflow::Workflow;
use sedge_model::names::RunId;
use sedge_store::Store;
use sedge_sys::folder::Folder;
use sedge_workflow::{Plan, RunState};

use super::subjects::{LOAD, RESUME};
use super::{N_STEPS, workflow_path};
use crate::Result;
use crate::figures::Figures;
use crate::repository::{TestRepository, cx_of};

/// A run that waits until it is resumed: the place of its size in [`N_STEPS`], and its id.
pub(super) type WaitingRun = (usize, RunId);

/// Loads and resumes runs, in turns.
pub(super) async fn measure(
    repository: &TestRepository,
    runs: &[WaitingRun],
    figures: &mut Figures,
) -> Result<()> {
    let opened = repository.open_for(Workload::ManyCalls)?;
    let cx = cx_of(&opened);
    // The plugin is loaded once, before anything is measured.
    let first = ModelMethodRunRequest {
        model: "sink".to_owned(),
        method: "run".to_owned(),
        ..ModelMethodRunRequest::default()
    };
    model_method_run(&cx, &first).await?;
    let store = Store::open(&Folder::open(&repository.folder.join(".sedge/store"))?)?;
    for (at, run) in runs {
        let name = format!("gated-{}", N_STEPS[*at]);
        let since = Instant::now();
        let n_events = load(repository, &store, &name, run)?;
        figures.lap(LOAD[*at], since);
        if n_events < 2 * N_STEPS[*at] {
            return Err(format!("the log of `{name}` has only {n_events} events").into());
        }
        let starts = Arc::new(StepStarts::default());
        let request = ResumeRequest {
            workflow: name,
            run: Some(run.to_string()),
            ..ResumeRequest::default()
        };
        let since = Instant::now();
        let cx = cx.with_events(Arc::clone(&starts) as Arc<dyn Events>);
        workflow_resume(&cx, &request).await?;
        let started = starts.first().ok_or("the last step has not started")?;
        figures.add(RESUME[*at], started - since);
    }
    Ok(())
}

/// Loads a run. Returns the number of its events.
fn load(repository: &TestRepository, store: &Store, name: &str, run: &RunId) -> Result<usize> {
    let path = workflow_path(repository, name);
    let file = SourceFile::new(name, std::fs::read_to_string(path)?);
    let workflow = Workflow::parse(&file)?;
    let log = store.run_events(run)?;
    let events = log.iter().map(|record| &record.event);
    let state = RunState::fold(Arc::new(Plan::new(&workflow)), events);
    let state = state.map_err(|_| "the log does not fit its workflow")?;
    drop(std::hint::black_box(state));
    Ok(log.len())
}

/// Records when the first step starts.
#[derive(Debug, Default)]
struct StepStarts(Mutex<Option<Instant>>);

impl StepStarts {
    fn first(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events for StepStarts {
    fn event(&self, reported: ReportedEvent) {
        if matches!(reported.event, Event::StepStarted { .. }) {
            let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(Instant::now);
        }
    }
}
