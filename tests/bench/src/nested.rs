//! Nested calls, as `spawn` makes and measures them, through the use case.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sedge_app::data_get::data_get;
use sedge_app::model_method_run::{Request, model_method_run};
use sedge_app::workflow_run::workflow_run;
use sedge_app::{Event, Events, Repository};
use serde_json::Value;

use crate::Result;
use crate::figures::Figures;
use crate::repository::TestRepository;
use crate::subjects::{METHOD_RUN, NESTED, NESTED_ON_DEMAND, spawn_per_call, spawn_total};

/// How many calls `spawn` makes.
pub(crate) const COUNTS: [u32; 3] = [10, 100, 1000];

/// How many calls `spawn` makes where instances are made on demand.
const COUNT_ON_DEMAND: u32 = 100;

/// The repository, open twice: as a process that runs workflows has it, and as one that
/// runs a single method. The former gets a pool of instances.
#[derive(Debug)]
pub(crate) struct Nested {
    pool: Arc<Repository>,
    on_demand: Arc<Repository>,
}

struct Silence;

impl Events for Silence {
    fn event(&self, _: Event) {}
}

impl Nested {
    pub(crate) async fn open(repository: &TestRepository) -> Result<Self> {
        let pool = repository.open()?;
        workflow_run(&pool, "A", false, Arc::new(Silence)).await?;
        Ok(Self {
            pool,
            on_demand: repository.open()?,
        })
    }

    /// Takes a sample of a call that is not nested.
    pub(crate) async fn one(&self, figures: &mut Figures) -> Result<()> {
        let since = Instant::now();
        run(&self.on_demand, "sink", Vec::new()).await?;
        figures.lap(METHOD_RUN, since);
        Ok(())
    }

    /// Has `spawn` make each number of calls, in sequence and in parallel.
    pub(crate) async fn round(&self, figures: &mut Figures) -> Result<()> {
        for count in COUNTS {
            for parallel in [false, true] {
                let took = spawn(&self.pool, count, parallel).await?;
                figures.add(&spawn_total(count, parallel), took);
                figures.add(&spawn_per_call(count, parallel), took / count);
                if !parallel {
                    self.calls(NESTED, figures)?;
                }
            }
        }
        spawn(&self.on_demand, COUNT_ON_DEMAND, false).await?;
        self.calls(NESTED_ON_DEMAND, figures)
    }

    /// Adds how long each call of the last run of `spawn` took, from the request to the answer: as
    /// `spawn` measured it, which is a guest. The host's own record of a call is part of what is
    /// committed, so it cannot know how long the commit took, and leaves out two thirds.
    fn calls(&self, subject: &str, figures: &mut Figures) -> Result<()> {
        let (_, content) = data_get(&self.pool, "spawn", "calls", None)?;
        let content: Value = serde_json::from_slice(&content.read_all()?)?;
        let calls = content["calls"].as_array().ok_or("no calls were made")?;
        for call in calls {
            let elapsed_ms = call["elapsed_ms"].as_f64().ok_or("a call without a time")?;
            figures.add(subject, Duration::from_secs_f64(elapsed_ms / 1e3));
        }
        Ok(())
    }
}

/// Has `spawn` make calls, and returns how long that took altogether.
async fn spawn(repository: &Arc<Repository>, count: u32, parallel: bool) -> Result<Duration> {
    let inputs = vec![
        ("count".to_owned(), count.to_string()),
        ("parallel".to_owned(), parallel.to_string()),
    ];
    let since = Instant::now();
    run(repository, "spawn", inputs).await?;
    Ok(since.elapsed())
}

async fn run(
    repository: &Arc<Repository>,
    model: &str,
    inputs: Vec<(String, String)>,
) -> Result<()> {
    let request = Request {
        model: model.to_owned(),
        method: "run".to_owned(),
        inputs,
        ..Request::default()
    };
    model_method_run(repository, &request, Arc::new(Silence)).await?;
    Ok(())
}
