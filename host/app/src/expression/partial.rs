//! Evaluates the expressions of a whole file, as far as they have values before the file is used.

use std::sync::Arc;

use sedge_api::view::expression::UnevaluatedText;
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::expr::template::Template;
use sedge_lang::expr::{Expr, Variables};
use sedge_lang::input::KnownInputs;
use sedge_lang::yaml::node::{Node, NodeKind};
use sedge_model::json_pointer::pointer_below;
use serde_json::Value;

use super::evaluator::{Evaluator, uses_data};
use crate::error::{AppError, quoted};

/// The variable of the inputs.
const INPUTS: &str = "inputs";

/// A name or a key whose value is known later only, with the reason.
pub(crate) type LaterName = (&'static str, &'static str);

/// Secrets, whose values are not shown.
pub(crate) const SECRETS_LATER: [LaterName; 2] = [
    ("secret", "a secret is not shown"),
    ("vault.get", "a secret is not shown"),
];

/// Evaluates the texts of one file.
pub(crate) struct PartialEvaluation<'p> {
    pub(crate) evaluator: &'p Evaluator<'p>,
    pub(crate) file: &'p Arc<SourceFile>,
    /// The names that the expressions can use.
    pub(crate) variables: &'p Variables,
    /// The values of variables.
    pub(crate) values: Vec<(&'p str, &'p Value)>,
    /// The inputs, of which some may have no value yet.
    pub(crate) inputs: &'p KnownInputs,
    /// The names that have no value yet.
    pub(crate) later: Vec<LaterName>,
    /// The keys whose expressions are not evaluated yet.
    pub(crate) later_keys: Vec<LaterName>,
    /// The texts that were not evaluated.
    pub(crate) unevaluated: Vec<UnevaluatedText>,
}

impl PartialEvaluation<'_> {
    /// Returns a part of the file with its expressions evaluated. `path` is its JSON pointer.
    ///
    /// # Errors
    /// Returns an error if an expression has no value and does not need anything that comes later.
    pub(crate) fn value(&mut self, node: &Node, path: &str) -> Result<Value, AppError> {
        match &node.kind {
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => Ok(node.value()),
            NodeKind::Text(text) if !Template::is_plain(&text.value) => {
                self.text(node, &text.value, path)
            }
            NodeKind::Text(_) => Ok(node.value()),
            NodeKind::List(items) => {
                let items = items.iter().enumerate();
                let items = items.map(|(at, item)| self.value(item, &format!("{path}/{at}")));
                items.collect()
            }
            NodeKind::Map(members) => {
                let members = members.iter().map(|member| {
                    let key = &*member.key.value;
                    let path = pointer_below(path, key);
                    let mut later = self.later_keys.iter();
                    let later = later.find(|(name, _)| *name == key).copied();
                    let value = match later {
                        Some((_, reason)) => self.all_left(&member.value, &path, reason),
                        None => self.value(&member.value, &path)?,
                    };
                    Ok((key.to_owned(), value))
                });
                Ok(Value::Object(members.collect::<Result<_, AppError>>()?))
            }
        }
    }

    /// Leaves all texts of a part as they are written.
    fn all_left(&mut self, node: &Node, path: &str, reason: &str) -> Value {
        match &node.kind {
            NodeKind::Text(text) if !Template::is_plain(&text.value) => {
                self.left(node, &text.value, path, reason.to_owned());
            }
            NodeKind::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.all_left(item, &format!("{path}/{at}"), reason);
                }
            }
            NodeKind::Map(members) => {
                for member in members.iter() {
                    let path = pointer_below(path, &member.key.value);
                    self.all_left(&member.value, &path, reason);
                }
            }
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Text(_) => {}
        }
        node.value()
    }

    fn text(&mut self, node: &Node, text: &str, path: &str) -> Result<Value, AppError> {
        let Some(place) = node.text_place(self.file) else {
            return Ok(node.value());
        };
        let template = Template::parse(text, &place, self.variables)?;
        if let Some(reason) = self.later_reason(&template) {
            return Ok(self.left(node, text, path, reason));
        }
        if let Some(reason) = missing_reason(&template, &self.inputs.missing) {
            return Ok(self.left(node, text, path, reason));
        }
        let env = self.evaluator.env();
        let values = self.values.iter();
        let mut env = values.fold(env, |env, &(name, value)| env.with(name, value));
        match self.evaluator.template(&template, &mut env) {
            // The run itself may write what is not there yet.
            Err(error) if template.exprs().any(uses_data) => match error.diagnostics().first() {
                Some(fault) => {
                    let reason = fault.message.clone();
                    Ok(self.left(node, text, path, reason))
                }
                None => Err(error),
            },
            // A run may have the input.
            Err(error) => match named_reason(&template, &self.inputs.absent) {
                Some(reason) => Ok(self.left(node, text, path, reason)),
                None => Err(error),
            },
            Ok(value) => Ok(value),
        }
    }

    /// Returns why a text has no value yet.
    fn later_reason(&self, template: &Template) -> Option<String> {
        let uses = |name: &str| template.exprs().any(|it: &Expr| it.uses(name));
        let found = self.later.iter().find(|(name, _)| uses(name));
        found.map(|(_, reason)| (*reason).to_owned())
    }

    fn left(&mut self, node: &Node, text: &str, path: &str, reason: String) -> Value {
        let (line, _) = self.file.line_column(node.span.start);
        self.unevaluated.push(UnevaluatedText {
            path: path.to_owned(),
            line: line as u64,
            text: text.to_owned(),
            reason,
        });
        Value::String(text.to_owned())
    }
}

