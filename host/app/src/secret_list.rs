//! Lists secrets.

use sedge_api::view::secret::SecretView;
use sedge_secrets::ListedSecret;
use sedge_store::Scan;

use crate::error::AppError;
use crate::repository::Repository;
use crate::views::secret::listed_view;

/// Passes the metadata of each secret to `take`, sorted by name, until `take` needs no more.
///
/// The metadata includes whether the value can be opened and whether it is weak, but nothing else
/// about the value.
///
/// # Errors
/// Returns an error if the folder of secrets cannot be read. Errors of `take` are passed on.
pub fn secret_list<E: From<AppError>>(
    repository: &Repository,
    mut take: impl FnMut(SecretView) -> Result<Scan, E>,
) -> Result<(), E> {
    for secret in listed(repository)? {
        if take(listed_view(&secret))? == Scan::Enough {
            break;
        }
    }
    Ok(())
}

fn listed(repository: &Repository) -> Result<Vec<ListedSecret>, AppError> {
    // A user who only reads may not be allowed to create the folder.
    if !repository.has_state_folder("secrets")? {
        return Ok(Vec::new());
    }
    Ok(repository.secrets()?.list()?)
}
