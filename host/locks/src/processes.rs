//! Keeps other processes off a model: one lock file per model, of the operating system,
//! which frees it the moment that its process dies.
//!
//! A process holds the file's lock as long as any of its lineages holds the model. Who
//! waits for another process asks again every few milliseconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sedge_model::lineage::Lineage;
use sedge_model::names::ModelName;
use sedge_sys::clock::{self, Moment};
use sedge_sys::file_lock::FileLock;
use sedge_sys::folder::{FileError, Folder};

/// The first pause before asking again; each further one is twice as long, up to
/// [`PAUSE_MAX`]: a short holder costs little latency, a long one little work.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// The longest pause before asking again.
const PAUSE_MAX: Duration = Duration::from_millis(16);

#[derive(Debug)]
pub(crate) struct ProcessLocks {
    files: Folder,
    held: Arc<Mutex<HashMap<ModelName, Held>>>,
}

#[derive(Debug)]
struct Held {
    n_holders: usize,
    _lock: FileLock,
}

/// This process holds the model's file as long as one of these exists.
#[derive(Debug)]
pub(crate) struct Inside {
    held: Arc<Mutex<HashMap<ModelName, Held>>>,
    model: ModelName,
}

impl ProcessLocks {
    pub(crate) fn new(files: Folder) -> Self {
        Self {
            files,
            held: Arc::default(),
        }
    }

    /// Joins the holders of the model's file, taking its lock if this is the first one.
    /// None when another process held it until the deadline.
    pub(crate) async fn enter(
        &self,
        model: &ModelName,
        lineage: &Lineage,
        deadline: Moment,
    ) -> Result<Option<Inside>, FileError> {
        let mut pause = PAUSE_MIN;
        loop {
            if let Some(inside) = self.try_enter(model, lineage)? {
                return Ok(Some(inside));
            }
            if deadline.left().is_zero() {
                return Ok(None);
            }
            clock::pause(pause.min(deadline.left())).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Returns the call of another process that holds the model, if it left its name.
    pub(crate) fn foreign_holder(&self, model: &ModelName) -> Option<String> {
        if lock(&self.held).contains_key(model) {
            return None;
        }
        let note = self.files.read_text(&file_name(model), 4096).ok()??;
        (!note.is_empty()).then_some(note)
    }

    fn try_enter(&self, model: &ModelName, lineage: &Lineage) -> Result<Option<Inside>, FileError> {
        let mut held = lock(&self.held);
        if let Some(held) = held.get_mut(model) {
            held.n_holders += 1;
        } else {
            let path = self.files.path_of(&file_name(model));
            let Some(file) = FileLock::try_acquire(&path)? else {
                return Ok(None);
            };
            file.note(&lineage.to_string())?;
            held.insert(
                model.clone(),
                Held {
                    n_holders: 1,
                    _lock: file,
                },
            );
        }
        Ok(Some(Inside {
            held: Arc::clone(&self.held),
            model: model.clone(),
        }))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(model) = held.get_mut(&self.model) {
            model.n_holders -= 1;
            if model.n_holders == 0 {
                held.remove(&self.model);
            }
        }
    }
}

fn file_name(model: &ModelName) -> String {
    format!("model-{model}.lock")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No step under this lock can be left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
