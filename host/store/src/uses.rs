//! When models last used what their plugins ask for.

use std::collections::BTreeMap;

use sedge_model::names::ModelName;
use sedge_sys::clock::Timestamp;

use crate::Store;
use crate::calls::CallEnd;
use crate::door::{Durability, Fault, Tx, values};
use crate::error::StoreError;
use crate::names::Permit;
use crate::statements;

/// How old the use on record has to be before it is replaced, in milliseconds; nobody but this
/// line controls it. People ask of a use on which day it was. Without this, a run of thousands of
/// calls would write the same row in each commit, and each commit would be a page longer.
const REPLACED_AFTER_MS: u64 = 60_000;

impl Store {
    /// Returns when a model last used what: the end of the call, by what its plugin asks for, as
    /// [`sedge_model::permission::Permission`] is displayed. A use may be up to a minute younger.
    ///
    /// # Errors
    /// The database refuses.
    pub fn permission_uses(
        &self,
        model: &ModelName,
    ) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        self.door.read("read uses of permissions", |tx| {
            let of = values![model.as_str()];
            let uses = tx.all(statements::USES_OF, &of, |row| {
                Ok((row.get(0)?, Timestamp(row.get(1)?)))
            });
            Ok(uses?.into_iter().collect())
        })
    }

    /// Forgets what a model used: it is about to be deleted, and another one may get its name.
    /// It survives a power cut as soon as anything later does.
    ///
    /// # Errors
    /// [`StoreError::LockLost`] when the lock does not count any more: nothing was deleted.
    pub fn permission_uses_forget(
        &self,
        permit: &Permit,
        model: &ModelName,
    ) -> Result<(), StoreError> {
        self.door.write(
            "forget uses of permissions",
            Durability::ProcessDeath,
            |tx| {
                permit.check(tx)?;
                tx.execute(statements::USES_FORGET, &values![model.as_str()])?;
                Ok(())
            },
        )
    }
}

/// Notes what a call that ends has used.
pub(crate) fn uses_note(tx: &Tx<'_>, end: &CallEnd) -> Result<(), Fault> {
    let now = tx.now().0;
    for permission in &end.used {
        let line = permission.to_string();
        let since = now.saturating_sub(REPLACED_AFTER_MS);
        let used = values![end.model.as_str(), &line, now, since];
        tx.execute(statements::USE_NOTE, &used)?;
    }
    Ok(())
}
