//! The schema of a model's definition.

use sedge_model::limits::LIMITS;
use serde_json::{Value, json};

use super::values::{
    any_object, boolean, garbage_collection, inputs, lifetime, list, map_of, name, one_or_list,
    tags, text, type_name, type_version, uuid, whole_number,
};
use super::{KeySchema, object};
use crate::definition::{
    CHECKS_KEYS, DEFINITION_KEYS, FOLDER_GRANT_KEYS, GRANT_KEYS, HTTP_GRANT_KEYS, HTTP_LIMIT_KEYS,
    LIMIT_KEYS, METHOD_KEYS, OVERRIDE_KEYS, REPORT_KEYS, REPORTS_KEYS, RESOURCE_KEYS,
    SECRET_GRANT_KEYS, SOCKET_GRANT_KEYS,
};
use crate::yaml::KeySet;

/// Returns the schema.
pub(super) fn schema() -> Value {
    // `type` may follow from the folder, so it is not required here.
    object(
        &DEFINITION_KEYS,
        &["name"],
        [identity(), behaviour()].concat(),
    )
}

fn identity() -> Vec<KeySchema> {
    vec![
        (
            "type",
            "The type: `@scope/name`. If it is absent, it follows from the folder: models/@scope/name/FILE.yaml.",
            type_name(),
        ),
        (
            "typeVersion",
            "The version of the type that the definition was written for.",
            type_version(),
        ),
        ("name", "The name of the model.", name()),
        (
            "id",
            "The id of the model. It can be used instead of the name.",
            uuid(),
        ),
        (
            "version",
            "The number that the author gives to this version of the definition.",
            whole_number(),
        ),
        ("description", "The purpose of the model.", text()),
        ("tags", "Labels of all data that the model writes.", tags()),
    ]
}

fn behaviour() -> Vec<KeySchema> {
    let method = object(
        &METHOD_KEYS,
        &[],
        vec![(
            "arguments",
            "Stored arguments. The arguments of a step or a command override them.",
            any_object(),
        )],
    );
    vec![
        (
            "globalArguments",
            "Arguments for every method, checked against the schema of the type. Texts can have expressions.",
            any_object(),
        ),
        ("methods", "Stored arguments by method.", map_of(&method)),
        (
            "inputs",
            "The inputs that expressions use: JSON Schema with `properties`, or the properties themselves.",
            inputs(),
        ),
        (
            "checks",
            "Checks before methods that change something.",
            checks(),
        ),
        (
            "resources",
            "How long data is kept, by spec.",
            map_of(&retention(&RESOURCE_KEYS, &[])),
        ),
        (
            "dataOutputOverrides",
            "How long data is kept, as a list.",
            list(&retention(&OVERRIDE_KEYS, &["specName"])),
        ),
        (
            "reports",
            "Reports that are required or skipped.",
            reports(),
        ),
        (
            "grants",
            "The grants of this model, in addition to those of all models of its type.",
            grants(),
        ),
        ("limits", "Limits of the model's calls.", limits()),
    ]
}

fn checks() -> Value {
    object(
        &CHECKS_KEYS,
        &[],
        vec![
            (
                "require",
                "Checks that run even if a command skips checks.",
                one_or_list(&text()),
            ),
            ("skip", "Checks that never run.", one_or_list(&text())),
        ],
    )
}

fn reports() -> Value {
    let report = object(
        &REPORT_KEYS,
        &["name"],
        vec![
            ("name", "The name of the report.", text()),
            (
                "methods",
                "The methods to which this applies; all if it is absent.",
                one_or_list(&text()),
            ),
        ],
    );
    let report = json!({"anyOf": [text(), report]});
    object(
        &REPORTS_KEYS,
        &[],
        vec![
            ("require", "Reports that are made.", one_or_list(&report)),
            ("skip", "Reports that are not made.", one_or_list(&report)),
        ],
    )
}

