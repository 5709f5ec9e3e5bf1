//! Nested calls, as `spawn` makes and measures them, through the use case.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sedge_app::Repository;
use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_app::types::{GivenInput, Workload};

use crate::Result;
use crate::figures::Figures;
use crate::repository::{TestRepository, cx_of};
use crate::subjects::{METHOD_RUN, NESTED, NESTED_ON_DEMAND, spawn_per_call, spawn_total};

/// The numbers of calls that `spawn` makes.
pub(crate) const COUNTS: [u32; 3] = [10, 100, 1000];

/// The number of calls that `spawn` makes without a pool of instances.
const COUNT_ON_DEMAND: u32 = 100;

/// The repository, opened twice: for running large workflows, which gets a pool of instances, and for
/// running a single method.
#[derive(Debug)]
pub(crate) struct Nested {
    pool: Arc<Repository>,
    on_demand: Arc<Repository>,
}

impl Nested {
    pub(crate) async fn open(repository: &TestRepository) -> Result<Self> {
        let pool = repository.open_for(Workload::ManyCalls)?;
        // The first call starts the engine.
        run(&pool, "sink", "run", Vec::new()).await?;
        Ok(Self {
            pool,
            on_demand: repository.open()?,
        })
    }

    /// Takes a sample of a call that is not nested.
    pub(crate) async fn one(&self, figures: &mut Figures) -> Result<()> {
        let since = Instant::now();
        run(&self.on_demand, "sink", "run", Vec::new()).await?;
        figures.lap(METHOD_RUN, since);
        Ok(())
    }

    /// Has `spawn` make each number of calls, in sequence and in parallel.
    pub(crate) async fn round(&self, figures: &mut Figures) -> Result<()> {
        let mut in_sequence = Vec::new();
        for count in COUNTS {
            for parallel in [false, true] {
                let took = spawn(&self.pool, count, parallel).await?;
                figures.add(&spawn_total(count, parallel), took);
                figures.add(&spawn_per_call(count, parallel), took / count);
                if !parallel {
                    in_sequence.push((count, took));
                }
            }
        }
        figures.add(NESTED, one_more(&in_sequence));
        let mut on_demand = Vec::new();
        for count in [COUNT_ON_DEMAND / 10, COUNT_ON_DEMAND] {
            on_demand.push((count, spawn(&self.on_demand, count, false).await?));
        }
        figures.add(NESTED_ON_DEMAND, one_more(&on_demand));
        Ok(())
    }
}

/// Returns the time of one call from its request to its response, including its commit. It is
/// computed from how much longer a run takes that makes more calls in sequence. A guest's clock is
/// too coarse for that (1 ms), and the host's record of a call excludes the commit, because it is
/// part of what is committed.
fn one_more(runs: &[(u32, Duration)]) -> Duration {
    let (Some((few, took_few)), Some((many, took_many))) = (runs.first(), runs.last()) else {
        return Duration::ZERO;
    };
    took_many.saturating_sub(*took_few) / (many - few).max(1)
}

/// Has `spawn` make calls, and returns the total time.
async fn spawn(repository: &Arc<Repository>, count: u32, parallel: bool) -> Result<Duration> {
    let inputs = vec![
        format!("count={count}").parse()?,
        format!("parallel={parallel}").parse()?,
    ];
    let since = Instant::now();
    run(repository, "spawn", "run", inputs).await?;
    Ok(since.elapsed())
}

/// Runs a method in this process.
pub(crate) async fn run(
    repository: &Arc<Repository>,
    model: &str,
    method: &str,
    inputs: Vec<GivenInput>,
) -> Result<()> {
    let request = ModelMethodRunRequest {
        model: model.to_owned(),
        method: method.to_owned(),
        inputs,
        ..ModelMethodRunRequest::default()
    };
    model_method_run(&cx_of(repository), &request).await?;
    Ok(())
}
