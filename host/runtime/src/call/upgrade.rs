//! Lets a plugin upgrade global arguments that were written for an earlier version of its type, in
//! a store without any port.
//!
//! An upgrade is a pure function: the guest receives the arguments as the user wrote them, with
//! expressions that are not evaluated, and can reach nothing else.

use std::sync::Arc;

use sedge_model::call::CallError;
use sedge_model::names::TypeVersion;
use sedge_sys::clock::{self, Moment};
use serde_json::{Map, Value};

use super::pure::PURE_MEMORY_BYTES_MAX;
use super::state::CallState;
use crate::convert;
use crate::engine::Runtime;
use crate::host::{HostError, JSON_BYTES_MAX, Ports};
use crate::json;
use crate::output::GuestOutput;
use crate::plugin::Plugin;

/// Why global arguments were not upgraded.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// The plugin says that they cannot be upgraded. The text comes from the plugin.
    #[error("{0}")]
    Refused(String),
    /// The plugin returned something else than an object of JSON.
    #[error("the plugin returned no usable arguments: {0}")]
    Returned(String),
    /// The plugin trapped, panicked, or exceeded a limit.
    #[error("the plugin failed")]
    Failed(#[source] CallError),
    /// The host itself failed.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Runtime {
    /// Lets a plugin make one upgrade of global arguments, and returns the changed ones. It has the
    /// time and the memory of a description.
    ///
    /// # Errors
    /// The plugin refuses or fails, or what it returns is not an object of JSON within the limits.
    pub async fn upgrade(
        &self,
        plugin: &Arc<Plugin>,
        to_version: &TypeVersion,
        arguments: &Map<String, Value>,
    ) -> Result<Map<String, Value>, UpgradeError> {
        let text = Value::Object(arguments.clone()).to_string();
        let ports = Ports::default();
        let (state, outputs) = CallState::new(PURE_MEMORY_BYTES_MAX, &self.budget, ports, None)?;
        let mut store = self.store(state);
        let latest = Moment::now().after(self.component_limits.describe);
        let upgrade = async {
            let instance = plugin.instance.instantiate_async(&mut store).await?;
            let exports = instance.sedge_model_model();
            exports
                .call_upgrade(&mut store, to_version.as_str(), &text)
                .await
        };
        let ended = clock::until(latest, upgrade).await;
        outputs.iter().for_each(GuestOutput::finish);
        let lines = plugin.lines(self.cache.as_ref());
        match self.pure_result(ended, &store, lines)? {
            Ok(Ok(text)) => upgraded(&text).map_err(UpgradeError::Returned),
            Ok(Err(message)) => Err(UpgradeError::Refused(convert::message_from_guest(message))),
            Err(error) => Err(UpgradeError::Failed(error)),
        }
    }
}

/// Parses what an upgrade returned.
fn upgraded(text: &str) -> Result<Map<String, Value>, String> {
    if text.len() > JSON_BYTES_MAX {
        return Err(format!(
            "they have {} bytes, more than {JSON_BYTES_MAX}",
            text.len()
        ));
    }
    match json::parse(text)? {
        Value::Object(arguments) => Ok(arguments),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("they are not an object".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upgrade_returns_an_object_within_limits() {
        let check = |text: &str, expect: Option<&str>| {
            let fault = upgraded(text).err();
            let says = fault.as_deref().unwrap_or_default();
            assert_eq!(fault.is_some(), expect.is_some(), "{says}");
            assert!(says.contains(expect.unwrap_or_default()), "{says}");
        };
        check("{}", None);
        check(r#"{"a": "${{ inputs.b }}"}"#, None);
        check("[]", Some("not an object"));
        check("", Some(""));
        check("{\"a\": ", Some(""));
        check(&"[".repeat(1000), Some(""));
        check(&" ".repeat(JSON_BYTES_MAX + 1), Some("more than"));
    }
}
