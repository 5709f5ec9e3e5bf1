//! The format of a pass: the call that the process with the pass's token has joined.

use serde::{Deserialize, Serialize};

use super::FormatError;
use super::request::StoredOwner;
use crate::joined::Joined;

/// The version of passes.
///
/// A reader ignores unknown keys, so the version changes only if older readers must refuse a
/// pass.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct StoredPass<'a> {
    /// The first passes have no version.
    #[serde(default = "first_version")]
    version: u32,
    #[serde(borrow)]
    caller: StoredOwner<'a>,
    only_reads: bool,
}

/// The part of a pass that is the same in every version.
#[derive(Deserialize)]
struct AnyPass {
    #[serde(default = "first_version")]
    version: u32,
}

fn first_version() -> u32 {
    1
}

/// Returns the text of a pass.
pub(crate) fn write_pass(joined: &Joined) -> String {
    let Joined { caller, only_reads } = joined;
    let stored = StoredPass {
        version: VERSION,
        caller: caller.into(),
        only_reads: *only_reads,
    };
    serde_json::to_string(&stored).expect("an owner has a form in JSON")
}

/// Reads the text of a pass.
///
/// # Errors
/// The text has another version, or is not a pass.
pub(crate) fn read_pass(text: &str) -> Result<Joined, FormatError> {
    let AnyPass { version: found } = serde_json::from_str(text)?;
    let known = VERSION;
    if found != known {
        return Err(FormatError::Version { found, known });
    }
    let stored: StoredPass<'_> = serde_json::from_str(text)?;
    let StoredPass {
        version: _,
        caller,
        only_reads,
    } = stored;
    Ok(Joined {
        caller: caller.try_into()?,
        only_reads,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_written_as_it_was_read() {
        let text = r#"{"version":1,"caller":{"under":{"session":"0000000000000001","lineage":"000000000001/2"},"session":"388701da4aaefe0a","lineage":"k3v9q2x8w1mz/1"},"only_reads":true}"#;
        let joined = read_pass(text).expect("it is one");
        assert_eq!(write_pass(&joined), text);
        let first = text.replace(r#""version":1,"#, "");
        assert_eq!(read_pass(&first).expect("it is one"), joined);
        let more = text.replace("true}", r#"true,"more":1}"#);
        assert_eq!(read_pass(&more).expect("it is one"), joined);
    }

    #[test]
    fn a_pass_of_another_version_is_not_read() {
        let found = read_pass(r#"{"version":2,"callers":[]}"#);
        let is_other = matches!(found, Err(FormatError::Version { found: 2, known: 1 }));
        assert!(is_other, "{found:?}");
        read_pass("{}").expect_err("it is none");
    }
}
