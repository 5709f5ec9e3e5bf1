//! The stack of a guest at the time of a trap, a panic or a failure.

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

impl StackFrame {
    /// Reads a frame as the guest of a script language writes it: `run at app.py:12`, or
    /// `run at app.py:12:5`. Any other text is taken as the name of the function, so the text of the
    /// frame is always the one that the guest wrote.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let parsed = text.rsplit_once(" at ").and_then(|(function, at)| {
            let (file, line, column) = place_parts(at)?;
            Some(Self {
                function: function.to_owned(),
                place: Some(SourcePlace {
                    file: file.to_owned(),
                    line,
                    column,
                }),
            })
        });
        let is_same = |frame: &Self| frame.to_string() == text;
        parsed.filter(is_same).unwrap_or_else(|| Self {
            function: text.to_owned(),
            place: None,
        })
    }
}

/// Splits `FILE:LINE` or `FILE:LINE:COLUMN`. A column that is missing is 0.
fn place_parts(text: &str) -> Option<(&str, u32, u32)> {
    // ignored: what is no number belongs to the name of the file.
    let number = |text: &str| text.parse::<u32>().ok();
    let (file, last) = text.rsplit_once(':')?;
    let last = number(last)?;
    let with_column = file
        .rsplit_once(':')
        .and_then(|(file, line)| Some((file, number(line)?, last)));
    Some(with_column.unwrap_or((file, last, 0)))
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
    fn frame_of_a_guest_is_read_with_its_place() {
        let check = |text: &str, function: &str, place: Option<(&str, u32, u32)>| {
            let frame = StackFrame::parse(text);
            assert_eq!(frame.function, function);
            let found = frame.place.as_ref();
            let found = found.map(|it| (it.file.as_str(), it.line, it.column));
            assert_eq!(found, place, "{text}");
            assert_eq!(frame.to_string(), text);
        };
        check("run at app.py:12", "run", Some(("app.py", 12, 0)));
        check(
            "<anonymous> at a b.ts:3:14",
            "<anonymous>",
            Some(("a b.ts", 3, 14)),
        );
        check("wait at at at x:1", "wait at at", Some(("x", 1, 0)));
        check("run at c:\\app.py:12", "run", Some(("c:\\app.py", 12, 0)));
        for plain in [
            "",
            "run",
            "run at app.py",
            "run at app.py:0",
            "run at app.py:007",
            "run at app.py:99999999999",
            "look at me: 3",
        ] {
            check(plain, plain, None);
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
