//! Small workflows that run, and some that are refused: how each run ended, with the status of each
//! step and why, and the data that it has written.
//!
//! Each file `NAME.yaml` of this folder is a workflow, with what it ends with in `NAME.expected`.
//! The comments `# $ COMMAND` at its beginning are the commands; without them, the workflow is run
//! once. The files in `parts/` are workflows that others nest. To write the expectations, and then
//! to review the difference:
//! `SEDGE_UPDATE=1 cargo test --release --workspace --test workflows`.

#![expect(
    clippy::disallowed_methods,
    reason = "the workflows are files of the source tree"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sedge_test_kit::TestEnv;
use serde_json::Value;

/// The variable that makes the test write the expectations.
const UPDATE: &str = "SEDGE_UPDATE";

/// The beginning of a comment with a command.
const COMMAND: &str = "# $ ";

/// The number of workflows that run at the same time.
const N_THREADS: usize = 4;

#[test]
fn every_workflow_ends_as_expected() {
    let template = template();
    let left = Mutex::new(files(&folder()));
    let differences = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..N_THREADS {
            scope.spawn(|| {
                loop {
                    let path = left.lock().expect("no panic").pop();
                    let Some(path) = path else {
                        return;
                    };
                    if let Some(difference) = check(&template, &path) {
                        differences.lock().expect("no panic").push(difference);
                    }
                }
            });
        }
    });
    let mut differences = differences.into_inner().expect("no panic");
    differences.sort();
    assert!(
        differences.is_empty(),
        "to accept what follows, run the test with {UPDATE}=1\n{}",
        differences.join("\n")
    );
}

/// Returns the difference between how a workflow ended and what its file expects, if any.
fn check(template: &TestEnv, path: &Path) -> Option<String> {
    let name = path.file_stem().and_then(|name| name.to_str());
    let name = name.expect("the names are plain text");
    let text = fs::read_to_string(path).expect("the file is in the tree");
    let actual = played(template, name, &text);
    let expected = path.with_extension("expected");
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&expected, &actual).expect("the tree can be written");
        return None;
    }
    let expected = match fs::read_to_string(&expected) {
        Ok(expected) => expected,
        Err(error) => format!("cannot read `{}`: {error}\n", expected.display()),
    };
    (actual != expected).then(|| format!("{name}: expected\n{expected}actual\n{actual}"))
}

/// Returns the folder of the workflows.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workflows")
}

/// Returns the workflows in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is in the tree");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
        .collect();
    files.sort();
    files
}

/// Returns a repository with the models of all workflows, and with those that are nested.
fn template() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/counter.wasm --grant-all",
        "plugin add $GUESTS/hostile.wasm --grant-all",
        "model create @sedge/sink sink-two",
        "model create @test/hostile hostile",
        "model create @test/counter one",
        "model create @test/counter two",
        "model create @test/counter three",
    ]);
    for path in files(&folder().join("parts")) {
        let name = path.file_name().expect("it is a file").to_string_lossy();
        let text = fs::read_to_string(&path).expect("the file is in the tree");
        env.write_file(&format!("workflows/{name}"), text);
    }
    env
}

/// Executes the commands of a workflow, and returns their exit codes and how its run ended.
fn played(template: &TestEnv, name: &str, text: &str) -> String {
    let env = template.copied();
    env.write_file(&format!("workflows/{name}.yaml"), text);
    let commands = text.lines().filter_map(|line| line.strip_prefix(COMMAND));
    let mut commands: Vec<String> = commands.map(str::to_owned).collect();
    if commands.is_empty() {
        commands.push(format!("workflow run {name}"));
    }
    let mut lines = Vec::new();
    for command in commands {
        let output = env.run(command.split_whitespace());
        let code = output.code().unwrap_or(-1);
        lines.push(format!("$ sedge {command}"));
        lines.push(format!("[exit status: {code}]"));
    }
    let runs = env.run_json(["run", "list", "--of", name, "--limit", "1"]);
    match runs["data"][0]["id"].as_str() {
        Some(run) => ended(&env, run, &mut lines),
        None => refused(&env, name, &mut lines),
    }
    lines.join("\n") + "\n"
}

/// Adds how a run ended.
fn ended(env: &TestEnv, run: &str, lines: &mut Vec<String>) {
    let document = env.run_json(["run", "show", run]);
    lines.push(format!("run {}", word(&document["data"]["status"])));
    let mut steps = BTreeMap::new();
    steps_add(env, &document["data"], "", &mut steps);
    lines.extend(
        steps
            .into_iter()
            .map(|(path, end)| format!("step {path} {end}")),
    );
    let data = env.run_json(["data", "list"]);
    let data = data["data"].as_array().expect("a list");
    let mut written: Vec<String> = data
        .iter()
        .map(|it| {
            let (model, name) = (word(&it["model"]), word(&it["name"]));
            format!("data {model}/{name} {}", it["version"])
        })
        .collect();
    written.sort();
    lines.extend(written);
}

/// Adds how each step of a run ended, by its path. The steps of nested workflows are below theirs.
fn steps_add(env: &TestEnv, run: &Value, prefix: &str, steps: &mut BTreeMap<String, String>) {
    for step in run["steps"].as_array().expect("a list") {
        let path = format!("{prefix}{}", word(&step["step"]));
        if let Some(child) = step["child"].as_str() {
            let document = env.run_json(["run", "show", child]);
            steps_add(env, &document["data"], &format!("{path}/"), steps);
        }
        steps.insert(path, step_end(step));
    }
}

/// Returns the status of a step, and why it has that status.
fn step_end(step: &Value) -> String {
    let mut end = word(&step["status"]).to_owned();
    if let Some(because) = step["because"].as_str() {
        end += &format!(": {because}");
    }
    let error = &step["error"];
    if let Some(code) = error["code"].as_str() {
        // Other messages have places, ids or times.
        let message = match code.starts_with("plugin/") || code == "assert-failed" {
            true => format!(": {}", word(&error["message"])),
            false => String::new(),
        };
        end += &format!(" ({code}{message})");
    }
    let n_before = step["failedAttempts"].as_array().map_or(0, Vec::len);
    if n_before > 0 {
        end += &format!(", {n_before} attempts before");
    }
    if step["isAllowed"] == true {
        end += ", allowed";
    }
    end
}

/// Adds the errors of a workflow that no run was created for.
fn refused(env: &TestEnv, name: &str, lines: &mut Vec<String>) {
    lines.push("refused".to_owned());
    let document = env.run_json(["workflow", "validate", name]);
    let findings = document["data"]["findings"].as_array().expect("a list");
    let errors = findings.iter().filter(|it| it["severity"] == "error");
    lines.extend(errors.map(|it| {
        let place = format!("{}:{}:{}", word(&it["file"]), it["line"], it["column"]);
        let (code, message) = (word(&it["code"]), word(&it["message"]));
        format!("error {code} {place} {message}")
    }));
}

/// Returns a text of a document; the empty text for null.
fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
