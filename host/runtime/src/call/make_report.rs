//! Lets a plugin make a report, in a store without any port but a log.
//!
//! A report is a pure function of its subject: a call, a model or a run that has been read before.

use std::sync::Arc;

use sedge_model::call::{CallError, LogLine};
use sedge_model::guest_text::GuestText;
use sedge_model::names::ReportName;
use sedge_model::report::{ReportScope, ReportSubject};
use sedge_sys::clock::{self, Moment};
use serde_json::Value;

use super::pure::{PURE_MEMORY_BYTES_MAX, ports};
use super::state::CallState;
use crate::bindings::sedge::model::reports as guest;
use crate::convert;
use crate::engine::Runtime;
use crate::host::{HostError, JSON_BYTES_MAX};
use crate::json;
use crate::output::GuestOutput;
use crate::plugin::Plugin;

/// The maximum size of the Markdown of a report, in bytes.
///
/// The plugin chooses it, and people read it on a screen. A larger document belongs in a file.
const MARKDOWN_BYTES_MAX: usize = 1 << 20;

/// A report that a plugin has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportDocument {
    /// Its text for people, in Markdown.
    pub markdown: GuestText,
    /// The same for programs.
    pub json: Value,
}

/// Why a report was not made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The type declares no such report.
    #[error("the type has no report `{0}`")]
    Undeclared(ReportName),
    /// The report is about something else.
    #[error("the report `{name}` is about a {}, and not about a {}", declared.as_str(), given.as_str())]
    Scope {
        /// The report.
        name: ReportName,
        /// The scope that the type declares for it.
        declared: ReportScope,
        /// The scope of the subject.
        given: ReportScope,
    },
    /// The plugin says that it cannot be made. The text comes from the plugin.
    #[error("{0}")]
    Refused(String),
    /// What the plugin returned is no report.
    #[error("the plugin returned no usable report: {0}")]
    Returned(String),
    /// The plugin trapped, panicked, or exceeded a limit.
    #[error("the plugin failed")]
    Failed(#[source] CallError),
    /// The host itself failed.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Runtime {
    /// Lets a plugin make one report about a subject. It has the time and the memory of a
    /// description. Passes the plugin's log lines to `logged`.
    ///
    /// # Errors
    /// The type declares no such report of this scope, the plugin refuses or fails, or what it
    /// returns exceeds a limit or is not JSON.
    pub async fn report(
        &self,
        plugin: &Arc<Plugin>,
        name: &ReportName,
        subject: ReportSubject,
        logged: impl Fn(&LogLine) + Send + Sync + 'static,
    ) -> Result<ReportDocument, ReportError> {
        let spec = plugin.type_info().report(name.as_str());
        let spec = spec.ok_or_else(|| ReportError::Undeclared(name.clone()))?;
        if spec.scope != subject.scope() {
            return Err(ReportError::Scope {
                name: name.clone(),
                declared: spec.scope,
                given: subject.scope(),
            });
        }
        let request = convert::report_request(name.as_str(), subject);
        let ports = ports(Arc::new(logged));
        let (state, outputs) = CallState::new(PURE_MEMORY_BYTES_MAX, &self.budget, ports, None)?;
        let mut store = self.store(state);
        let latest = Moment::now().after(self.component_limits.describe);
        let report = async {
            let instance = plugin.instance.instantiate_async(&mut store).await?;
            let exports = instance.sedge_model_model();
            exports.call_report(&mut store, &request).await
        };
        let ended = clock::until(latest, report).await;
        outputs.iter().for_each(GuestOutput::finish);
        let lines = plugin.lines(self.cache.as_ref());
        match self.pure_result(ended, &store, lines)? {
            Ok(Ok(document)) => checked(document).map_err(ReportError::Returned),
            Ok(Err(message)) => Err(ReportError::Refused(convert::message_from_guest(message))),
            Err(error) => Err(ReportError::Failed(error)),
        }
    }
}

/// Checks what a plugin returned.
fn checked(document: guest::ReportDocument) -> Result<ReportDocument, String> {
    let guest::ReportDocument { markdown, json } = document;
    for (what, found, most) in [
        ("Markdown", markdown.len(), MARKDOWN_BYTES_MAX),
        ("JSON", json.len(), JSON_BYTES_MAX),
    ] {
        if found > most {
            return Err(format!("its {what} has {found} bytes, more than {most}"));
        }
    }
    Ok(ReportDocument {
        markdown: markdown.into(),
        json: json::parse(&json)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_has_json_and_is_within_limits() {
        let check = |markdown: &str, json: &str, expect: Option<&str>| {
            let (markdown, json) = (markdown.to_owned(), json.to_owned());
            let found = checked(guest::ReportDocument { markdown, json });
            let says = found.as_ref().err().map(String::as_str);
            assert_eq!(says.is_some(), expect.is_some(), "{says:?}");
            assert!(
                says.unwrap_or_default()
                    .contains(expect.unwrap_or_default()),
                "{says:?}"
            );
        };
        check("# All is well", r#"{"n": 1}"#, None);
        check("", "null", None);
        check("", "", Some("not JSON"));
        check("", "{\"a\": ", Some("not JSON"));
        check("", &"[".repeat(1000), Some(""));
        check("", &" ".repeat(JSON_BYTES_MAX + 1), Some("its JSON has"));
        check(&"x".repeat(MARKDOWN_BYTES_MAX), "1", None);
        check(
            &"x".repeat(MARKDOWN_BYTES_MAX + 1),
            "1",
            Some("its Markdown has 1048577 bytes"),
        );
    }
}
