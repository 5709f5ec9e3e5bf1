//! The requests of a plugin as `sedge.lock` records them, and how many of them are granted.

use sedge_lang::repository::LockedPlugin;
use sedge_model::permission::Permission;

/// Returns how many of a plugin's requests its grants cover completely. A line that this version
/// cannot read counts as not granted.
pub(crate) fn n_granted(pinned: &LockedPlugin) -> usize {
    let lines = pinned.asked.iter();
    // ignored: such a line is of another version, and counts as not granted.
    let requests = lines.filter_map(|line| line.parse::<Permission>().ok());
    let granted = requests.filter(|request| pinned.grants.has_all_of(request));
    granted.count()
}
