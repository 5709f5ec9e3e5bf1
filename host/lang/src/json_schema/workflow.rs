//! The schema of a workflow.

use serde_json::{Value, json};

use super::definition::retention_keys;
use super::values::{
    any, boolean, count, inputs, list, name, one_or_list, span_of_time, tags, text, type_name,
    uuid, whole_number,
};
use super::{KeySchema, object};
use crate::workflow::keys::{
    ASSERT, CONDITION, FOR_EACH, JOB, JOB_DEPENDENCY, MANUAL_APPROVAL, MODEL_METHOD,
    OUTPUT_OVERRIDE, PLACEMENT, REPORTS, RETRY, STEP, STEP_DEPENDENCY, TRIGGER, WORKFLOW,
    WORKFLOW_TASK,
};
use crate::yaml::KeySet;

/// Returns the schema.
pub(super) fn schema() -> Value {
    let described = [identity(), options(), placement()].concat();
    let mut schema = object(&WORKFLOW, &["name", "jobs"], described);
    schema["$defs"] = json!({
        "condition": condition(),
        "jobDependency": dependency("job", &JOB_DEPENDENCY, "jobDependency"),
        "stepDependency": dependency("step", &STEP_DEPENDENCY, "stepDependency"),
    });
    schema
}

fn identity() -> Vec<KeySchema> {
    vec![
        ("name", "The name of the workflow.", name()),
        (
            "id",
            "The id of the workflow. It can be used instead of the name.",
            uuid(),
        ),
        ("description", "The purpose of the workflow.", text()),
        (
            "version",
            "The version of the workflow, which its author counts.",
            whole_number(),
        ),
        (
            "tags",
            "Labels of the run and of all data that it writes.",
            tags(),
        ),
        (
            "inputs",
            "The inputs: JSON Schema with `properties`, or the properties themselves.",
            inputs(),
        ),
    ]
}

fn options() -> Vec<KeySchema> {
    let reports = object(
        &REPORTS,
        &[],
        vec![
            ("require", "Reports that are made.", one_or_list(&any())),
            ("skip", "Reports that are not made.", one_or_list(&any())),
        ],
    );
    vec![
        (
            "jobs",
            "The jobs.",
            json!({"type": "array", "minItems": 1, "items": job()}),
        ),
        (
            "concurrency",
            "How many steps may run at once; 0 for any number.",
            whole_number(),
        ),
        (
            "exclusive",
            "Whether a run has the whole datastore to itself.",
            boolean(),
        ),
        ("timeout", "How long a run may take.", span_of_time()),
        ("trigger", "When a server starts the workflow.", trigger()),
        ("reports", "Reports that are required or skipped.", reports),
    ]
}

/// Returns the keys that say where or by what steps are executed.
fn placement() -> Vec<KeySchema> {
    let text = "It is accepted, and has no effect yet.";
    PLACEMENT.iter().map(|key| (*key, text, any())).collect()
}

fn trigger() -> Value {
    object(
        &TRIGGER,
        &[],
        vec![
            ("schedule", "The schedule, in the form of cron.", text()),
            ("inputs", "The inputs of the runs that it starts.", any()),
        ],
    )
}

fn job() -> Value {
    let steps = json!({"type": "array", "minItems": 1, "items": step()});
    let mut described = vec![
        (
            "name",
            "The name of the job, unique in the workflow.",
            text(),
        ),
        ("description", "The purpose of the job.", text()),
        (
            "dependsOn",
            "The jobs that it waits for. All have to hold.",
            depends_on("jobDependency"),
        ),
        (
            "concurrency",
            "How many of its steps may run at once; 0 for any number.",
            whole_number(),
        ),
        (
            "weight",
            "The order among jobs that are ready: lower ones first.",
            json!({"type": "integer"}),
        ),
        (
            "guard",
            "If it is true, the job is done already.",
            expression(),
        ),
        ("steps", "The steps.", steps),
    ];
    described.extend(placement());
    object(&JOB, &["name", "steps"], described)
}

fn step() -> Value {
    let for_each = object(
        &FOR_EACH,
        &["item", "in"],
        vec![
            ("item", "The name of the item in `self`.", text()),
            (
                "in",
                "A list, a map, or an expression that yields one.",
                json!({"type": ["array", "object", "string"]}),
            ),
        ],
    );
    let overrides = object(&OUTPUT_OVERRIDE, &["specName"], override_keys());
    let mut described = vec![
        ("name", "The name of the step, unique in its job.", text()),
        ("description", "The purpose of the step.", text()),
        ("task", "What the step does.", task()),
        (
            "dependsOn",
            "The steps that it waits for. All have to hold.",
            depends_on("stepDependency"),
        ),
        ("forEach", "The step runs once for each item.", for_each),
        (
            "guard",
            "If it is true, the step is done already.",
            expression(),
        ),
        (
            "allowFailure",
            "Whether the job goes on if the step fails.",
            boolean(),
        ),
        ("timeout", "How long one attempt may take.", span_of_time()),
        (
            "retry",
            "When and how often the step is tried again.",
            retry(),
        ),
        (
            "weight",
            "The order among steps that are ready: lower ones first.",
            json!({"type": "integer"}),
        ),
        (
            "concurrency",
            "How many items of `forEach` may run at once; 0 for any number.",
            whole_number(),
        ),
        ("tags", "Labels of all data that the step writes.", tags()),
        (
            "dataOutputOverrides",
            "How long the data of the step is kept.",
            list(&overrides),
        ),
    ];
    described.extend(placement());
    object(&STEP, &["name", "task"], described)
}

