//! The keys of one part of a file: the known ones, and what to write instead of others.

use super::faults::FAULTS_MAX;
use super::node::{Member, Node};
use super::{Faults, first_line, one_of, wrong_type};
use crate::diagnostic::{Diagnostic, DiagnosticCode};
use crate::suggest::nearest;

/// The form of a value with keys, as hints show it.
pub(super) const KEYS_FORM: &str = "keys with values: `key: value`";

/// The keys that one part of a file can have.
#[derive(Debug, Clone, Copy)]
pub struct KeySet {
    /// The part, with its article: `a job`.
    pub of: &'static str,
    /// The keys.
    pub keys: &'static [&'static str],
    /// Keys of other tools, each with what to write instead: (`needs`, "write `dependsOn: …`").
    pub foreign: &'static [(&'static str, &'static str)],
}

/// The keys of a part of a file, checked.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'n> {
    node: &'n Node,
    members: &'n [Member],
    set: &'n KeySet,
}

/// Keys of other tools, with what to write instead. A [`KeySet`] can have more specific help, which
/// is used first.
const FOREIGN: &[(&str, &str)] = &[
    ("action", "a step names a model and a method in its `task`"),
    (
        "args",
        "write the values as `inputs` of the task, or as `globalArguments` of the model",
    ),
    (
        "command",
        "a command is an input of a method of the type `@sedge/shell`",
    ),
    (
        "container",
        "steps run methods of models, and have no container",
    ),
    ("continue-on-error", "write `allowFailure: true`"),
    ("continueOnError", "write `allowFailure: true`"),
    ("cron", "write `trigger: {schedule: …}` in the workflow"),
    (
        "defaults",
        "a default belongs to an input: `inputs: {NAME: {type: string, default: …}}`",
    ),
    ("depends_on", "write `dependsOn`"),
    (
        "env",
        "write the values as `inputs` of the task; a secret is `${{ secret(\"NAME\") }}`",
    ),
    ("environment", "write the values as `inputs` of the task"),
    ("foreach", "write `forEach: {item: NAME, in: …}`"),
    (
        "if",
        "write the condition in `dependsOn`, or `guard` for work that is done already",
    ),
    ("loop", "write `forEach: {item: NAME, in: …}`"),
    ("matrix", "write `forEach: {item: NAME, in: …}`"),
    ("needs", "write `dependsOn: [{job: NAME}]`"),
    ("on", "write `trigger: {schedule: …}` in the workflow"),
    (
        "outputs",
        "the data that a step writes is read with `data.latest(\"MODEL\", \"NAME\")`",
    ),
    ("parameters", "write `inputs`"),
    ("params", "write `inputs`"),
    (
        "register",
        "the data that a step writes is read with `data.latest(\"MODEL\", \"NAME\")`",
    ),
    ("retries", "write `retry: {attempts: 3}`"),
    (
        "run",
        "write `task: {type: model_method, modelIdOrName: …, methodName: …}`",
    ),
    ("runs-on", "steps run on this machine"),
    ("schedule", "write `trigger: {schedule: …}` in the workflow"),
    (
        "script",
        "write `task: {type: model_method, modelIdOrName: …, methodName: …}`",
    ),
    (
        "services",
        "steps run methods of models, and have no services",
    ),
    (
        "shell",
        "a command is an input of a method of the type `@sedge/shell`",
    ),
    ("stages", "write `jobs`"),
    ("strategy", "write `forEach: {item: NAME, in: …}`"),
    ("tasks", "write `steps`, each with one `task`"),
    ("timeout-minutes", "write `timeout: 5m`"),
    (
        "uses",
        "write `task: {type: model_method, modelIdOrName: …, methodName: …}`",
    ),
    ("variables", "write `inputs`"),
    ("vars", "write `inputs`"),
    (
        "when",
        "write the condition in `dependsOn`, or `guard` for work that is done already",
    ),
    ("with", "write `inputs` in the task"),
];

/// Known keys, with the part of a file that they belong to.
const PLACES: &[(&str, &str)] = &[
    ("allowFailure", "a step"),
    (
        "arguments",
        "a method in `methods` of a definition; in a task, the key is `inputs`",
    ),
    ("checks", "a definition"),
    ("concurrency", "a workflow, a job, or a step"),
    ("condition", "an entry of `dependsOn`"),
    ("dataOutputOverrides", "a definition or a step"),
    ("dependsOn", "a job or a step"),
    ("exclusive", "a workflow"),
    ("expr", "a task of the type `assert`"),
    ("forEach", "a step"),
    (
        "garbageCollection",
        "a resource in `resources` of a definition",
    ),
    ("globalArgs", "a task with `modelType`"),
    ("globalArguments", "a definition"),
    ("grants", "a definition, or `sedge.yaml`"),
    ("guard", "a job or a step"),
    ("inputs", "a workflow, a definition, or a task"),
    ("jobs", "a workflow"),
    ("lifetime", "a resource in `resources` of a definition"),
    ("limits", "a definition"),
    ("message", "a task of the type `assert`"),
    ("methodName", "a task of the type `model_method`"),
    ("methods", "a definition"),
    ("modelIdOrName", "a task of the type `model_method`"),
    ("modelName", "a task of the type `model_method`"),
    ("modelType", "a task of the type `model_method`"),
    ("onTimeout", "a task of the type `manual_approval`"),
    ("prompt", "a task of the type `manual_approval`"),
    ("reports", "a definition or a workflow"),
    ("resources", "a definition"),
    ("retry", "a step"),
    ("severity", "a task of the type `assert`"),
    ("steps", "a job"),
    ("tags", "a definition, a workflow, or a step"),
    ("task", "a step"),
    (
        "timeout",
        "a workflow, a step, or a task of the type `manual_approval`",
    ),
    ("trigger", "a workflow"),
    ("typeVersion", "a definition"),
    ("vary", "an entry of `dataOutputOverrides`"),
    ("weight", "a job or a step"),
    ("workflowIdOrName", "a task of the type `workflow`"),
];

