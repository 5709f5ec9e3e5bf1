//! `sedge model method run`

use std::path::PathBuf;

use clap::Args;
use sedge_api::view::model::MethodRunView;
use sedge_app::Settings;
use sedge_app::failure_text::{core_dump_text, written_text};
use sedge_app::model::method_run::{ModelMethodRunRequest, model_method_run};
use sedge_app::types::{GivenInputs, Workload, json};
use serde_json::{Map, Value};

use crate::commands::Run;
use crate::commands::shared::{CheckOptions, ExecutionOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::inputs::{InputOptions, text_of};
use crate::item_runs::{RunResult, run_each};
use crate::output::Output;
use crate::show;

/// Run one method of a model
///
/// Prints the value that the method returned. `sedge data` shows the data that it wrote.
#[derive(Debug, Args)]
#[command(mut_arg("json_lines", |arg| arg.requires("stdin")))]
pub(crate) struct ModelMethodRunArgs {
    /// The model
    model: String,
    /// The method
    method: String,
    #[command(flatten)]
    inputs: InputOptions,
    /// Pass arguments as one JSON object, a file (@FILE) or stdin (-); --input overrides it
    #[arg(long, value_name = "JSON", hide = true, conflicts_with_all = ["input_file", "stdin"])]
    inputs_json: Option<String>,
    /// Write the memory of the first guest that traps to a new file
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    core_dump: Option<PathBuf>,
    #[command(flatten)]
    checks: CheckOptions,
    #[command(flatten)]
    options: ExecutionOptions,
}

impl Run for ModelMethodRunArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let workload = match self.inputs.stdin {
            true => Workload::ManyCalls,
            false => Workload::OneCall,
        };
        let settings = Settings {
            core_dumps: self.core_dump.is_some(),
            ..self.options.settings(workload)?
        };
        let app = cx.app_with(settings)?;
        let check_skips = self.checks.skips();
        let request = |given: GivenInputs| ModelMethodRunRequest {
            model: self.model.clone(),
            method: self.method.clone(),
            arguments: given.item,
            inputs: given.over,
            core_dump: self.core_dump.clone(),
            check_skips: check_skips.clone(),
        };
        if self.inputs.stdin {
            return run_each(cx, self.inputs, async |given| {
                model_method_run(&app, &request(given)).await
            });
        }
        let mut given = self.inputs.given()?;
        if let Some(json) = &self.inputs_json {
            given.item = json_object(json)?;
        }
        let ran = cx.wait_run(model_method_run(&app, &request(given)))?;
        Ok(if cx.json {
            Output::new(ran)
        } else {
            ran.output()
        })
    }

    fn changes(&self) -> bool {
        true
    }
}

impl RunResult for MethodRunView {
    fn is_suspended(&self) -> bool {
        false
    }

    fn output(self) -> Output {
        let wrote = written_text(&self.written).map(|written| format!(", wrote {written}"));
        let mut output = Output::default().text_json(&self.value).note(format!(
            "Succeeded after {}{}.",
            show::duration_ms(self.elapsed_ms),
            wrote.unwrap_or_default()
        ));
        if self.written.count > self.written.first.len() as u64 {
            output = output.note(format!(
                "hint: `sedge data query \"run == '{}'\" --all-versions` lists everything that was written",
                self.run
            ));
        }
        match &self.core_dump {
            Some(dump) => output.note(format!("note: {}", core_dump_text(dump))),
            None => output,
        }
    }
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
