//! `sedge data get`

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use sedge_api::view::data::{DataContentView, DataKindView, DataVersionView};
use sedge_app::AppError;
use sedge_app::data::get::{data_get, data_save, data_save_to};
use sedge_app::data::query::{Selected, data_select};
use sedge_app::types::{ContentReader, Scan};
use serde_json::Value;

use crate::commands::Run;
use crate::commands::shared::whole_number;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text::TerminalData;
use crate::output::{Output, stdout_bytes};
use crate::show;

/// Print the content of one version
///
/// A resource is printed as JSON, and a file verbatim. `--output` writes the content to a file.
#[derive(Debug, Args)]
pub(crate) struct DataGetArgs {
    /// The model
    model: String,
    /// The name of the data
    name: String,
    /// The version [default: the latest]
    #[arg(long, short = 'V', value_name = "N", value_parser = whole_number)]
    version: Option<u64>,
    /// Write the content to this file, or to stdout if it is `-`
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the value of this CEL expression, as in `sedge data query`: attributes.ip
    #[arg(long, value_name = "EXPR", conflicts_with = "output")]
    select: Option<String>,
    /// Print a text without quotes
    #[arg(long, requires = "select")]
    raw: bool,
}

/// The number of bytes of a file that are printed at once.
const PRINTED_AT_ONCE: usize = 256 << 10;

impl Run for DataGetArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let to_stdout = self.output.as_deref() == Some(Path::new("-"));
        if to_stdout && cx.json {
            return Err(CliError::Usage {
                message: "`--output -` and `--json` cannot both write to stdout".to_owned(),
                hints: vec!["name a file, or omit `--json`".to_owned()],
            });
        }
        let app = cx.app()?;
        if let Some(select) = &self.select {
            let selected = data_select(&app, &self.model, &self.name, self.version, select)?;
            return Ok(selected_output(selected, self.raw));
        }
        let (version, content) = data_get(&app, &self.model, &self.name, self.version)?;
        let name = version.name.clone();
        let output = match &self.output {
            Some(_) if to_stdout => copied(content)?,
            Some(path) => {
                let to = data_save_to(&app, path)?;
                // A pipe or device is written to directly, so an interruption has no unfinished file to
                // remove. The program must end at once even if no process reads the pipe.
                if to.is_whole() {
                    cx.write(|progress| data_save(content, to, progress))?;
                } else {
                    cx.read(|progress| {
                        let report = |done, of| {
                            progress.bytes(done, of);
                            Scan::More
                        };
                        Ok::<_, CliError>(data_save(content, to, report)?)
                    })?;
                }
                let size = show::bytes(version.size);
                let note = format!("Wrote {size} to {}.", path.display());
                let output = Some(path.to_string_lossy().into_owned());
                Output::new(document(version, None, output)).note(note)
            }
            None => printed(cx, version, content)?,
        };
        Ok(if name == self.name {
            output
        } else {
            output.note(format!("`{}` was renamed to `{name}`.", self.name))
        })
    }
}

fn selected_output(selected: Selected, raw: bool) -> Output {
    let Selected {
        version,
        value,
        missing,
    } = selected;
    let output = match value.as_str().filter(|_| raw) {
        Some(text) => Output::default().text_data(format!("{text}\n")),
        None => Output::default().text_json(&value),
    };
    let output = match missing {
        Some(key) => output.note(format!("`{key}` is missing, so it counts as null.")),
        None => output,
    };
    output.document(document(version, Some(value), None))
}

fn document(
    version: DataVersionView,
    content: Option<Value>,
    output: Option<String>,
) -> DataContentView {
    DataContentView {
        version,
        content,
        output,
    }
}

fn printed(
    cx: &Context,
    version: DataVersionView,
    content: ContentReader,
) -> Result<Output, CliError> {
    match version.kind {
        DataKindView::Resource => {
            let text = content.read_all().map_err(AppError::from)?;
            let content: Value = serde_json::from_slice(&text)
                .map_err(|error| CliError::Bug(format!("a resource is not JSON: {error}")))?;
            let output = Output::default().text_json(&content);
            Ok(output.document(document(version, Some(content), None)))
        }
        // Bytes have no form in JSON.
        DataKindView::File if cx.json => Ok(Output::new(document(version, None, None))),
        DataKindView::File if std::io::stdout().is_terminal() && !is_text(&version) => {
            let note = format!(
                "`{}` is a file of type {}, which a terminal cannot show: `--output FILE` writes it to a file.",
                version.name, version.media_type
            );
            Ok(Output::default().note(note))
        }
        DataKindView::File => copied(content),
    }
}

/// Prints content verbatim, or with marks in place of control characters if stdout is a terminal.
fn copied(mut content: ContentReader) -> Result<Output, CliError> {
    let mut buffer = vec![0; PRINTED_AT_ONCE];
    let mut shown = std::io::stdout().is_terminal().then(TerminalData::default);
    loop {
        let n = content.read(&mut buffer).map_err(AppError::from)?;
        if n == 0 {
            break;
        }
        let is_read = match &mut shown {
            Some(shown) => stdout_bytes(shown.push(&buffer[..n]).as_bytes())?,
            None => stdout_bytes(&buffer[..n])?,
        };
        if !is_read {
            return Ok(Output::printed());
        }
    }
    if let Some(shown) = shown {
        stdout_bytes(shown.finish().as_bytes())?;
    }
    Ok(Output::printed())
}

fn is_text(version: &DataVersionView) -> bool {
    let media_type = &version.media_type;
    media_type.starts_with("text/") || media_type.contains("json")
}
