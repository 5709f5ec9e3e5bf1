//! `sedge model method run`

use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use clap::Args;
use sedge_app::failure_text::{core_dump_text, written_text};
use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_app::types::{Workload, json, read_named_file};
use sedge_app::{AppError, Settings};
use sedge_sys::fault::MachineError;
use serde_json::{Map, Value};

use crate::commands::Run;
use crate::commands::shared::RunOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Run one method of a model
///
/// Prints the value that the method returned. `sedge data` shows the data that it wrote.
#[derive(Debug, Args)]
pub(crate) struct ModelMethodRunArgs {
    /// The model
    model: String,
    /// The method
    method: String,
    /// Pass an argument; may be repeated. @FILE stands for the content of a file, @@ for an @
    #[arg(long = "input", short, value_name = "KEY=VALUE", value_parser = key_value)]
    inputs: Vec<(String, String)>,
    /// Pass arguments as one JSON object, a file (@FILE) or stdin (-); --input overrides it
    #[arg(long, value_name = "JSON")]
    inputs_json: Option<String>,
    /// Write the memory of the first guest that traps to a new file
    #[arg(long, value_name = "FILE")]
    core_dump: Option<PathBuf>,
    #[command(flatten)]
    options: RunOptions,
}

impl Run for ModelMethodRunArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let settings = Settings {
            core_dumps: self.core_dump.is_some(),
            ..self.options.settings(Workload::OneCall)?
        };
        let repository = cx.repository_with(settings)?;
        let request = ModelMethodRunRequest {
            core_dump: self.core_dump,
            model: self.model,
            method: self.method,
            arguments: self
                .inputs_json
                .map_or_else(|| Ok(Map::new()), |json| json_object(&json))?,
            inputs: inputs_read(self.inputs)?,
        };
        let ran = cx.wait(model_method_run(&repository, &request, cx.events()))?;
        if cx.json {
            return Ok(Output::new(ran));
        }
        let wrote = written_text(&ran.written).map(|written| format!(", wrote {written}"));
        let mut output = Output::default().text_json(&ran.value).note(format!(
            "Succeeded after {}{}.",
            show::duration_ms(ran.elapsed_ms),
            wrote.unwrap_or_default()
        ));
        if ran.written.count > ran.written.first.len() as u64 {
            output = output.note(format!(
                "hint: `sedge data query \"run == '{}'\" --all-versions` lists everything that was written",
                ran.run
            ));
        }
        Ok(match &ran.core_dump {
            Some(dump) => output.note(format!("note: {}", core_dump_text(dump))),
            None => output,
        })
    }
}

/// Parses `KEY=VALUE`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("it is not of the form KEY=VALUE".to_owned()),
    }
}

/// The most bytes that are read from a file or from stdin as an argument.
///
/// The user chooses the file. The arguments of a call are in memory several times.
const INPUT_BYTES_MAX: u64 = 64 << 20;

/// Replaces values of the form `@FILE` with the content of the file.
pub(crate) fn inputs_read(
    inputs: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, CliError> {
    let read = |(key, value): (String, String)| {
        let Some(file) = value.strip_prefix('@') else {
            return Ok((key, value));
        };
        if file.starts_with('@') {
            let text = file.to_owned();
            return Ok((key, text));
        }
        text_of(file).map(|text| (key, text))
    };
    inputs.into_iter().map(read).collect()
}

/// Returns the text of a file; `-` is stdin.
fn text_of(file: &str) -> Result<String, CliError> {
    let unfit = |what: String| CliError::Usage {
        message: what,
        hints: vec![
            "an argument is text in UTF-8; a value that begins with `@` is written `@@`".to_owned(),
        ],
    };
    let bytes = if file == "-" {
        let mut bytes = Vec::new();
        stdin()
            .lock()
            .take(INPUT_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(MachineError::of("read stdin"))?;
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

/// Reads the arguments of `--inputs-json`.
fn json_object(given: &str) -> Result<Map<String, Value>, CliError> {
    let file = if given == "-" {
        Some("-")
    } else {
        given.strip_prefix('@')
    };
    let bad = |reason: String| CliError::Usage {
        message: format!("`--inputs-json` cannot be used: {reason}"),
        hints: vec!["give one JSON object, `@FILE`, or `-` for stdin".to_owned()],
    };
    let text = file.map_or_else(|| Ok(given.to_owned()), text_of)?;
    match json::parse(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(bad("it is JSON, but not an object".to_owned())),
        Err(error) => Err(bad(error.to_string())),
    }
}
