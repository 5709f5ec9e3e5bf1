//! The names that an expression can use, by the place where it stands.
//!
//! There are three scopes: of a definition, of a workflow, and of a guard or an assert. Only this
//! module decides which names are values that the caller passes to an evaluation, and which are
//! needs that the evaluation returns and the caller answers.

use std::collections::BTreeMap;

use crate::expr::{Shape, Variables};

/// The members of `self` in a definition.
pub const SELF_MEMBERS: [&str; 5] = ["id", "name", "version", "tags", "globalArguments"];

/// The members of `run` in a workflow.
pub const RUN_MEMBERS: [&str; 5] = ["id", "workflowId", "workflowName", "startedAt", "tags"];

/// The members of a step in `steps`.
pub const STEP_MEMBERS: [&str; 4] = ["outputs", "data", "status", "error"];

/// The functions that read data and secrets, with the least and the highest number of arguments.
/// They exist in every scope.
const FUNCTIONS: [(&str, usize, usize); 9] = [
    ("data.latest", 2, 3),
    ("data.version", 3, 4),
    ("data.listVersions", 2, 3),
    ("data.findByTag", 2, 2),
    ("data.findBySpec", 2, 2),
    ("data.query", 1, 2),
    ("file.contents", 2, 2),
    ("secret", 1, 1),
    ("vault.get", 2, 2),
];

/// Returns the names for the expressions of a definition. `inputs` is what is known of its inputs.
///
/// `inputs` and `self` are values. `model`, `env` and the functions are needs.
#[must_use]
pub fn definition_scope(inputs: Shape) -> Variables {
    everywhere(inputs)
        .with("self", object(&SELF_MEMBERS))
        .with_lookup("model")
}

/// The names of a workflow that are known before it runs, for its expressions.
#[derive(Debug, Clone)]
pub struct WorkflowNames<'a> {
    /// Its inputs.
    pub inputs: Shape,
    /// Its steps by name, each with [`step_shape`].
    pub steps: BTreeMap<String, Shape>,
    /// Its jobs by name, each with [`job_shape`].
    pub jobs: BTreeMap<String, Shape>,
    /// The name of the item, if the expression is in the body of a step with `forEach`.
    pub item: Option<&'a str>,
}

/// Returns the names for the expressions of a workflow, except guards and asserts.
///
/// `inputs`, `run`, `steps`, `jobs` and, in the body of a step with `forEach`, `self` are values.
/// `model`, `env`, `webhook`, `workers` and the functions are needs.
#[must_use]
pub fn workflow_scope(names: WorkflowNames<'_>) -> Variables {
    in_workflow(names).with_lookup("model")
}

/// Returns the names for the guards and asserts of a workflow: those of [`workflow_scope`], with
/// the function `model.method` in place of `model.NAME`.
#[must_use]
pub fn guard_scope(names: WorkflowNames<'_>) -> Variables {
    in_workflow(names).with_function("model.method", 2..=3)
}

/// Returns the names for an expression without a known place: a text of a whole file. `inputs` and the `values` are values.
#[must_use]
pub fn trial_scope(values: &[&str]) -> Variables {
    let names = everywhere(Shape::Any)
        .with_lookup("model")
        .with_lookup("webhook")
        .with_lookup("workers");
    let values = values.iter();
    values.fold(names, |names, name| names.with(*name, Shape::Any))
}

/// Returns the names for an expression that a user tries: those of [`trial_scope`] that can have a
/// value without a server.
#[must_use]
pub fn eval_scope(values: &[&str]) -> Variables {
    let names = everywhere(Shape::Any).with_lookup("model");
    let values = values.iter();
    values.fold(names, |names, name| names.with(*name, Shape::Any))
}

/// Returns what is known of a step. A step with `forEach` is a list with an item for each
/// expansion.
#[must_use]
pub fn step_shape(has_for_each: bool) -> Shape {
    if has_for_each {
        Shape::Any
    } else {
        object(&STEP_MEMBERS)
    }
}

/// Returns what is known of a job.
#[must_use]
pub fn job_shape() -> Shape {
    object(&["status"])
}

/// Returns the names for the values, and for the guards and asserts, of a workflow's file while it
/// is read. Its inputs, steps and jobs are not known then: references to them are checked
/// afterwards, together with the dependencies.
#[must_use]
pub(crate) fn workflow_scopes(item: Option<&str>) -> (Variables, Variables) {
    let names = || with_shapes(Shape::Any, Shape::Any, Shape::Any, item);
    let values = names().with_lookup("model");
    (values, names().with_function("model.method", 2..=3))
}

