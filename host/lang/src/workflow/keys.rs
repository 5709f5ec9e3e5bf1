//! The keys of each part of a workflow's file, and what to write instead of the keys of other tools
//! and of keys in a wrong place.

use crate::yaml::{KeySet, Outline, OutlineKeys};

/// Keys that say where or by what steps are executed. They may stand on a workflow, a job and a
/// step.
pub(crate) const PLACEMENT: [&str; 8] = [
    "affinity",
    "driver",
    "driverConfig",
    "labels",
    "platform",
    "queueTimeout",
    "target",
    "vaultName",
];

/// Where a workflow can have many values.
pub(super) const WORKFLOW_OUTLINE: Outline = Outline::Keys(&OutlineKeys {
    keys: &[("jobs", Outline::List(&JOB_OUTLINE))],
    free: &["inputs", "trigger", "driverConfig"],
});

const JOB_OUTLINE: Outline = Outline::Keys(&OutlineKeys {
    keys: &[("steps", Outline::List(&STEP_OUTLINE))],
    free: JOB.keys,
});

const STEP_OUTLINE: Outline = Outline::Keys(&OutlineKeys {
    keys: &[],
    free: STEP.keys,
});

pub(crate) const WORKFLOW: KeySet = KeySet {
    of: "a workflow",
    keys: &[
        "id",
        "name",
        "description",
        "version",
        "tags",
        "inputs",
        "exclusive",
        "concurrency",
        "timeout",
        "trigger",
        "reports",
        "jobs",
        "affinity",
        "driver",
        "driverConfig",
        "labels",
        "platform",
        "queueTimeout",
        "target",
        "vaultName",
    ],
    foreign: &[
        (
            "allowFailure",
            "it belongs to a step: write `allowFailure: true` beside its `task`",
        ),
        ("cron", "write `trigger: {schedule: \"0 6 * * *\"}`"),
        (
            "defaults",
            "write the values where they are used, or make them `inputs` with a `default`",
        ),
        (
            "dependsOn",
            "it belongs to a job or a step: `dependsOn: [{job: NAME}]`",
        ),
        (
            "env",
            "make the values `inputs`, and use them as `${{ inputs.NAME }}`",
        ),
        (
            "forEach",
            "it belongs to a step: write `forEach: {item: NAME, in: [a, b]}` beside its `task`",
        ),
        ("guard", "it belongs to a job or a step"),
        (
            "if",
            "it belongs to a step, as `guard`: a guard that is true means that the step is done already",
        ),
        (
            "needs",
            "a workflow waits for nothing; on a job, write `dependsOn: [{job: NAME}]`",
        ),
        (
            "on",
            "write `trigger: {schedule: \"0 6 * * *\"}`; a user starts it with `inputs`",
        ),
        ("params", "write `inputs`"),
        ("parameters", "write `inputs`"),
        (
            "permissions",
            "what a model may do is granted in its definition, under `grants`",
        ),
        (
            "retry",
            "it belongs to a step: write `retry: {attempts: 3}` beside its `task`",
        ),
        (
            "run",
            "make a model that runs the command, and a step with `task: {type: model_method, …}`",
        ),
        ("schedule", "write `trigger: {schedule: \"0 6 * * *\"}`"),
        (
            "stages",
            "write `jobs`, each with `dependsOn: [{job: NAME}]`",
        ),
        (
            "steps",
            "steps belong to a job: write `jobs: [{name: main, steps: […]}]`",
        ),
        (
            "tasks",
            "write `jobs`, each with `steps`, each with one `task`",
        ),
        (
            "uses",
            "write a job with a step with `task: {type: workflow, workflowIdOrName: NAME}`",
        ),
        ("variables", "write `inputs`, each with a `default`"),
        ("vars", "write `inputs`, each with a `default`"),
        ("weight", "it belongs to a job or a step"),
        ("with", "write `inputs`"),
    ],
};