fn retention(set: &KeySet, required: &[&str]) -> Value {
    object(set, required, retention_keys())
}

/// Returns the keys of the retention of one spec, which steps of a workflow have as well.
pub(super) fn retention_keys() -> Vec<KeySchema> {
    vec![
        ("specName", "The spec.", text()),
        ("lifetime", "How long a version is kept.", lifetime()),
        (
            "garbageCollection",
            "How many versions are kept, or for how long.",
            garbage_collection(),
        ),
        ("tags", "Labels of the data.", tags()),
    ]
}

/// Returns the schema of the key `grants`, which `sedge.yaml` has as well.
pub(super) fn grants() -> Value {
    let http = object(
        &HTTP_GRANT_KEYS,
        &["url"],
        vec![
            ("url", "The destination: `https://HOST`.", text()),
            (
                "methods",
                "The methods; all if it is absent.",
                one_or_list(&text()),
            ),
            (
                "addresses",
                "Addresses that are not public and that the name may resolve to.",
                one_or_list(&text()),
            ),
        ],
    );
    let socket = object(
        &SOCKET_GRANT_KEYS,
        &["to"],
        vec![
            ("to", "The destination: `HOST:PORT`.", text()),
            (
                "addresses",
                "Addresses that are not public and that the name may resolve to.",
                one_or_list(&text()),
            ),
        ],
    );
    let or_text = |schema: &Value| one_or_list(&json!({"anyOf": [text(), schema]}));
    object(
        &GRANT_KEYS,
        &[],
        vec![
            (
                "models",
                "Models that may be called and read; `*` for all.",
                one_or_list(&text()),
            ),
            (
                "workflows",
                "Workflows that may be run; `*` for all.",
                one_or_list(&text()),
            ),
            ("http", "Destinations of HTTP requests.", or_text(&http)),
            (
                "sockets",
                "Destinations of TCP connections.",
                or_text(&socket),
            ),
            ("files", "Folders.", one_or_list(&folder_grant())),
            ("env", "Variables of the environment.", one_or_list(&text())),
            ("secrets", "Secrets.", one_or_list(&secret_grant())),
            (
                "commands",
                "Pinned programs; `*` for all.",
                one_or_list(&text()),
            ),
            (
                "reveal",
                "Hidden values that may be seen: `data:MODEL:/FIELD`, `argument:/FIELD`.",
                one_or_list(&text()),
            ),
        ],
    )
}

fn folder_grant() -> Value {
    object(
        &FOLDER_GRANT_KEYS,
        &["name", "path"],
        vec![
            (
                "name",
                "The name by which the plugin requests the folder.",
                text(),
            ),
            (
                "path",
                "The path. A relative path begins at the repository.",
                text(),
            ),
            (
                "access",
                "The access to the files: `read`, or `write` for both.",
                json!({"enum": ["read", "write"]}),
            ),
        ],
    )
}

fn secret_grant() -> Value {
    object(
        &SECRET_GRANT_KEYS,
        &["name"],
        vec![
            ("name", "The name of the secret.", text()),
            (
                "hosts",
                "The hosts to which the secret may be sent in requests.",
                one_or_list(&text()),
            ),
            (
                "reveal",
                "Whether the plugin may see the secret.",
                boolean(),
            ),
        ],
    )
}

/// Returns the schema of the key `limits`, which `sedge.yaml` has as well.
pub(super) fn limits() -> Value {
    let mut described = section("limits");
    let http = object(&HTTP_LIMIT_KEYS, &[], section("limits.http"));
    described.push(("http", "Limits of HTTP requests.", http));
    object(&LIMIT_KEYS, &[], described)
}

/// Returns the keys of one section of the table of limits.
pub(super) fn section(section: &str) -> Vec<KeySchema> {
    let rows = LIMITS.iter().filter(|row| row.section == section);
    rows.filter_map(|row| Some((row.key?, row.doc, whole_number())))
        .collect()
}
