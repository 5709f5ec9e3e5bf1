//! Reads `dependsOn`: the jobs or steps that something waits for, and under which conditions.

use std::str::FromStr;

use sedge_model::names::NameError;

use super::condition::{Condition, Dependency, DependencyPart};
use super::keys;
use super::read::WorkflowReader;
use crate::diagnostic::DiagnosticCode;
use crate::suggest::nearest;
use crate::yaml::{KeySet, Keys, Node, NodeKind, read};

/// The maximum depth of groups and of conditions.
///
/// The author of a file chooses the depth, and reading a level takes stack.
const DEPTH_MAX: usize = 16;

/// The form of the dependencies of a job or of a step.
#[derive(Clone, Copy)]
pub(super) struct DependsOn {
    /// The key that names the job or step.
    pub(super) key: &'static str,
    keys: &'static KeySet,
}

impl DependsOn {
    pub(super) const JOBS: Self = Self {
        key: "job",
        keys: &keys::JOB_DEPENDENCY,
    };
    pub(super) const STEPS: Self = Self {
        key: "step",
        keys: &keys::STEP_DEPENDENCY,
    };
}

impl WorkflowReader<'_> {
    /// Reads the key `dependsOn`.
    pub(super) fn depends_on<N: FromStr<Err = NameError>>(
        &mut self,
        keys: &Keys<'_>,
        of: DependsOn,
    ) -> Vec<DependencyPart<N>> {
        match keys.get("dependsOn") {
            Some(node) => self.parts(node, of, 0),
            None => Vec::new(),
        }
    }

    fn parts<N: FromStr<Err = NameError>>(
        &mut self,
        node: &Node,
        of: DependsOn,
        depth: usize,
    ) -> Vec<DependencyPart<N>> {
        if depth == DEPTH_MAX {
            let message = format!("groups are nested more than {DEPTH_MAX} deep");
            self.faults
                .add(DiagnosticCode::FileLimit, node.span.clone(), message);
            return Vec::new();
        }
        let items = match node.items() {
            Some(items) => items,
            None => std::slice::from_ref(node),
        };
        items
            .iter()
            .filter_map(|it| self.part(it, of, depth))
            .collect()
    }

    fn part<N: FromStr<Err = NameError>>(
        &mut self,
        node: &Node,
        of: DependsOn,
        depth: usize,
    ) -> Option<DependencyPart<N>> {
        match &node.kind {
            NodeKind::Text(_) | NodeKind::Number(_) | NodeKind::Bool(_) => {
                let on = read::parsed(node, &mut self.faults)?;
                return Some(DependencyPart::One(Dependency {
                    on: on.value,
                    span: on.span,
                    condition: Condition::Succeeded,
                }));
            }
            NodeKind::Null | NodeKind::List(_) => {
                let message = format!(
                    "this is {}, and not a {}",
                    node.described(self.file),
                    of.key
                );
                let fault = self.faults.fault(node.span.clone(), message);
                let fault = fault.with_code(DiagnosticCode::WrongType);
                let hint = format!(
                    "write `{{{}: NAME}}`, or `{{allOf: […]}}` for a group",
                    of.key
                );
                self.faults.push(fault.with_hint(hint));
                return None;
            }
            NodeKind::Map(_) => {}
        }
        let keys = Keys::read(node, of.keys, &mut self.faults)?;
        for (key, is_any) in [("anyOf", true), ("allOf", false)] {
            let Some(group) = keys.get(key) else {
                continue;
            };
            self.only_key(&keys, key, of);
            let n_faults = self.faults.len();
            let parts = self.parts(group, of, depth + 1);
            if parts.is_empty() && self.faults.len() == n_faults {
                let message = format!("the group `{key}` is empty");
                self.faults
                    .add(DiagnosticCode::InvalidValue, group.span.clone(), message);
            }
            return Some(if is_any {
                DependencyPart::AnyOf(parts)
            } else {
                DependencyPart::AllOf(parts)
            });
        }
        let on = self.required(&keys, of.keys, of.key)?;
        let on = read::parsed(on, &mut self.faults);
        let condition = match keys.get("condition") {
            Some(condition) => self.condition_of(condition, 0),
            None => Some(Condition::Succeeded),
        };
        let on = on?;
        // A wrong condition is a fault already. The name is kept, so that it is checked as well.
        Some(DependencyPart::One(Dependency {
            on: on.value,
            span: on.span,
            condition: condition.unwrap_or(Condition::Succeeded),
        }))
    }

    /// Refuses keys beside a group.
    fn only_key(&mut self, keys: &Keys<'_>, group: &str, of: DependsOn) {
        let members = keys.node().members().unwrap_or_default();
        let known = of.keys.keys;
        let other = members.iter().find(|it| {
            *it.key.value != *group && known.contains(&&*it.key.value) && !it.value.is_null()
        });
        if let Some(other) = other {
            let key = &other.key.value;
            let message = format!("`{key}` cannot stand beside `{group}`");
            let fault = self.faults.fault(other.key.span.clone(), message);
            let fault = fault.with_code(DiagnosticCode::MisplacedKey);
            self.faults.push(fault.with_hint(format!(
                "write it in an entry of its own: `- {{{key}: …}}`, or in an entry of the group"
            )));
        }
    }

    fn condition_of(&mut self, node: &Node, depth: usize) -> Option<Condition> {
        if depth == DEPTH_MAX {
            let message = format!("conditions are nested more than {DEPTH_MAX} deep");
            self.faults
                .add(DiagnosticCode::FileLimit, node.span.clone(), message);
            return None;
        }
        match &node.kind {
            NodeKind::Text(text) => return self.condition_word(node, &text.value, None, depth),
            NodeKind::Map(_) => {}
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::List(_) => {
                let message = format!(
                    "a condition has a type, and this is {}",
                    node.described(self.file)
                );
                let fault = self.faults.fault(node.span.clone(), message);
                let fault = fault.with_code(DiagnosticCode::WrongType);
                self.faults.push(
                    fault.with_hint("write `{type: completed}`, or `{type: or, conditions: […]}`"),
                );
                return None;
            }
        }
        let keys = Keys::read(node, &keys::CONDITION, &mut self.faults)?;
        let type_node = self.required(&keys, &keys::CONDITION, "type")?;
        let word = read::text(type_node, &mut self.faults)?;
        self.condition_word(type_node, &word.value, Some(&keys), depth)
    }

    fn condition_word(
        &mut self,
        node: &Node,
        word: &str,
        keys: Option<&Keys<'_>>,
        depth: usize,
    ) -> Option<Condition> {
        let takes = match word {
            "and" | "or" => Some("conditions"),
            "not" => Some("condition"),
            _ => None,
        };
        for key in ["conditions", "condition"] {
            let member = keys.and_then(|it| it.member(key));
            if let Some(member) = member.filter(|_| takes != Some(key)) {
                let message = format!("`{key}` has no meaning for the condition `{word}`");
                let fault = self.faults.fault(member.key.span.clone(), message);
                let fault = fault.with_code(DiagnosticCode::MisplacedKey);
                let hint = "`and` and `or` take `conditions`, and `not` takes `condition`";
                self.faults.push(fault.with_hint(hint));
            }
        }
        match (takes, keys) {
            (None, _) => self.simple_condition(node, word),
            (Some(_), None) => {
                let message = format!("the condition `{word}` combines others, which are missing");
                let fault = self.faults.fault(node.span.clone(), message);
                let hint = match word {
                    "not" => "write `{type: not, condition: {type: …}}`".to_owned(),
                    _ => {
                        format!("write `{{type: {word}, conditions: [{{type: …}}, {{type: …}}]}}`")
                    }
                };
                self.faults
                    .push(fault.with_code(DiagnosticCode::MissingKey).with_hint(hint));
                None
            }
            (Some("condition"), Some(keys)) => {
                let inner = keys.required("condition", &mut self.faults)?;
                let inner = self.condition_of(inner, depth + 1)?;
                Some(Condition::Not(Box::new(inner)))
            }
            (Some(_), Some(keys)) => {
                let node = keys.required("conditions", &mut self.faults)?;
                let items =
                    self.entries(node, "conditions", "write `conditions: [{type: …}, …]`")?;
                if items.is_empty() {
                    let message = format!("the condition `{word}` has no `conditions`");
                    self.faults
                        .add(DiagnosticCode::InvalidValue, node.span.clone(), message);
                }
                let inner = items
                    .iter()
                    .filter_map(|it| self.condition_of(it, depth + 1));
                let inner: Vec<Condition> = inner.collect();
                Some(if word == "and" {
                    Condition::And(inner)
                } else {
                    Condition::Or(inner)
                })
            }
        }
    }

    fn simple_condition(&mut self, node: &Node, word: &str) -> Option<Condition> {
        let mut words = Condition::WORDS.into_iter();
        if let Some((_, condition)) = words.find(|(known, _)| *known == word) {
            return Some(condition);
        }
        let known = Condition::WORDS.map(|(known, _)| known);
        let all = known.into_iter().chain(["and", "or", "not"]);
        let message = format!("there is no condition `{word}`");
        let fault = self.faults.fault(node.span.clone(), message);
        let fault = fault.with_code(DiagnosticCode::UnknownName);
        let similar = match word {
            "success" | "successful" | "ok" => Some("succeeded"),
            "failure" | "error" => Some("failed"),
            "done" | "finished" | "ended" => Some("completed"),
            _ => nearest(word, all),
        };
        self.faults.push(match similar {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None => fault.with_hint(format!("the conditions are `{}`", known.join("`, `"))),
        });
        None
    }
}
