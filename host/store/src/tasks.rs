//! What started steps run, with the inputs that were evaluated for them.
//!
//! A task is logged with the event that starts its step, before anything happens, and an
//! interrupted step and each retry run with exactly these inputs. They are no part of the event, so
//! that the log of a run stays small. The same holds for the values of a step with `forEach`, if
//! they are large.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use sedge_model::call::StagedContent;
use sedge_model::digest::Digest;
use sedge_model::names::{EnvName, MethodName, RunId, TypeName};
use serde::Serialize;
use serde_json::Value;

use crate::Store;
use crate::blobs::{BlobWriter, Blobs, ContentReader};
use crate::changes::digest_of;
use crate::door::{SqlRow, SqlValue, Tx, TxFault, values};
use crate::error::StoreError;
use crate::format::StoredTask;
use crate::runs::{json, unreadable};
use crate::statements;

/// What a started step runs. Sensitive values must be sealed, and marks stand for secrets.
#[derive(Debug, Clone, PartialEq)]
pub enum StartedTask {
    /// A method of a model.
    Method {
        /// The name or id of the model.
        model: String,
        /// The method.
        method: MethodName,
        /// Its arguments.
        arguments: Value,
        /// The type of the model and its global arguments, if the step runs the method directly on
        /// a type.
        direct: Option<DirectModel>,
        /// The variables of the environment that the expressions have read.
        environment: BTreeSet<EnvName>,
    },
    /// A nested workflow.
    Workflow {
        /// The name or id of the workflow.
        workflow: String,
        /// Its inputs.
        inputs: Value,
        /// The variables of the environment that the expressions have read.
        environment: BTreeSet<EnvName>,
    },
}

/// A model that a step runs a method on without a definition in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectModel {
    /// The type of the model.
    pub type_name: TypeName,
    /// The global arguments of the model.
    pub global_arguments: Value,
}

impl Store {
    /// Returns what the step runs that took this ordinal in a run; `None` if its event was logged
    /// without a task, or does not exist.
    ///
    /// # Errors
    /// The database fails, the content is missing or damaged, or a newer Sedge wrote the task.
    pub fn step_task(&self, run: &RunId, call: u32) -> Result<Option<StartedTask>, StoreError> {
        let stored = self.door.read("read a step's task", |tx| {
            tx.first(
                statements::TASK_GET,
                &values![run.as_str(), call],
                StoredContentRow::read,
            )
        })?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let text = stored.text(&self.blobs, "step's task")?;
        let task = task_of(&text).map_err(|fault| fault.into_error("read a task"))?;
        Ok(Some(task))
    }

    /// Returns the values of a step with `forEach` whose event `expanded` has this number and does
    /// not contain them, in the order of its names; `None` if there is no such event.
    ///
    /// # Errors
    /// The database fails, or the content is missing or damaged.
    pub fn step_items(&self, run: &RunId, seq: u64) -> Result<Option<Vec<Value>>, StoreError> {
        let stored = self.door.read("read the values of a step", |tx| {
            let key = values![run.as_str(), seq];
            tx.first(statements::ITEMS_GET, &key, StoredContentRow::read)
        })?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let text = stored.text(&self.blobs, ITEMS)?;
        let items =
            items_of(&text).map_err(|fault| fault.into_error("read the values of a step"))?;
        Ok(Some(items))
    }
}

/// How errors name the values of a step with `forEach`.
const ITEMS: &str = "values of a step";

/// A row of `step_tasks` or `step_items`.
pub(crate) enum StoredContentRow {
    Text(String),
    File { digest: Digest, size: u64 },
}

impl StoredContentRow {
    /// Reads the columns with the text, `digest` and `size`.
    pub(crate) fn read(row: &SqlRow<'_>) -> Result<Self, TxFault> {
        match row.get::<Option<String>>(0)? {
            Some(text) => Ok(Self::Text(text)),
            None => Ok(Self::File {
                digest: digest_of(row, 1)?,
                size: row.get(2)?,
            }),
        }
    }
}

impl StoredContentRow {
    /// Returns the text. `what` names it in errors.
    fn text(self, blobs: &Blobs, what: &'static str) -> Result<String, StoreError> {
        let digest = match self {
            Self::Text(text) => return Ok(text),
            Self::File { digest, .. } => digest,
        };
        let file = blobs.open(&digest)?;
        let file = file.ok_or(StoreError::ContentMissing(digest))?;
        let bytes = ContentReader::of_file(file, digest).read_all()?;
        String::from_utf8(bytes).map_err(|error| StoreError::unreadable(what, error))
    }
}

