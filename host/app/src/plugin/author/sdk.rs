//! The SDKs that are installed with the program, and the copy of one in a project.
//!
//! A project has a copy, so that it builds without a package of Sedge in any registry, and builds the
//! same on each machine. The file `sedge-sdk/VERSION` says what was copied.

use std::path::{Path, PathBuf};

use sedge_api::view::plugin_project::{PluginLanguage, SdkCopyState, SdkCopyView};
use sedge_runtime::{CONTRACT_VERSION, sha256_hex};
use sedge_sys::folder::{FileError, read_named_text};
use sedge_sys::source_tree::{self, SourceFiles};

use super::error::AuthorError;
use crate::error::AppError;

/// The folder of the copy, relative to the project.
pub(crate) const COPY_FOLDER: &str = "sedge-sdk";

/// The file that says what was copied, in the folder of the copy.
const VERSION_FILE: &str = "VERSION";

/// The beginning of the file.
const VERSION_HEAD: &str = "# The SDK of Sedge that is copied here. Do not change it: `sedge plugin build --update-sdk`\n\
                            # replaces it by that of the program. Keep it under version control.\n";

/// The maximum size of the file, in bytes. Users can edit it.
const VERSION_BYTES_MAX: u64 = 4 << 10;

/// The folder with the templates of projects, in the folder of an installed SDK. A project has no copy
/// of it.
const TEMPLATE_FOLDER: &str = "template/";

/// The end of the names of files in a template. Without it, the tools of the language would take the
/// template for a project.
const TEMPLATE_END: &str = ".in";

/// The SDKs that are installed with the program.
#[derive(Debug, Clone, Default)]
pub struct InstalledSdks {
    /// The folder that has a folder for each language; `None` if the path of the program is unknown.
    pub folder: Option<PathBuf>,
}

/// An installed SDK.
pub(crate) struct InstalledSdk {
    /// The files that a project has a copy of.
    files: SourceFiles,
    /// The files of the template, by the names that they have in a project.
    pub(crate) template: SourceFiles,
}

impl InstalledSdks {
    /// Reads the SDK of a language.
    ///
    /// # Errors
    /// It is not installed, or cannot be read.
    pub(crate) fn read(&self, language: PluginLanguage) -> Result<InstalledSdk, AppError> {
        let folder = self.folder.as_ref().map(|it| it.join(folder_of(language)));
        let missing = AuthorError::SdkMissing {
            language,
            folder: folder.clone(),
        };
        let Some(folder) = folder else {
            return Err(missing.into());
        };
        let all = match source_tree::read(&folder) {
            Ok(all) => all,
            Err(error) if is_missing(&error) => return Err(missing.into()),
            Err(error) => return Err(error.into()),
        };
        let mut sdk = InstalledSdk {
            files: SourceFiles::new(),
            template: SourceFiles::new(),
        };
        for (name, content) in all {
            match name.strip_prefix(TEMPLATE_FOLDER) {
                Some(name) => {
                    let name = name.strip_suffix(TEMPLATE_END).unwrap_or(name);
                    sdk.template.insert(name.to_owned(), content);
                }
                None => {
                    sdk.files.insert(name, content);
                }
            }
        }
        match sdk.template.is_empty() || sdk.files.is_empty() {
            true => Err(AuthorError::SdkDamaged {
                folder,
                lack: "it has no files of its own, or no template".to_owned(),
            }
            .into()),
            false => Ok(sdk),
        }
    }
}

impl InstalledSdk {
    /// Writes the copy in a project. Replaces the one that is there.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn copy_to(
        &self,
        project: &Path,
        language: PluginLanguage,
    ) -> Result<SdkCopyView, AppError> {
        let inner = folder_of(language);
        let files = self.files.iter();
        let mut copy: SourceFiles = files
            .map(|(name, content)| (format!("{inner}/{name}"), content.clone()))
            .collect();
        let (version, contract) = (env!("CARGO_PKG_VERSION"), CONTRACT_VERSION);
        let digest = digest(&self.files);
        let text = format!("{VERSION_HEAD}sedge {version}\ncontract {contract}\nsha256 {digest}\n");
        copy.insert(VERSION_FILE.to_owned(), text.into_bytes());
        source_tree::replace(&project.join(COPY_FOLDER), &copy)?;
        Ok(SdkCopyView {
            version: version.to_owned(),
            contract: contract.to_owned(),
            state: SdkCopyState::Current,
        })
    }
}

/// What a project says about its copy of the SDK.
struct CopyRecord {
    version: String,
    contract: String,
    sha256: String,
}

impl CopyRecord {
    /// Parses lines of a word and a value. Returns `None` if one of the three is missing.
    fn parse(text: &str) -> Option<Self> {
        let value = |word: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            let (_, value) = lines.find(|(it, _)| *it == word)?;
            Some(value.trim().to_owned())
        };
        Some(Self {
            version: value("sedge")?,
            contract: value("contract")?,
            sha256: value("sha256")?,
        })
    }
}