impl<'n> Keys<'n> {
    /// Reads the keys of a node. Unknown, foreign and misplaced keys are faults, but the known
    /// keys can be read nevertheless. Returns `None`, with a fault, if the node has no keys.
    pub fn read(node: &'n Node, set: &'n KeySet, faults: &mut Faults) -> Option<Self> {
        let Some(members) = node.members() else {
            faults.push(
                wrong_type(node, faults.file(), KEYS_FORM).with_hint(format!(
                    "the keys of {} are {}",
                    set.of,
                    one_of(set.keys)
                )),
            );
            return None;
        };
        for member in members {
            if faults.is_full() {
                break;
            }
            let key = &member.key;
            if !set.keys.contains(&&*key.value) {
                let fault = faults.fault(key.span.clone(), set.message(&key.value));
                faults.push(explained(fault, &key.value, set));
            }
        }
        Some(Self { node, members, set })
    }

    /// Returns the value of a key. A key without a value (`tags:`) is like one that is absent.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        let value = self.member(key).map(|it| &it.value);
        value.filter(|it| !it.is_null())
    }

    /// Returns the value of a key, and adds a fault if it is absent or has no value.
    pub fn required(&self, key: &str, faults: &mut Faults) -> Option<&'n Node> {
        let Some(member) = self.member(key) else {
            if self.is_misspelt(key) {
                return None;
            }
            let span = first_line(faults.file(), self.node.span.clone());
            faults.push(missing_key(faults.fault(span, ""), key));
            return None;
        };
        if member.value.is_null() {
            let message = format!("the key `{key}` has no value");
            let fault = faults.fault(member.key.span.clone(), message);
            faults.push(fault.with_code(DiagnosticCode::MissingKey));
            return None;
        }
        Some(&member.value)
    }

    /// Returns whether there is an unknown key whose fault suggests this one. That it is missing is
    /// no second fault then. Only the unknown keys that can have a fault count.
    fn is_misspelt(&self, key: &str) -> bool {
        let unknown = self.members.iter().map(|it| &*it.key.value);
        let unknown = unknown.filter(|it| !self.set.keys.contains(it));
        unknown
            .take(FAULTS_MAX)
            .any(|it| nearest(it, self.set.keys.iter().copied()) == Some(key))
    }

    /// Returns a key with its place and its value, which may be null.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&'n Member> {
        self.members.iter().find(|it| *it.key.value == *key)
    }

    /// Returns the node that has the keys.
    #[must_use]
    pub fn node(&self) -> &'n Node {
        self.node
    }
}

impl KeySet {
    fn message(&self, key: &str) -> String {
        format!("unknown key `{key}` in {}", self.of)
    }
}

/// Completes the fault of an unknown key: it is one of another tool, it belongs elsewhere, or it
/// is misspelt.
fn explained(fault: Diagnostic, key: &str, set: &KeySet) -> Diagnostic {
    let found = |table: &[(&'static str, &'static str)]| {
        let mut entries = table.iter();
        entries
            .find(|(known, _)| *known == key)
            .map(|(_, words)| *words)
    };
    if let Some(instead) = found(set.foreign) {
        return fault
            .with_code(DiagnosticCode::ForeignKey)
            .with_hint(instead);
    }
    if let Some(place) = found(PLACES) {
        let fault = fault.with_code(DiagnosticCode::MisplacedKey);
        return fault.with_hint(format!("`{key}` is a key of {place}"));
    }
    if let Some(near) = nearest(key, set.keys.iter().copied()) {
        let fault = fault.with_code(DiagnosticCode::UnknownKey);
        return fault.with_hint(format!("did you mean `{near}`?"));
    }
    if let Some(instead) = found(FOREIGN) {
        return fault
            .with_code(DiagnosticCode::ForeignKey)
            .with_hint(instead);
    }
    unknown_key(fault, key, set.keys)
}

/// Completes the fault of an unknown key of a file in which no keys of other tools are expected.
pub(super) fn unknown_key(fault: Diagnostic, key: &str, keys: &[&str]) -> Diagnostic {
    let fault = fault.with_code(DiagnosticCode::UnknownKey);
    if let Some((known, _)) = key.split_once(':').filter(|(it, _)| keys.contains(it)) {
        return fault.with_hint(format!("write a space after the `:` of `{known}`"));
    }
    match nearest(key, keys.iter().copied()) {
        Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
        None if keys.is_empty() => fault.with_hint("no keys are allowed here"),
        None => fault.with_hint(format!("the keys here are {}", one_of(keys))),
    }
}

/// Completes the fault of a key that is absent.
pub(super) fn missing_key(mut fault: Diagnostic, key: &str) -> Diagnostic {
    fault.message = format!("the key `{key}` is missing");
    fault
        .with_code(DiagnosticCode::MissingKey)
        .with_label(format!("add `{key}:` here"))
}
