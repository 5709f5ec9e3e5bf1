//! Tests of the schemas of files.

use std::sync::Arc;

use super::*;
use crate::definition::Definition;
use crate::diagnostic::SourceFile;
use crate::repository::{CONFIG_FILE, Config, config_file_text};
use crate::schema::Schema;
use crate::workflow::Workflow;
use crate::yaml::parse_tree;

fn compiled(of: SchemaOf) -> Schema {
    let schema = of.schema();
    Schema::compile(&schema).unwrap_or_else(|error| panic!("{}: {error}", of.as_str()))
}

/// Returns what is wrong with a file by its schema.
fn violations(of: SchemaOf, file: &Arc<SourceFile>) -> Vec<String> {
    let value = parse_tree(file).expect("it is YAML").value();
    let violations = compiled(of).violations(&value);
    violations.iter().map(ToString::to_string).collect()
}

/// Checks that the reader and the schema agree on a file.
#[track_caller]
fn check(of: SchemaOf, text: &str, is_good: bool) {
    let file = match of {
        SchemaOf::Definition => SourceFile::new("models/a.yaml", text),
        SchemaOf::Workflow => SourceFile::new("workflows/a.yaml", text),
        SchemaOf::Repository => SourceFile::new(CONFIG_FILE, text),
    };
    let read = match of {
        SchemaOf::Definition => Definition::parse(&file)
            .map(drop)
            .map_err(|it| it.to_string()),
        SchemaOf::Workflow => Workflow::parse(&file)
            .map(drop)
            .map_err(|it| it.to_string()),
        SchemaOf::Repository => Config::parse(&file).map(drop).map_err(|it| it.to_string()),
    };
    assert_eq!(read.is_ok(), is_good, "{text}: {read:?}");
    let violations = violations(of, &file);
    assert_eq!(violations.is_empty(), is_good, "{text}: {violations:?}");
}

