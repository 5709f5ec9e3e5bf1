//! Compares two versions of a piece of data.

use std::time::Duration;

use sedge_api::view::data::{DataDiff, DataKindView};
use sedge_store::{ContentReader, Scan};
use similar::TextDiff;

use crate::cx::Cx;
use crate::data::get::{data_get, data_key};
use crate::data::versions::data_versions;
use crate::error::{AppError, DataUseError};

/// The maximum size of a version whose text is compared, in bytes. The texts and their lines are in
/// memory.
const BYTES_MAX: u64 = 4 << 20;

/// The longest time that the search for a small difference may take. After that, a larger one is
/// shown.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(2);

/// The number of equal lines that are shown around a difference.
const LINES_AROUND: usize = 3;

/// Compares two versions of `name`. Without `to`, that is the latest version; without `from`, it is
/// the version before `to`.
///
/// Resources are compared as formatted JSON. Files are compared line by line if they are text, and
/// otherwise only by their digest.
///
/// # Errors
/// Returns an error if there is no such model, data or version, or only one version.
pub fn data_diff(
    cx: &Cx,
    model: &str,
    name: &str,
    from: Option<u64>,
    to: Option<u64>,
) -> Result<DataDiff, AppError> {
    let (to, new) = data_get(cx, model, name, to)?;
    let from = match from {
        Some(from) => from,
        None => version_before(cx, model, name, to.version)?,
    };
    let (from, old) = data_get(cx, model, name, Some(from))?;
    let is_equal = from.digest == to.digest;
    let diff = match is_equal {
        true => None,
        false => match (text(old, from.kind)?, text(new, to.kind)?) {
            (Some(old), Some(new)) => Some(unified(&old, &new, from.version, to.version)),
            (_, _) => None,
        },
    };
    Ok(DataDiff {
        from,
        to,
        is_equal,
        diff,
    })
}

/// Returns the number of the newest version that is older than `version`. Versions between the two
/// may have been deleted.
fn version_before(cx: &Cx, model: &str, name: &str, version: u64) -> Result<u64, AppError> {
    let mut before = None;
    data_versions::<AppError>(cx, model, name, |found| {
        if found.version < version {
            before = Some(found.version);
            return Ok(Scan::Enough);
        }
        Ok(Scan::More)
    })?;
    if let Some(before) = before {
        return Ok(before);
    }
    let (model, name) = data_key(&cx.repository, model, name)?;
    Err(AppError::from(DataUseError::NoVersionBefore {
        model,
        name,
        version,
    }))
}

/// Returns the content as text. Returns `None` if it is too large or is not text.
fn text(content: ContentReader, kind: DataKindView) -> Result<Option<String>, AppError> {
    if content.size() > BYTES_MAX {
        return Ok(None);
    }
    Ok(text_of(content.read_all()?, kind))
}

/// Returns the text of a resource as formatted JSON, and that of a file as it is.
fn text_of(bytes: Vec<u8>, kind: DataKindView) -> Option<String> {
    // ignored: bytes that are not text have no text to compare.
    let text = String::from_utf8(bytes).ok()?;
    match kind {
        DataKindView::File => Some(text),
        DataKindView::Resource => match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) => Some(format!("{value:#}\n")),
            Err(_) => Some(text),
        },
    }
}

fn unified(old: &str, new: &str, from: u64, to: u64) -> String {
    let diff = TextDiff::configure()
        .timeout(SEARCH_TIME_MAX)
        .diff_lines(old, new);
    let mut unified = diff.unified_diff();
    unified
        .context_radius(LINES_AROUND)
        .header(&format!("version {from}"), &format!("version {to}"))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_resources_are_formatted() {
        let check = |bytes: &[u8], kind: DataKindView, expect: Option<&str>| {
            assert_eq!(text_of(bytes.to_vec(), kind).as_deref(), expect, "{kind:?}");
        };
        check(b"[1]", DataKindView::Resource, Some("[\n  1\n]\n"));
        check(b"[1]", DataKindView::File, Some("[1]"));
        check(b"[1]\n \n", DataKindView::File, Some("[1]\n \n"));
        check(b"\xff", DataKindView::File, None);
    }
}