pub(crate) const JOB: KeySet = KeySet {
    of: "a job",
    keys: &[
        "name",
        "description",
        "dependsOn",
        "concurrency",
        "weight",
        "guard",
        "steps",
        "affinity",
        "driver",
        "driverConfig",
        "labels",
        "platform",
        "queueTimeout",
        "target",
        "vaultName",
    ],
    foreign: &[
        (
            "allowFailure",
            "it belongs to a step: write `allowFailure: true` beside its `task`",
        ),
        (
            "condition",
            "it belongs to a dependency: `dependsOn: [{job: NAME, condition: {type: completed}}]`",
        ),
        (
            "container",
            "a step runs a method of a model; what the model's plugin needs is in its definition",
        ),
        (
            "continue-on-error",
            "write `allowFailure: true` on the steps that may fail",
        ),
        (
            "dataOutputOverrides",
            "it belongs to a step, beside its `task`",
        ),
        ("depends", "write `dependsOn: [{job: NAME}]`"),
        (
            "env",
            "make the values `inputs` of the workflow, and use them as `${{ inputs.NAME }}`",
        ),
        (
            "forEach",
            "it belongs to a step: write `forEach: {item: NAME, in: [a, b]}` beside its `task`",
        ),
        ("id", "write `name`"),
        (
            "if",
            "write `guard`, which has the opposite sense: a guard that is true means that the job is done already; to wait for a failed job, write `dependsOn: [{job: NAME, condition: {type: failed}}]`",
        ),
        (
            "inputs",
            "inputs are declared by the workflow, and passed to a method by `inputs` of a `task`",
        ),
        (
            "matrix",
            "write `forEach: {item: NAME, in: [a, b]}` on a step",
        ),
        ("needs", "write `dependsOn: [{job: NAME}]`"),
        (
            "outputs",
            "another job reads the result of a step as `${{ steps.NAME.outputs }}`",
        ),
        ("reports", "it belongs to the workflow"),
        (
            "retry",
            "it belongs to a step: write `retry: {attempts: 3}` beside its `task`",
        ),
        (
            "run",
            "make a model that runs the command, and a step with `task: {type: model_method, …}`",
        ),
        ("runs-on", "write `labels: [NAME]`"),
        (
            "stage",
            "write `dependsOn: [{job: NAME}]`: the order follows from what a job waits for",
        ),
        (
            "strategy",
            "write `forEach: {item: NAME, in: [a, b]}` on a step",
        ),
        ("tags", "tags belong to the workflow or to a step"),
        (
            "task",
            "it belongs to a step: write `steps: [{name: NAME, task: {…}}]`",
        ),
        ("tasks", "write `steps`, each with one `task`"),
        (
            "timeout",
            "it belongs to a step, or to the workflow for all of the run",
        ),
        (
            "timeout-minutes",
            "write `timeout: 30m` on a step, or on the workflow for all of the run",
        ),
        ("trigger", "it belongs to the workflow"),
        (
            "uses",
            "write a step with `task: {type: workflow, workflowIdOrName: NAME}`",
        ),
        (
            "when",
            "write `guard`, which has the opposite sense: a guard that is true means that the job is done already",
        ),
        ("with", "write `inputs` in the `task` of a step"),
    ],
};

const IN_TASK: &str = "it belongs in `task`";

