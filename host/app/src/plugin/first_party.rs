//! First-party plugins: components that are installed with Sedge, by the names of their types.
//!
//! A file is used only if it has the digest with which this program was built, so no other component
//! can take its place.

use std::path::{Path, PathBuf};

use sedge_model::digest::Sha256;
use sedge_model::names::{TypeName, TypeVersion};
use sedge_runtime::sha256_hex;
use sedge_sys::folder::{is_named_file, read_named_file};

use crate::error::{AppError, PluginUseError};
use crate::plugin::component::{ReadComponent, size_check};
use crate::repository::near_one;
use crate::repository::snapshot::RepositorySnapshot;

/// The word in a list in place of the digest of a component that the build of this program did not make.
const NOT_BUILT: &str = "not-built";

/// The first-party plugins, and where their components are.
#[derive(Debug, Clone, Default)]
pub struct FirstParty {
    plugins: Vec<FirstPartyPlugin>,
    folders: Vec<PathBuf>,
}

/// One first-party plugin, as this program was built with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FirstPartyPlugin {
    pub(crate) type_name: TypeName,
    pub(crate) version: TypeVersion,
    /// The digest of the component that this program was built with. `None` if it was built without
    /// one. That is possible for a plugin in Python, because two builds of such a component differ.
    pub(crate) sha256: Option<Sha256>,
}

impl FirstPartyPlugin {
    /// Parses `TYPE VERSION SHA256` or `TYPE VERSION not-built`.
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [type_name, version, sha256] = words[..] else {
            return None;
        };
        // ignored: the caller reports the line.
        let (Ok(type_name), Ok(version)) = (type_name.parse(), version.parse()) else {
            return None;
        };
        let sha256 = match sha256 {
            NOT_BUILT => None,
            // ignored: the caller reports the line.
            digest => Some(digest.parse().ok()?),
        };
        Some(Self {
            type_name,
            version,
            sha256,
        })
    }

    /// Returns the name of the file of its component: `http.wasm` for `@sedge/http`.
    fn file(&self) -> String {
        let name = self.type_name.as_str();
        let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
        format!("{name}.wasm")
    }
}

impl FirstParty {
    /// Returns the plugins of a list whose components are in the first of `folders` that has a file
    /// of that name. A line of the list is `TYPE VERSION SHA256`, or `TYPE VERSION not-built` if this
    /// program was built without the component; a comment begins with `#`.
    ///
    /// # Errors
    /// Returns the first line that is not valid.
    pub fn parse(list: &str, folders: Vec<PathBuf>) -> Result<Self, String> {
        let lines = list.lines().filter(|line| !line.starts_with('#'));
        let plugins =
            lines.map(|line| FirstPartyPlugin::parse(line).ok_or_else(|| line.to_owned()));
        Ok(Self {
            plugins: plugins.collect::<Result<_, String>>()?,
            folders,
        })
    }

    pub(crate) fn plugin(&self, type_name: &TypeName) -> Option<&FirstPartyPlugin> {
        self.plugins.iter().find(|it| it.type_name == *type_name)
    }

    fn plugin_or_error(&self, type_name: &TypeName) -> Result<&FirstPartyPlugin, AppError> {
        self.plugin(type_name).ok_or_else(|| {
            let names: Vec<&TypeName> = self.plugins.iter().map(|it| &it.type_name).collect();
            AppError::from(PluginUseError::NotFirstParty {
                type_name: type_name.clone(),
                near: near_one(type_name.as_str(), &names),
                names: names.into_iter().cloned().collect(),
            })
        })
    }

    /// Returns the plugin that a user means by a name without its collective: `@sedge/sink` for
    /// `sink`, or for a name that is nearly this.
    pub(crate) fn named(&self, name: &str) -> Option<&TypeName> {
        let short = |it: &FirstPartyPlugin| {
            let type_name = it.type_name.as_str();
            type_name
                .rsplit_once('/')
                .map_or(type_name, |(_, it)| it)
                .to_owned()
        };
        let names: Vec<String> = self.plugins.iter().map(short).collect();
        let near = near_one(name, &names);
        let is_meant = |it: &String| it == name || Some(it) == near.as_ref();
        let found = names.iter().position(is_meant)?;
        Some(&self.plugins[found].type_name)
    }

    /// Returns the file of a plugin's component, in the first folder that has it.
    fn path(&self, plugin: &FirstPartyPlugin) -> Result<PathBuf, AppError> {
        let file = plugin.file();
        for folder in &self.folders {
            let path = folder.join(&file);
            if is_named_file(&path)? {
                return Ok(path);
            }
        }
        Err(AppError::from(PluginUseError::NotInstalled {
            type_name: plugin.type_name.clone(),
            file,
            folders: self.folders.clone(),
        }))
    }
}

/// Reads the component of a first-party plugin.
///
/// # Errors
/// Returns an error if there is no such plugin, if this program was built without its component, if
/// the component is not installed, or if the file is not the one that this program was built with.
pub(crate) fn first_party_read(
    repository: &RepositorySnapshot,
    type_name: &TypeName,
) -> Result<ReadComponent, AppError> {
    let first_party = repository.first_party();
    let plugin = first_party.plugin_or_error(type_name)?;
    let Some(expected) = &plugin.sha256 else {
        return Err(AppError::from(PluginUseError::NotBuilt {
            type_name: type_name.clone(),
        }));
    };
    let path = first_party.path(plugin)?;
    let bytes = bytes_of(repository, &path)?;
    let found = sha256_hex(&bytes);
    if **expected != *found {
        return Err(AppError::from(PluginUseError::OtherThanBuilt {
            type_name: type_name.clone(),
            path,
            expected: expected.clone(),
            found,
        }));
    }
    Ok(ReadComponent {
        bytes,
        path,
        source: type_name.to_string(),
    })
}

fn bytes_of(repository: &RepositorySnapshot, path: &Path) -> Result<Vec<u8>, AppError> {
    size_check(repository, path)?;
    Ok(read_named_file(path, repository.component_limits().bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_has_a_plugin_on_each_line() {
        let digest = "0123".repeat(16);
        let line = format!("@sedge/http 2026.11.23.1 {digest}");
        let list = FirstParty::parse(&format!("# a comment\n{line}\n"), Vec::new());
        let list = list.expect("a valid list");
        assert_eq!(list.plugins.len(), 1);
        assert_eq!(list.plugins[0].file(), "http.wasm");
        assert!(list.plugins[0].sha256.is_some());
        let without = FirstParty::parse("@sedge/csv 2026.12.01.1 not-built\n", Vec::new());
        assert_eq!(without.expect("a valid list").plugins[0].sha256, None);
        for bad in [
            "@sedge/http 2026.11.23.1",
            "http 2026.11.23.1 0123",
            &line.replace("2026.", "26."),
            &format!("{line} more"),
        ] {
            let fault = FirstParty::parse(bad, Vec::new()).expect_err(bad);
            assert_eq!(fault, bad);
        }
    }
}
