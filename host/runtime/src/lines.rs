//! Maps instructions of a component to lines of its author's source.
//!
//! The table is read from the component's debug info (DWARF 2 to 5) when the component is
//! compiled, and stored beside the machine code. The engine could resolve lines at the time of a
//! trap instead, but it expands all of the debug info, which comes from an untrusted plugin: a few
//! megabytes in which many entries refer to one long text or list can expand to terabytes. This
//! module reads only the line programs, and each entry at most once, so their length bounds the
//! work.

use std::collections::HashMap;

use gimli::{
    AttributeValue, DebugLine, DebugLineOffset, EndianSlice, LineProgramHeader, LineRow,
    LittleEndian,
};
use sedge_model::backtrace::{SourcePlace, StackFrame};
use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload};

use crate::script::map::{SOURCE_MAP_SECTION, ScriptMap};

/// The maximum number of rows in the table; a component of 20 MB has about as many. Without a
/// limit, the component's author would control the size of the table. Instructions beyond the
/// limit have no lines.
const ROWS_MAX: usize = 1 << 20;

/// The maximum number of distinct files. A large program has some thousands.
const FILES_MAX: usize = 1 << 16;

/// The maximum size of the header of one line program, in bytes. A unit of a thousand files has 50
/// KiB; the parser needs up to a hundred times as much memory.
const HEADER_BYTES_MAX: usize = 256 << 10;

/// The maximum number of bytes of a path that are read.
const PATH_BYTES_MAX: usize = 1024;

/// The maximum size of a path in the table, in bytes. The end of a longer one is kept.
const PATH_BYTES_SHOWN: usize = 160;

/// The file number of the row after the last instruction of a function.
const NO_FILE: u32 = u32::MAX;

/// The lines of all modules of a component, and of the script in it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LineTable {
    files: Vec<String>,
    /// Sorted by their first field.
    rows: Vec<Row>,
    /// The places of a plugin that was made of a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    script: Option<ScriptMap>,
}

/// The offset of an instruction in the component in bytes, the number of its file, its line and
/// its column.
type Row = (u32, u32, u32, u32);

type Slice<'a> = EndianSlice<'a, LittleEndian>;

impl LineTable {
    /// Reads the debug info of a component. Skips the parts that are not valid.
    pub(crate) fn read(component: &[u8]) -> Self {
        let mut reader = Reader::default();
        let mut modules = Vec::new();
        for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
            #[expect(
                clippy::wildcard_enum_match_arm,
                reason = "of the many parts of a component, five are of interest"
            )]
            match payload {
                Payload::Version { .. } => modules.push(Module::default()),
                Payload::CodeSectionStart { range, .. } => {
                    if let Some(module) = modules.last_mut() {
                        (module.code_start, module.code_size) = (range.start, range.len());
                    }
                }
                Payload::CustomSection(section)
                    if section.name() == SOURCE_MAP_SECTION && modules.len() == 1 =>
                {
                    reader.table.script = ScriptMap::of_section(section.data());
                }
                Payload::CustomSection(section) => {
                    if let Some(module) = modules.last_mut() {
                        module.take(section.name(), section.data());
                    }
                }
                Payload::End(_) => {
                    if let Some(module) = modules.pop() {
                        reader.module(&module);
                    }
                }
                _ => {}
            }
        }
        reader
            .table
            .rows
            .sort_by_key(|row| (row.0, row.1 != NO_FILE));
        reader.table
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.script.is_none()
    }

    /// Returns frames of a script with their places in the author's files.
    pub(crate) fn script_frames(&self, frames: Vec<StackFrame>) -> Vec<StackFrame> {
        match &self.script {
            Some(script) => script.frames(frames),
            None => frames,
        }
    }

    /// Returns the source position of the instruction at `offset`, in bytes from the start of the
    /// component.
    pub(crate) fn place(&self, offset: usize) -> Option<SourcePlace> {
        let offset = u32::try_from(offset).ok()?;
        let behind = self.rows.partition_point(|row| row.0 <= offset);
        let (_, file, line, column) = *self.rows.get(behind.checked_sub(1)?)?;
        Some(SourcePlace {
            file: self.files.get(file as usize)?.clone(),
            line,
            column,
        })
    }
}

