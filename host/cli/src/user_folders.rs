//! The folders of the user that are no repository, by the environment.
//!
//! As the XDG Base Directory Specification 0.8 has it: a variable that is empty, or whose path
//! is relative, counts as unset.

use std::path::PathBuf;

use sedge_app::types::{CachePart, CachePlaces, variable_path};

/// What chooses the folder of compiled code, before all others.
const CACHE_VARIABLE: &str = "SEDGE_CACHE_DIR";

/// What chooses the folder of state, of all programs of the user.
const STATE_VARIABLE: &str = "XDG_STATE_HOME";

/// Returns where compiled code is kept, and the key that authenticates it.
pub(crate) fn compiled_code() -> CachePlaces {
    let chosen = variable_path(CACHE_VARIABLE);
    CachePlaces {
        code: chosen.or_else(|| of_sedge("XDG_CACHE_HOME", ".cache")),
        key: of_sedge(STATE_VARIABLE, ".local/state"),
    }
}

/// Returns the variable by which a user moves a part of the cache elsewhere.
pub(crate) fn variable_of(part: CachePart) -> &'static str {
    match part {
        CachePart::Code => CACHE_VARIABLE,
        CachePart::Key => STATE_VARIABLE,
    }
}

/// Returns the folder of Sedge in one that a variable names, or else in one below the home.
fn of_sedge(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name| variable_path(name).filter(|path| path.is_absolute());
    let all = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)));
    all.map(|all| all.join("sedge"))
}
