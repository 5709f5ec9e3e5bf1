//! What a process takes that reads one version, and how that grows with the datastore.

use super::subjects::PROCESS;
use super::{Filled, N_FEW};
use crate::figures::Figures;
use crate::processes::sample;
use crate::{Effort, Result};

/// Measures it for each datastore by turns.
pub(super) fn measure(filled: &Filled, effort: Effort, figures: &mut Figures) -> Result<()> {
    let get = ["data", "get", "m7", "n0"];
    for _ in 0..effort.n_process_rounds {
        sample(figures, PROCESS.of(N_FEW), filled.few.command(&get))?;
        for (n, repository) in &filled.many {
            sample(figures, PROCESS.of(*n), repository.command(&get))?;
        }
    }
    Ok(())
}
