//! Environments that several transcripts share.

use quick_xml::events::Event;
use sedge_test_kit::{CommandOutput, TestEnv};

/// The most lines of a message. The smallest usual terminal shows them all.
const LINES_MAX: usize = 24;

/// One step, which calls `spawn`.
pub(crate) const A: &str = "\
name: A
description: One step, which calls another model
jobs:
  - name: main
    steps:
      - name: spawn
        task:
          type: model_method
          modelIdOrName: spawn
          methodName: run
";

/// Returns a workflow with a gate, and a step after it that calls `spawn`, which calls `sink`
/// `n_calls` times.
pub(crate) fn b(n_calls: u32) -> String {
    format!(
        "\
name: B
description: A gate, then a step which calls another model
jobs:
  - name: main
    steps:
      - name: gate
        task:
          type: manual_approval
          prompt: Shall the calls be made?
      - name: spawn
        dependsOn: [{{step: gate, condition: {{type: succeeded}}}}]
        task:
          type: model_method
          modelIdOrName: spawn
          methodName: run
          inputs: {{count: {n_calls}}}
"
    )
}

/// Returns a repository with `sink`, `spawn`, and the workflows `A` and `B`.
pub(crate) fn with_workflows() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.write_file("workflows/A.yaml", A);
    env.write_file("workflows/B.yaml", b(2));
    env
}

/// Returns a repository where a run of `B` waits at its gate.
pub(crate) fn with_suspended() -> TestEnv {
    let env = with_workflows();
    env.setup(&["workflow run B"]);
    env
}

/// Returns the only or newest run's id.
pub(crate) fn newest_run(env: &TestEnv) -> String {
    let runs = env.run_json(["run", "list", "--limit", "1"]);
    let id = runs["data"][0]["id"].as_str();
    id.expect("something has run").to_owned()
}

/// Returns a repository with the model `hostile`, which misbehaves.
pub(crate) fn with_hostile() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/hostile.wasm --grant-all",
        "model create @test/hostile hostile",
    ]);
    env
}

/// Returns a repository with `sink`, and with the model `files`, whose arguments are operations on
/// data.
pub(crate) fn with_files() -> TestEnv {
    let env = TestEnv::with_sink_and_spawn();
    env.setup(&[
        "plugin add $GUESTS/filer.wasm --grant-all",
        "model create @test/filer files",
    ]);
    env
}

/// Returns a repository with the counters `one` to `four`.
pub(crate) fn with_counters() -> TestEnv {
    let env = TestEnv::with_repository();
    env.setup(&[
        "plugin add $GUESTS/counter.wasm --grant-all",
        "model create @test/counter one",
        "model create @test/counter two",
        "model create @test/counter three",
        "model create @test/counter four",
    ]);
    env
}

/// Runs a command that must be refused, and returns its output.
#[track_caller]
pub(crate) fn refused(env: &TestEnv, command: &str) -> CommandOutput {
    let before = env.state();
    let output = env.run(command.split_whitespace());
    assert_eq!(
        env.state(),
        before,
        "`{command}` wrote something:\n{output}"
    );
    assert!(matches!(output.code(), Some(2 | 3)), "{output}");
    let n_lines = output.stdout.lines().count() + output.stderr.lines().count();
    let is_json = command.ends_with("--json");
    assert!(is_json || n_lines <= LINES_MAX, "{output}");
    output
}

/// Returns the names of the elements of an XML document, in their order. A parser reads all of it.
pub(crate) fn xml_elements(text: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut elements = Vec::new();
    let mut n_open = 0_u32;
    loop {
        let event = reader.read_event().expect("well-formed XML");
        let element = match event {
            Event::Eof => break,
            Event::Start(element) => {
                n_open += 1;
                element
            }
            Event::Empty(element) => element,
            Event::End(_) => {
                n_open -= 1;
                continue;
            }
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => continue,
        };
        for attribute in element.attributes() {
            let _ = attribute.expect("well-formed attributes");
        }
        elements.push(String::from_utf8_lossy(element.name().as_ref()).into_owned());
    }
    assert_eq!(n_open, 0, "all elements are closed");
    elements
}