pub(crate) const STEP: KeySet = KeySet {
    of: "a step",
    keys: &[
        "name",
        "description",
        "task",
        "dependsOn",
        "forEach",
        "guard",
        "allowFailure",
        "timeout",
        "retry",
        "weight",
        "concurrency",
        "tags",
        "dataOutputOverrides",
        "affinity",
        "driver",
        "driverConfig",
        "labels",
        "platform",
        "queueTimeout",
        "target",
        "vaultName",
    ],
    foreign: &[
        ("allow_failure", "write `allowFailure`"),
        (
            "arguments",
            "write `inputs` in `task`: `task: {type: model_method, modelIdOrName: …, methodName: …, inputs: {…}}`",
        ),
        (
            "args",
            "write `inputs` in `task`: `task: {type: model_method, modelIdOrName: …, methodName: …, inputs: {…}}`",
        ),
        ("assert", "write `task: {type: assert, expr: …}`"),
        (
            "command",
            "make a model that runs the command, and write `task: {type: model_method, modelIdOrName: NAME, methodName: METHOD}`",
        ),
        (
            "condition",
            "it belongs to a dependency: `dependsOn: [{step: NAME, condition: {type: completed}}]`",
        ),
        ("continue-on-error", "write `allowFailure: true`"),
        ("depends", "write `dependsOn: [{step: NAME}]`"),
        ("env", "pass the values as `inputs` in `task`"),
        ("expr", IN_TASK),
        ("globalArgs", IN_TASK),
        ("id", "write `name`"),
        (
            "if",
            "write `guard`, which has the opposite sense: a guard that is true means that the step is done already; to wait for a failed step, write `dependsOn: [{step: NAME, condition: {type: failed}}]`",
        ),
        ("ignore_errors", "write `allowFailure: true`"),
        (
            "inputs",
            "it belongs in `task`: `task: {type: …, inputs: {…}}`",
        ),
        ("loop", "write `forEach: {item: NAME, in: [a, b]}`"),
        ("message", IN_TASK),
        ("method", "write `methodName` in `task`"),
        ("methodName", IN_TASK),
        ("model", "write `modelIdOrName` in `task`"),
        ("modelIdOrName", IN_TASK),
        ("modelName", IN_TASK),
        ("modelType", IN_TASK),
        ("needs", "write `dependsOn: [{step: NAME}]`"),
        ("onTimeout", IN_TASK),
        (
            "outputs",
            "a later step reads the result as `${{ steps.NAME.outputs }}`",
        ),
        ("prompt", IN_TASK),
        ("reports", "it belongs to the workflow"),
        ("retries", "write `retry: {attempts: 3}`"),
        (
            "run",
            "make a model that runs the command, and write `task: {type: model_method, modelIdOrName: NAME, methodName: METHOD}`",
        ),
        ("severity", IN_TASK),
        (
            "shell",
            "make a model that runs the command, and write `task: {type: model_method, modelIdOrName: NAME, methodName: METHOD}`",
        ),
        (
            "steps",
            "a step has one `task`; further steps are entries of the job's `steps`",
        ),
        ("timeout-minutes", "write `timeout: 30m`"),
        ("trigger", "it belongs to the workflow"),
        ("type", IN_TASK),
        (
            "uses",
            "write `task: {type: model_method, modelIdOrName: NAME, methodName: METHOD}`",
        ),
        (
            "vary",
            "it belongs to an entry of `dataOutputOverrides`: `dataOutputOverrides: [{specName: NAME, vary: [INPUT]}]`",
        ),
        (
            "when",
            "write `guard`, which has the opposite sense: a guard that is true means that the step is done already",
        ),
        ("with", "write `inputs` in `task`"),
        ("with_items", "write `forEach: {item: NAME, in: [a, b]}`"),
        ("workflowIdOrName", IN_TASK),
    ],
};

const ON_STEP: &str = "it belongs to the step, beside `task`";

/// What to write instead of the keys of other tools in any task.
const TASK_FOREIGN: &[(&str, &str)] = &[
    ("allowFailure", ON_STEP),
    ("args", "write `inputs`"),
    ("arguments", "write `inputs`"),
    ("concurrency", ON_STEP),
    ("dataOutputOverrides", ON_STEP),
    ("dependsOn", ON_STEP),
    ("env", "pass the values as `inputs`"),
    ("forEach", ON_STEP),
    ("guard", ON_STEP),
    (
        "if",
        "write `guard` on the step, beside `task`; it has the opposite sense: a guard that is true means that the step is done already",
    ),
    ("method", "write `methodName`"),
    ("model", "write `modelIdOrName`"),
    (
        "needs",
        "write `dependsOn: [{step: NAME}]` on the step, beside `task`",
    ),
    ("params", "write `inputs`"),
    ("parameters", "write `inputs`"),
    ("retry", ON_STEP),
    (
        "run",
        "make a model that runs the command, and write `modelIdOrName: NAME` and `methodName: METHOD`",
    ),
    ("tags", ON_STEP),
    (
        "uses",
        "write `modelIdOrName: NAME` and `methodName: METHOD`",
    ),
    ("weight", ON_STEP),
    ("with", "write `inputs`"),
    ("workflow", "write `workflowIdOrName`"),
];

pub(crate) const MODEL_METHOD: KeySet = KeySet {
    of: "a task of type `model_method`",
    keys: &[
        "type",
        "modelIdOrName",
        "modelType",
        "modelName",
        "globalArgs",
        "methodName",
        "inputs",
    ],
    foreign: TASK_FOREIGN,
};