fn override_keys() -> Vec<KeySchema> {
    let mut keys = retention_keys();
    keys.push((
        "vary",
        "Inputs by whose values the data is kept apart.",
        one_or_list(&text()),
    ));
    keys
}

fn retry() -> Value {
    let keys = object(
        &RETRY,
        &["attempts"],
        vec![
            (
                "attempts",
                "How many attempts there are at most, the first one included.",
                count(),
            ),
            (
                "backoff",
                "The pause before the second attempt. It doubles with each further one.",
                span_of_time(),
            ),
            ("maxBackoff", "The longest pause.", span_of_time()),
            ("jitter", "Whether pauses are shortened at random.", any()),
            (
                "on",
                "The failures after which the step is tried again.",
                one_or_list(&text()),
            ),
        ],
    );
    json!({"anyOf": [count(), keys]})
}

fn task() -> Value {
    let tasks = [model_method(), nested_workflow(), approval(), assert()];
    json!({"anyOf": tasks})
}

/// Returns the schema of a task of one type.
fn of_type(set: &KeySet, word: &str, required: &[&str], mut described: Vec<KeySchema>) -> Value {
    described.push(("type", "The type of the task.", json!({"const": word})));
    object(set, &[&["type"], required].concat(), described)
}

fn model_method() -> Value {
    let global_arguments = json!({"type": ["object", "null"]});
    of_type(
        &MODEL_METHOD,
        "model_method",
        &["methodName"],
        vec![
            ("modelIdOrName", "The model, by its name or its id.", text()),
            (
                "modelType",
                "The type of a model without a definition.",
                type_or_expression(),
            ),
            (
                "modelName",
                "The name of a model without a definition.",
                text(),
            ),
            (
                "globalArgs",
                "The global arguments of a model without a definition.",
                global_arguments,
            ),
            ("methodName", "The method.", text()),
            (
                "inputs",
                "The arguments, or an expression that yields them.",
                task_inputs(),
            ),
        ],
    )
}

fn nested_workflow() -> Value {
    of_type(
        &WORKFLOW_TASK,
        "workflow",
        &["workflowIdOrName"],
        vec![
            (
                "workflowIdOrName",
                "The workflow, by its name or its id.",
                text(),
            ),
            (
                "inputs",
                "The inputs, or an expression that yields them.",
                task_inputs(),
            ),
        ],
    )
}

fn approval() -> Value {
    let decisions = json!({"enum": ["fail", "reject", "continue"]});
    of_type(
        &MANUAL_APPROVAL,
        "manual_approval",
        &[],
        vec![
            ("prompt", "What is to be approved.", text()),
            ("timeout", "When the deadline decides.", span_of_time()),
            (
                "onTimeout",
                "What the deadline decides; `reject` unless it is set.",
                decisions,
            ),
        ],
    )
}

fn assert() -> Value {
    let severities = json!({"enum": ["low", "medium", "high"]});
    of_type(
        &ASSERT,
        "assert",
        &["expr"],
        vec![
            (
                "expr",
                "The expression that has to be true, without `${{ }}`.",
                expression(),
            ),
            ("message", "What is wrong if it is not.", text()),
            (
                "severity",
                "How bad that is; `high` unless it is set.",
                severities,
            ),
        ],
    )
}

fn task_inputs() -> Value {
    json!({"type": ["object", "string", "null"]})
}

fn type_or_expression() -> Value {
    json!({"anyOf": [type_name(), {"type": "string", "pattern": "\\$\\{\\{"}]})
}

/// An expression that yields a boolean.
fn expression() -> Value {
    json!({"type": ["string", "boolean"]})
}

fn reference(of: &str) -> Value {
    json!({"$ref": format!("#/$defs/{of}")})
}

fn depends_on(of: &str) -> Value {
    one_or_list(&reference(of))
}

/// Returns the schema of an entry of `dependsOn`.
fn dependency(key: &'static str, set: &KeySet, own: &str) -> Value {
    let described = vec![
        (key, "What it waits for.", text()),
        (
            "condition",
            "How that has to end; `succeeded` unless it is set.",
            reference("condition"),
        ),
        (
            "anyOf",
            "One of these has to hold.",
            one_or_list(&reference(own)),
        ),
        (
            "allOf",
            "All of these have to hold.",
            one_or_list(&reference(own)),
        ),
    ];
    json!({"anyOf": [text(), object(set, &[], described)]})
}

fn condition() -> Value {
    let words = json!(["always", "succeeded", "failed", "completed", "skipped"]);
    let types = json!([
        "always",
        "succeeded",
        "failed",
        "completed",
        "skipped",
        "and",
        "or",
        "not"
    ]);
    let described = vec![
        ("type", "The condition.", json!({"enum": types})),
        (
            "conditions",
            "The conditions that `and` and `or` combine.",
            list(&reference("condition")),
        ),
        (
            "condition",
            "The condition that `not` reverses.",
            reference("condition"),
        ),
    ];
    json!({"anyOf": [{"enum": words}, object(&CONDITION, &["type"], described)]})
}