/// The sections of a module, or of a component that contains modules, that matter here.
#[derive(Default)]
struct Module<'a> {
    /// The offset of its code section in the component. DWARF addresses are relative to it.
    code_start: usize,
    code_size: usize,
    programs: &'a [u8],
    line_strings: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Module<'a> {
    fn take(&mut self, section: &str, data: &'a [u8]) {
        match section {
            ".debug_line" => self.programs = data,
            ".debug_line_str" => self.line_strings = data,
            ".debug_str" => self.strings = data,
            _ => {}
        }
    }

    /// Returns a text of the debug info, up to [`PATH_BYTES_MAX`].
    fn text(&self, value: &AttributeValue<Slice<'a>>) -> Option<String> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "of the many forms of a value, three are a text that can be in a module"
        )]
        let from = match value {
            AttributeValue::String(text) => text.slice(),
            AttributeValue::DebugLineStrRef(offset) => self.line_strings.get(offset.0..)?,
            AttributeValue::DebugStrRef(offset) => self.strings.get(offset.0..)?,
            _ => return None,
        };
        let near = &from[..from.len().min(PATH_BYTES_MAX)];
        let end = near.iter().position(|byte| *byte == 0);
        let text = &near[..end.unwrap_or(near.len())];
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

/// Reads line programs into one table.
#[derive(Default)]
struct Reader {
    table: LineTable,
    file_numbers: HashMap<String, u32>,
}

impl Reader {
    fn module(&mut self, module: &Module<'_>) {
        let mut rest = module.programs;
        while let Some((program, next)) = program_split(rest) {
            rest = next;
            // The rows before an error are used.
            if let Some(Err(error)) = program.map(|program| self.program(module, program)) {
                tracing::debug!(%error, "a line program of a plugin is not valid");
            }
        }
    }

    fn program<'a>(&mut self, module: &Module<'a>, program: &'a [u8]) -> gimli::Result<()> {
        let lines = DebugLine::new(program, LittleEndian);
        let program = lines.program(DebugLineOffset(0), 4, None, None)?;
        // Maps file numbers of the program to those of the table.
        let mut known = HashMap::new();
        let mut rows = program.rows();
        let mut sequence: Vec<Row> = Vec::new();
        while let Some((header, row)) = rows.next_row()? {
            let Some(address) = address(module, row) else {
                continue;
            };
            if row.end_sequence() {
                sequence.push((address, NO_FILE, 0, 0));
                self.keep(module, &mut sequence);
                continue;
            }
            if sequence.len() == ROWS_MAX || known.len() == FILES_MAX {
                break;
            }
            let file = *known
                .entry(row.file_index())
                .or_insert_with(|| self.file_number(module, header, row.file_index()));
            let line = row.line().map_or(0, |line| short(line.get()));
            let column = match row.column() {
                gimli::ColumnType::LeftEdge => 0,
                gimli::ColumnType::Column(column) => short(column.get()),
            };
            let is_changed = sequence
                .last()
                .is_none_or(|last| (last.1, last.2, last.3) != (file, line, column));
            if is_changed {
                sequence.push((address, file, line, column));
            }
        }
        Ok(())
    }

    /// Adds the rows of a function. Skips a function that the linker removed: its address is at
    /// the beginning of the code or beyond its end.
    fn keep(&mut self, module: &Module<'_>, sequence: &mut Vec<Row>) {
        let is_code = sequence
            .first()
            .is_some_and(|first| first.0 as usize > module.code_start);
        if is_code && self.table.rows.len() + sequence.len() <= ROWS_MAX {
            self.table.rows.append(sequence);
        }
        sequence.clear();
    }

    fn file_number<'a>(
        &mut self,
        module: &Module<'a>,
        header: &LineProgramHeader<Slice<'a>>,
        index: u64,
    ) -> u32 {
        let path = || {
            let file = header.file(index)?;
            let directory = match file.directory_index() {
                // Directory 0 is where the compiler ran. It says nothing on another machine.
                0 => None,
                _ => file.directory(header).and_then(|text| module.text(&text)),
            };
            let name = module.text(&file.path_name())?;
            Some(path_shown(directory.as_deref(), &name))
        };
        let Some(path) = path() else {
            return NO_FILE;
        };
        let n_files = self.file_numbers.len();
        let next = match u32::try_from(n_files) {
            Ok(next) if n_files < FILES_MAX => next,
            Ok(_) | Err(_) => NO_FILE,
        };
        if next == NO_FILE {
            return *self.file_numbers.get(&path).unwrap_or(&NO_FILE);
        }
        *self.file_numbers.entry(path).or_insert_with_key(|path| {
            self.table.files.push(path.clone());
            next
        })
    }
}

