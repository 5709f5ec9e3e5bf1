//! A list of any length as one JSON document, which is printed while the items are found.
//!
//! The document begins with the items. The keys after them say whether the list is complete:
//! `"ok": true`, or `"ok": false` and the error if the command failed in between.

use std::io;

use sedge_api::document::No;
use serde::Serialize;

use crate::output::{escaped, stdout_bytes};

/// The buffer is written once it has this size.
const BUFFER_BYTES: usize = 64 << 10;

/// The indent of each line of an item.
const ITEM_INDENT: &str = "    ";

/// A list that is being printed.
#[derive(Debug, Default)]
pub(crate) struct JsonList {
    /// The text that is not written yet.
    buffer: String,
    n_items: u64,
}

/// The keys after the items of a list whose command failed.
#[derive(Serialize)]
struct Failed<E> {
    ok: No,
    count: u64,
    error: E,
}

impl JsonList {
    /// Returns whether no item was printed.
    pub(crate) fn is_empty(&self) -> bool {
        self.n_items == 0
    }

    /// Prints one more item. Returns false if the reader of stdout has closed the pipe.
    pub(crate) fn push(&mut self, item: &impl Serialize) -> io::Result<bool> {
        let item = serde_json::to_string_pretty(item)?;
        let before = if self.n_items == 0 {
            "{\n  \"data\": ["
        } else {
            ","
        };
        self.buffer.push_str(before);
        for line in item.lines() {
            self.buffer.push('\n');
            self.buffer.push_str(ITEM_INDENT);
            self.buffer.push_str(&escaped(line));
        }
        self.n_items += 1;
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(true);
        }
        let is_read = stdout_bytes(self.buffer.as_bytes())?;
        self.buffer.clear();
        Ok(is_read)
    }

    /// Prints the keys after the items, which are those of `end`.
    pub(crate) fn finish(mut self, end: &impl Serialize) -> io::Result<()> {
        let items_end = if self.n_items == 0 {
            "{\n  \"data\": [],"
        } else {
            "\n  ],"
        };
        self.buffer.push_str(items_end);
        let end = serde_json::to_string_pretty(end)?;
        let keys = end.strip_prefix('{').expect("it is an object");
        self.buffer.push_str(&escaped(keys));
        self.buffer.push('\n');
        stdout_bytes(self.buffer.as_bytes()).map(drop)
    }

    /// Prints the end of a list whose command failed.
    pub(crate) fn fail(self, error: &impl Serialize) -> io::Result<()> {
        let count = self.n_items;
        self.finish(&Failed {
            ok: No,
            count,
            error,
        })
    }
}
