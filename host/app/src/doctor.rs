//! Checks a repository, and reports what is wrong with it.
//!
//! Each area has a function that returns its findings. An area that cannot be checked is a finding
//! too, and does not prevent the checks of the others. A finding says whether, and how, it can be
//! repaired without a risk for data ([`Repair`]); [`doctor_fix`] does that.

pub(crate) mod error;
mod repair;

use std::collections::{BTreeMap, BTreeSet};

use sedge_api::problem::Explain;
use sedge_api::view::doctor::{AreaState, AreaView, DoctorReport, FindingView};
use sedge_locks::session;
use sedge_model::names::SecretName;
use sedge_runtime::CodeCache;
use sedge_secrets::SecretsError;

use crate::cx::Cx;
use crate::error::{AppError, PluginUseError, SecretError, UpkeepError};
use crate::plugin::loaded::PinnedPlugin;
use crate::plugin::restore::is_present;
use crate::plugin::vendor::vendored_file;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::{MODELS_FOLDER, WORKFLOWS_FOLDER};

use repair::repair_view;
pub use repair::{Repair, RepairReport, Repaired, TemporaryFile, doctor_fix};

/// A part of a repository that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The files of run-time state: their modes, and what killed processes left behind.
    Files,
    /// The datastore: whether it opens.
    Datastore,
    /// The secrets and their key.
    Secrets,
    /// The pinned plugins.
    Plugins,
    /// The user's cache of compiled code.
    Cache,
    /// The definitions of models.
    Models,
    /// The workflows.
    Workflows,
}

/// One fault that was found.
#[derive(Debug)]
pub struct DoctorFinding {
    /// How severe the fault is.
    pub severity: AreaState,
    /// The error that a command would report for it.
    pub problem: AppError,
    /// How it can be repaired without a risk for data.
    pub repair: Option<Repair>,
}

/// All areas, in the order in which they are examined and repaired.
const AREAS: [Area; 7] = [
    Area::Files,
    Area::Datastore,
    Area::Secrets,
    Area::Plugins,
    Area::Cache,
    Area::Models,
    Area::Workflows,
];

/// The folders of run-time state in which `sedge doctor` searches for temporary files. The others
/// have rules of their own.
const STATE_FOLDERS: [&str; 1] = ["plugins"];

/// The folders of the repository in which `sedge doctor` searches for temporary files, besides
/// those of vendored components.
const FOLDERS: [&str; 3] = ["", MODELS_FOLDER, WORKFLOWS_FOLDER];

/// The findings of one area.
#[derive(Debug)]
pub struct Examined {
    /// The area.
    pub area: Area,
    /// The faults that were found.
    pub findings: Vec<DoctorFinding>,
}

impl Area {
    /// Returns the view of the area.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Datastore => "datastore",
            Self::Secrets => "secrets",
            Self::Plugins => "plugins",
            Self::Cache => "cache",
            Self::Models => "models",
            Self::Workflows => "workflows",
        }
    }
}

/// Returns the view of all findings, and of the repairs if some were requested.
#[must_use]
pub fn doctor_report(examined: &[Examined], repairs: Option<&[Repaired]>) -> DoctorReport {
    DoctorReport {
        is_sound: examined.iter().all(|it| it.state() < AreaState::Fault),
        areas: examined.iter().map(area_view).collect(),
        repairs: repairs.map(|repairs| repairs.iter().map(repair_view).collect()),
    }
}

fn area_view(examined: &Examined) -> AreaView {
    let finding = |finding: &DoctorFinding| FindingView {
        severity: finding.severity,
        is_fixable: finding.repair.is_some(),
        problem: finding.problem.problem(),
    };
    AreaView {
        area: examined.area.as_str().to_owned(),
        state: examined.state(),
        findings: examined.findings.iter().map(finding).collect(),
    }
}

impl Examined {
    /// Returns how severe the worst finding is.
    #[must_use]
    pub fn state(&self) -> AreaState {
        let worst = self.findings.iter().map(|finding| finding.severity).max();
        worst.unwrap_or(AreaState::Ok)
    }
}

