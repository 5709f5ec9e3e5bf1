//! Commits: one at a time, compared with the minimal cost of the disk and of SQLite, and many
//! concurrently.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use sedge_model::names::ModelName;
use sedge_store::{CallEnd, StoreError};
use tokio::task::JoinSet;

use super::author::{Author, RESOURCE_BYTES};
use super::subjects::{
    APPEND, COMMIT, COMMIT_INTO, CONCURRENT, SQLITE, SQLITE_BESIDE, START, START_AND_COMMIT,
};
use super::{Filled, fill, store_folder};
use crate::figures::Figures;
use crate::{Effort, Result};

/// The least number of commits in a sample of concurrent ones.
const N_COMMITS: usize = 64;

/// The number of versions before the first measured commit.
const N_BEFORE: u64 = 1000;

pub(super) async fn measure(folder: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    let store = folder.join("store");
    std::fs::create_dir_all(&store)?;
    fill::fill(&store, N_BEFORE)?;
    let mut floor = Floor::new(folder)?;
    let mut author = Author::new(&store, 2)?;
    for _ in 0..effort.n_rounds {
        for at in 0..effort.n_samples {
            floor.append(figures)?;
            floor.commit(SQLITE, figures)?;
            let [start, commit] = one(&mut author, at)?;
            figures.add(START, start);
            figures.add(COMMIT, commit);
            figures.add(START_AND_COMMIT, start + commit);
        }
        for (n_tasks, subject) in CONCURRENT {
            concurrent(&mut author, n_tasks, subject, figures).await?;
        }
    }
    Ok(())
}

/// Measures commits into the filled datastores.
pub(super) fn measure_into(
    folder: &Path,
    filled: &Filled,
    effort: Effort,
    figures: &mut Figures,
) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut floor = Floor::new(folder)?;
    let mut authors = Vec::new();
    for (n, repository) in &filled.many {
        authors.push((*n, Author::new(&store_folder(repository), 2)?));
    }
    for at in 0..effort.n_rounds * effort.n_samples {
        floor.commit(SQLITE_BESIDE, figures)?;
        for (n, author) in &mut authors {
            let [_, commit] = one(author, at)?;
            figures.add(COMMIT_INTO.of(*n), commit);
        }
    }
    Ok(())
}

/// Has a call write one resource. Returns the times of its start and of its commit.
fn one(author: &mut Author, at: usize) -> Result<[Duration; 2]> {
    let (model, name) = spread(at)?;
    let change = author.resource(&name, 0, &[])?;
    let (start, end) = author.call(&model, vec![change])?;
    let since = Instant::now();
    author.store.call_start(&author.claim, start).wait()?;
    let started = since.elapsed();
    author.store.call_commit(&author.claim, end, None).wait()?;
    Ok([started, since.elapsed() - started])
}

/// Returns a model and a name, spread over the whole datastore.
fn spread(at: usize) -> Result<(ModelName, String)> {
    let (n_models, n_names) = (fill::N_MODELS as usize, fill::N_NAMES as usize);
    let model = format!("m{}", at % n_models).parse()?;
    Ok((model, format!("n{}", at * 37 % n_names)))
}

/// Has each of `n_tasks` tasks commit calls in sequence. The calls have begun before.
async fn concurrent(
    author: &mut Author,
    n_tasks: usize,
    subject: &str,
    figures: &mut Figures,
) -> Result<()> {
    let n_each = N_COMMITS.div_ceil(n_tasks);
    let mut ends: Vec<Vec<CallEnd>> = Vec::new();
    for task in 0..n_tasks {
        let mut of_task = Vec::new();
        for at in 0..n_each {
            let (model, name) = spread(task + n_tasks * at)?;
            let change = author.resource(&name, 0, &[])?;
            let (start, end) = author.call(&model, vec![change])?;
            author.store.call_start(&author.claim, start).wait()?;
            of_task.push(end);
        }
        ends.push(of_task);
    }
    let mut tasks = JoinSet::new();
    let since = Instant::now();
    for of_task in ends {
        let (store, claim) = (Arc::clone(&author.store), author.claim.clone());
        tasks.spawn(async move {
            for end in of_task {
                store.call_commit(&claim, end, None).await?;
            }
            Ok::<_, StoreError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    figures.add(subject, since.elapsed() / u32::try_from(n_tasks * n_each)?);
    Ok(())
}

/// The number of rows in the baseline's database before the measurement, which fill its log about
/// twice.
const N_ROWS_BEFORE: usize = 6000;

const CONTENT: [u8; RESOURCE_BYTES] = [b'x'; RESOURCE_BYTES];
const INSERT: &str = "INSERT INTO rows (content) VALUES (?)";

/// The minimal cost of a durable commit, on the disk of the datastore.
struct Floor {
    file: File,
    database: Connection,
}

impl Floor {
    fn new(folder: &Path) -> Result<Self> {
        let database = Connection::open(folder.join("floor.db"))?;
        database.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        database.pragma_update(None, "synchronous", "FULL")?;
        database.execute_batch(
            "CREATE TABLE rows (id INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT",
        )?;
        let mut made = Self {
            file: File::create(folder.join("floor.log"))?,
            database,
        };
        made.fill()?;
        Ok(made)
    }

    /// Fills the log of the database to the size at which SQLite restarts it. From then on no
    /// commit extends the log, which would cost more; most commits do not.
    fn fill(&mut self) -> Result<()> {
        let transaction = self.database.transaction()?;
        for _ in 0..N_ROWS_BEFORE {
            transaction.execute(INSERT, [CONTENT])?;
        }
        Ok(transaction.commit()?)
    }

    fn append(&mut self, figures: &mut Figures) -> Result<()> {
        let since = Instant::now();
        self.file.write_all(&CONTENT)?;
        self.file.sync_data()?;
        figures.lap(APPEND, since);
        Ok(())
    }

    fn commit(&mut self, subject: &str, figures: &mut Figures) -> Result<()> {
        let since = Instant::now();
        let transaction = self
            .database
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.prepare_cached(INSERT)?.execute([CONTENT])?;
        transaction.commit()?;
        figures.lap(subject, since);
        Ok(())
    }
}
