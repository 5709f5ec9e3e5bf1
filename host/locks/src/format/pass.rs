//! The format of a pass: the call that the process with the pass's token has joined.

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use super::FormatError;
use super::request::StoredOwner;
use crate::joined::{Joined, JoinedMethods};
use crate::owner::Owner;

/// The version of passes.
///
/// A reader ignores unknown keys, so the version changes only if older readers must refuse a
/// pass.
///
/// Version 1 had no claims, so its readers do not notice that the lock of a caller was released by
/// force.
const VERSION: u32 = 2;

#[derive(Debug, Serialize, Deserialize)]
struct StoredPass<'a> {
    /// The first passes have no version.
    #[serde(default = "first_version")]
    version: u32,
    #[serde(borrow)]
    caller: StoredOwner<'a>,
    claims: Vec<u64>,
    /// Whether only methods may run that change nothing outside of the datastore.
    only_reads: bool,
    /// Whether those that write what they have seen may run as well. Readers that do not know this
    /// key refuse them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    observes: bool,
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
    let Joined {
        caller,
        claims,
        methods,
    } = joined;
    let stored = StoredPass {
        version: VERSION,
        caller: caller.into(),
        claims: claims.clone(),
        only_reads: *methods != JoinedMethods::All,
        observes: *methods == JoinedMethods::Observations,
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
        claims,
        only_reads,
        observes,
    } = stored;
    let caller = Owner::try_from(caller)?;
    if claims.len() != caller.path().len() {
        let reason = "it needs one claim for each call";
        return Err(FormatError::Json(serde_json::Error::custom(reason)));
    }
    let methods = match (only_reads, observes) {
        (false, _) => JoinedMethods::All,
        (true, true) => JoinedMethods::Observations,
        (true, false) => JoinedMethods::Reads,
    };
    Ok(Joined {
        caller,
        claims,
        methods,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASS: &str = r#"{"version":2,"caller":{"under":{"session":"0000000000000001","lineage":"000000000001/2"},"session":"388701da4aaefe0a","lineage":"k3v9q2x8w1mz/1"},"claims":[1,18446744073709551615],"only_reads":true}"#;

    #[test]
    fn a_pass_is_written_as_it_was_read() {
        let joined = read_pass(PASS).expect("it is one");
        assert_eq!(write_pass(&joined), PASS);
        let callers: Vec<_> = joined
            .callers()
            .map(|(call, n)| (call.to_string(), n))
            .collect();
        let expect = [("000000000001/2", 1), ("k3v9q2x8w1mz/1", u64::MAX)];
        assert_eq!(callers, expect.map(|(call, n)| (call.to_owned(), n)));
        let more = PASS.replace("true}", r#"true,"more":1}"#);
        assert_eq!(read_pass(&more).expect("it is one"), joined);
    }

    /// A reader that does not know observations takes the pass of one for that of a `read` method.
    #[test]
    fn a_pass_says_which_methods_may_run() {
        for (flags, methods) in [
            (r#""only_reads":false"#, JoinedMethods::All),
            (r#""only_reads":true"#, JoinedMethods::Reads),
            (
                r#""only_reads":true,"observes":true"#,
                JoinedMethods::Observations,
            ),
        ] {
            let text = PASS.replace(r#""only_reads":true"#, flags);
            let joined = read_pass(&text).expect("it is one");
            assert_eq!(joined.methods, methods, "{flags}");
            assert_eq!(write_pass(&joined), text);
        }
    }

    #[test]
    fn a_pass_of_another_version_is_not_read() {
        let check = |text: &str, version: u32| {
            let read = read_pass(text);
            let is_other =
                matches!(read, Err(FormatError::Version { found, known: 2 }) if found == version);
            assert!(is_other, "{text}: {read:?}");
        };
        check(r#"{"version":3,"callers":[]}"#, 3);
        check(&PASS.replace(r#""version":2,"#, r#""version":1,"#), 1);
        check(&PASS.replace(r#""version":2,"#, ""), 1);
        check("{}", 1);
    }

    #[test]
    fn a_pass_without_a_claim_of_each_call_is_not_read() {
        for claims in ["[]", "[1]", "[1,2,3]"] {
            let text = PASS.replace("[1,18446744073709551615]", claims);
            let found = read_pass(&text);
            assert!(matches!(found, Err(FormatError::Json(_))), "{found:?}");
        }
    }
}
