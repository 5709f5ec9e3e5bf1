//! Checks `sedge.lock` and the grants in `sedge.yaml`: that each pinned component is on this
//! machine and can be used, and that each grant is for something that is requested.

use std::ops::Range;
use std::sync::Arc;

use sedge_api::problem::{Help, UseCase};
use sedge_api::view::validate::FindingSeverity;
use sedge_lang::diagnostic::{DiagnosticCode, SourceFile};
use sedge_lang::repository::{CONFIG_FILE, LOCK_FILE};
use sedge_lang::suggest::nearest;
use sedge_lang::yaml;
use sedge_lang::yaml::node::Node;
use sedge_model::guest_text::GuestText;
use sedge_model::names::TypeName;
use sedge_model::permission::PermissionRequest;

use super::catalogue::Catalogue;
use super::{FindingList, fault};
use crate::error::AppError;
use crate::plugin::loaded::component_file;
use crate::repository::snapshot::RepositorySnapshot;

/// Adds what is wrong with the pinned plugins and the grants for types. Returns the number of
/// pinned plugins.
pub(super) fn check(
    repository: &RepositorySnapshot,
    catalogue: &Catalogue<'_>,
    findings: &mut FindingList,
) -> Result<u64, AppError> {
    let lock = PluginsFile::read(repository, LOCK_FILE)?;
    let components = repository.state_folder_kept("plugins")?;
    let plugins = &repository.plugin_lock().plugins;
    for (type_name, pinned) in plugins {
        let file = component_file(&pinned.sha256);
        let is_here = match &components {
            Some(folder) => folder.has(&file)?,
            None => false,
        };
        if !is_here {
            let message = format!("the component of `{type_name}` is not on this machine");
            let span = lock.place(type_name);
            let found = fault(&lock.file, DiagnosticCode::Component, span, message);
            let restore = Help::command("find it", UseCase::PluginRestore);
            findings.add(FindingSeverity::Error, found, vec![restore]);
        }
    }
    for (type_name, reason) in catalogue.unusable() {
        let span = lock.place(type_name);
        let found = fault(&lock.file, DiagnosticCode::Component, span, reason);
        let doctor = Help::command("see what is wrong", UseCase::Doctor);
        findings.add(FindingSeverity::Error, found, vec![doctor]);
    }
    grants(repository, findings)?;
    Ok(plugins.len() as u64)
}

/// Reports settings of types that have no plugin, and grants that no plugin requests.
fn grants(repository: &RepositorySnapshot, findings: &mut FindingList) -> Result<(), AppError> {
    let config = PluginsFile::read(repository, CONFIG_FILE)?;
    let plugins = &repository.plugin_lock().plugins;
    for (type_name, settings) in &repository.config().plugins {
        let Some(pinned) = plugins.get(type_name) else {
            let message = format!("no plugin provides the type `{type_name}`");
            let span = config.place(type_name);
            let found = fault(&config.file, DiagnosticCode::UnknownName, span, message);
            let near = nearest(type_name.as_str(), plugins.keys().map(TypeName::as_str));
            findings.add(FindingSeverity::Warning, found.with_near(near), Vec::new());
            continue;
        };
        // ignored: a line of a newer version says nothing about the grants that this one knows.
        let lines = pinned.asked.iter().filter_map(|line| line.parse().ok());
        let requested: Vec<PermissionRequest> = lines
            .map(|permission| PermissionRequest {
                permission,
                reason: GuestText::default(),
            })
            .collect();
        for unused in settings.grants.unused(&requested) {
            let pointer = format!("/grants/{}/{}", unused.kind.as_str(), unused.at);
            let message = format!(
                "the grant `{}` has no effect: `{type_name}` does not request it",
                unused.shown
            );
            let span = config.place_in(type_name, &pointer);
            let found = fault(&config.file, DiagnosticCode::UnusedGrant, span, message);
            findings.add(FindingSeverity::Warning, found, Vec::new());
        }
    }
    Ok(())
}

/// A file with the key `plugins`, for the places of the types in it.
struct PluginsFile {
    file: Arc<SourceFile>,
    tree: Option<Node>,
}

impl PluginsFile {
    fn read(repository: &RepositorySnapshot, name: &str) -> Result<Self, AppError> {
        let file = repository.source_file(name)?;
        let file = file.unwrap_or_else(|| SourceFile::new(name, ""));
        // ignored: the file was parsed before. If it has changed since, no places are known.
        let tree = yaml::parse_tree(&file).ok();
        Ok(Self { file, tree })
    }

    /// Returns the place of a type.
    fn place(&self, type_name: &TypeName) -> Range<usize> {
        let plugins = self.tree.as_ref().and_then(|it| it.get("plugins"));
        let member = plugins.and_then(|it| it.member(type_name.as_str()));
        member.map_or(0..0, |it| it.key.span.clone())
    }

    /// Returns the place of a part of the settings of a type.
    fn place_in(&self, type_name: &TypeName, pointer: &str) -> Range<usize> {
        let plugins = self.tree.as_ref().and_then(|it| it.get("plugins"));
        let settings = plugins.and_then(|it| it.get(type_name.as_str()));
        settings.map_or(0..0, |it| it.at(pointer).span.clone())
    }
}
