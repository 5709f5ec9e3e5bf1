//! `sedge model method direct`, which users write as `sedge model TYPE method run`

use std::path::PathBuf;

use clap::Args;
use sedge_app::Settings;
use sedge_app::model::method_direct::{ModelMethodDirectRequest, model_method_direct};
use sedge_app::model::method_run::ModelMethodRunRequest;
use sedge_app::types::{GivenInputs, Workload};

use crate::commands::Run;
use crate::commands::shared::{CheckOptions, ExecutionOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::inputs::InputOptions;
use crate::item_runs::{RunResult, run_each};
use crate::output::Output;

/// Run one method of a type, on a model that need not exist
///
/// A model that does not exist is created in the datastore, without a file, and keeps the global
/// arguments that it is given; `sedge model create NAME --from-direct` writes its file. A key of
/// --input is an argument of the method, or else a global argument. On a model with a file, given
/// global arguments are used for this run only. The usual form has the type before the verb.
#[derive(Debug, Args)]
#[command(mut_arg("json_lines", |arg| arg.requires("stdin")))]
#[command(override_usage = "sedge model <TYPE> method run [OPTIONS] <METHOD> <NAME>")]
pub(crate) struct ModelMethodDirectArgs {
    /// The type, for example @sedge/sink
    r#type: String,
    /// The method
    method: String,
    /// The model
    name: String,
    #[command(flatten)]
    inputs: InputOptions,
    /// Write the memory of the first guest that traps to a new file
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    core_dump: Option<PathBuf>,
    #[command(flatten)]
    checks: CheckOptions,
    #[command(flatten)]
    options: ExecutionOptions,
}

impl Run for ModelMethodDirectArgs {
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
        let request = |given: GivenInputs| ModelMethodDirectRequest {
            type_name: self.r#type.clone(),
            run: ModelMethodRunRequest {
                model: self.name.clone(),
                method: self.method.clone(),
                arguments: given.item,
                inputs: given.over,
                core_dump: self.core_dump.clone(),
                check_skips: check_skips.clone(),
            },
        };
        if self.inputs.stdin {
            return run_each(cx, self.inputs, async |given| {
                model_method_direct(&app, &request(given)).await
            });
        }
        let given = self.inputs.given()?;
        let ran = cx.wait_run(model_method_direct(&app, &request(given)))?;
        Ok(match cx.json {
            true => Output::new(ran),
            false => ran.output(),
        })
    }

    fn changes(&self) -> bool {
        true
    }
}
