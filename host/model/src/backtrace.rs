//! Where a guest's code was when it stopped.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of a guest's functions that had not returned.
///
/// Read as text, too: what earlier versions of Sedge wrote down has only the function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredFrame")]
pub struct Frame {
    /// The function, as its author wrote it; `function 17` where it has no name.
    pub function: String,
    /// The place in the source; none where the plugin has no debug info.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A place in an author's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file, without what only the machine knows that built it: `src/lib.rs`.
    pub file: String,
    /// The line, from 1; 0 where the compiler made code of no line in particular.
    pub line: u32,
    /// The column, from 1; 0 where it is not known.
    pub column: u32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StoredFrame {
    Function(String),
    Frame {
        function: String,
        place: Option<Place>,
    },
}

impl From<StoredFrame> for Frame {
    fn from(stored: StoredFrame) -> Self {
        let (function, place) = match stored {
            StoredFrame::Function(function) => (function, None),
            StoredFrame::Frame { function, place } => (function, place),
        };
        Self { function, place }
    }
}

/// `sink::run at src/lib.rs:7:5`.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        self.place
            .as_ref()
            .map_or(Ok(()), |place| write!(f, " at {place}"))
    }
}

/// `src/lib.rs:7:5`, as far as it is known.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column } = self;
        match (line, column) {
            (0, _) => f.write_str(file),
            (line, 0) => write!(f, "{file}:{line}"),
            (line, column) => write!(f, "{file}:{line}:{column}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(line: u32, column: u32) -> Frame {
        Frame {
            function: "sink::run".to_owned(),
            place: Some(Place {
                file: "src/lib.rs".to_owned(),
                line,
                column,
            }),
        }
    }

    #[test]
    fn a_frame_says_what_is_known() {
        assert_eq!(frame(7, 5).to_string(), "sink::run at src/lib.rs:7:5");
        assert_eq!(frame(7, 0).to_string(), "sink::run at src/lib.rs:7");
        assert_eq!(frame(0, 0).to_string(), "sink::run at src/lib.rs");
        let place = None;
        assert_eq!(
            Frame {
                place,
                ..frame(0, 0)
            }
            .to_string(),
            "sink::run"
        );
    }

    #[test]
    fn what_was_written_reads_back_and_what_was_text_too() {
        let text = serde_json::to_string(&frame(7, 5)).expect("it has a form in JSON");
        assert_eq!(
            text,
            r#"{"function":"sink::run","place":{"file":"src/lib.rs","line":7,"column":5}}"#
        );
        let read = |text: &str| serde_json::from_str::<Frame>(text).expect(text);
        assert_eq!(read(&text), frame(7, 5));
        let place = None;
        assert_eq!(
            read(r#""sink::run""#),
            Frame {
                place,
                ..frame(0, 0)
            }
        );
    }
}
