//! Secrets of a vault that a pinned command reads, as `secrets: {sources: […]}` in `sedge.yaml` says.
//!
//! Only a run that needs such a secret runs the command. The value is never stored.

use std::path::PathBuf;
use std::time::Duration;

use sedge_lang::repository::SecretSource;
use sedge_model::command::CommandPin;
use sedge_secrets::{Redactor, SecretValue};
use sedge_sys::command::{self, Command, End, PipedBytes, Printed, ProgramOutput, WorkFolder};
use sedge_sys::host::variable;

use crate::error::{AppError, SecretError};
use crate::repository::Repository;

/// How much a command may print, in bytes. The command chooses the length, and the host holds it in
/// memory as long as the run lasts.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// How long a command may take, unless its pin sets another limit. Without a limit, a program that
/// asks a question would hold up the run for ever.
const TIME_MAX: Duration = Duration::from_secs(30);

/// How much of the last line of stderr an error shows, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// Runs the command of a vault for one key, and returns what it prints, without one newline at the
/// end.
///
/// The key stands in place of each `*` in the arguments of the pin. If there is no `*`, the command
/// reads the key from stdin.
///
/// # Errors
/// The command cannot be run, takes too long, fails, or prints no value that can be a secret. The
/// error has no part of what it printed to stdout.
pub(super) async fn source_read(
    repository: &Repository,
    source: &SecretSource,
    key: &str,
    redactor: &Redactor,
) -> Result<SecretValue, AppError> {
    let pin = repository.secret_command(source);
    let refused = |reason: String| {
        AppError::from(SecretError::Source {
            vault: source.vault.to_string(),
            key: key.to_owned(),
            command: source.command.to_string(),
            reason: redactor.redact(&reason).into_owned(),
        })
    };
    let (command, bytes) = command_of(repository, pin, key).map_err(refused)?;
    let ran = command::run(repository.command_slots(), command, bytes).await;
    let output = ran.map_err(|error| {
        let cause = std::error::Error::source(&error);
        refused(match cause {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        })
    })?;
    value_of(output).map_err(refused)
}

/// Returns the command, with the key in its arguments or on its stdin.
///
/// # Errors
/// The pin does not take the arguments.
fn command_of(
    repository: &Repository,
    pin: &CommandPin,
    key: &str,
) -> Result<(Command, PipedBytes), String> {
    let form = pin.arguments.first();
    let arguments = form.filled(key);
    let checked = pin.arguments.check(&arguments);
    checked.map_err(|error| format!("it does not take the key: {error}"))?;
    let stdin = match form.has_any() {
        true => Vec::new(),
        false => format!("{key}\n").into_bytes(),
    };
    let variables = pin.environment.iter().filter_map(|name| {
        let value = variable(name.as_str())?;
        Some((name.to_string(), value))
    });
    let seconds = pin.timeout_seconds.map(|it| it.get().into());
    let bytes = PipedBytes {
        stdin,
        output_bytes_max: VALUE_BYTES_MAX + 1,
    };
    let folder = pin.cwd.as_deref();
    let folder = folder.map(|it| WorkFolder::at(repository.folder().path_of(it)));
    let command = Command {
        reaper: repository.reaper(),
        program: PathBuf::from(&pin.program),
        arguments,
        variables: variables.collect(),
        folder,
        time_max: Some(seconds.map_or(TIME_MAX, Duration::from_secs)),
    };
    Ok((command, bytes))
}

/// Returns the value that a command printed.
///
/// # Errors
/// It failed, or the value cannot be a secret.
fn value_of(output: ProgramOutput) -> Result<SecretValue, String> {
    match output.end {
        End::Exit(0) => {}
        End::Exit(code) => return Err(ended(&format!("exit status {code}"), &output)),
        End::Signal(number) => return Err(ended(&format!("signal {number}"), &output)),
    }
    let Printed { mut bytes, is_cut } = output.stdout;
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    if is_cut || bytes.len() > VALUE_BYTES_MAX {
        return Err(format!("it printed more than {VALUE_BYTES_MAX} bytes"));
    }
    SecretValue::new(bytes).map_err(|error| format!("what it printed cannot be a secret: {error}"))
}

/// Returns how a command ended, with the last line that it printed to stderr, unless that has what it
/// printed to stdout: the value may be among it.
fn ended(how: &str, output: &ProgramOutput) -> String {
    let text = String::from_utf8_lossy(&output.stderr.bytes);
    let printed = String::from_utf8_lossy(&output.stdout.bytes);
    let shows_value = |line: &str| {
        printed
            .lines()
            .any(|it| !it.is_empty() && line.contains(it))
    };
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    match last.filter(|line| !shows_value(line)) {
        Some(line) => {
            let line: String = line.trim().chars().take(SHOWN_CHARS_MAX).collect();
            format!("it ended with {how}: {line}")
        }
        None => format!("it ended with {how}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(end: End, stdout: &[u8], stderr: &str) -> ProgramOutput {
        let printed = |bytes: &[u8]| Printed {
            bytes: bytes.to_vec(),
            is_cut: false,
        };
        ProgramOutput {
            end,
            stdout: printed(stdout),
            stderr: printed(stderr.as_bytes()),
        }
    }

    #[test]
    fn one_newline_at_the_end_is_removed() {
        let value = |stdout: &[u8]| {
            let value = value_of(output(End::Exit(0), stdout, "a warning\n"));
            value.expect("a value").expose().to_vec()
        };
        assert_eq!(value(b"hunter2\n"), b"hunter2");
        assert_eq!(value(b"hunter2\n\n"), b"hunter2\n");
        assert_eq!(value(b"hunter2"), b"hunter2");
    }

    #[test]
    fn failure_names_the_status_and_the_last_line() {
        let reason = |end: End, stdout: &[u8], stderr: &str| {
            let refused = value_of(output(end, stdout, stderr));
            refused.expect_err("no value")
        };
        assert_eq!(
            reason(End::Exit(2), b"hunter2", "first\nnot signed in\n\n"),
            "it ended with exit status 2: not signed in"
        );
        assert_eq!(reason(End::Signal(9), b"", ""), "it ended with signal 9");
        assert_eq!(
            reason(End::Exit(1), b"hunter2\n", "bad: hunter2\n"),
            "it ended with exit status 1"
        );
        let long = vec![b'x'; VALUE_BYTES_MAX + 1];
        assert_eq!(
            reason(End::Exit(0), &long, ""),
            "it printed more than 65536 bytes"
        );
        let empty = reason(End::Exit(0), b"\n", "");
        assert!(empty.starts_with("what it printed cannot be a secret: "));
    }
}
