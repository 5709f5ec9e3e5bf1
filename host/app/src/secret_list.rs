//! Lists secrets.

use sedge_api::view::secret::SecretView;
use sedge_secrets::ListedSecret;
use sedge_store::Scan;

use crate::error::AppError;
use crate::repository::Repository;
use crate::views::secret::listed_view;

/// Hands over what is known of each secret, sorted by name, until `take` says that it is enough:
/// whether its value can be opened and whether it is weak, but nothing else of the value.
///
/// # Errors
/// The folder of secrets cannot be read, or whatever `take` fails with.
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
    // A user who only looks need not be able to make the folder.
    if !repository.has_state_folder("secrets")? {
        return Ok(Vec::new());
    }
    Ok(repository.secrets()?.list()?)
}
