//! Marks a call before its first external effect, so that it is not rolled back afterwards.

use sedge_runtime::{EffectsPort, RolledBack};

use super::CallPorts;
use crate::call::frame::RollbackPending;

impl EffectsPort for CallPorts {
    fn begin(&self) -> Result<(), RolledBack> {
        let begun = self.caller.frame.escape();
        begun.map_err(|RollbackPending| RolledBack)
    }
}
