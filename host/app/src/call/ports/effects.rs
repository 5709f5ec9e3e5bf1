//! Marks a call before its first external effect, so that it is not rolled back afterwards.
//!
//! An observation only looks. Its requests, connections and commands do not count, because it may
//! look twice. What it publishes counts, because data stays.

use sedge_lang::type_info::MethodKind;
use sedge_runtime::{EffectsPort, RolledBack};

use super::CallPorts;
use crate::call::frame::RollbackPending;

impl EffectsPort for CallPorts {
    fn begin(&self) -> Result<(), RolledBack> {
        match self.identity().kind {
            MethodKind::Observe if self.caller.frame.is_in_rollback() => Err(RolledBack),
            MethodKind::Observe => Ok(()),
            MethodKind::Read
            | MethodKind::Create
            | MethodKind::Update
            | MethodKind::Delete
            | MethodKind::Action => self.publish(),
        }
    }

    fn publish(&self) -> Result<(), RolledBack> {
        let begun = self.caller.frame.escape();
        begun.map_err(|RollbackPending| RolledBack)
    }
}