/// Compares the copy in a project with the installed SDK. Returns `None` if the project has no copy
/// that `sedge plugin new` has written.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn copy_compare(
    project: &Path,
    language: PluginLanguage,
    installed: &InstalledSdks,
) -> Result<Option<SdkCopyView>, AppError> {
    let folder = project.join(COPY_FOLDER);
    let Some(text) = read_named_text(&folder.join(VERSION_FILE), VERSION_BYTES_MAX)? else {
        return Ok(None);
    };
    let Some(record) = CopyRecord::parse(&text) else {
        return Ok(None);
    };
    let copied = match source_tree::read(&folder.join(folder_of(language))) {
        Ok(files) => files,
        Err(error) if is_missing(&error) => SourceFiles::new(),
        Err(error) => return Err(error.into()),
    };
    let state = if digest(&copied) != record.sha256 {
        SdkCopyState::Changed
    } else {
        match installed.read(language) {
            Ok(sdk) if digest(&sdk.files) == record.sha256 => SdkCopyState::Current,
            Ok(_) => SdkCopyState::Outdated,
            Err(AppError::Author(_)) => SdkCopyState::Unknown,
            Err(error) => return Err(error),
        }
    };
    Ok(Some(SdkCopyView {
        version: record.version,
        contract: record.contract,
        state,
    }))
}

fn is_missing(error: &FileError) -> bool {
    error.source.kind() == std::io::ErrorKind::NotFound
}

/// Returns the folder of a language, in the folder of the SDKs and in that of a copy.
fn folder_of(language: PluginLanguage) -> &'static str {
    match language {
        PluginLanguage::Rust => "rust",
        PluginLanguage::Python => "python",
        PluginLanguage::TypeScript => "typescript",
    }
}

/// Returns the digest of files: of their names, their lengths and their contents.
fn digest(files: &SourceFiles) -> String {
    let mut bytes = Vec::new();
    for (name, content) in files {
        let head = format!("{} {} {name}\n", name.len(), content.len());
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(content);
    }
    sha256_hex(&bytes)
}

#[cfg(test)]
mod tests {
    use sedge_sys::folder::Folder;

    use super::*;

    #[test]
    fn record_has_three_values() {
        let text = format!("{VERSION_HEAD}sedge 0.1.0\ncontract 0.4.0\nsha256 abc\n");
        let record = CopyRecord::parse(&text).expect("it is complete");
        assert_eq!(record.version, "0.1.0");
        assert_eq!(record.contract, "0.4.0");
        assert_eq!(record.sha256, "abc");
        assert!(CopyRecord::parse("sedge 0.1.0\n").is_none());
    }

    /// Returns the SDKs of a program whose SDK for Python has this text.
    fn installed(folder: &Path, text: &str) -> InstalledSdks {
        let files = [
            ("python/sdk.py", text),
            ("python/template/plugin.py.in", ""),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        let written = source_tree::replace(folder, &files.into_iter().collect());
        written.expect("the folder is ours");
        InstalledSdks {
            folder: Some(folder.to_owned()),
        }
    }

    #[test]
    fn copy_is_compared_with_the_sdk_of_the_program() {
        let home = tempfile::tempdir().expect("a folder");
        let [project, one, other] = ["project", "one", "other"].map(|it| home.path().join(it));
        let files = [("plugin.py".to_owned(), Vec::new())];
        source_tree::replace(&project, &files.into_iter().collect()).expect("the folder is ours");
        let python = PluginLanguage::Python;
        let compared = |sdks: &InstalledSdks| {
            let compared = copy_compare(&project, python, sdks).expect("it can be read");
            compared.map(|it| it.state)
        };
        let (one, other) = (installed(&one, "1"), installed(&other, "2"));
        assert_eq!(compared(&one), None, "there is no copy");
        let sdk = one.read(python).expect("it is installed");
        let copied = sdk.copy_to(&project, python).expect("it can be written");
        assert_eq!(copied.state, SdkCopyState::Current);
        assert_eq!(compared(&one), Some(SdkCopyState::Current));
        assert_eq!(compared(&other), Some(SdkCopyState::Outdated));
        assert_eq!(
            compared(&InstalledSdks::default()),
            Some(SdkCopyState::Unknown)
        );
        let copy = Folder::open(&project.join(COPY_FOLDER).join("python"));
        let copy = copy.expect("it was written");
        copy.write("sdk.py", b"3").expect("the file is ours");
        assert_eq!(compared(&one), Some(SdkCopyState::Changed));
        assert_eq!(compared(&other), Some(SdkCopyState::Changed));
        let sdk = other.read(python).expect("it is installed");
        sdk.copy_to(&project, python).expect("it can be written");
        assert_eq!(compared(&other), Some(SdkCopyState::Current));
        let file = project.join(COPY_FOLDER).join("python/sdk.py");
        let text = read_named_text(&file, VERSION_BYTES_MAX).expect("it was written");
        assert_eq!(text.as_deref(), Some("2"));
    }

    #[test]
    fn digest_depends_on_names_and_contents() {
        let files = |all: &[(&str, &str)]| -> SourceFiles {
            let all = all.iter();
            all.map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
                .collect()
        };
        let one = digest(&files(&[("a", "b"), ("c", "d")]));
        assert_eq!(one.len(), 64);
        assert_eq!(digest(&files(&[("a", "b"), ("c", "d")])), one);
        assert_ne!(digest(&files(&[("a", "bc"), ("d", "")])), one);
        assert_ne!(digest(&files(&[("a", "b"), ("c", "e")])), one);
    }
}