/// Returns why a text has no value yet if it uses inputs that a run needs and that are `missing`.
fn missing_reason(template: &Template, missing: &[String]) -> Option<String> {
    let named = named_reason(template, missing);
    let mut exprs = template.exprs();
    let uses_all = !missing.is_empty() && exprs.any(|it| !it.names_all_members(INPUTS));
    named.or_else(|| uses_all.then(|| not_given(missing)))
}

/// Returns why a text has no value yet if it names some of the inputs in `names`.
fn named_reason(template: &Template, names: &[String]) -> Option<String> {
    let references: Vec<String> = template
        .exprs()
        .flat_map(|it| it.references(INPUTS))
        .map(|it| it.name)
        .collect();
    let named = names.iter().filter(|name| references.contains(name));
    let named: Vec<&String> = named.collect();
    (!named.is_empty()).then(|| not_given(&named))
}

fn not_given<T: ToString>(names: &[T]) -> String {
    let quoted = quoted(names);
    match names.len() {
        1 => format!("the input {quoted} is not given; set it with `--input`"),
        _ => format!("the inputs {quoted} are not given; set them with `--input`"),
    }
}

#[cfg(test)]
mod tests {
    use sedge_lang::expr::TextPlace;
    use sedge_lang::scope::trial_scope;

    use super::*;

    #[test]
    fn inputs_without_values_are_named() {
        let check = |text: &str, expect: Option<&str>| {
            let place = TextPlace::of_text("f", text);
            let template = Template::parse(text, &place, &trial_scope(&[])).expect(text);
            let names = ["hosts".to_owned(), "port".to_owned()];
            let found = missing_reason(&template, &names);
            assert_eq!(found.as_deref(), expect, "{text}");
        };
        let hosts = "the input `hosts` is not given; set it with `--input`";
        let both = "the inputs `hosts`, `port` are not given; set them with `--input`";
        check("${{ inputs.hosts }}", Some(hosts));
        check("${{ inputs.region }}-${{ inputs[\"hosts\"] }}", Some(hosts));
        check("${{ inputs.port }}-${{ inputs.hosts }}", Some(both));
        check("${{ size(inputs) }}", Some(both));
        check("${{ inputs.region }}", None);
        check("${{ now }}", None);
    }
}
