//! Options and texts that several commands share.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use sedge_api::problem::Place;
use sedge_api::view::workflow::FileFault;
use sedge_app::model::evaluate::EvaluatedText;
use sedge_app::types::{AddressRange, LINEAGE_VARIABLE, Span, Timestamp, Workload, setting};
use sedge_app::{CheckSkips, Settings};

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// The variable that sets how long to wait for a lock, in seconds.
const LOCK_TIMEOUT_VARIABLE: &str = "SEDGE_LOCK_TIMEOUT";

/// The options of commands that lock.
#[derive(Debug, Args)]
pub(crate) struct LockOptions {
    /// Limit the wait for each lock [default: 60, or as in sedge.yaml] [env: SEDGE_LOCK_TIMEOUT]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    lock_timeout: Option<Duration>,
}

/// The options of commands that run methods.
#[derive(Debug, Args)]
pub(crate) struct ExecutionOptions {
    #[command(flatten)]
    lock: LockOptions,
    /// Run at most N guests at once [default: 4 for each core, or as in sedge.yaml]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    concurrency: Option<NonZeroU32>,
}

impl LockOptions {
    /// Returns the settings of the options, or of the environment variables that replace them.
    ///
    /// # Errors
    /// The value of a variable is invalid.
    pub(crate) fn settings(&self) -> Result<Settings, CliError> {
        let lock_timeout = match self.lock_timeout {
            Some(timeout) => Some(timeout),
            None => setting_parsed(LOCK_TIMEOUT_VARIABLE, seconds)?,
        };
        Ok(Settings {
            lock_timeout,
            ..caller_settings()?
        })
    }
}

/// Returns the settings of a command that takes no lock, but behaves differently if a command of a
/// call has started it.
///
/// # Errors
/// The value of a variable is invalid.
pub(crate) fn caller_settings() -> Result<Settings, CliError> {
    Ok(Settings {
        // This is not an option, because other users could read it from the command line.
        lineage_tokens: setting_parsed(LINEAGE_VARIABLE, |text| Ok(text.to_owned()))?,
        ..Settings::default()
    })
}

impl ExecutionOptions {
    /// Returns the settings of the options, or of the environment variables that replace them, for
    /// a command with this workload.
    ///
    /// # Errors
    /// The same as for [`LockOptions::settings`].
    pub(crate) fn settings(&self, workload: Workload) -> Result<Settings, CliError> {
        Ok(Settings {
            workload,
            concurrency: self.concurrency,
            ..self.lock.settings()?
        })
    }
}

/// The options of commands that run methods with checks.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// Skip a check, unless the definition requires it; may be repeated
    #[arg(long, value_name = "NAME")]
    skip_check: Vec<String>,
    /// Skip the checks with a label, unless the definition requires them; may be repeated
    #[arg(long, value_name = "LABEL")]
    skip_check_label: Vec<String>,
    /// Skip all checks that the definition does not require
    #[arg(long)]
    skip_checks: bool,
}

impl CheckOptions {
    pub(crate) fn skips(self) -> CheckSkips {
        CheckSkips {
            all: self.skip_checks,
            names: self.skip_check,
            labels: self.skip_check_label,
        }
    }
}

/// The option of commands that download components.
#[derive(Debug, Args)]
pub(crate) struct DownloadOptions {
    /// Allow downloads from this address, or range of addresses, although it is not public:
    /// 10.1.2.3, 10.0.0.0/8; may be repeated
    #[arg(long, value_name = "RANGE")]
    pub(crate) allow_private_address: Vec<AddressRange>,
}

/// The option of commands that remove something.
#[derive(Debug, Args)]
pub(crate) struct DryRun {
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

impl DryRun {
    pub(crate) fn is_set(&self) -> bool {
        self.dry_run
    }

