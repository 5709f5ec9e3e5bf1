//! When models last used the permissions that their plugins request.

use std::collections::BTreeMap;

use sedge_model::names::ModelName;
use sedge_sys::clock::Timestamp;

use crate::Store;
use crate::call_end::CallEnd;
use crate::door::{Durability, Tx, TxFault, values};
use crate::error::StoreError;
use crate::names::WritePermit;
use crate::statements;

/// How old a recorded use must be before it is replaced, in milliseconds. Users look at the day of
/// a use. Without this limit, a run of thousands of calls would write the same row in each commit,
/// and each commit would be one page longer.
const REPLACED_AFTER_MS: u64 = 60_000;

impl Store {
    /// Returns when a model last used each permission, as the end of the call. The keys are what
    /// the plugin requests, as [`sedge_model::permission::Permission`] is displayed. The actual use
    /// may be up to a minute later.
    ///
    /// # Errors
    /// The database fails.
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

    /// Deletes the recorded uses of a model that is about to be deleted, because another model may
    /// get its name. The deletion becomes durable with the next durable transaction.
    ///
    /// # Errors
    /// [`StoreError::LockLost`] if the lock is no longer valid. Nothing is then deleted.
    pub fn permission_uses_forget(
        &self,
        permit: &WritePermit,
        model: &ModelName,
    ) -> Result<(), StoreError> {
        self.door.write(
            "delete the uses of permissions",
            Durability::ProcessCrash,
            |tx| {
                permit.check(tx)?;
                tx.execute(statements::USES_FORGET, &values![model.as_str()])?;
                Ok(())
            },
        )
    }
}

/// Records the permissions that an ending call has used.
pub(crate) fn uses_note(tx: &Tx<'_>, end: &CallEnd) -> Result<(), TxFault> {
    let now = tx.now().0;
    for permission in &end.used {
        let line = permission.to_string();
        let since = now.saturating_sub(REPLACED_AFTER_MS);
        let used = values![end.model.as_str(), &line, now, since];
        tx.execute(statements::USE_NOTE, &used)?;
    }
    Ok(())
}
