//! `sedge eval`

use clap::Args;
use sedge_app::expression::eval::{EvalRequest, eval};
use sedge_app::types::GivenInput;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::inputs::contents_read;
use crate::output::Output;

/// Try an expression
///
/// Prints the value of an expression as it would be in a definition or a workflow: with data, other
/// definitions and `now`. It changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sedge eval 'data.latest(\"sink\", \"record\").attributes.note'
  sedge eval 'self.globalArguments' --model sink
  sedge eval 'data.query(\"modelName == \\\"sink\\\"\").map(it, it.name)'")]
pub(crate) struct EvalArgs {
    /// The expression, without ${{ and }}
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    expression: String,
    /// Evaluate it as in the definition of this model, which `self` is
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Evaluate it as in this run, with its inputs, steps and jobs
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Set an input; may be repeated
    #[arg(long = "input", short, value_name = "KEY=VALUE")]
    inputs: Vec<GivenInput>,
    /// Print a text as it is, not as JSON
    #[arg(long)]
    raw: bool,
}

impl Run for EvalArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let request = EvalRequest {
            expression: self.expression,
            model: self.model,
            run: self.run,
            inputs: contents_read(self.inputs)?,
        };
        let app = cx.app()?;
        let evaluation = cx.wait(eval(&app, &request))?;
        let value = evaluation.value.clone();
        let output = Output::new(evaluation);
        Ok(match value.as_str().filter(|_| self.raw) {
            Some(text) => output.text_data(format!("{text}\n")),
            None => output.text_json(&value),
        })
    }
}
