//! `sedge plugin dev`

use std::path::PathBuf;

use clap::Args;
use sedge_app::plugin::dev::{DevCall, DevReport, PluginDevRequest, plugin_dev};
use sedge_app::types::{GivenInput, Workload};

use crate::commands::Run;
use crate::commands::plugin::build::is_compiler_quiet;
use crate::commands::shared::ExecutionOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::inputs::contents_read;
use crate::output::{Output, escaped, stdout};
use crate::permission_text::permission_text;
use crate::{guest_text, show};

/// Build, add and run a plugin each time a file changes
///
/// Builds the project in a profile that compiles fast, adds the component in place of the one before,
/// and runs the last call of a model of its type again. The plugin keeps its grants; a permission that
/// it did not request before is shown, and is not granted. Ctrl-C ends the loop.
#[derive(Debug, Args)]
pub(crate) struct PluginDevArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Run this method of this model [default: the last call of a model of the type]
    #[arg(long, num_args = 2, value_names = ["MODEL", "METHOD"])]
    run: Option<Vec<String>>,
    /// Pass an argument to the method, as for `model method run`; may be repeated
    #[arg(long, short, value_name = "KEY=VALUE", requires = "run")]
    input: Vec<GivenInput>,
    /// Do all of this once, and do not wait for changes
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    options: ExecutionOptions,
}

impl Run for PluginDevArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        if cx.json && !self.once {
            return Err(CliError::Usage {
                message: "`--json` prints one document, and the loop has no end".to_owned(),
                hints: vec!["do a single round: `--once`".to_owned()],
            });
        }
        let app = cx.app_with(self.options.settings(Workload::OneCall)?)?;
        let call = match self.run.as_deref() {
            Some([model, method]) => Some(DevCall {
                model: model.clone(),
                method: method.clone(),
                inputs: contents_read(self.input)?,
                ..DevCall::default()
            }),
            Some(_) | None => None,
        };
        let request = PluginDevRequest {
            folder: self.path,
            call,
            is_once: self.once,
            is_quiet: is_compiler_quiet(cx),
        };
        let round = cx.wait_run(plugin_dev(&app, &request, |report| shown(cx, report)))?;
        Ok(if cx.json {
            Output::new(round)
        } else {
            Output::printed()
        })
    }

    fn changes(&self) -> bool {
        true
    }
}

/// Shows a report of the loop: the value of a call on stdout, and everything else on stderr.
fn shown(cx: &Context, report: DevReport<'_>) {
    if cx.json {
        return;
    }
    let note = |text: &str| {
        if !cx.quiet {
            cx.screen.stderr(text);
        }
    };
    match report {
        DevReport::Added(added, not_granted) => {
            let plugin = &added.plugin;
            note(&format!("Added {} {}", plugin.name, plugin.version));
            for request in not_granted {
                let what = permission_text(&request.permission);
                let reason = guest_text::in_line(&request.reason);
                note(&format!("Not granted: {what}: {reason}"));
            }
        }
        DevReport::Calling(call) => note(&format!("Running {} of {}.", call.method, call.model)),
        DevReport::NoCall(type_name) => {
            note(&format!("No model of {type_name} was run yet."));
            note("hint: `sedge plugin dev --run MODEL METHOD` runs one in each round");
        }
        DevReport::Called(called) => {
            let text = format!("{:#}\n", called.value);
            // ignored: if stdout is closed, the loop ends by the signal of the user.
            let _ = stdout(&cx.screen.shown(escaped(&text).into_owned(), true));
        }
        DevReport::Failed(error) => CliError::from(error).print(&cx.screen),
        DevReport::Timed {
            build_ms,
            add_ms,
            call_ms,
        } => {
            let (build, add) = (show::duration_ms(build_ms), show::duration_ms(add_ms));
            let call = call_ms.map(|ms| format!(", call {}", show::duration_ms(ms)));
            let total = build_ms + add_ms + call_ms.unwrap_or_default();
            note(&format!(
                "{}: build {build}, add {add}{}",
                show::duration_ms(total),
                call.unwrap_or_default()
            ));
        }
        DevReport::Waiting => note("Waiting for a change. Ctrl-C ends the loop."),
    }
}
