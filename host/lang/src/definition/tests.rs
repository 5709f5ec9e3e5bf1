//! Tests of definitions: every key, right and wrong.

use serde_json::{Value, json};

use super::*;

mod files;
mod foreign;
mod keys;

const HEAD: &str = "name: sink\ntype: \"@sedge/sink\"\n";

fn parse_as(name: &str, text: &str) -> Result<Definition, Faults> {
    Definition::parse(&SourceFile::new(name, text))
}

fn parse(text: &str) -> Result<Definition, Faults> {
    parse_as("models/sink.yaml", text)
}

/// Parses a definition with more keys.
fn with(text: &str) -> Definition {
    parse(&format!("{HEAD}{text}")).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

/// Returns the faults as `LINE:COLUMN CODE`, where the lines of [`HEAD`] do not count.
fn places(text: &str) -> Vec<String> {
    let faults = parse(&format!("{HEAD}{text}")).expect_err(text);
    let place = |fault: &Diagnostic| {
        let (line, column) = fault.line_column();
        format!("{}:{column} {}", line - 2, fault.code)
    };
    faults.iter().map(place).collect()
}

/// Checks where the faults of some keys are, and their codes.
#[track_caller]
fn check(text: &str, expect: &[&str]) {
    assert_eq!(places(text), expect, "{text}");
}

/// Checks the whole text of the only fault of some keys.
#[track_caller]
fn check_text(text: &str, message: &str, hint: Option<&str>) {
    let faults = parse(&format!("{HEAD}{text}")).expect_err(text);
    let fault = faults.first().expect("it is not empty");
    assert_eq!(
        (&*fault.message, fault.hint.as_deref()),
        (message, hint),
        "{text}"
    );
    assert_eq!(faults.len(), 1, "{faults:?}");
}

fn literal(value: &WrittenValue) -> Value {
    value.literal().expect("it has no expression")
}

#[test]
fn every_key_is_read() {
    let definition = with(
        "id: 5d4a6b0e-0000-4000-8000-000000000000\nversion: 3\ntypeVersion: 2026.02.09.1\n\
         description: the sink\ntags: {env: dev, n: 1}\n\
         globalArguments: {a: 1, b: [x], c: {d: null}}\n\
         methods:\n  run:\n    arguments: {note: hi}\n  idle:\n\
         inputs: {region: {type: string}}\n\
         checks: {require: [reachable], skip: [slow]}\n\
         resources: {record: {lifetime: 7d, garbageCollection: 10}}\n\
         dataOutputOverrides:\n  - {specName: log, lifetime: ephemeral, tags: {a: b}}\n\
         reports: {require: [daily]}\n\
         grants: {env: [HOME]}\nlimits: {openFiles: 7}\n",
    );
    assert_eq!(definition.name.as_str(), "sink");
    assert_eq!(definition.type_name.value.as_str(), "@sedge/sink");
    assert_eq!(
        definition.id.map(String::from).as_deref(),
        Some("5d4a6b0e-0000-4000-8000-000000000000")
    );
    assert_eq!(
        definition.type_version.map(String::from).as_deref(),
        Some("2026.02.09.1")
    );
    assert_eq!(definition.version, Some(3));
    assert_eq!(definition.description.as_deref(), Some("the sink"));
    assert_eq!(json!(definition.tags), json!({"env": "dev", "n": "1"}));
    assert_eq!(
        literal(&definition.global_arguments),
        json!({"a": 1, "b": ["x"], "c": {"d": null}})
    );
    let run: MethodName = "run".parse().expect("a name");
    let idle: MethodName = "idle".parse().expect("a name");
    assert_eq!(
        literal(&definition.method_arguments[&run]),
        json!({"note": "hi"})
    );
    assert_eq!(literal(&definition.method_arguments[&idle]), json!({}));
    assert_eq!(definition.inputs.names().collect::<Vec<_>>(), ["region"]);
    assert_eq!(definition.checks.require[0].value, "reachable");
    assert_eq!(definition.checks.skip[0].value, "slow");
    assert_eq!(definition.reports.require[0].name.value, "daily");
    assert_eq!(
        json!(definition.retention),
        json!({
            "record": {"lifetime": "7d", "garbageCollection": 10},
            "log": {"lifetime": "ephemeral", "tags": {"a": "b"}},
        })
    );
    assert_eq!(json!(definition.grants), json!({"env": ["HOME"]}));
    assert_eq!(definition.limits.open_files, Some(7));
}

#[test]
fn keys_without_a_value_are_like_absent_ones() {
    let definition = with(
        "id:\nversion:\ntypeVersion:\ndescription:\ntags:\nglobalArguments:\nmethods:\ninputs:\n\
         checks:\nresources:\ndataOutputOverrides:\nreports:\ngrants:\nlimits:\n",
    );
    assert_eq!(literal(&definition.global_arguments), json!({}));
    assert!(definition.grants.is_empty() && definition.notes().is_empty());
    assert!(!definition.inputs.is_declared());
}

#[test]
fn every_key_is_checked() {
    check("id: abc\n", &["1:5 invalid-value"]);
    check("version: one\n", &["1:10 wrong-type"]);
    check("typeVersion: 2026.2.9\n", &["1:14 invalid-value"]);
    check("description: [a]\n", &["1:14 wrong-type"]);
    check("tags: [a]\n", &["1:7 wrong-type"]);
    check("tags: {a: [b]}\n", &["1:11 wrong-type"]);
    check("globalArguments: [1]\n", &["1:18 wrong-type"]);
    check("methods: [run]\n", &["1:10 wrong-type"]);
    check("methods: {a b: {arguments: {}}}\n", &["1:11 invalid-name"]);
    check("methods: {run: {arguments: [1]}}\n", &["1:28 wrong-type"]);
    check("methods: {run: {inputs: {}}}\n", &["1:17 foreign-key"]);
    check("checks: [a]\n", &["1:9 wrong-type"]);
    check("resources: {a b: {}}\n", &["1:13 invalid-name"]);
    check(
        "resources: {r: {lifetime: long}}\n",
        &["1:27 invalid-value"],
    );
    check(
        "resources: {r: {garbageCollection: 0}}\n",
        &["1:36 invalid-value"],
    );
    check("resources: {r: {schema: {}}}\n", &["1:17 foreign-key"]);
    check(
        "dataOutputOverrides: [{lifetime: 7d}]\n",
        &["1:23 missing-key"],
    );
    check(
        "dataOutputOverrides: [{specName: r, vary: [a]}]\n",
        &["1:37 foreign-key"],
    );
    check(
        "reports: {require: [{methods: [a]}]}\n",
        &["1:21 missing-key"],
    );
    check("grants: {env: [\"1X\"]}\n", &["1:16 invalid-value"]);
    check("limits: {wallTimeSecond: 1}\n", &["1:10 unknown-key"]);
    check(
        "resources: {r: {lifetime: 7d}}\ndataOutputOverrides: [{specName: r}]\n",
        &["2:34 duplicate-name"],
    );
}

#[test]
fn name_and_type_are_required_and_checked() {
    let check = |text: &str, expect: &str| {
        let faults = parse(text).expect_err(text);
        let places: Vec<String> = faults
            .iter()
            .map(|it| format!("{}:{} {}", it.line_column().0, it.line_column().1, it.code))
            .collect();
        assert_eq!(places.join(", "), expect, "{text}");
    };
    check("type: \"@a/b\"\n", "1:1 missing-key");
    check("name: a\n", "1:1 missing-key");
    check("{}\n", "1:1 missing-key, 1:1 missing-key");
    check(
        "name: a/b\ntype: b\n",
        "1:7 invalid-value, 2:7 invalid-value",
    );
    check("[a]\n", "1:1 wrong-type");
}

#[test]
fn all_faults_are_reported_in_the_order_of_the_file() {
    check(
        "id: abc\nglobalArgument: {}\nneeds: [a]\ntags: 1\nlimits: {openFiles: -1}\n\
         grants: {env: [\"1X\"], http: [{host: a}]}\nmethods: {run: {arguments: {a: \"${{ 1 + }}\"}}}\n",
        &[
            "1:5 invalid-value",
            "2:1 unknown-key",
            "3:1 foreign-key",
            "4:7 wrong-type",
            "5:21 wrong-type",
            "6:16 invalid-value",
            "6:30 missing-key",
            "6:31 foreign-key",
            "7:41 expression",
        ],
    );
}

#[test]
fn type_may_follow_from_the_folder() {
    let parsed = |file: &str| parse_as(file, "name: main\n");
    let definition = parsed("models/@acme/aws/ec2/main.yaml").expect("a good file");
    assert_eq!(definition.type_name.value.as_str(), "@acme/aws/ec2");
    assert_eq!(definition.type_name.span, 6..10);
    let own = parse_as(
        "models/@acme/sink/a.yaml",
        "name: a\ntype: \"@sedge/sink\"\n",
    );
    assert_eq!(
        own.expect("a good file").type_name.value.as_str(),
        "@sedge/sink"
    );
    for file in [
        "models/main.yaml",
        "models/acme/main.yaml",
        "models/@acme/main.yaml",
    ] {
        let faults = parsed(file).expect_err(file);
        assert_eq!(
            faults.first().map(|it| it.code),
            Some(DiagnosticCode::MissingKey),
            "{file}"
        );
    }
}

#[test]
fn keys_of_other_tools_say_what_to_write() {
    for (key, _) in DEFINITION_KEYS.foreign {
        let text = format!("{key}: {{}}\n");
        assert_eq!(places(&text), ["1:1 foreign-key"], "{key}");
        assert!(!DEFINITION_KEYS.keys.contains(key), "{key}");
    }
    let hint = |text: &str| {
        let faults = parse(&format!("{HEAD}{text}")).expect_err(text);
        faults.first().and_then(|it| it.hint.clone()).expect(text)
    };
    assert!(hint("args: {}\n").contains("globalArguments"));
    assert!(hint("needs: [a]\n").contains("dependsOn"));
    assert!(hint("globalArgumets: {}\n").contains("globalArguments"));
}

#[test]
fn expressions_are_compiled_with_their_names() {
    let definition = with(
        "inputs: {region: {type: string}}\nglobalArguments: {a: \"${{ inputs.region }}-${{ self.name }}\"}\n\
         methods: {run: {arguments: {b: \"${{ data.latest('m', 'n').attributes.x }}\"}}}\n",
    );
    assert_eq!(definition.global_arguments.literal(), None);
    assert_eq!(definition.global_arguments.exprs().count(), 2);
    check(
        "inputs: {region: {type: string}}\nglobalArguments: {a: \"${{ inputs.regoin }}\"}\n",
        &["2:34 expression"],
    );
    check(
        "globalArguments: {a: \"${{ steps.a }}\"}\n",
        &["1:27 expression"],
    );
    check("globalArguments: {a: \"${{ 1\"}\n", &["1:23 expression"]);
}

#[test]
fn part_has_a_place() {
    let definition = with("methods:\n  run:\n    arguments: {note: hi}\n");
    let at = |pointer: &str| definition.file.slice(definition.place(pointer)).to_owned();
    assert_eq!(at("/methods/run/arguments/note"), "hi");
    assert_eq!(at("/methods/run/arguments/other"), "{note: hi}");
    assert_eq!(at("/typeVersion"), "sink");
}

#[test]
fn reports_have_no_effect_yet() {
    let definition = with("reports: {require: [daily]}\n");
    let notes = definition.notes();
    let [note] = &notes[..] else {
        panic!("{notes:?}");
    };
    assert_eq!(
        (note.line_column(), note.code),
        ((3, 1), DiagnosticCode::NotSupported)
    );
    check_text("checks: {skip: [a, a]}\n", "`a` is given twice", None);
}

#[test]
fn definitions_are_compared_without_their_grants_and_places() {
    let plain = with("tags: {a: b}\n");
    assert!(plain.differs_only_in_grants(&with("grants: {env: [HOME]}\n# x\ntags:\n  a: b\n")));
    assert!(!plain.differs_only_in_grants(&with("tags: {a: c}\n")));
    assert!(!plain.differs_only_in_grants(&with("tags: {a: b}\ndescription: x\n")));
}

#[test]
fn new_definition_is_parsed_again() {
    let arguments = json!({"yes": "no", "n": 1, "deep": {"list": ["1", 2, null]}});
    let new = NewDefinition {
        name: "@acme/main".parse().expect("a name"),
        type_name: "@sedge/sink".parse().expect("a type"),
        type_version: "2026.11.23.1".parse().expect("a version"),
        description: Some("it: sinks".to_owned()),
        tags: BTreeMap::from([("env".to_owned(), "1".to_owned())]),
        global_arguments: arguments.as_object().expect("it is an object").clone(),
        grants: Grants {
            env: vec!["HOME".parse().expect("a name")],
            ..Grants::default()
        },
    };
    let text = new.file_text();
    assert!(
        text.starts_with("# yaml-language-server: $schema=../../.sedge/schemas/definition.json\n")
    );
    let definition = parse_as("models/@acme/main.yaml", &text).expect("our own file");
    assert_eq!(literal(&definition.global_arguments), arguments);
    assert_eq!(definition.name, new.name);
    assert_eq!(definition.tags, new.tags);
    assert_eq!(definition.grants, new.grants);
    assert_eq!(definition.description, new.description);
}

/// Each line has a fault of its own, and all of them are found at once.
#[test]
fn every_line_has_its_fault() {
    let text = "nam: sink\n\
        type: sink\n\
        id: 12\n\
        typeVersion: 1.2\n\
        version: one\n\
        tags: [a]\n\
        globalArguments: none\n\
        methods:\n  run:\n    argments: {}\n  sync:\n    - a\n\
        inputs: {region: {type: strng}}\n\
        checks: {require: {a: b}}\n\
        resources: {record: {lifetime: 7 days}}\n\
        dataOutputOverrides: {specName: record}\n\
        reports: {require: [{nme: daily}]}\n\
        grants: {http: [{url: example.com}], files: [inbox], secrets: [TOKEN]}\n\
        limits: {memoryMebibytes: 128 MB}\n\
        env: {A: b}\n\
        steps: []\n";
    let faults = parse(text).expect_err("every key is wrong");
    let mut lines: Vec<usize> = faults.iter().map(|it| it.line_column().0).collect();
    lines.dedup();
    for line in (1..=7).chain([10]).chain(13..=21) {
        assert!(lines.contains(&line), "line {line}: {faults:?}");
    }
    assert!(lines.is_sorted(), "{lines:?}");
}
