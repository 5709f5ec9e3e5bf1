//! The folders of the user outside of repositories, according to the environment.
//!
//! A variable that is empty, or whose path is relative, counts as unset, as in the XDG Base
//! Directory Specification 0.8.

use std::path::PathBuf;

use sedge_app::types::{CachePart, CachePlaces, variable_path};

/// The variable that names the folder of compiled code. It has precedence over all others.
const CACHE_VARIABLE: &str = "SEDGE_CACHE_DIR";

/// The variable that names the folder of the state of all programs of the user.
const STATE_VARIABLE: &str = "XDG_STATE_HOME";

/// Returns the places of compiled code and of the key that authenticates it.
pub(crate) fn compiled_code() -> CachePlaces {
    let chosen = variable_path(CACHE_VARIABLE);
    CachePlaces {
        code: chosen.or_else(|| of_sedge("XDG_CACHE_HOME", ".cache")),
        key: of_sedge(STATE_VARIABLE, ".local/state"),
    }
}

/// Returns the variable that moves a part of the cache to another folder.
pub(crate) fn variable_of(part: CachePart) -> &'static str {
    match part {
        CachePart::Code => CACHE_VARIABLE,
        CachePart::Key => STATE_VARIABLE,
    }
}

/// Returns the folder of Sedge in the folder that a variable names, or else in `below_home`.
fn of_sedge(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name| variable_path(name).filter(|path| path.is_absolute());
    let all = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)));
    all.map(|all| all.join("sedge"))
}
