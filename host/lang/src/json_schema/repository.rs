//! The schema of `sedge.yaml`.

use serde_json::{Value, json};

use super::definition::{grants, limits, section};
use super::values::{boolean, count, list, text, type_name, whole_number};
use super::{KeySchema, object};
use crate::yaml::KeySet;

/// The keys of `sedge.yaml`.
pub(super) const CONFIG_KEYS: KeySet = KeySet {
    of: "sedge.yaml",
    keys: &[
        "version",
        "limits",
        "lockTimeoutSeconds",
        "concurrency",
        "plugins",
        "vendorPlugins",
        "componentLimits",
        "processLimits",
        "commands",
        "datastore",
        "expressions",
        "secrets",
    ],
    foreign: &[],
};

const PLUGIN_KEYS: KeySet = KeySet {
    of: "the settings of a type",
    keys: &["grants"],
    foreign: &[],
};

const COMMAND_KEYS: KeySet = KeySet {
    of: "a pinned program",
    keys: &[
        "program",
        "arguments",
        "environment",
        "variables",
        "cwd",
        "subfolders",
        "timeoutSeconds",
        "outputKibibytes",
    ],
    foreign: &[],
};

const DATASTORE_KEYS: KeySet = KeySet {
    of: "the datastore",
    keys: &["shared"],
    foreign: &[],
};

const EXPRESSIONS_KEYS: KeySet = KeySet {
    of: "what expressions may read",
    keys: &["env"],
    foreign: &[],
};

const SECRETS_KEYS: KeySet = KeySet {
    of: "the sources of secrets",
    keys: &["sources"],
    foreign: &[],
};

const SOURCE_KEYS: KeySet = KeySet {
    of: "a source of secrets",
    keys: &["vault", "command"],
    foreign: &[],
};

/// Returns the schema.
pub(super) fn schema() -> Value {
    object(&CONFIG_KEYS, &["version"], described())
}

fn described() -> Vec<KeySchema> {
    let plugin = object(
        &PLUGIN_KEYS,
        &[],
        vec![("grants", "What each model of the type may do.", grants())],
    );
    let by_type = json!({
        "type": "object",
        "propertyNames": type_name(),
        "additionalProperties": plugin,
    });
    let datastore = object(
        &DATASTORE_KEYS,
        &[],
        vec![(
            "shared",
            "The users who share the datastore with its owner.",
            json!({"enum": ["group"]}),
        )],
    );
    let expressions = object(
        &EXPRESSIONS_KEYS,
        &[],
        vec![("env", "The variables of the environment.", list(&text()))],
    );
    vec![
        (
            "version",
            "The version of the file's format.",
            json!({"const": crate::repository::FORMAT_VERSION}),
        ),
        (
            "limits",
            "Limits of the calls of models that do not set their own.",
            limits(),
        ),
        (
            "lockTimeoutSeconds",
            "How long a call waits for a lock, in seconds.",
            whole_number(),
        ),
        ("concurrency", "How many guests execute at once.", count()),
        ("plugins", "Settings for all models of a type.", by_type),
        (
            "vendorPlugins",
            "Whether the components of plugins are kept in the repository.",
            boolean(),
        ),
        (
            "componentLimits",
            "Limits of a component that is added.",
            limits_of("componentLimits"),
        ),
        (
            "processLimits",
            "Limits of what all calls of one process use together.",
            limits_of("processLimits"),
        ),
        (
            "commands",
            "The pinned programs, by their names in grants.",
            commands(),
        ),
        ("datastore", "Settings of the datastore.", datastore),
        ("expressions", "What expressions may read.", expressions),
        (
            "secrets",
            "Where secrets come from that are not stored.",
            secrets(),
        ),
    ]
}

/// Returns the schema of a section of the table of limits that consists of numbers.
fn limits_of(name: &str) -> Value {
    let mut properties = serde_json::Map::new();
    for (key, text, schema) in section(name) {
        properties.insert(key.to_owned(), super::with_description(schema, text));
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn secrets() -> Value {
    let source = object(
        &SOURCE_KEYS,
        &["vault", "command"],
        vec![
            (
                "vault",
                "The vault: the names of its secrets are `VAULT.KEY`.",
                text(),
            ),
            (
                "command",
                "The pinned program that prints the value of a key.",
                text(),
            ),
        ],
    );
    object(
        &SECRETS_KEYS,
        &[],
        vec![(
            "sources",
            "The vaults that pinned programs read.",
            list(&source),
        )],
    )
}

fn commands() -> Value {
    let pin = object(
        &COMMAND_KEYS,
        &["program"],
        vec![
            (
                "program",
                "The absolute path of the program.",
                json!({"type": "string", "pattern": "^/"}),
            ),
            (
                "arguments",
                "The arguments: words, `*` for any one, and `...` at the end for any others; or a list of such lists.",
                json!({"anyOf": [list(&text()), list(&list_of_one_form())]}),
            ),
            (
                "environment",
                "The variables that the program gets.",
                list(&text()),
            ),
            (
                "variables",
                "The variables that a model may set.",
                list(&text()),
            ),
            (
                "cwd",
                "The folder where it starts, within the repository.",
                text(),
            ),
            (
                "subfolders",
                "Whether a model may choose a folder below that one.",
                boolean(),
            ),
            (
                "timeoutSeconds",
                "How long it may take, in seconds.",
                count(),
            ),
            (
                "outputKibibytes",
                "How much it may write to stdout and stderr, in KiB.",
                count(),
            ),
        ],
    );
    json!({"type": "object", "additionalProperties": pin})
}

/// Returns the schema of one of several forms of arguments.
fn list_of_one_form() -> Value {
    json!({"type": "array", "items": text()})
}
