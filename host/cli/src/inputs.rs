//! Inputs of runs: on the command line, in a file, or on stdin.

use std::path::{Path, PathBuf};

use clap::Args;
use sedge_app::AppError;
use sedge_app::types::{GivenInput, GivenInputs, SourceFile, inputs_file, read_named_file};
use sedge_sys::input::Input;
use sedge_sys::thread::Stop;

use crate::error::CliError;

/// The most bytes that are read from a file or from stdin as one value, or as a file of inputs.
///
/// The user chooses the file. The arguments of a call are in memory several times.
const INPUT_BYTES_MAX: u64 = 64 << 20;

/// The size of the buffer for stdin, in bytes.
pub(crate) const STDIN_BUFFER_BYTES: usize = 64 << 10;

/// The options of commands that run something with inputs.
#[derive(Debug, Args)]
pub(crate) struct InputOptions {
    /// Pass an input: KEY=VALUE, KEY=@FILE for the content of a file, KEY:json=JSON, or one JSON
    /// object; may be repeated. A key with dots leads into a map
    #[arg(long, short, value_name = "KEY=VALUE")]
    input: Vec<GivenInput>,
    /// Read inputs from a JSON or YAML file; --input overrides them
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    input_file: Option<PathBuf>,
    /// Run once for each item on stdin: a JSON object or array, JSON lines, or YAML documents;
    /// --input overrides each
    #[arg(long)]
    pub(crate) stdin: bool,
    #[command(flatten)]
    pub(crate) items: ItemOptions,
}

/// The options of commands that show a file as a run with inputs would have it.
#[derive(Debug, Args)]
pub(crate) struct TrialInputOptions {
    /// Set an input, as for a run; may be repeated
    #[arg(long, short, value_name = "KEY=VALUE")]
    input: Vec<GivenInput>,
    /// Read inputs from a JSON or YAML file; --input overrides them
    #[arg(long, value_name = "FILE")]
    input_file: Option<PathBuf>,
}

/// The options that concern several runs.
#[derive(Debug, Args)]
pub(crate) struct ItemOptions {
    /// With --stdin, run the other items after one that failed
    #[arg(long, requires = "stdin")]
    pub(crate) keep_going: bool,
    /// With --stdin, write one JSON document per line to stdout when a run ends
    // Commands that write nothing else as JSON lines require `--stdin` (`mut_arg`).
    #[arg(long)]
    pub(crate) json_lines: bool,
}

impl InputOptions {
    /// Returns the inputs of the file and of the command line.
    ///
    /// # Errors
    /// A file cannot be read, or has a fault.
    pub(crate) fn given(self) -> Result<GivenInputs, CliError> {
        given(self.input, self.input_file)
    }
}

impl TrialInputOptions {
    /// Returns the inputs of the file and of the command line.
    ///
    /// # Errors
    /// A file cannot be read, or has a fault.
    pub(crate) fn given(self) -> Result<GivenInputs, CliError> {
        given(self.input, self.input_file)
    }
}

fn given(over: Vec<GivenInput>, file: Option<PathBuf>) -> Result<GivenInputs, CliError> {
    let mut given = GivenInputs {
        over: contents_read(over)?,
        ..GivenInputs::default()
    };
    if let Some(path) = file {
        let name = path.display().to_string();
        let file = SourceFile::new(name.as_str(), text_of(&name)?);
        given.item = inputs_file(&file).map_err(AppError::from)?;
    }
    Ok(given)
}

/// Reads the files whose content is the value of an input.
///
/// # Errors
/// A file cannot be read, or is not text.
pub(crate) fn contents_read(inputs: Vec<GivenInput>) -> Result<Vec<GivenInput>, CliError> {
    let read = |input: GivenInput| match input.file() {
        Some(file) => {
            let content = text_of(file)?;
            Ok(input.with_content(content))
        }
        None => Ok(input),
    };
    inputs.into_iter().map(read).collect()
}

/// Returns the text of a file; `-` is stdin.
///
/// # Errors
/// The file cannot be read, is too large, or is not text.
pub(crate) fn text_of(file: &str) -> Result<String, CliError> {
    let unfit = |what: String| CliError::Usage {
        message: what,
        hints: vec![
            "an input is text in UTF-8; a value that begins with `@` is written `\\@`".to_owned(),
        ],
    };
    let bytes = if file == "-" {
        let bytes = stdin_bytes()?;
        if bytes.len() as u64 > INPUT_BYTES_MAX {
            return Err(unfit(format!(
                "stdin has more than {INPUT_BYTES_MAX} bytes"
            )));
        }
        bytes
    } else {
        read_named_file(Path::new(file), INPUT_BYTES_MAX).map_err(AppError::from)?
    };
    String::from_utf8(bytes).map_err(|_| unfit(format!("`{file}` is not text in UTF-8")))
}

/// Reads stdin to its end, or up to one buffer beyond [`INPUT_BYTES_MAX`].
fn stdin_bytes() -> Result<Vec<u8>, CliError> {
    let mut input = Input::stdin().map_err(AppError::from)?;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; STDIN_BUFFER_BYTES]);
    while bytes.len() as u64 <= INPUT_BYTES_MAX {
        match input.read(&mut buffer, &Stop::default()) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(error) => return Err(AppError::from(error).into()),
        }
    }
    Ok(bytes)
}
