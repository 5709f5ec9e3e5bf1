//! Creates a model by writing its definition.

use std::collections::BTreeMap;

use sedge_api::view::model::{InheritedPermission, ModelCreated};
use sedge_lang::definition::{Definition, NewDefinition};
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::input::{GivenInput, inputs_given};
use sedge_lang::json_schema::SchemaOf;
use sedge_model::audit::AuditWord;
use sedge_model::names::{ModelName, TypeName};
use sedge_model::permission::choice::{self, Choice};
use sedge_model::permission::effective::Permissions;
use sedge_model::permission::grants::Grants;
use sedge_runtime::Plugin;

use crate::audit::{audit_grants, audit_note};
use crate::cx::Cx;
use crate::error::{AppError, ModelError};
use crate::model::method_direct::unsaved_text;
use crate::model::view::as_written;
use crate::repository::Repository;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::unsaved::is_unsaved;
use crate::run::cx::type_grants;
use crate::schema::schemas_write;
use crate::secret::argument::{OpenedArguments, arguments_open, references_mark};
use crate::structure::{locked, one};
use crate::views::permission::permission_view;

/// The model to create.
#[derive(Debug, Clone, Default)]
pub struct ModelCreateRequest {
    /// The name of the type.
    pub type_name: String,
    /// The name of the model.
    pub name: String,
    /// Its purpose.
    pub description: Option<String>,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// The global arguments, whose files were read. Each is converted to the type that the schema
    /// requires.
    pub global_arguments: Vec<GivenInput>,
    /// The permissions to grant to the model, out of the requests of its plugin.
    pub grants: Vec<Choice>,
}

/// Creates a model of a type that a plugin provides.
///
/// Global arguments with expressions are not checked against the schema of the type, because they
/// have no value yet.
///
/// # Errors
/// Returns an error if the name is invalid or taken, if no plugin provides the type, if the plugin
/// does not request what is granted, or if the arguments do not fit the schema. Nothing was written
/// then.
pub async fn model_create(cx: &Cx, request: &ModelCreateRequest) -> Result<ModelCreated, AppError> {
    let name: ModelName = request.name.parse()?;
    let snapshot = cx.repository.snapshot()?;
    let plugin = snapshot.plugin(&request.type_name).await?;
    let info = plugin.type_info();
    let new = NewDefinition {
        name: name.clone(),
        type_name: info.name.clone(),
        type_version: info.version.clone(),
        description: request.description.clone(),
        tags: request.tags.clone(),
        global_arguments: inputs_given(&info.global_arguments, &request.global_arguments)?,
        grants: grants_chosen(&name, &plugin, &request.grants)?,
    };
    let file = SourceFile::new(name.file(), new.file_text());
    let definition = Definition::parse(&file)?;
    if let Some(mut arguments) = definition.global_arguments.literal() {
        references_mark(definition.global_arguments.source(), &mut arguments);
        arguments_check(&name, &plugin, arguments_open(&cx.repository, &arguments))?;
    }
    let exists = |file: String| {
        let name = name.clone();
        AppError::from(ModelError::Exists { name, file })
    };
    if let Some(found) = cx.repository.model_file(name.as_str())? {
        if is_unsaved(&found.file) {
            return Err(AppError::from(ModelError::UnsavedExists { name }));
        }
        return Err(exists(found.file.name.clone()));
    }
    // A file of this name can be that of a model with another name.
    if cx.repository.folder().has(&file.name)? {
        return Err(exists(file.name.clone()));
    }
    file_write(&cx.repository, &file)?;
    created_note(cx, &name, &info.name)?;
    audit_grants(cx, name.as_str(), &Grants::default(), &definition.grants)?;
    Ok(ModelCreated {
        name: name.to_string(),
        type_name: info.name.to_string(),
        file: file.name.clone(),
        inherited: inherited(&snapshot, &name, &plugin),
    })
}

