//! Repairs what `doctor` found. A repair never deletes or replaces anything that cannot be made
//! again: it sets modes, removes files that nothing uses, and restores content by its digest.

use sedge_api::problem::Explain;
use sedge_api::view::doctor::RepairView;
use sedge_model::names::TypeName;
use sedge_runtime::CodeCache;
use sedge_sys::folder::FileError;

use super::{AREAS, Area, DoctorFinding, Examined, doctor, examine};
use crate::cx::Cx;
use crate::error::AppError;
use crate::plugin::restore::component_restore;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::{Repository, STATE_FOLDER};
use crate::structure::{locked, whole};

/// How a finding can be repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// Set the modes of the files of run-time state.
    Modes,
    /// Take the rights to the key of the secrets from other users.
    KeyMode,
    /// Remove temporary files, each named by its folder of run-time state, if it is in one, and its
    /// path there.
    TemporaryFiles(Vec<TemporaryFile>),
    /// Release the locks of processes that were killed, and remove their files.
    Sessions,
    /// Remove the unfinished and unused files of the datastore.
    UnfinishedFiles,
    /// Remove entries of the cache of compiled code.
    CacheEntries(Vec<String>),
    /// Restore the component of a plugin.
    Component(TypeName),
}

/// A temporary file that a killed process left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporaryFile {
    /// The folder of run-time state that it is in; `None` for the repository itself.
    pub(crate) state_folder: Option<&'static str>,
    /// Its path in that folder.
    pub(crate) path: String,
}

impl TemporaryFile {
    /// Returns its path in the repository.
    pub(crate) fn shown(&self) -> String {
        match self.state_folder {
            Some(folder) => format!("{STATE_FOLDER}/{folder}/{}", self.path),
            None => self.path.clone(),
        }
    }
}

/// The repair of one finding.
#[derive(Debug)]
pub struct Repaired {
    /// The area of the finding.
    pub area: Area,
    /// The finding.
    pub finding: DoctorFinding,
    /// The repair, as a sentence; or why it was not possible.
    pub result: Result<String, AppError>,
}

/// The repairs, and the findings that remain.
#[derive(Debug)]
pub struct RepairReport {
    /// The repair of each finding that can be repaired.
    pub repairs: Vec<Repaired>,
    /// The findings that remain.
    pub remaining: Vec<Examined>,
}

/// Checks every area of a repository, and repairs what can be repaired without a risk for data. A
/// repair that fails does not prevent the others. Then everything is checked again.
///
/// The removal of unfinished files locks the whole datastore. Everything else needs no lock.
///
/// # Errors
/// The same as for [`doctor`].
pub async fn doctor_fix(cx: &Cx) -> Result<RepairReport, AppError> {
    let snapshot = cx.repository.snapshot()?;
    let mut repairs = Vec::new();
    // The modes are set before the datastore is opened, and the locks of killed processes are
    // released before the datastore is locked: the first area comes first.
    for area in AREAS {
        for finding in examine(area, &snapshot).findings {
            let Some(repair) = finding.repair.clone() else {
                continue;
            };
            let result = repaired(cx, &snapshot, &repair).await;
            repairs.push(Repaired {
                area,
                finding,
                result,
            });
        }
    }
    Ok(RepairReport {
        repairs,
        remaining: doctor(cx)?,
    })
}

/// Returns the views of repairs.
pub(super) fn repair_view(repaired: &Repaired) -> RepairView {
    let (done, error) = match &repaired.result {
        Ok(done) => (Some(done.clone()), None),
        Err(error) => (None, Some(error.problem())),
    };
    RepairView {
        area: repaired.area.as_str().to_owned(),
        finding: repaired.finding.problem.message(),
        done,
        error,
    }
}

async fn repaired(
    cx: &Cx,
    repository: &RepositorySnapshot,
    repair: &Repair,
) -> Result<String, AppError> {
    match repair {
        Repair::Modes => {
            repository.modes_set()?;
            Ok("Set their modes.".to_owned())
        }
        Repair::KeyMode => {
            repository.secrets()?.key_close()?;
            Ok(
                "Took the rights to the key from other users. If one of them may have read it, \
                 replace the secrets, and run `sedge secret rotate`."
                    .to_owned(),
            )
        }
        Repair::TemporaryFiles(files) => {
            let removed = temporary_remove(repository, files)?;
            Ok(format!("Removed {removed} of {}.", files.len()))
        }
        Repair::Sessions => {
            // A new lock manager releases the locks of killed processes, and removes their files.
            repository.locks()?;
            Ok("Released their locks, and removed the files.".to_owned())
        }
        Repair::UnfinishedFiles => {
            let held = locked(cx, "doctor --fix", &whole()).await?;
            let (n_files, n_bytes) = repository.store()?.leftovers_remove(&held.permit)?;
            Ok(format!("Removed {n_files} of them, {n_bytes} bytes."))
        }
        Repair::CacheEntries(entries) => cache_remove(repository, entries),
        Repair::Component(type_name) => component(cx, repository, type_name).await,
    }
}

fn temporary_remove(repository: &Repository, files: &[TemporaryFile]) -> Result<u64, AppError> {
    let mut n_removed = 0;
    for file in files {
        let removed = match file.state_folder {
            Some(folder) => repository
                .state_folder(folder)?
                .leftover_remove(&file.path)?,
            None => repository.folder().leftover_remove(&file.path)?,
        };
        n_removed += u64::from(removed);
    }
    Ok(n_removed)
}

fn cache_remove(repository: &Repository, entries: &[String]) -> Result<String, AppError> {
    let cache = CodeCache::open(repository.compiled_code()).map_err(|fault| {
        // ignored: an `Option`; without a folder there are no entries.
        let path = repository.compiled_code().code.clone().unwrap_or_default();
        let source = std::io::Error::other(fault);
        FileError::new("open the cache of compiled code in", &path, source)
    })?;
    let n_removed = cache.damaged_remove(entries)?;
    Ok(format!(
        "Removed {n_removed}. The plugins are compiled again when they are needed."
    ))
}

async fn component(
    cx: &Cx,
    repository: &RepositorySnapshot,
    type_name: &TypeName,
) -> Result<String, AppError> {
    let place = component_restore(repository, type_name, cx.events.clone()).await?;
    Ok(format!("Restored it from `{place}`."))
}
