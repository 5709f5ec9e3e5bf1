//! `sedge secret put`

use std::ffi::OsString;
use std::io::{IsTerminal, Read, stdin};

use clap::Args;
use sedge_app::AppError;
use sedge_app::secret::put::secret_put;
use sedge_app::types::{HiddenInput, SecretName, SecretValue, Typed, VALUE_BYTES_MAX};
use sedge_sys::fault::MachineError;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::screen::Screen;
use crate::show;

/// The most bytes that are read from stdin: a value, its newline, and one byte more, which shows
/// that the value is too long.
const STDIN_BYTES_MAX: usize = VALUE_BYTES_MAX + "\r\n".len() + 1;

/// Store a secret, or replace its value
///
/// Asks twice for the value, and does not show it. If stdin is not a terminal, the value is read
/// from it, without the last newline. The value is never an argument, because other programs can
/// read arguments, and shells store them.
#[derive(Debug, Args)]
#[command(override_usage = "sedge secret put [OPTIONS] <NAME>")]
pub(crate) struct SecretPutArgs {
    /// The name of the secret
    name: String,
    /// Keep the last newline of stdin as a part of the value
    #[arg(long)]
    keep_newline: bool,
    /// Accept a value that is short or easily guessed; it is kept out of logs and outcomes, but not
    /// out of names and tags
    #[arg(long)]
    allow_weak: bool,
    /// The value that a user typed by mistake; it is refused
    #[arg(hide = true)]
    value: Vec<OsString>,
}

impl Run for SecretPutArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        if !self.value.is_empty() {
            let name = show::typed(&self.name);
            return Err(CliError::Usage {
                message: "the value of a secret is never an argument: other programs can read it there, and shells store it".to_owned(),
                hints: vec![format!(
                    "type it at the prompt of `sedge secret put {name}`, or pass it on stdin"
                )],
});
        }
        let app = cx.app()?;
        // The name is checked before the user is asked for a value.
        let name: SecretName = self.name.parse().map_err(AppError::from)?;
        let value = if stdin().is_terminal() {
            value_typed(&cx.screen, &name)?
        } else {
            value_read(self.keep_newline)?
        };
        let put = secret_put(&app, &name, &value, self.allow_weak)?;
        let mut notes = vec![match put.version {
            Some(version @ 2..) => {
                format!("Put version {version} of `{name}`, which replaces the former one.")
            }
            Some(_) | None => format!("Put `{name}`."),
        }];
        if let Some(reason) = &put.reason {
            notes.push(format!(
                "warning: the value is weak: {reason}. It is kept out of logs and outcomes, but not \
                 out of names and tags."
            ));
        }
        Ok(notes.into_iter().fold(Output::new(put), Output::note))
    }

    fn changes(&self) -> bool {
        true
    }
}

/// Asks twice for a value.
fn value_typed(screen: &Screen, name: &SecretName) -> Result<SecretValue, CliError> {
    let mut input = HiddenInput::begin().map_err(MachineError::of("read from the terminal"))?;
    let first = ask(screen, &mut input, &format!("Value of `{name}`: "))?;
    let second = ask(screen, &mut input, "Repeat the value: ")?;
    if first.expose() != second.expose() {
        return Err(CliError::Usage {
            message: "the two values differ".to_owned(),
            hints: vec!["nothing was changed; try again".to_owned()],
        });
    }
    Ok(first)
}

fn ask(screen: &Screen, input: &mut HiddenInput, prompt: &str) -> Result<SecretValue, CliError> {
    screen.stderr_prompt(prompt);
    let typed = input
        .line()
        .map_err(MachineError::of("read from the terminal"))?;
    // The newline that the user typed was not shown either.
    screen.stderr("");
    match typed {
        Typed::Line(line) => Ok(SecretValue::new(line).map_err(AppError::from)?),
        Typed::Cut => Err(CliError::Usage {
            message: "the value is longer than a line of the terminal can be".to_owned(),
            hints: vec!["pass it on stdin: `sedge secret put NAME < FILE`".to_owned()],
        }),
        Typed::Interrupted | Typed::End => Err(CliError::PromptInterrupted),
    }
}

/// Reads a value from stdin.
fn value_read(keep_newline: bool) -> Result<SecretValue, CliError> {
    // The buffer has room for everything: if it grew, a copy of the value would stay in memory.
    let mut value = Vec::with_capacity(2 * STDIN_BYTES_MAX);
    let bytes_max = STDIN_BYTES_MAX as u64;
    let read = stdin().lock().take(bytes_max).read_to_end(&mut value);
    read.map_err(MachineError::of("read stdin"))?;
    if !keep_newline && value.ends_with(b"\n") {
        value.pop();
        if value.ends_with(b"\r") {
            value.pop();
        }
    }
    Ok(SecretValue::new(value).map_err(AppError::from)?)
}