/// Writes the definition of an unsaved model to a file, once no call of the model is in progress.
/// Then the model is saved, and has no definition in the datastore any more.
///
/// The file is written first. If the process is killed before it deletes the definition in the
/// datastore, the file counts.
///
/// # Errors
/// Returns an error if there is no unsaved model of that name, if a file has its name, if its plugin
/// cannot be used, or if its calls did not end before the deadline. Nothing is changed then.
pub async fn model_create_from_direct(cx: &Cx, name: &str) -> Result<ModelCreated, AppError> {
    let snapshot = cx.repository.snapshot()?;
    let former = unsaved_definition(&cx.repository, name)?;
    let plugin = snapshot.plugin(former.type_name.value.as_str()).await?;
    let what = format!("model create {}", former.name);
    let held = locked(cx, &what, &one(&former.name)).await?;
    // The model may have been changed, deleted or saved meanwhile.
    let former = unsaved_definition(&cx.repository, name)?;
    let version = former.type_version.as_ref();
    let version = version.unwrap_or(&plugin.type_info().version);
    // Only what a direct run has written is saved: nothing else has had an effect.
    let (type_name, arguments) = (&former.type_name.value, as_written(&former));
    let text = unsaved_text(&former.name, type_name, version, arguments);
    let file = SourceFile::new(former.name.file(), text);
    if cx.repository.folder().has(&file.name)? {
        return Err(AppError::from(ModelError::Exists {
            name: former.name,
            file: file.name.clone(),
        }));
    }
    file_write(&cx.repository, &file)?;
    let store = cx.repository.store()?;
    store.unsaved_delete(&held.permit, &former.name)?;
    created_note(cx, &former.name, type_name)?;
    Ok(ModelCreated {
        name: former.name.to_string(),
        type_name: former.type_name.value.to_string(),
        file: file.name.clone(),
        inherited: inherited(&snapshot, &former.name, &plugin),
    })
}

/// Records in the audit that the model was created.
fn created_note(cx: &Cx, name: &ModelName, type_name: &TypeName) -> Result<(), AppError> {
    let detail = Some(format!("of the type {type_name}"));
    audit_note(cx, AuditWord::ModelCreated, name.as_str(), detail)
}

/// Reads the definition of an unsaved model.
///
/// # Errors
/// Returns an error if there is no model of that name, or if it has a file.
fn unsaved_definition(repository: &Repository, name: &str) -> Result<Definition, AppError> {
    let Some(found) = repository.model_file(name)? else {
        return Err(repository.model_missing(name));
    };
    if !is_unsaved(&found.file) {
        return Err(AppError::from(ModelError::Exists {
            name: found.name,
            file: found.file.name.clone(),
        }));
    }
    Ok(Definition::parse(&found.file)?)
}

/// Writes the file of a definition that does not exist yet.
fn file_write(repository: &Repository, file: &SourceFile) -> Result<(), AppError> {
    schemas_write(repository, &[SchemaOf::Definition])?;
    let folder = file.name.rsplit_once('/').map_or("models", |it| it.0);
    repository.folder().create_folder(folder)?;
    let text = file.text.as_bytes();
    Ok(repository.folder().write_new(&file.name, text)?)
}

/// Returns the grants of a user's choices.
fn grants_chosen(
    name: &ModelName,
    plugin: &Plugin,
    choices: &[Choice],
) -> Result<Grants, ModelError> {
    choice::granted(&plugin.type_info().permissions, choices).map_err(|source| {
        ModelError::GrantUnknown {
            model: name.clone(),
            source,
        }
    })
}

fn arguments_check(
    name: &ModelName,
    plugin: &Plugin,
    arguments: OpenedArguments,
) -> Result<(), ModelError> {
    let schema = plugin.global_arguments_schema();
    let violations = arguments.violations(|it| schema.violations(it));
    if violations.is_empty() {
        return Ok(());
    }
    Err(ModelError::Violations {
        what: format!("the global arguments of `{name}`"),
        violations,
        type_name: plugin.type_info().name.clone(),
    })
}

/// Returns what a model may do because it is granted to all models of its type.
fn inherited(
    repository: &RepositorySnapshot,
    name: &ModelName,
    plugin: &Plugin,
) -> Vec<InheritedPermission> {
    let info = plugin.type_info();
    let of_type = type_grants(repository, &info.name);
    let requests = info.permissions.clone();
    let permissions = Permissions::new(
        name.clone(),
        info.name.clone(),
        requests,
        &of_type,
        Grants::default(),
    );
    let explained = permissions.explain().into_iter();
    let granted = explained.filter(|it| !it.effective.is_empty());
    granted
        .map(|it| InheritedPermission {
            permission: permission_view(&it.request.permission),
            effective: it.effective,
        })
        .collect()
}