/// A key that is read, and that the schema does not describe, would admit every value there.
#[test]
fn every_key_is_described() {
    fn undescribed(at: &str, schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(members) => {
                for (key, below) in members {
                    let at = format!("{at}/{key}");
                    if *below == Value::Bool(true) {
                        found.push(at.clone());
                    }
                    undescribed(&at, below, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|it| undescribed(at, it, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    for of in SchemaOf::ALL {
        let mut found = Vec::new();
        undescribed("", &of.schema(), &mut found);
        assert_eq!(found, Vec::<String>::new(), "{}", of.as_str());
    }
}

#[test]
fn every_schema_is_one_of_its_dialect() {
    for of in SchemaOf::ALL {
        compiled(of);
        let schema = of.schema();
        assert_eq!(schema["$schema"], json!(DIALECT));
        assert!(of.file_text().ends_with("}\n"));
    }
}

#[test]
fn line_for_editors_leads_to_the_schema() {
    let check = |of: SchemaOf, file: &str, expect: &str| {
        assert_eq!(
            schema_line(of, file),
            format!("# yaml-language-server: $schema={expect}")
        );
    };
    check(
        SchemaOf::Repository,
        "sedge.yaml",
        ".sedge/schemas/repository.json",
    );
    check(
        SchemaOf::Workflow,
        "workflows/a.yaml",
        "../.sedge/schemas/workflow.json",
    );
    check(
        SchemaOf::Definition,
        "models/@a/b/c.yaml",
        "../../../.sedge/schemas/definition.json",
    );
}

#[test]
fn definition_and_its_schema_agree() {
    const HEAD: &str = "name: sink\ntype: \"@sedge/sink\"\n";
    let check = |text: &str, is_good: bool| {
        check(SchemaOf::Definition, &format!("{HEAD}{text}"), is_good);
    };
    check("", true);
    check("tags:\ngrants:\nlimits:\nmethods:\n", true);
    check(
        "id: 5d4a6b0e-0000-4000-8000-000000000000\nversion: 3\ntypeVersion: 2026.02.09.1\n\
         description: the sink\ntags: {env: dev, n: 1}\n\
         globalArguments: {a: 1, b: [x], c: \"${{ self.name }}\"}\n\
         methods:\n  run:\n    arguments: {note: hi}\n  idle:\n\
         inputs: {region: {type: string}}\n\
         checks: {require: [reachable], skip: slow}\n\
         resources: {record: {lifetime: 7d, garbageCollection: 10}}\n\
         dataOutputOverrides:\n  - {specName: log, lifetime: ephemeral, garbageCollection: 30d}\n\
         reports: {require: [daily, {name: cost, methods: [run]}]}\n\
         grants:\n  models: \"*\"\n  workflows: [nightly]\n  http: [\"https://a.test\", {url: \"https://b.test\", methods: [GET]}]\n  \
         sockets: [\"a.test:1\"]\n  files: [{name: a, path: b, access: write}]\n  env: [HOME]\n  \
         secrets: [{name: T, hosts: [\"https://a.test\"], reveal: true}]\n  commands: [date]\n  reveal: [\"data:vault:/password\"]\n\
         limits: {openFiles: 7, http: {requests: 3}}\n",
        true,
    );
    check("nam: a\n", false);
    check("needs: [a]\n", false);
    check("version: one\n", false);
    check("tags: [a]\n", false);
    check("methods: {run: {inputs: {}}}\n", false);
    check("checks: {requires: [a]}\n", false);
    check("resources: {r: {lifetime: long}}\n", false);
    check("grants: {files: [{name: a}]}\n", false);
    check("limits: {openFiles: -1}\n", false);
    check("limits: {http: {request: 1}}\n", false);
}

#[test]
fn workflow_and_its_schema_agree() {
    let check = |text: &str, is_good: bool| {
        check(SchemaOf::Workflow, text, is_good);
    };
    let step = |rest: &str| {
        format!(
            "name: a\njobs:\n  - name: j\n    steps:\n      - name: s\n        task: {{type: model_method, modelIdOrName: m, methodName: run}}\n{rest}"
        )
    };
    check(&step(""), true);
    check(
        &step(
            "        weight: 3\n        allowFailure: true\n        timeout: 90\n        retry: 3\n",
        ),
        true,
    );
    check(
        &step(
            "        retry: {attempts: 3, backoff: 1s, on: [failed]}\n        forEach: {item: x, in: [1, 2]}\n",
        ),
        true,
    );
    check(
        &step(
            "      - name: t\n        dependsOn: [{step: s, condition: {type: completed}}]\n        task: {type: manual_approval, prompt: go on}\n",
        ),
        true,
    );
    check(
        &step(
            "      - name: t\n        dependsOn: [s]\n        task: {type: assert, expr: \"1 < 2\", severity: low}\n",
        ),
        true,
    );
    check(
        &step("concurrency: 0\nexclusive: true\ntags: {a: b}\ndescription: x\n"),
        true,
    );
    check(&step("        needs: [s]\n"), false);
    check(&step("        allowFailure: [1]\n"), false);
    check(&step("trigger: {cron: x}\n"), false);
    check("name: a\njobs: []\n", false);
    check("jobs:\n  - name: j\n", false);
}

#[test]
fn settings_and_their_schema_agree() {
    let check = |text: &str, is_good: bool| check(SchemaOf::Repository, text, is_good);
    check(&config_file_text(), true);
    check(
        "version: 1\nlimits: {openFiles: 7}\nlockTimeoutSeconds: 5\nconcurrency: 3\n\
         plugins: {\"@a/b\": {grants: {env: [HOME]}}}\nvendorPlugins: true\n\
         componentLimits: {mebibytes: 3}\nprocessLimits: {descriptors: 9}\n\
         commands: {log: {program: /usr/bin/git, arguments: [log, ...], timeoutSeconds: 5}}\n\
         datastore: {shared: group}\nexpressions: {env: [HOME]}\n",
        true,
    );
    check("version: 2\n", false);
    let pin = |arguments: &str| {
        format!(
            "version: 1\ncommands: {{log: {{program: /usr/bin/git, variables: [TZ], arguments: {arguments}}}}}\n"
        )
    };
    check(&pin("[[log, ...], [status], []]"), true);
    check(&pin("[log, [status]]"), false);
    check(&pin("[[[log]]]"), false);
    check(
        "version: 1\ncommands: {pass: {program: /usr/bin/pass}}\nsecrets: {sources: [{vault: prod, command: pass}]}\n",
        true,
    );
    check("version: 1\nsecrets: {sources: [{vault: prod}]}\n", false);
    check("version: 1\nmodels: {}\n", false);
    check("version: 1\ncommands: {log: {program: git}}\n", false);
    let unknown = SourceFile::new(CONFIG_FILE, "version: 1\nxxxxxxxx: 1\n");
    let fault = Config::parse(&unknown)
        .expect_err("an unknown key")
        .to_string();
    assert!(fault.contains("unknown key"), "{fault}");
}