fn in_workflow(names: WorkflowNames<'_>) -> Variables {
    let (steps, jobs) = (Shape::Object(names.steps), Shape::Object(names.jobs));
    with_shapes(names.inputs, steps, jobs, names.item)
}

fn with_shapes(inputs: Shape, steps: Shape, jobs: Shape, item: Option<&str>) -> Variables {
    let variables = everywhere(inputs)
        .with("run", object(&RUN_MEMBERS))
        .with("steps", steps)
        .with("jobs", jobs)
        .with_lookup("webhook")
        .with_lookup("workers");
    match item {
        None => variables,
        Some(item) => variables.with("self", object(&[item])),
    }
}

fn everywhere(inputs: Shape) -> Variables {
    let names = Variables::new()
        .with_hyphens()
        .with("inputs", inputs)
        .with_lookup("env");
    FUNCTIONS.iter().fold(names, |names, (name, least, most)| {
        names.with_function(*name, *least..=*most)
    })
}

/// Returns the shape of an object with these members, of which nothing else is known.
fn object(members: &[&str]) -> Shape {
    let member = |name: &&str| ((*name).to_owned(), Shape::Any);
    Shape::Object(members.iter().map(member).collect::<BTreeMap<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Expr, TextPlace};

    /// Checks that an expression compiles in a scope, or with which message it does not.
    fn check(scope: &Variables, text: &str, expect: Option<&str>) {
        let compiled = Expr::compile(text, &TextPlace::of_text("text", text), scope);
        let message = compiled.err().map(|fault| fault.message);
        match expect {
            None => assert_eq!(message, None, "{text}"),
            Some(part) => {
                let message = message.unwrap_or_default();
                assert!(message.contains(part), "{text}: {message}");
            }
        }
    }

    #[test]
    fn definition_has_its_names() {
        let scope = definition_scope(Shape::Any);
        for text in [
            "inputs.region",
            "self.globalArguments.a",
            "self.tags['env']",
            "model.other.definition.globalArguments.a",
            "model.my-model.input.a",
            "data.latest('m', 'n').attributes.x",
            "data.latest('m', 'n', 'v')",
            "data.version('m', 'n', 3)",
            "data.version('m', 'n', 'v', 3)",
            "data.listVersions('m', 'n')",
            "data.findByTag('k', 'v')",
            "data.findBySpec('m', 's')",
            "data.query('name == \"a\"', 'name')",
            "file.contents('m', 's')",
            "env.HOME",
            "secret('TOKEN')",
            "vault.get('v', 'k')",
            "now",
            "range(3)",
        ] {
            check(&scope, text, None);
        }
        check(&scope, "self.nam", Some("nam"));
        check(&scope, "steps.a.outputs", Some("steps"));
        check(&scope, "run.id", Some("run"));
        check(&scope, "secret()", Some("1 argument"));
        check(&scope, "data.latest('m')", Some("2 to 3 arguments"));
    }

    #[test]
    fn tried_expression_has_the_given_names() {
        let scope = trial_scope(&["self"]);
        for text in ["inputs.a", "self.name", "model.m.input", "env.HOME", "now"] {
            check(&scope, text, None);
        }
        check(&scope, "steps.a.outputs", Some("steps"));
        check(&trial_scope(&[]), "self.name", Some("self"));
    }

    fn names(item: Option<&str>) -> WorkflowNames<'_> {
        let steps = [("a-b", false), ("each", true)];
        let step = |(name, is_list): (&str, bool)| (name.to_owned(), step_shape(is_list));
        WorkflowNames {
            inputs: Shape::Any,
            steps: steps.into_iter().map(step).collect(),
            jobs: BTreeMap::from([("main".to_owned(), job_shape())]),
            item,
        }
    }

    #[test]
    fn workflow_has_steps_and_guard_has_methods() {
        let plain = workflow_scope(names(None));
        for text in [
            "steps.a-b.outputs.x",
            "steps.each[0].outputs",
            "jobs.main.status",
            "run.startedAt",
            "model.other.input",
            "webhook.body",
        ] {
            check(&plain, text, None);
        }
        check(&plain, "self.item", Some("self"));
        check(&plain, "steps.a-c.outputs", Some("a-c"));
        check(&plain, "steps.a-b.output", Some("output"));
        check(&plain, "jobs.mian.status", Some("mian"));
        let body = workflow_scope(names(Some("item")));
        check(&body, "self.item.name", None);
        check(&body, "self.itm", Some("itm"));
        let guard = guard_scope(names(None));
        check(&guard, "model.method('m', 'get', {'a': 1}).ok", None);
        check(&guard, "model.method('m', 'get')", None);
        check(&guard, "steps.a-b.status == 'succeeded'", None);
        check(&guard, "model.other.input", Some("model"));
    }
}
