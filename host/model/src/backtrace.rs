//! The stack of a guest at the time of a trap or panic.

use std::fmt;

/// A function of a guest that had not returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFrame {
    /// The name of the function in its source; `function 17` if it has no name.
    pub function: String,
    /// The place in the source; `None` if the plugin has no debug info.
    pub place: Option<SourcePlace>,
}

/// A place in the source of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePlace {
    /// The file, for example `src/lib.rs`. The folders of the machine that built it are removed.
    pub file: String,
    /// The line, from 1; 0 if the compiler generated the code without a line.
    pub line: u32,
    /// The column, from 1; 0 if it is unknown.
    pub column: u32,
}

/// Displays the function and its place: `sink::run at src/lib.rs:7:5`.
impl fmt::Display for StackFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        self.place
            .as_ref()
            .map_or(Ok(()), |place| write!(f, " at {place}"))
    }
}

/// Displays the place: `src/lib.rs:7:5`. Unknown parts are left out.
impl fmt::Display for SourcePlace {
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

    fn frame(line: u32, column: u32) -> StackFrame {
        StackFrame {
            function: "sink::run".to_owned(),
            place: Some(SourcePlace {
                file: "src/lib.rs".to_owned(),
                line,
                column,
            }),
        }
    }

    #[test]
    fn frame_is_displayed_without_its_unknown_parts() {
        assert_eq!(frame(7, 5).to_string(), "sink::run at src/lib.rs:7:5");
        assert_eq!(frame(7, 0).to_string(), "sink::run at src/lib.rs:7");
        assert_eq!(frame(0, 0).to_string(), "sink::run at src/lib.rs");
        let place = None;
        assert_eq!(
            StackFrame {
                place,
                ..frame(0, 0)
            }
            .to_string(),
            "sink::run"
        );
    }
}
