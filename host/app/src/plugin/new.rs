//! Writes the project of a plugin: a manifest, a type with one method, a test, and a copy of the SDK.

use std::path::{Path, PathBuf};

use sedge_api::Time;
use sedge_api::view::plugin_project::{PluginLanguage, PluginProjectMade};
use sedge_model::names::TypeName;
use sedge_sys::clock::Clock;
use sedge_sys::folder::{FileError, Folder};
use sedge_sys::source_tree::{self, SourceFiles};

use crate::error::{AppError, AuthorError};

pub use crate::plugin::author::sdk::InstalledSdks;

/// The scope of a plugin whose author names none.
const SCOPE: &str = "local";

/// What a template has in place of the name of the plugin, of the same name as a package and as an
/// identifier, of its type, and of the day.
const TEMPLATE_NAME: &str = "sample-plugin";
const TEMPLATE_PACKAGE: &str = "sample-package";
const TEMPLATE_IDENTIFIER: &str = "sample_plugin";
const TEMPLATE_TYPE: &str = "@local/sample-plugin";
const TEMPLATE_VERSION: &str = "2026.01.01.1";

/// A request to write a project.
#[derive(Debug, Clone)]
pub struct PluginNewRequest {
    /// The name of the plugin, `NAME` or `@SCOPE/NAME`.
    pub name: String,
    /// The language.
    pub language: PluginLanguage,
    /// The folder of the project; by default that of the name, in the current folder.
    pub folder: Option<PathBuf>,
    /// The SDKs that are installed.
    pub sdks: InstalledSdks,
    /// The clock, whose day is in the version of the type.
    pub clock: Clock,
}

/// Writes a project.
///
/// # Errors
/// The name is not valid, the folder has files, or the SDK is not installed.
pub fn plugin_new(request: &PluginNewRequest) -> Result<PluginProjectMade, AppError> {
    let type_name = type_name(&request.name)?;
    let short = type_name.as_str().rsplit('/').next();
    // ignored: no error is dropped, because this is an `Option`.
    let short = short.unwrap_or_default();
    let folder = request.folder.clone();
    let folder = folder.unwrap_or_else(|| PathBuf::from(short));
    let sdk = request.sdks.read(request.language)?;
    let words = template_words(&type_name, short, version_of_today(&request.clock));
    let files = sdk.template.iter();
    let files: SourceFiles = files
        .map(|(name, content)| (name.clone(), filled(content, &words)))
        .collect();
    let names = files.keys().cloned().collect();
    let written = source_tree::write_new(&folder, &files);
    written.map_err(|error| not_empty(error, &folder))?;
    let path = Folder::open(&folder)?.path().to_owned();
    Ok(PluginProjectMade {
        name: type_name.to_string(),
        language: request.language,
        sdk: sdk.copy_to(&path, request.language)?,
        path: folder.to_string_lossy().into_owned(),
        files: names,
    })
}

/// Returns what replaces each word of a template.
fn template_words(
    type_name: &TypeName,
    short: &str,
    version: String,
) -> [(&'static str, String); 5] {
    [
        (TEMPLATE_TYPE, type_name.as_str().to_owned()),
        (TEMPLATE_NAME, short.to_owned()),
        // Cargo refuses a package with a dot in its name.
        (TEMPLATE_PACKAGE, short.replace('.', "-")),
        (TEMPLATE_IDENTIFIER, short.replace(['-', '.'], "_")),
        (TEMPLATE_VERSION, version),
    ]
}

/// Returns the name of the type for the name of a plugin.
fn type_name(name: &str) -> Result<TypeName, AppError> {
    let full = match name.starts_with('@') {
        true => name.to_owned(),
        false => format!("@{SCOPE}/{name}"),
    };
    let bad = |rule: String| AuthorError::BadName {
        name: name.to_owned(),
        rule,
    };
    let type_name: TypeName = full
        .parse()
        .map_err(|error: sedge_model::names::NameError| bad(error.rule.to_owned()))?;
    // The short name becomes the name of a package and of a module, which begin with a letter.
    let mut parts = type_name.as_str().split('/');
    let short = parts.next_back().unwrap_or_default(); // ignored: `split` returns at least one part
    match short.starts_with(|c: char| c.is_ascii_lowercase()) {
        true => Ok(type_name),
        false => Err(bad("it begins with a letter".to_owned()).into()),
    }
}

/// Returns the first version of a type that is made today: `2026.12.01.1`.
fn version_of_today(clock: &Clock) -> String {
    // The text of a time begins with its day: `2026-12-01T10:00:00.000Z`.
    let day = Time::from_ms(clock.now().0).to_string();
    let day = day.split('T').next().unwrap_or_default(); // ignored: `split` returns at least one part
    format!("{}.1", day.replace('-', "."))
}

/// Replaces the words of a template. A file that is not text stays as it is.
fn filled(content: &[u8], words: &[(&str, String)]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(content) else {
        return content.to_vec();
    };
    let replaced = words.iter().fold(text.to_owned(), |text, (word, value)| {
        text.replace(word, value)
    });
    replaced.into_bytes()
}

fn not_empty(error: FileError, folder: &Path) -> AppError {
    if error.source.kind() == std::io::ErrorKind::DirectoryNotEmpty {
        let folder = folder.to_owned();
        return AuthorError::FolderNotEmpty { folder }.into();
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_may_have_a_scope() {
        let check = |name: &str, expect: Option<&str>| {
            let found = type_name(name);
            assert_eq!(found.ok().as_ref().map(TypeName::as_str), expect, "{name}");
        };
        check("greeter", Some("@local/greeter"));
        check("@acme/greeter", Some("@acme/greeter"));
        check("my-plugin.two", Some("@local/my-plugin.two"));
        check("Greeter", None);
        check("2greeters", None);
        check("", None);
        check("../greeter", None);
        check("@acme", None);
    }

    #[test]
    fn template_is_filled_with_the_name() {
        let name = type_name("@acme/my-tool.two").expect("a name");
        let words = template_words(&name, "my-tool.two", "2026.12.01.1".to_owned());
        let text = b"@local/sample-plugin sample-plugin sample-package sample_plugin 2026.01.01.1";
        assert_eq!(
            filled(text, &words),
            b"@acme/my-tool.two my-tool.two my-tool-two my_tool_two 2026.12.01.1"
        );
        assert_eq!(filled(b"\xff", &words), b"\xff");
    }
}
