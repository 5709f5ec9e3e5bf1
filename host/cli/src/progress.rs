//! Shows what happens while a use case runs, line by line on stderr.

use sedge_app::types::{LogLevel, LogLine};
use sedge_app::{Event, Events};

use crate::output::stderr;
use crate::show;

/// Tells a person what happens.
#[derive(Debug)]
pub(crate) struct Progress;

/// Tells nobody.
#[derive(Debug)]
pub(crate) struct Silence;

impl Events for Silence {
    fn event(&self, _event: Event) {}
}

impl Events for Progress {
    fn event(&self, event: Event) {
        match event {
            Event::RunStarted { run } => stderr(&format!("Run {run}")),
            Event::StepStarted { step } => stderr(&format!("Step {step}: started.")),
            Event::StepEnded {
                step,
                elapsed,
                succeeded,
            } => {
                let word = if succeeded { "succeeded" } else { "failed" };
                stderr(&format!(
                    "Step {step}: {word} after {}.",
                    show::duration(elapsed)
                ));
            }
            Event::StepSkipped { step, because } => {
                stderr(&format!("Step {step}: skipped, {because}."))
            }
            Event::GateOpened { gate, prompt } if prompt.is_empty() => {
                stderr(&format!("Gate {gate}: waits for a decision."));
            }
            Event::GateOpened { gate, prompt } => {
                stderr(&format!("Gate {gate}: waits for a decision: {prompt}"));
            }
            Event::Logged {
                model,
                method,
                line,
            } => log_line(&format!("{model}.{method}"), &line),
            Event::PluginLogged { line } => log_line("description", &line),
            _ => {}
        }
    }
}

fn log_line(from: &str, line: &LogLine) {
    if line.level >= LogLevel::Info {
        stderr(&format!("  {from}: {}", log_text(line)));
    }
}

/// Returns a log line as text: its level where that matters, its message and its fields.
pub(crate) fn log_text(line: &LogLine) -> String {
    let level = match line.level {
        LogLevel::Info => String::new(),
        LogLevel::Trace | LogLevel::Debug | LogLevel::Warn | LogLevel::Error => {
            format!("{}: ", line.level.as_str())
        }
    };
    let fields: String = line
        .fields
        .iter()
        .map(|(key, value)| format!(" {key}={value}"))
        .collect();
    // What a guest says must not move a person's cursor.
    let text: String = format!("{}{fields}", line.message)
        .chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    format!("{level}{text}")
}