/// Checks every area of a repository. This needs no lock, and runs no plugin.
///
/// If `sedge.lock` is invalid, that is a finding, provided that the repository was opened with
/// `may_lack_pins`.
///
/// # Errors
/// Returns an error if `sedge.yaml` is invalid, or if one of the two files cannot be read.
pub fn doctor(cx: &Cx) -> Result<Vec<Examined>, AppError> {
    let repository = cx.repository.snapshot()?;
    Ok(AREAS.map(|area| examine(area, &repository)).into())
}

/// Checks one area.
fn examine(area: Area, repository: &RepositorySnapshot) -> Examined {
    let look: fn(&RepositorySnapshot) -> Result<Vec<DoctorFinding>, AppError> = match area {
        Area::Files => files,
        Area::Datastore => datastore,
        Area::Secrets => secrets,
        Area::Plugins => plugins,
        Area::Cache => cache,
        Area::Models => models,
        Area::Workflows => workflows,
    };
    Examined {
        area,
        findings: look(repository).unwrap_or_else(|problem| vec![fault(problem)]),
    }
}

fn fault(problem: AppError) -> DoctorFinding {
    DoctorFinding {
        severity: AreaState::Fault,
        problem,
        repair: None,
    }
}

/// Returns a finding about something that is not used, or works nevertheless.
fn warning(problem: UpkeepError, repair: Repair) -> DoctorFinding {
    DoctorFinding {
        severity: AreaState::Warning,
        problem: problem.into(),
        repair: Some(repair),
    }
}

/// Looks at the files of run-time state, and opens none of those of the datastore.
fn files(repository: &RepositorySnapshot) -> Result<Vec<DoctorFinding>, AppError> {
    let mut findings = Vec::new();
    let wrong = repository.modes_wrong()?;
    if !wrong.is_empty() {
        findings.push(warning(UpkeepError::Modes { files: wrong }, Repair::Modes));
    }
    if repository.has_state_folder("locks")? {
        let dead = session::dead_sessions(&repository.state_folder("locks")?)?;
        if !dead.is_empty() {
            let n_sessions = dead.len();
            let problem = UpkeepError::Sessions { n_sessions };
            findings.push(warning(problem, Repair::Sessions));
        }
    }
    let temporary = temporary_files(repository)?;
    if !temporary.is_empty() {
        let files = temporary.iter().map(TemporaryFile::shown).collect();
        let problem = UpkeepError::TemporaryFiles { files };
        findings.push(warning(problem, Repair::TemporaryFiles(temporary)));
    }
    Ok(findings)
}

fn temporary_files(repository: &RepositorySnapshot) -> Result<Vec<TemporaryFile>, AppError> {
    let mut found = Vec::new();
    let mut add = |state_folder, paths: Vec<String>| {
        found.extend(
            paths
                .into_iter()
                .map(|path| TemporaryFile { state_folder, path }),
        );
    };
    let mut folders: BTreeSet<String> = FOLDERS.map(str::to_owned).into();
    for type_name in repository.plugin_lock().plugins.keys() {
        let vendored = vendored_file(type_name);
        let folder = vendored.rsplit_once('/').map(|(folder, _)| folder);
        folders.extend(folder.map(str::to_owned));
    }
    for folder in &folders {
        add(None, repository.folder().leftovers(folder)?);
    }
    for folder in STATE_FOLDERS {
        if repository.has_state_folder(folder)? {
            add(
                Some(folder),
                repository.state_folder(folder)?.leftovers("")?,
            );
        }
    }
    Ok(found)
}

fn datastore(repository: &RepositorySnapshot) -> Result<Vec<DoctorFinding>, AppError> {
    let status = repository.store()?.status()?;
    // A call that is running may be writing the files.
    for call in &status.running {
        if repository.session_is_alive(&call.session)? {
            return Ok(Vec::new());
        }
    }
    let n_files = status.n_unfinished;
    let problem = UpkeepError::UnfinishedFiles { n_files };
    let finding = (n_files > 0).then(|| warning(problem, Repair::UnfinishedFiles));
    Ok(finding.into_iter().collect())
}

