//! Revokes permissions that the definition of a model grants.

use sedge_api::view::model::ModelRevoked;
use sedge_lang::definition::Definition;
use sedge_model::permission::grants::Grants;
use sedge_model::permission::revoke::{Revocation, grant_subjects};

use crate::audit::audit_grants;
use crate::cx::Cx;
use crate::error::{AppError, ModelError};
use crate::model::grant::{definitions_queue, grants_write};
use crate::model::permissions::model_permissions;
use crate::repository::snapshot::RepositorySnapshot;
use crate::repository::unsaved::saved_check;
use crate::run::cx::type_grants;
use crate::views::permission::grants_view;

/// A request to remove grants from the definition of a model.
#[derive(Debug, Clone)]
pub struct ModelRevokeRequest {
    /// The model.
    pub model: String,
    /// The grants to revoke.
    pub what: Revoked,
}

/// The part of a definition's grants that the user revokes.
#[derive(Debug, Clone)]
pub enum Revoked {
    /// Everything that the definition grants.
    All,
    /// The named grants.
    Named(Vec<Revocation>),
}

/// Removes grants from the definition of a model. This does not need the plugin of the model, so
/// the grants of a model whose plugin is missing can be revoked, too.
///
/// # Errors
/// Returns an error if there is no such model, if its file is invalid, if the definition does not
/// grant something of it, or if the grants in the file have a form that is not edited. The file is
/// unchanged then.
pub async fn model_revoke(cx: &Cx, request: &ModelRevokeRequest) -> Result<ModelRevoked, AppError> {
    let (definition, removed) = grants_remove(cx, &cx.repository.snapshot()?, request)?;
    let permissions = match model_permissions(cx, &request.model).await {
        Ok(now) => Some(now.permissions),
        Err(error) => {
            tracing::warn!(%error, "failed to read what the model may do now");
            None
        }
    };
    Ok(ModelRevoked {
        model: definition.name.to_string(),
        type_name: definition.type_name.value.to_string(),
        file: definition.file.name.clone(),
        removed: grants_view(&removed),
        permissions,
    })
}

/// Removes grants from a definition. Returns the former definition, and the grants that it lost.
fn grants_remove(
    cx: &Cx,
    repository: &RepositorySnapshot,
    request: &ModelRevokeRequest,
) -> Result<(Definition, Grants), AppError> {
    let queue = definitions_queue(repository)?;
    let _lock = queue.enter()?;
    let definition = repository.definition(&request.model)?;
    saved_check(&definition)?;
    let mut left = definition.grants.clone();
    let removed = match &request.what {
        Revoked::All => std::mem::take(&mut left),
        Revoked::Named(revocations) => {
            named_remove(repository, &definition, revocations, &mut left)?
        }
    };
    grants_write(repository, &definition, &left)?;
    let name = definition.name.as_str();
    audit_grants(cx, name, &definition.grants, &left)?;
    Ok((definition, removed))
}

fn named_remove(
    repository: &RepositorySnapshot,
    definition: &Definition,
    revocations: &[Revocation],
    left: &mut Grants,
) -> Result<Grants, AppError> {
    let mut of_type = type_grants(repository, &definition.type_name.value);
    let mut removed = Grants::default();
    for revocation in revocations {
        let gone = revocation.remove_from(left);
        if gone.is_empty() {
            return Err(AppError::from(ModelError::NotGranted {
                model: definition.name.clone(),
                type_name: definition.type_name.value.clone(),
                file: definition.file.name.clone(),
                what: revocation.to_string(),
                granted: grant_subjects(&definition.grants),
                is_of_type: !revocation.remove_from(&mut of_type).is_empty(),
            }));
        }
        removed.extend(&gone);
    }
    Ok(removed)
}
