//! The time of a process that reads one version, for datastores of different sizes.

use super::subjects::PROCESS;
use super::{Filled, N_FEW};
use crate::figures::Figures;
use crate::processes::sample;
use crate::{Effort, Result};

/// Measures the datastores alternately, so that a slow phase of the machine affects all of them.
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
