//! The format of a session's file, which describes the process for display.
//!
//! The format has no version, because no decision depends on the file. A reader ignores unknown
//! keys, and shows no details of a process whose file it cannot read.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::FormatError;
use crate::session::SessionInfo;

#[derive(Debug, Serialize, Deserialize)]
struct StoredSession<'a> {
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    host: Cow<'a, str>,
    pid: u32,
    since: u64,
}

/// Returns the text of a session's file.
pub(crate) fn write_session(info: &SessionInfo) -> String {
    let SessionInfo {
        user,
        host,
        pid,
        since,
    } = info;
    let stored = StoredSession {
        user: user.into(),
        host: host.into(),
        pid: *pid,
        since: *since,
    };
    serde_json::to_string(&stored).expect("names and numbers have a form in JSON")
}

/// Reads the text of a session's file.
///
/// # Errors
/// The text is not one that a session writes.
pub(crate) fn read_session(text: &str) -> Result<SessionInfo, FormatError> {
    let StoredSession {
        user,
        host,
        pid,
        since,
    } = serde_json::from_str(text)?;
    Ok(SessionInfo {
        user: user.into_owned(),
        host: host.into_owned(),
        pid,
        since,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_written_as_it_was_read() {
        let text = r#"{"user":"ada","host":"\"é\"","pid":7,"since":1795638173187}"#;
        let info = read_session(text).expect("it is one");
        assert_eq!(write_session(&info), text);
        let more = text.replace('}', r#","more":1}"#);
        assert_eq!(read_session(&more).expect("it is one"), info);
        read_session("{}").expect_err("it is none");
    }
}