    /// Returns a sentence about what was removed, or would be.
    pub(crate) fn sentence(&self, what: &str) -> String {
        if self.dry_run {
            format!("Would remove {what}.")
        } else {
            format!("Removed {what}.")
        }
    }
}

/// The option of commands that delete.
#[derive(Debug, Args)]
pub(crate) struct Confirmation {
    /// Delete without asking on a terminal
    #[arg(long, short)]
    yes: bool,
}

/// The question before something is deleted.
pub(crate) struct DeleteQuestion {
    /// The question, which names the data to delete.
    pub(crate) text: String,
    /// What was not done if the user does not agree: `the model a was not deleted`.
    pub(crate) refused: String,
}

impl Confirmation {
    /// Returns the option of a command whose own option answers the question.
    pub(crate) fn given(yes: bool) -> Self {
        Self { yes }
    }

    /// Asks the user whether to go on: on a terminal, unless `--yes` is given.
    ///
    /// Only then, `find` looks up what would be deleted. It returns `None` if that is nothing.
    ///
    /// # Errors
    /// The user does not agree. Errors of `find` are passed on.
    pub(crate) fn ask_about(
        &self,
        cx: &Context,
        find: impl FnOnce() -> Result<Option<DeleteQuestion>, CliError>,
    ) -> Result<(), CliError> {
        if self.yes || !cx.is_interactive() {
            return Ok(());
        }
        let Some(question) = find()? else {
            return Ok(());
        };
        let text = format!("{} [y/N] ", question.text);
        let answer = cx.screen.stderr_ask(&text)?;
        match answer.unwrap_or_default().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(CliError::Quit(question.refused)),
        }
    }
}

/// Returns the fault of a file as a cell of a table.
pub(crate) fn fault_cell(fault: &FileFault) -> String {
    let Place {
        file, line, column, ..
    } = &fault.place;
    format!("error: {file}:{line}:{column}: {}", fault.error)
}

/// Parses a time, or an age.
pub(crate) fn time_or_age(text: &str) -> Result<Timestamp, String> {
    if let Ok(age) = text.parse::<Span>() {
        return Ok(Timestamp(Timestamp::now().0.saturating_sub(age.ms())));
    }
    let time: Option<jiff::Timestamp> = text.parse().ok();
    let ms = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
    ms.map(Timestamp).ok_or_else(|| {
        "it is neither an age (5m, 1h, 7d, 2w, 1mo, 1y) nor a time (2026-11-23T21:34:00Z)"
            .to_owned()
    })
}

/// Returns the parsed value of an environment variable; `None` if it is not set, or empty.
///
/// # Errors
/// The value is invalid. The error names the variable.
pub(crate) fn setting_parsed<T>(
    variable: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, CliError> {
    let Some(value) = setting(variable) else {
        return Ok(None);
    };
    let text = value.to_str().ok_or_else(|| "it is not text".to_owned());
    let parsed = text.and_then(parse);
    parsed.map(Some).map_err(|reason| CliError::Usage {
        message: format!(
            "the environment variable {variable} is `{}`: {reason}",
            value.to_string_lossy()
        ),
        hints: vec![format!(
            "set it to something else, or unset it: `unset {variable}`"
        )],
    })
}

/// Parses `KEY=VALUE`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("it is not of the form KEY=VALUE".to_owned()),
    }
}

/// Parses a whole number, such as a version.
pub(crate) fn whole_number(text: &str) -> Result<u64, String> {
    // ignored: the library's words do not say what to write instead.
    let number = text.parse().ok();
    number.ok_or_else(|| format!("it is not a whole number from 0 to {}", u64::MAX))
}

fn at_least_one(text: &str) -> Result<NonZeroU32, String> {
    // ignored: the library's words do not say what to write instead.
    let number = text.parse().ok();
    number.ok_or_else(|| format!("it is not a whole number from 1 to {}", u32::MAX))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "it is not a number of seconds, such as 60 or 0.5".to_owned())
}
/// Returns the output for a file with its expressions evaluated.
pub(crate) fn evaluated_output(evaluated: EvaluatedText) -> Output {
    let EvaluatedText { file, text } = evaluated;
    let notes: Vec<String> = file
        .unevaluated
        .iter()
        .map(|it| {
            format!(
                "{}:{}: {} is not evaluated: {}.",
                file.file, it.line, it.path, it.reason
            )
        })
        .collect();
    let output = Output::new(file).text_data(text);
    notes.into_iter().fold(output, Output::note)
}
