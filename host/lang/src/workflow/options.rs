//! Reads the options that jobs and steps share: limits, deadlines, retries, and how their data is
//! retained.

use std::num::NonZeroU32;

use sedge_model::lifetime::{Retention, Span};
use sedge_model::names::SpecName;

use super::read::WorkflowReader;
use super::{OutputOverride, PlacementKey, Retry, keys};
use crate::definition::retention_of_keys;
use crate::diagnostic::DiagnosticCode;
use crate::suggest::nearest;
use crate::yaml::{Keys, Located, Member, Node, NodeKind, read};

/// The maximum number of attempts of a step.
///
/// The author of a workflow chooses the number, and each attempt is recorded with the run.
const ATTEMPTS_MAX: u64 = 100;

/// The maximum weight. The minimum is its negative.
const WEIGHT_MAX: i64 = 1_000_000;

/// The failures after which a step is tried again, besides the codes of a plugin.
const RETRY_ON: [&str; 4] = ["failed", "trapped", "timed-out", "busy"];

/// The maximum length of a plugin's code, in bytes.
const CODE_BYTES_MAX: usize = 100;

impl WorkflowReader<'_> {
    pub(super) fn optional_text(&mut self, keys: &Keys<'_>, key: &str) -> Option<String> {
        let node = keys.get(key)?;
        read::text(node, &mut self.faults).map(|it| it.value)
    }

    /// Reads a boolean; an absent one is false.
    pub(super) fn flag(&mut self, keys: &Keys<'_>, key: &str) -> bool {
        let node = keys.get(key);
        let value = node.and_then(|it| read::boolean(it, &mut self.faults));
        value.is_some_and(|it| it.value)
    }

    pub(super) fn span_of_time(&mut self, keys: &Keys<'_>, key: &str) -> Option<Located<Span>> {
        let node = keys.get(key)?;
        read::span_of_time(node, &mut self.faults)
    }

    /// Reads how many steps may run at one time. 0 means any number.
    pub(super) fn concurrency(&mut self, keys: &Keys<'_>) -> Option<Located<NonZeroU32>> {
        let node = keys.get("concurrency")?;
        let number = read::whole_number(node, &mut self.faults)?;
        let Ok(value) = u32::try_from(number.value) else {
            let message = format!("`{}` is more than {}", number.value, u32::MAX);
            let fault = self.faults.fault(number.span, message);
            self.faults
                .push(fault.with_hint("leave `concurrency` out: then there is no limit"));
            return None;
        };
        Some(Located {
            value: NonZeroU32::new(value)?,
            span: number.span,
        })
    }

    pub(super) fn weight(&mut self, keys: &Keys<'_>) -> Option<Located<i64>> {
        let node = keys.get("weight")?;
        let number = match &node.kind {
            NodeKind::Number(number) => number.as_i64(),
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Text(_)
            | NodeKind::List(_)
            | NodeKind::Map(_) => None,
        };
        if let Some(value) = number.filter(|it| it.abs() <= WEIGHT_MAX) {
            return Some(Located {
                value,
                span: node.span.clone(),
            });
        }
        let message = format!(
            "a weight is a whole number, and this is {}",
            node.described(self.file)
        );
        let fault = self.faults.fault(node.span.clone(), message);
        let hint =
            format!("write a number from -{WEIGHT_MAX} to {WEIGHT_MAX}; a lower one comes first");
        self.faults
            .push(fault.with_code(DiagnosticCode::WrongType).with_hint(hint));
        None
    }

    pub(super) fn retry(&mut self, member: &Member) -> Option<Located<Retry>> {
        let node = &member.value;
        if let NodeKind::Number(_) = &node.kind {
            let attempts = self.attempts(node)?;
            return Some(Located {
                value: Retry {
                    attempts,
                    backoff: None,
                    backoff_max: None,
                    has_jitter: true,
                    on: None,
                },
                span: member.key.span.clone(),
            });
        }
        let keys = Keys::read(node, &keys::RETRY, &mut self.faults)?;
        let attempts = self.required(&keys, &keys::RETRY, "attempts");
        let attempts = attempts.and_then(|it| self.attempts(it));
        let backoff = self.span_of_time(&keys, "backoff");
        let backoff_max = self.span_of_time(&keys, "maxBackoff");
        if let (Some(first), Some(most)) = (&backoff, &backoff_max)
            && first.value.ms() > most.value.ms()
        {
            let message = format!(
                "`maxBackoff` is shorter than `backoff`, which is {}",
                first.value
            );
            self.faults
                .add(DiagnosticCode::InvalidValue, most.span.clone(), message);
        }
        let jitter = keys.get("jitter");
        let jitter = jitter.and_then(|it| read::boolean(it, &mut self.faults));
        let on = keys
            .get("on")
            .and_then(|it| read::one_or_list(it, &mut self.faults, retry_on));
        Some(Located {
            value: Retry {
                attempts: attempts?,
                backoff,
                backoff_max,
                has_jitter: jitter.is_none_or(|it| it.value),
                on: on.map(|it| it.value),
            },
            span: member.key.span.clone(),
        })
    }

    fn attempts(&mut self, node: &Node) -> Option<u32> {
        let number = read::whole_number(node, &mut self.faults)?;
        let attempts = u32::try_from(number.value).ok();
        let attempts = attempts.filter(|_| (1..=ATTEMPTS_MAX).contains(&number.value));
        if attempts.is_none() {
            let message = format!(
                "a step has 1 to {ATTEMPTS_MAX} attempts, not {}",
                number.value
            );
            let fault = self.faults.fault(number.span, message);
            self.faults
                .push(fault.with_hint("the first attempt counts: `attempts: 3` tries again twice"));
        }
        attempts
    }

    pub(super) fn output_overrides(&mut self, keys: &Keys<'_>) -> Vec<Located<OutputOverride>> {
        let Some(node) = keys.get("dataOutputOverrides") else {
            return Vec::new();
        };
        let hint = "write `dataOutputOverrides: [{specName: NAME, lifetime: 7d}]`";
        let Some(nodes) = self.entries(node, "dataOutputOverrides", hint) else {
            return Vec::new();
        };
        let mut overrides: Vec<Located<OutputOverride>> = Vec::new();
        for node in nodes {
            let Some(over) = self.output_override(node) else {
                continue;
            };
            let spec = &over.spec;
            if overrides.iter().any(|it| it.value.spec.value == spec.value) {
                let message = format!("`{}` is overridden twice", spec.value);
                self.faults
                    .add(DiagnosticCode::DuplicateName, spec.span.clone(), message);
            }
            overrides.push(Located {
                value: over,
                span: node.span.clone(),
            });
        }
        overrides
    }

    fn output_override(&mut self, node: &Node) -> Option<OutputOverride> {
        let keys = Keys::read(node, &keys::OUTPUT_OVERRIDE, &mut self.faults)?;
        let spec = self.required(&keys, &keys::OUTPUT_OVERRIDE, "specName");
        let spec = spec.and_then(|it| read::parsed::<SpecName>(it, &mut self.faults));
        let Retention {
            lifetime,
            keep,
            tags,
        } = retention_of_keys(keys, &mut self.faults);
        let vary = keys.get("vary").and_then(|it| {
            read::one_or_list(it, &mut self.faults, |name, faults| {
                read::text(name, faults)
            })
        });
        Some(OutputOverride {
            spec: spec?,
            lifetime,
            keep,
            tags,
            vary: vary.map_or_else(Vec::new, |it| it.value),
        })
    }

    /// Reads the keys that say where steps are executed. Their values are kept as they are.
    pub(super) fn placement(&mut self, keys: &Keys<'_>) -> Vec<PlacementKey> {
        let mut placement = Vec::new();
        for key in keys::PLACEMENT {
            let Some(member) = keys.member(key).filter(|it| !it.value.is_null()) else {
                continue;
            };
            let value = &member.value;
            match key {
                "queueTimeout" => {
                    read::span_of_time(value, &mut self.faults);
                }
                "driverConfig" => {
                    read::map(value, &mut self.faults, |_, _| Some(()));
                }
                "labels" if value.members().is_some() => {
                    read::tags(value, &mut self.faults);
                }
                "labels" => {
                    read::one_or_list(value, &mut self.faults, |label, faults| {
                        read::text(label, faults)
                    });
                }
                "affinity" if value.members().is_some() => {}
                _ => {
                    read::text(value, &mut self.faults);
                }
            }
            placement.push(PlacementKey {
                key,
                span: member.key.span.clone(),
                value: value.clone(),
            });
        }
        placement
    }

    /// Checks the form of `schedule`: five fields, or a word.
    pub(super) fn schedule(&mut self, node: &Node) -> Option<Located<String>> {
        const WORDS: [&str; 6] = [
            "@hourly",
            "@daily",
            "@midnight",
            "@weekly",
            "@monthly",
            "@yearly",
        ];
        let text = read::text(node, &mut self.faults)?;
        let is_field = |field: &str| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "*/,-?#".contains(c);
            field.chars().all(is_part)
        };
        let n_fields = text.value.split_whitespace().count();
        let is_cron = n_fields == 5 && text.value.split_whitespace().all(is_field);
        if is_cron || WORDS.contains(&text.value.as_str()) {
            return Some(text);
        }
        let message = format!("`{}` is not a schedule", text.value.escape_debug());
        let fault = self.faults.fault(text.span, message);
        self.faults.push(fault.with_hint(
            "write minute, hour, day, month and day of the week: `0 6 * * 1` is six o'clock on Mondays; or `@daily`",
        ));
        None
    }

    /// Checks the form of `reports`: names that are required or left out.
    pub(super) fn reports(&mut self, node: &Node) -> Option<Node> {
        let keys = Keys::read(node, &keys::REPORTS, &mut self.faults)?;
        for key in ["require", "skip"] {
            let Some(list) = keys.get(key) else {
                continue;
            };
            read::one_or_list(list, &mut self.faults, |report, faults| {
                let is_named = report.get("name").is_some();
                if is_named {
                    Some(())
                } else {
                    read::text(report, faults).map(drop)
                }
            });
        }
        Some(node.clone())
    }
}

fn retry_on(node: &Node, faults: &mut crate::yaml::Faults) -> Option<Located<String>> {
    let code = read::text(node, faults)?;
    let is_code = (1..=CODE_BYTES_MAX).contains(&code.value.len())
        && code.value.chars().all(|c| c.is_ascii_graphic());
    // A plugin chooses its codes, so only another spelling of a code of ours is certainly wrong.
    let spelt = code.value.to_ascii_lowercase().replace('_', "-");
    let is_misspelt = RETRY_ON.contains(&spelt.as_str()) && spelt != code.value;
    if is_code && !is_misspelt {
        return Some(code);
    }
    let message = format!(
        "`{}` is not the code of a failure",
        code.value.escape_debug()
    );
    let fault = faults.fault(code.span, message);
    faults.push(match nearest(&spelt, RETRY_ON) {
        Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
        None => fault.with_hint(format!(
            "write `{}`, or a code of the plugin as it writes it: `not-reachable`",
            RETRY_ON.join("`, `")
        )),
    });
    None
}
