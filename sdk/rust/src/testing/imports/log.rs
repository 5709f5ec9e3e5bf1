//! The interface `log`.

pub(crate) use crate::bindings::sedge::model::log::*;

use serde_json::Value;

use super::super::world::{LogEntry, current};

/// The maximum length of a message, in bytes, as in production.
const MESSAGE_BYTES_MAX: usize = 8 << 10;

/// Adds a line to the log of the test.
pub(crate) fn log(level: Level, message: &str, fields: &[Field]) {
    let fields = fields.iter().map(|field| {
        let value = serde_json::from_str(&field.value);
        // The SDK has made the text. If it were not JSON, it would still be useful.
        let value = value.unwrap_or_else(|_| Value::String(field.value.clone()));
        (field.key.clone(), value)
    });
    let entry = LogEntry {
        level: level.into(),
        message: message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)].to_owned(),
        fields: fields.collect(),
    };
    current(|world| world.log.push(entry));
}

impl From<Level> for crate::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}
