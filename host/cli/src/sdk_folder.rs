//! The SDKs that are installed with Sedge.

use sedge_app::plugin::new::InstalledSdks;
use sedge_app::types::program;

/// The folder of the SDKs, relative to the folder above the program's.
const SDK_FOLDER: &str = "lib/sedge/sdk";

/// Returns the SDKs that are installed with this program.
///
/// `<prefix>/bin/sedge` finds them in `<prefix>/lib/sedge/sdk`, and `target/release/sedge` in
/// `target/lib/sedge/sdk`, where the build puts them.
pub(crate) fn installed_sdks() -> InstalledSdks {
    let folder = program().and_then(|program| {
        let prefix = program.parent()?.parent()?;
        Some(prefix.join(SDK_FOLDER))
    });
    InstalledSdks { folder }
}
