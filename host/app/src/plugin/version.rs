//! Which component may take the place of the pinned one.

use std::path::Path;

use sedge_lang::repository::LockedPlugin;
use sedge_runtime::PluginDescription;

use crate::error::{AppError, PluginUseError};
use crate::plugin::add::AddOptions;
use crate::plugin::error::PinnedDigest;

/// Checks that a component may take the place of the pinned one. A version has one content, and
/// only the user can want an older one.
///
/// # Errors
/// Returns an error if it has the version of the pinned component and another content, or an older
/// version, unless `options` permit that.
pub(crate) fn version_check(
    description: &PluginDescription,
    pinned: &LockedPlugin,
    path: &Path,
    options: AddOptions,
) -> Result<(), AppError> {
    if *pinned.sha256 == *description.sha256 {
        return Ok(());
    }
    let info = &description.type_info;
    if info.version == pinned.version && !options.may_replace {
        return Err(AppError::from(PluginUseError::OtherContent {
            pin: Box::new(PinnedDigest::new(&info.name, pinned)),
            path: path.to_owned(),
            found: description.sha256.clone(),
        }));
    }
    if info.version.is_older_than(&pinned.version) && !options.may_downgrade {
        return Err(AppError::from(PluginUseError::Older {
            type_name: info.name.clone(),
            version: info.version.clone(),
            path: path.to_owned(),
            pinned: pinned.version.clone(),
        }));
    }
    Ok(())
}