pub(crate) const WORKFLOW_TASK: KeySet = KeySet {
    of: "a task of type `workflow`",
    keys: &["type", "workflowIdOrName", "inputs"],
    foreign: TASK_FOREIGN,
};

pub(crate) const MANUAL_APPROVAL: KeySet = KeySet {
    of: "a task of type `manual_approval`",
    keys: &["type", "prompt", "timeout", "onTimeout"],
    foreign: TASK_FOREIGN,
};

pub(crate) const ASSERT: KeySet = KeySet {
    of: "a task of type `assert`",
    keys: &["type", "expr", "message", "severity"],
    foreign: TASK_FOREIGN,
};

/// The keys of all types of tasks, for a task whose type is not known.
pub(crate) const ANY_TASK: KeySet = KeySet {
    of: "a task",
    keys: &[
        "type",
        "modelIdOrName",
        "modelType",
        "modelName",
        "globalArgs",
        "methodName",
        "inputs",
        "workflowIdOrName",
        "prompt",
        "timeout",
        "onTimeout",
        "expr",
        "message",
        "severity",
    ],
    foreign: TASK_FOREIGN,
};

pub(crate) const JOB_DEPENDENCY: KeySet = KeySet {
    of: "an entry of `dependsOn`",
    keys: &["job", "condition", "anyOf", "allOf"],
    foreign: &[
        ("name", "write `job`"),
        (
            "step",
            "a job waits for jobs: write `job`; to wait for a step, put the dependency on a step of the same job",
        ),
        (
            "type",
            "it belongs in `condition`: `condition: {type: failed}`",
        ),
    ],
};

pub(crate) const STEP_DEPENDENCY: KeySet = KeySet {
    of: "an entry of `dependsOn`",
    keys: &["step", "condition", "anyOf", "allOf"],
    foreign: &[
        (
            "job",
            "a step waits for steps of its own job: write `step`; to wait for a job, put `dependsOn: [{job: NAME}]` on the job of this step",
        ),
        ("name", "write `step`"),
        (
            "type",
            "it belongs in `condition`: `condition: {type: failed}`",
        ),
    ],
};

pub(crate) const CONDITION: KeySet = KeySet {
    of: "a condition",
    keys: &["type", "conditions", "condition"],
    foreign: &[
        (
            "and",
            "write `{type: and, conditions: [{type: …}, {type: …}]}`",
        ),
        ("not", "write `{type: not, condition: {type: …}}`"),
        (
            "or",
            "write `{type: or, conditions: [{type: …}, {type: …}]}`",
        ),
        ("status", "write `type`"),
    ],
};

pub(crate) const FOR_EACH: KeySet = KeySet {
    of: "`forEach`",
    keys: &["item", "in"],
    foreign: &[
        ("as", "write `item`"),
        ("items", "write `in`"),
        ("list", "write `in`"),
        ("name", "write `item`"),
        ("values", "write `in`"),
        ("var", "write `item`"),
    ],
};

pub(crate) const RETRY: KeySet = KeySet {
    of: "`retry`",
    keys: &["attempts", "backoff", "maxBackoff", "jitter", "on"],
    foreign: &[
        (
            "count",
            "write `attempts`, which counts the first attempt, too",
        ),
        ("delay", "write `backoff`"),
        (
            "max",
            "write `attempts`, which counts the first attempt, too",
        ),
        ("maxAttempts", "write `attempts`"),
        ("when", "write `on`"),
    ],
};

pub(crate) const OUTPUT_OVERRIDE: KeySet = KeySet {
    of: "an entry of `dataOutputOverrides`",
    keys: &["specName", "lifetime", "garbageCollection", "tags", "vary"],
    foreign: &[("name", "write `specName`"), ("spec", "write `specName`")],
};

pub(crate) const TRIGGER: KeySet = KeySet {
    of: "`trigger`",
    keys: &["schedule", "inputs"],
    foreign: &[("cron", "write `schedule`"), ("with", "write `inputs`")],
};

pub(crate) const REPORTS: KeySet = KeySet {
    of: "`reports`",
    keys: &["require", "skip"],
    foreign: &[("include", "write `require`"), ("exclude", "write `skip`")],
};