fn secrets(repository: &RepositorySnapshot) -> Result<Vec<DoctorFinding>, AppError> {
    let secrets = repository.secrets()?;
    let mut findings = Vec::new();
    // A fault of the key affects every secret, and is reported once.
    let mut closed: BTreeMap<String, (Vec<SecretName>, SecretsError)> = BTreeMap::new();
    for secret in secrets.list()? {
        match secret.opened {
            Ok(None) => {}
            Ok(Some(weakness)) => findings.push(DoctorFinding {
                severity: AreaState::Warning,
                problem: AppError::from(SecretError::IsWeak {
                    name: secret.name,
                    weakness,
                }),
                repair: None,
            }),
            Err(error) => {
                let (names, _) = closed
                    .entry(error.to_string())
                    .or_insert((Vec::new(), error));
                names.push(secret.name);
            }
        }
    }
    if closed.is_empty()
        && let Err(source) = secrets.key_check()
    {
        let repair = key_repair(&source);
        findings.push(DoctorFinding {
            repair,
            ..fault(source.into())
        });
    }
    for (names, source) in closed.into_values() {
        let repair = key_repair(&source);
        findings.push(DoctorFinding {
            repair,
            ..fault(AppError::from(SecretError::Closed { names, source }))
        });
    }
    Ok(findings)
}

/// Returns the repair of a key that other users have rights to.
fn key_repair(error: &SecretsError) -> Option<Repair> {
    matches!(error, SecretsError::KeyOpen(_)).then_some(Repair::KeyMode)
}

fn plugins(repository: &RepositorySnapshot) -> Result<Vec<DoctorFinding>, AppError> {
    repository.plugin_lock_check()?;
    let components = repository.state_folder("plugins")?;
    let mut findings = Vec::new();
    for plugin in repository.plugins_pinned()? {
        let PinnedPlugin {
            type_name,
            pinned,
            is_here,
        } = plugin;
        if is_here && is_present(repository, &components, pinned)? {
            continue;
        }
        let (type_name, from) = (type_name.clone(), pinned.source.clone());
        let repair = Some(Repair::Component(type_name.clone()));
        let problem = match is_here {
            true => PluginUseError::Damaged { type_name, from },
            false => PluginUseError::Gone { type_name, from },
        };
        findings.push(DoctorFinding {
            repair,
            ..fault(problem.into())
        });
    }
    Ok(findings)
}

/// Looks for entries that are not authentic. A cache that cannot be opened is reported by the
/// commands that compile for themselves because of it.
fn cache(repository: &RepositorySnapshot) -> Result<Vec<DoctorFinding>, AppError> {
    // ignored: such a cache is not used, and each command that compiles because of it says why.
    let Ok(cache) = CodeCache::open(repository.compiled_code()) else {
        return Ok(Vec::new());
    };
    let entries = cache.damaged()?;
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let repair = Repair::CacheEntries(entries.clone());
    Ok(vec![warning(UpkeepError::CacheEntries { entries }, repair)])
}

fn models(repository: &RepositorySnapshot) -> Result<Vec<DoctorFinding>, AppError> {
    // Without pins, every definition would be at fault.
    let has_pins = repository.plugin_lock_check().is_ok();
    let looked = repository.definitions()?.map(|(_, definition)| {
        let type_name = definition?.type_name.value;
        match has_pins {
            true => repository.plugin_pinned(type_name.as_str()).map(drop),
            false => Ok(()),
        }
    });
    Ok(looked.filter_map(Result::err).map(fault).collect())
}

fn workflows(repository: &RepositorySnapshot) -> Result<Vec<DoctorFinding>, AppError> {
    let looked = repository.workflows()?.map(|(_, workflow)| workflow);
    Ok(looked.filter_map(Result::err).map(fault).collect())
}
