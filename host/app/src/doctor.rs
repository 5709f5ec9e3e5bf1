//! Checks a repository, and reports what is wrong with it.
//!
//! Each area has a function that returns its findings. An area that cannot be checked is a finding
//! too, and does not prevent the checks of the others.

use std::collections::BTreeMap;

use sedge_api::problem::Explain;
use sedge_api::view::doctor::{AreaState, AreaView, DoctorReport, FindingView};
use sedge_model::names::SecretName;
use sedge_secrets::SecretsError;

use crate::error::{AppError, PluginUseError, SecretError};
use crate::repository::Repository;

/// A part of a repository that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The datastore: whether it opens.
    Datastore,
    /// The secrets and their key.
    Secrets,
    /// The pinned plugins.
    Plugins,
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
}

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
            Self::Datastore => "datastore",
            Self::Secrets => "secrets",
            Self::Plugins => "plugins",
            Self::Models => "models",
            Self::Workflows => "workflows",
        }
    }
}

/// Returns the view of all findings.
#[must_use]
pub fn doctor_report(examined: &[Examined]) -> DoctorReport {
    DoctorReport {
        is_sound: examined.iter().all(|it| it.state() < AreaState::Fault),
        areas: examined.iter().map(area_view).collect(),
    }
}

fn area_view(examined: &Examined) -> AreaView {
    let finding = |finding: &DoctorFinding| FindingView {
        severity: finding.severity,
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
#[must_use]
pub fn doctor(repository: &Repository) -> Vec<Examined> {
    type Look = fn(&Repository) -> Result<Vec<DoctorFinding>, AppError>;
    let areas: [(Area, Look); 5] = [
        (Area::Datastore, datastore),
        (Area::Secrets, secrets),
        (Area::Plugins, plugins),
        (Area::Models, models),
        (Area::Workflows, workflows),
    ];
    areas
        .into_iter()
        .map(|(area, look)| Examined {
            area,
            findings: look(repository).unwrap_or_else(|problem| vec![fault(problem)]),
        })
        .collect()
}

fn fault(problem: AppError) -> DoctorFinding {
    DoctorFinding {
        severity: AreaState::Fault,
        problem,
    }
}

fn datastore(repository: &Repository) -> Result<Vec<DoctorFinding>, AppError> {
    repository.store()?.status()?;
    Ok(Vec::new())
}

fn secrets(repository: &Repository) -> Result<Vec<DoctorFinding>, AppError> {
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
            }),
            Err(error) => {
                let (names, _) = closed
                    .entry(error.to_string())
                    .or_insert((Vec::new(), error));
                names.push(secret.name);
            }
        }
    }
    if closed.is_empty() {
        secrets.key_check()?;
    }
    let closed = closed.into_values();
    findings.extend(
        closed.map(|(names, source)| fault(AppError::from(SecretError::Closed { names, source }))),
    );
    Ok(findings)
}

fn plugins(repository: &Repository) -> Result<Vec<DoctorFinding>, AppError> {
    let plugins = repository.plugins_pinned()?.into_iter();
    let missing = plugins.filter(|plugin| !plugin.is_here);
    let findings = missing.map(|plugin| {
        fault(AppError::from(PluginUseError::Gone {
            type_name: plugin.type_name.clone(),
            from: plugin.pinned.source.clone(),
        }))
    });
    Ok(findings.collect())
}

fn models(repository: &Repository) -> Result<Vec<DoctorFinding>, AppError> {
    let names = repository.model_names()?;
    let look = |name: &str| {
        let definition = repository.definition(name)?;
        let type_name = &definition.type_name.value;
        repository.plugin_pinned(type_name.as_str()).map(drop)
    };
    let looked = names.iter().map(|name| look(name.as_str()));
    Ok(looked.filter_map(Result::err).map(fault).collect())
}

fn workflows(repository: &Repository) -> Result<Vec<DoctorFinding>, AppError> {
    let names = repository.workflow_names()?;
    let looked = names.iter().map(|name| repository.workflow(name.as_str()));
    Ok(looked.filter_map(Result::err).map(fault).collect())
}
