//! Whether a repository may be used: which user owns it, and which repositories the user has
//! declared safe.
//!
//! A repository defines which programs run and what plugins may do. If another user creates one in
//! a folder above, or if every local user may write to it, it could make this process do anything.
//! The host therefore checks the owner and the modes before it reads any file. Only the user can
//! make exceptions: a repository cannot declare itself safe.

use std::path::{Path, PathBuf};

use sedge_api::problem::{ErrorCode, Explain, Help};
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::repository::{CONFIG_FILE, LOCK_FILE};
use sedge_lang::user_config::UserConfig;
use sedge_lang::yaml;
use sedge_sys::folder::{Folder, Keeping, read_named_text};
use sedge_sys::owner::{Attributes, Owners, user_text};
use sedge_sys::shell;

use crate::error::AppError;
use crate::repository::{MODELS_FOLDER, STATE_FOLDER, WORKFLOWS_FOLDER};

/// Matches every repository in a list of safe ones.
const ALL: &str = "*";

/// The argument with which a user declares repositories safe for one command.
const SAFE_DIRECTORIES: &str = "safeDirectories";

/// The user's decisions about repositories that other users own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The repositories that are safe: absolute paths separated by colons, or a JSON list; `*`
    /// means all of them.
    pub safe_directories: Option<String>,
    /// The user's own configuration file, which may declare repositories safe too. It may be
    /// missing.
    pub config_file: Option<PathBuf>,
    /// The id of the user that started `sudo`, if `sudo` runs this process.
    pub sudo_user: Option<u32>,
}

/// Why a repository is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Another user owns the repository.
    #[error("`{}` belongs to {}, and this process runs as {}", path.display(), user_text(*owner), user_text(*effective))]
    Owner {
        /// The repository, or the file in it.
        path: PathBuf,
        /// The id of the user that owns it.
        owner: u32,
        /// The id of the user that this process works for.
        effective: u32,
        /// How to declare the repository safe.
        remedy: Remedy,
    },
    /// Every local user may write to the repository.
    #[error("every local user may write to `{}`", path.display())]
    WritableByAll {
        /// The repository, or the file in it.
        path: PathBuf,
        /// How to declare the repository safe.
        remedy: Remedy,
    },
    /// An entry in the list of safe repositories is not an absolute path.
    #[error("`{}` is declared safe, but it is neither `*` nor an absolute path", .0.escape_debug())]
    NoPath(String),
    /// The list of safe repositories cannot be parsed.
    #[error("the list of safe directories `{}` is not a JSON list of texts", .0.escape_debug())]
    NoList(String),
}

/// How the user can declare a repository safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// The repository.
    pub repository: PathBuf,
    /// The user's own configuration file.
    pub config_file: Option<PathBuf>,
}

impl Explain for TrustError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Owner { .. } | Self::WritableByAll { .. } => ErrorCode::RepositoryUntrusted,
            Self::NoPath(_) | Self::NoList(_) => ErrorCode::BadSafeDirectories,
        }
    }

    fn help(&self) -> Vec<Help> {
        match self {
            Self::Owner { remedy, .. } => remedy.help("if you trust that user"),
            Self::WritableByAll { path, remedy } => {
                let path = shell::word_of(path);
                let mut help = vec![Help::advice(format!(
                    "remove that permission: `chmod o-w {path}`"
                ))];
                help.extend(remedy.help("or, if you trust all of them"));
                help
            }
            Self::NoPath(_) | Self::NoList(_) => vec![
                Help::again("write absolute paths between colons")
                    .with(SAFE_DIRECTORIES, "/srv/one:/srv/two"),
                Help::advice("or a list in the file: `safeDirectories: [/srv/one, /srv/two]`"),
            ],
        }
    }
}

impl Remedy {
    fn help(&self, when: &str) -> Vec<Help> {
        let listed = safe_directories_text(&self.repository);
        let mut help =
            vec![Help::again(format!("{when}, for one command")).with(SAFE_DIRECTORIES, listed)];
        if let Some(file) = &self.config_file {
            // Every JSON string is a valid YAML string.
            let path = serde_json::json!(self.repository.display().to_string());
            help.push(Help::edit(
                "or permanently",
                file.display().to_string(),
                format!("safeDirectories: [{path}]"),
            ));
        }
        help
    }
}

