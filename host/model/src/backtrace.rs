//! Where a guest's code was when it stopped.

use std::fmt;

/// One of a guest's functions that had not returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The function, as its author wrote it; `function 17` where it has no name.
    pub function: String,
    /// The place in the source; none where the plugin has no debug info.
    pub place: Option<Place>,
}

/// A place in an author's source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, without what only the machine knows that built it: `src/lib.rs`.
    pub file: String,
    /// The line, from 1; 0 where the compiler made code of no line in particular.
    pub line: u32,
    /// The column, from 1; 0 where it is not known.
    pub column: u32,
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
}
