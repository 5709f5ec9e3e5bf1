//! What started steps run, with the inputs that were evaluated for them.
//!
//! A task is logged with the event that starts its step, before anything happens, and an
//! interrupted step and each retry run with exactly these inputs. They are no part of the event, so
//! that the log of a run stays small.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use sedge_model::call::StagedContent;
use sedge_model::digest::Digest;
use sedge_model::names::{MethodName, RunId, TypeName};
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
    },
    /// A nested workflow.
    Workflow {
        /// The name or id of the workflow.
        workflow: String,
        /// Its inputs.
        inputs: Value,
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
                StoredTaskRow::read,
            )
        })?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let read = |text: &str| task_of(text).map_err(|fault| fault.into_error("read a task"));
        match stored {
            StoredTaskRow::Text(text) => read(&text).map(Some),
            StoredTaskRow::File { digest, .. } => {
                let file = self.blobs.open(&digest)?;
                let file = file.ok_or(StoreError::ContentMissing(digest))?;
                let bytes = ContentReader::of_file(file, digest).read_all()?;
                let text = String::from_utf8(bytes);
                let text = text.map_err(|error| StoreError::unreadable("step's task", error))?;
                read(&text).map(Some)
            }
        }
    }
}

/// A row of `step_tasks`.
pub(crate) enum StoredTaskRow {
    Text(String),
    File { digest: Digest, size: u64 },
}

impl StoredTaskRow {
    /// Reads the columns `task`, `digest` and `size`.
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

/// Reads a task that the store wrote.
pub(crate) fn task_of(text: &str) -> Result<StartedTask, TxFault> {
    let task = json::<StoredTask<'_>>("step's task", text)?.try_into();
    task.map_err(unreadable("step's task"))
}

/// A task in its stored form. If it is large, it is in a file, which is durable; a collection
/// removes the file if no row refers to it.
#[derive(Debug)]
pub(crate) enum TaskText {
    Small(Vec<u8>),
    File { digest: Digest, size: u64 },
}

impl TaskText {
    /// Writes a task as text, and to a file if it is large. It is never in memory as a whole.
    pub(crate) fn new(blobs: &Arc<Blobs>, task: &StartedTask) -> Result<Self, StoreError> {
        let mut writer = BufWriter::new(TaskWriter(BlobWriter::new(blobs)));
        serde_json::to_writer(&mut writer, &StoredTask::from(task)).map_err(write_error)?;
        let writer = writer.into_inner();
        let writer = writer.map_err(|error| write_error(error.into_error()))?;
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
    pub(crate) fn insert(
        &self,
        tx: &Tx<'_>,
        blobs: &Blobs,
        run: &RunId,
        call: u32,
    ) -> Result<(), TxFault> {
        match self {
            Self::Small(bytes) => {
                let text = std::str::from_utf8(bytes).expect("JSON is UTF-8");
                let none = SqlValue::Null;
                let row = values![run.as_str(), call, text, none, none];
                tx.execute(statements::TASK_INSERT, &row)?;
            }
            Self::File { digest, size } => {
                // A collection may have removed the file since it was written.
                if blobs.size(digest)? != Some(*size) {
                    return Err(StoreError::ContentMissing(*digest).into());
                }
                let bytes = digest.0.as_slice();
                let row = values![run.as_str(), call, SqlValue::Null, bytes, *size];
                tx.execute(statements::TASK_INSERT, &row)?;
            }
        }
        Ok(())
    }
}

/// Writes to content that is moved to a file once it is large.
struct TaskWriter(BlobWriter);

impl Write for TaskWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the original error of this crate, which the libraries have wrapped.
fn write_error(error: impl Into<io::Error>) -> StoreError {
    match error.into().downcast::<StoreError>() {
        Ok(error) => error,
        Err(error) => StoreError::unreadable("step's task", error),
    }
}