/// Reads the values of a step that the store wrote.
pub(crate) fn items_of(text: &str) -> Result<Vec<Value>, TxFault> {
    json(ITEMS, text)
}

/// Reads a task that the store wrote.
pub(crate) fn task_of(text: &str) -> Result<StartedTask, TxFault> {
    let task = json::<StoredTask<'_>>("step's task", text)?.try_into();
    task.map_err(unreadable("step's task"))
}

/// What a step was started with, in its stored form. If it is large, it is in a file, which is
/// durable; a collection removes the file if no row refers to it.
#[derive(Debug)]
pub(crate) enum StartText {
    Small(Vec<u8>),
    File { digest: Digest, size: u64 },
}

impl StartText {
    /// Writes a task as text, and to a file if it is large. It is never in memory as a whole.
    pub(crate) fn of_task(blobs: &Arc<Blobs>, task: &StartedTask) -> Result<Self, StoreError> {
        Self::new(blobs, &StoredTask::from(task), "step's task")
    }

    /// Writes the values of a step, as [`StartText::of_task`] writes a task.
    pub(crate) fn of_items(blobs: &Arc<Blobs>, items: &[&Value]) -> Result<Self, StoreError> {
        Self::new(blobs, &items, ITEMS)
    }

    fn new(
        blobs: &Arc<Blobs>,
        stored: &impl Serialize,
        what: &'static str,
    ) -> Result<Self, StoreError> {
        let mut writer = BufWriter::new(StartWriter(BlobWriter::new(blobs)));
        serde_json::to_writer(&mut writer, stored).map_err(|error| write_error(what, error))?;
        let writer = writer.into_inner();
        let writer = writer.map_err(|error| write_error(what, error.into_error()))?;
        let (content, passing) = writer.0.finish()?;
        match content {
            StagedContent::Text(text) => Ok(Self::Small(text.into_bytes())),
            StagedContent::Bytes(bytes) => Ok(Self::Small(bytes)),
            StagedContent::File {
                passing: path,
                size,
                digest,
            } => {
                blobs.publish(&[(path, digest)])?;
                drop(passing);
                Ok(Self::File { digest, size })
            }
        }
    }

    /// Stores the task of the step that took an ordinal.
    pub(crate) fn task_insert(
        &self,
        tx: &Tx<'_>,
        blobs: &Blobs,
        run: &RunId,
        call: u32,
    ) -> Result<(), TxFault> {
        self.insert(tx, blobs, statements::TASK_INSERT, (run, call.into()))
    }

    /// Stores the values of the step whose event `expanded` has a number.
    pub(crate) fn items_insert(
        &self,
        tx: &Tx<'_>,
        blobs: &Blobs,
        run: &RunId,
        seq: u64,
    ) -> Result<(), TxFault> {
        self.insert(tx, blobs, statements::ITEMS_INSERT, (run, seq))
    }

    fn insert(
        &self,
        tx: &Tx<'_>,
        blobs: &Blobs,
        statement: &str,
        (run, number): (&RunId, u64),
    ) -> Result<(), TxFault> {
        match self {
            Self::Small(bytes) => {
                let text = std::str::from_utf8(bytes).expect("JSON is UTF-8");
                let none = SqlValue::Null;
                let row = values![run.as_str(), number, text, none, none];
                tx.execute(statement, &row)?;
            }
            Self::File { digest, size } => {
                // A collection may have removed the file since it was written.
                if blobs.size(digest)? != Some(*size) {
                    return Err(StoreError::ContentMissing(*digest).into());
                }
                let bytes = digest.0.as_slice();
                let row = values![run.as_str(), number, SqlValue::Null, bytes, *size];
                tx.execute(statement, &row)?;
            }
        }
        Ok(())
    }
}

/// Writes to content that is moved to a file once it is large.
struct StartWriter(BlobWriter);

impl Write for StartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the original error of this crate, which the libraries have wrapped.
fn write_error(what: &'static str, error: impl Into<io::Error>) -> StoreError {
    match error.into().downcast::<StoreError>() {
        Ok(error) => error,
        Err(error) => StoreError::unreadable(what, error),
    }
}
