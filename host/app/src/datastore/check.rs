//! Checks the invariants of the datastore.

use sedge_api::view::datastore::DatastoreChecked;

use crate::cx::Cx;
use crate::error::{AppError, DatastoreError};

/// Checks the whole datastore. With `deep`, also reads all content and compares it with its digest.
///
/// Calls `progress` with the number of versions checked so far. This needs no lock.
///
/// # Errors
/// Returns an error if something is missing or damaged, or if the datastore cannot be read at all.
pub fn datastore_check(
    cx: &Cx,
    deep: bool,
    progress: impl FnMut(u64),
) -> Result<DatastoreChecked, AppError> {
    let report = cx.repository.store()?.check(deep, progress)?;
    let of_kind = |is_fault: bool| {
        let findings = report.findings.iter();
        let findings = findings.filter(|finding| finding.is_fault == is_fault);
        findings.map(|finding| finding.what.clone()).collect()
    };
    let faults: Vec<String> = of_kind(true);
    if !faults.is_empty() {
        return Err(AppError::from(DatastoreError::Damaged { faults }));
    }
    Ok(DatastoreChecked {
        deep,
        versions: report.n_versions,
        files: report.n_files,
        hashed_bytes: report.n_hashed_bytes,
        leftovers: of_kind(false),
    })
}