/// Checks that a repository may be used, and returns the users that may own files in it.
///
/// # Errors
/// Returns a [`TrustError`], or an error if the repository cannot be inspected.
pub(crate) fn trust_check(folder: &Folder, trust: &Trust) -> Result<Owners, AppError> {
    let owners = Owners::of_process(trust.sudo_user);
    match fault(folder, owners, trust)? {
        None => Ok(owners),
        Some(_) if is_safe(folder, trust)? => Ok(owners.any()),
        Some(fault) => Err(fault.into()),
    }
}

fn fault(folder: &Folder, owners: Owners, trust: &Trust) -> Result<Option<TrustError>, AppError> {
    let remedy = Remedy {
        repository: folder.path().to_owned(),
        config_file: trust.config_file.clone(),
    };
    let judge = |path: &Path, found: Attributes, is_owned: bool| {
        if is_owned && !owners.include(found.owner) {
            return Some(TrustError::Owner {
                path: path.to_owned(),
                owner: found.owner,
                effective: owners.effective(),
                remedy: remedy.clone(),
            });
        }
        found
            .is_writable_by_all()
            .then(|| TrustError::WritableByAll {
                path: path.to_owned(),
                remedy: remedy.clone(),
            })
    };
    let own = folder.attributes()?;
    // In a sticky folder, such as a fresh tmpfs, other users may add files but not replace any.
    // Then each relevant file must have a trusted owner.
    let is_sticky = own.is_sticky() && own.is_writable_by_all();
    let own = Attributes {
        mode: if is_sticky { 0 } else { own.mode },
        ..own
    };
    if let Some(fault) = judge(folder.path(), own, true) {
        return Ok(Some(fault));
    }
    let keeping = Keeping {
        is_shared: false,
        owners,
    };
    if let Some(state) = folder.kept(STATE_FOLDER, keeping)?
        && let Some(fault) = judge(state.path(), state.attributes()?, true)
    {
        return Ok(Some(fault));
    }
    // In other folders only modes are checked: users of a group that shares the folder replace each
    // other's files.
    for name in [CONFIG_FILE, LOCK_FILE, MODELS_FOLDER, WORKFLOWS_FOLDER] {
        if let Some(found) = folder.attributes_in(name)?
            && let Some(fault) = judge(&folder.path_of(name), found, is_sticky)
        {
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

/// Returns whether the user has declared a repository safe.
fn is_safe(folder: &Folder, trust: &Trust) -> Result<bool, AppError> {
    let mut listed = match &trust.safe_directories {
        Some(text) => safe_directories(text)?,
        None => Vec::new(),
    };
    if let Some(path) = &trust.config_file
        && let Some(text) = read_named_text(path, yaml::FILE_BYTES_MAX as u64)?
    {
        let name = path.display().to_string();
        listed.extend(UserConfig::parse(&SourceFile::new(name, text))?.safe_directories);
    }
    for entry in &listed {
        if entry == ALL {
            return Ok(true);
        }
        if !entry.starts_with('/') {
            return Err(TrustError::NoPath(entry.clone()).into());
        }
        if folder.is_at(Path::new(entry))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn safe_directories(text: &str) -> Result<Vec<String>, TrustError> {
    if text.starts_with('[') {
        return serde_json::from_str(text).map_err(|_| TrustError::NoList(text.to_owned()));
    }
    let entries = text.split(':').filter(|entry| !entry.is_empty());
    Ok(entries.map(str::to_owned).collect())
}

/// Returns a list with one safe directory, in the form of [`Trust::safe_directories`].
#[must_use]
pub fn safe_directories_text(path: &Path) -> String {
    let path = path.display().to_string();
    if path.contains(':') {
        return serde_json::json!([path]).to_string();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_directory_text_is_parsed_again() {
        for path in ["/srv/x", "/srv/a:b", "/srv/a b'c\"d", "/srv/["] {
            let text = safe_directories_text(Path::new(path));
            assert_eq!(safe_directories(&text).expect(path), [path]);
        }
        let several = safe_directories("/a::/b:").expect("paths between colons");
        assert_eq!(several, ["/a", "/b"]);
        safe_directories("[1]").expect_err("no text");
    }
}
