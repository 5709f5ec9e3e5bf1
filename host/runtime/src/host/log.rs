//! The interface `log`: a guest's messages to the user.

use sedge_model::call::{LogLevel, LogLine};
use serde_json::Value;

use crate::bindings::sedge::model::log::{Field, Host, Level};
use crate::call::CallState;
use crate::convert;
use crate::json;

/// Records the log of one call.
pub trait LogPort: Send + Sync {
    /// Records a log line of the call, and redacts secrets in it.
    fn logged(&self, line: &mut LogLine);
}

/// The maximum number of fields of one line that are stored.
const FIELDS_MAX: usize = 64;

impl Host for CallState {
    async fn log(
        &mut self,
        level: Level,
        message: String,
        fields: Vec<Field>,
    ) -> wasmtime::Result<()> {
        let fields_size = fields.iter().map(|it| it.key.len() + it.value.len());
        self.count_host_call(message.len() + fields_size.sum::<usize>())?;
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        // A value that is not JSON is stored as text, because logging should not fail.
        let value = |text: String| json::parse(&text).unwrap_or(Value::String(text));
        let fields = fields
            .into_iter()
            .take(FIELDS_MAX)
            .map(|field| (field.key, value(field.value)));
        self.log.push(LogLine {
            level,
            message,
            fields: fields.collect(),
        });
        Ok(())
    }

    async fn panicked(
        &mut self,
        message: String,
        location: Option<String>,
    ) -> wasmtime::Result<()> {
        let location = location.map(convert::message_from_guest);
        self.panicked = Some((convert::message_from_guest(message), location));
        Ok(())
    }
}
