//! Scans data, one version after the other.

use sedge_lang::query::Selection;
use sedge_store::{Scan, Scanned, StoreError};

use crate::error::AppError;
use crate::repository::Repository;

/// An error that passes through the store.
pub(crate) enum Through<E> {
    /// An error of the function that receives the versions.
    Taker(E),
    /// An error of the store.
    Store(StoreError),
}

impl<E: From<AppError>> Through<E> {
    /// Converts it to the error of the use case.
    pub(crate) fn into_error(self) -> E {
        match self {
            Self::Taker(error) => error,
            Self::Store(error) => AppError::from(error).into(),
        }
    }
}

impl<E> From<StoreError> for Through<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Passes the versions that match a selection to `take`, sorted by model and name, the newest of a
/// name first.
pub(crate) fn data_scan<E: From<AppError>>(
    repository: &Repository,
    selection: &Selection,
    mut take: impl FnMut(&Scanned<'_>) -> Result<Scan, E>,
) -> Result<(), E> {
    let store = repository.store()?;
    let scanned = store.data_scan(selection, |scanned| take(scanned).map_err(Through::Taker));
    scanned.map_err(Through::into_error)
}