/// Splits off the next line program. The program is `None` if its header is too long to be parsed.
/// In WebAssembly, lengths have four bytes.
fn program_split(rest: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let word = |at: usize| {
        let bytes = rest.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let (program, next) = rest.split_at_checked(word(0)?.checked_add(4)?)?;
    // DWARF 5 has two more bytes between the version and the length of the header.
    let header_at = if program.get(4..6)? == [5, 0] { 8 } else { 6 };
    let is_read = word(header_at)? <= HEADER_BYTES_MAX;
    Some((is_read.then_some(program), next))
}

/// Returns the offset of an instruction in the component, in bytes.
fn address(module: &Module<'_>, row: &LineRow) -> Option<u32> {
    let address = usize::try_from(row.address()).ok()?;
    let is_code = address <= module.code_size;
    let offset = is_code.then(|| module.code_start.checked_add(address))?;
    u32::try_from(offset?).ok()
}

fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// Returns a path in a form that does not reveal the machine that built the plugin. A path
/// relative to where the compiler ran is kept. Any other path begins at the folder of its package
/// (`serde-1.0.228/src/de.rs`) if it contains `src`; else its last folder and its name are kept.
fn path_shown(directory: Option<&str>, name: &str) -> String {
    let is_absolute = |path: &str| path.starts_with(['/', '\\']) || path.get(1..2) == Some(":");
    let path = match directory {
        Some(directory) if !is_absolute(name) => format!("{directory}/{name}"),
        Some(_) | None => name.to_owned(),
    };
    let parts: Vec<&str> = path
        .split(['/', '\\'])
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let is_relative = !is_absolute(&path) && !parts.contains(&"..");
    let sources = parts.iter().rposition(|part| *part == "src");
    let from = match sources {
        _ if is_relative => 0,
        Some(sources) => sources.saturating_sub(1),
        None => parts.len().saturating_sub(2),
    };
    let shown = parts[from..].join("/");
    let cut = shown.len().saturating_sub(PATH_BYTES_SHOWN);
    shown[shown.ceil_char_boundary(cut)..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_do_not_reveal_the_build_machine() {
        let check = |directory: Option<&str>, name: &str, expect: &str| {
            assert_eq!(path_shown(directory, name), expect);
        };
        check(None, "src/lib.rs", "src/lib.rs");
        check(
            Some("plugins/sink/src"),
            "lib.rs",
            "plugins/sink/src/lib.rs",
        );
        check(
            Some("/opt/ada/.cargo/registry/src/index/serde-1.0.228/src/private"),
            "de.rs",
            "serde-1.0.228/src/private/de.rs",
        );
        check(
            Some("lib"),
            "/rustc/0123/library/std/src/panicking.rs",
            "std/src/panicking.rs",
        );
        check(Some("C:\\Users\\ada"), "guest.c", "ada/guest.c");
        check(Some("../../ada/secret"), "guest.c", "secret/guest.c");
        check(None, "/guest.c", "guest.c");
        check(None, "", "");
        let long = "é".repeat(500);
        assert!(path_shown(None, &long).len() <= PATH_BYTES_SHOWN);
    }

    /// Returns a line program of version 4 with one file, `src/a.rs`, two rows, and an end.
    fn program() -> Vec<u8> {
        let mut header = vec![1, 1, 1, 0xfb, 14, 13];
        header.extend([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]);
        header.extend(*b"src\0\0a.rs\0\x01\0\0\0");
        let rows = [
            &[0, 5, 2, 0x10, 0, 0, 0][..], // the address is 16
            &[3, 6, 5, 9, 1],              // line 7, column 9: a row
            &[2, 4, 3, 1, 1],              // 4 bytes further, line 8: a row
            &[2, 4, 0, 1, 1],              // 4 bytes further: the end
        ];
        let mut program = vec![4, 0];
        program.extend(u32::try_from(header.len()).expect("short").to_le_bytes());
        program.extend(header);
        program.extend(rows.concat());
        let mut bytes = u32::try_from(program.len())
            .expect("short")
            .to_le_bytes()
            .to_vec();
        bytes.extend(program);
        bytes
    }

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let size = content.len();
        assert!(size < 1 << 14, "two bytes are enough");
        let size = [(size & 0x7f) as u8 | 0x80, (size >> 7) as u8];
        [&[id], &size[..], content].concat()
    }

    /// Returns a component with a module that has 100 bytes of code and this section.
    fn component(lines: &[u8]) -> Vec<u8> {
        let code = [&[1, 97 | 0x80, 0][..], &[0; 97]].concat();
        let module = [
            b"\0asm\x01\0\0\0".to_vec(),
            section(3, &[1, 0]),
            section(10, &code),
            section(0, &[b"\x0b.debug_line", lines].concat()),
        ];
        [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module.concat())].concat()
    }

    fn places(lines: &[u8]) -> Vec<String> {
        let bytes = component(lines);
        let table = LineTable::read(&bytes);
        let text = serde_json::to_string(&table).expect("it has a form in JSON");
        assert_eq!(
            serde_json::from_str::<LineTable>(&text).expect("our own"),
            table
        );
        let place = |offset| table.place(offset).map(|place| place.to_string());
        let mut places: Vec<String> = (0..bytes.len()).filter_map(place).collect();
        places.dedup();
        places
    }

    #[test]
    fn instruction_has_the_place_of_the_row_before_it() {
        assert_eq!(places(&program()), ["src/a.rs:7:9", "src/a.rs:8:9"]);
        let table = LineTable::read(&component(&program()));
        // The headers of the component, of the module section and of the module, the function
        // section, and the header of the code section.
        let code_start = 8 + 3 + 8 + 5 + 3;
        let at = |offset: usize| table.place(code_start + offset).map(|place| place.line);
        assert_eq!(
            [15, 16, 19, 20, 23, 24].map(at),
            [None, Some(7), Some(7), Some(8), Some(8), None]
        );
    }

    #[test]
    fn truncated_or_changed_programs_are_skipped() {
        let program = program();
        for end in 0..program.len() {
            assert_eq!(places(&program[..end]), [""; 0], "{end}");
        }
        for at in 0..program.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut changed = program.clone();
                changed[at] = byte;
                places(&changed);
            }
        }
        let twice = [program.clone(), program].concat();
        assert_eq!(places(&twice), ["src/a.rs:7:9", "src/a.rs:8:9"]);
    }

    /// The header is not even passed to the parser.
    #[test]
    fn header_beyond_the_limit_is_skipped() {
        let mut long = program();
        let files = b"b.rs\0\0\0\0".repeat(HEADER_BYTES_MAX / 8);
        let at = long.len() - 23 - 1;
        long.splice(at..at, files);
        let length = u32::try_from(long.len() - 4).expect("short");
        long[..4].copy_from_slice(&length.to_le_bytes());
        let header = u32::try_from(long.len() - 10 - 22).expect("short");
        long[6..10].copy_from_slice(&header.to_le_bytes());
        let (is_read, rest) = program_split(&long).expect("it is in full");
        assert_eq!((is_read, rest), (None, &[][..]));
    }
}
