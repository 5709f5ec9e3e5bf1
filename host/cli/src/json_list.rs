//! A list as one JSON document that is printed while it is found, so that it may be of any length.
//!
//! Its items come first. What follows says whether they are all: `"ok": true`, or, if the command
//! failed half way, `"ok": false` and the error. Either way it is one document.

use std::io;

use sedge_api::document::No;
use serde::Serialize;

use crate::output::{escaped, stdout_bytes};

/// How many bytes are gathered before they are written.
const BYTES_GATHERED: usize = 64 << 10;

/// What stands in front of each line of an item.
const ITEM_INDENT: &str = "    ";

/// A list that is being printed.
#[derive(Debug, Default)]
pub(crate) struct JsonList {
    /// What is not written yet.
    gathered: String,
    n_items: u64,
}

/// What stands behind the items of a list that failed half way.
#[derive(Serialize)]
struct Failed<E> {
    ok: No,
    count: u64,
    error: E,
}

impl JsonList {
    /// Prints one more item; returns false if the reader of stdout is gone.
    pub(crate) fn push(&mut self, item: &impl Serialize) -> io::Result<bool> {
        let item = serde_json::to_string_pretty(item)?;
        let before = if self.n_items == 0 {
            "{\n  \"data\": ["
        } else {
            ","
        };
        self.gathered.push_str(before);
        for line in item.lines() {
            self.gathered.push('\n');
            self.gathered.push_str(ITEM_INDENT);
            self.gathered.push_str(&escaped(line));
        }
        self.n_items += 1;
        if self.gathered.len() < BYTES_GATHERED {
            return Ok(true);
        }
        let is_read = stdout_bytes(self.gathered.as_bytes())?;
        self.gathered.clear();
        Ok(is_read)
    }

    /// Prints what stands behind the items: the keys of `end`.
    pub(crate) fn finish(mut self, end: &impl Serialize) -> io::Result<()> {
        let items_end = if self.n_items == 0 {
            "{\n  \"data\": [],"
        } else {
            "\n  ],"
        };
        self.gathered.push_str(items_end);
        let end = serde_json::to_string_pretty(end)?;
        let keys = end.strip_prefix('{').expect("it is an object");
        self.gathered.push_str(&escaped(keys));
        self.gathered.push('\n');
        stdout_bytes(self.gathered.as_bytes()).map(drop)
    }

    /// Prints the end of a list that failed half way.
    pub(crate) fn fail(self, error: &impl Serialize) -> io::Result<()> {
        let count = self.n_items;
        self.finish(&Failed {
            ok: No,
            count,
            error,
        })
    }
}
