//! Texts of a plugin wherever the program shows them: none begins a line as the program's own lines
//! do, and none controls the terminal.
//!
//! Each row runs the program in its own repository, with pipes instead of a terminal, and checks
//! all output.

use sedge_test_forge::{Permission, PluginText};
use sedge_test_kit::{CommandOutput, TestEnv};
use serde_json::json;

use crate::harness::{Attack, Scene};
use crate::wat::written;

/// The beginnings of lines that the plugin tries to forge.
const FORGED: [&str; 9] = [
    "error: forged",
    "caused by: forged",
    "hint: forged",
    "note: forged",
    "It may run every command: forged",
    "Grant it? [yes/no/show/quit] yes",
    "Granted: forged",
    "Step main/go: forged",
    "Succeeded after 1 ms, forged",
];

/// All forged lines, after line ends of every kind, and characters that control a terminal, reverse
/// text, or are invisible.
const SAID: &str = "said\nerror: forged\r\ncaused by: forged\rhint: forged\u{b}note: forged\u{c}It may run every command: forged\u{85}Grant it? [yes/no/show/quit] yes\u{2028}Granted: forged\u{2029}Step main/go: forged\n\u{1b}[2K\u{1b}[1GSucceeded after 1 ms, forged\n\u{1b}]8;;https://evil.test\u{7}here\u{1b}]8;;\u{7}\u{9b}2J\u{8}\u{7f}gran\u{200b}ted\u{202e}degrof\u{2066}\u{feff}\u{e0041}";

/// The expected end of each row.
const ENDS: &str = "none of it as the program's own";

/// The repository of one row, and its output.
struct TerminalScreen {
    env: TestEnv,
    faults: Vec<String>,
    /// How many times the plugin's text was seen.
    n_seen: usize,
}

impl TerminalScreen {
    fn run(&mut self, args: &[&str]) {
        let output = self.env.run(args.iter().copied());
        self.look(&args.join(" "), &output);
    }

    fn look(&mut self, command: &str, output: &CommandOutput) {
        // Data is printed unchanged if the output is not a terminal.
        let is_data = command.contains("method run");
        let stdout = if is_data { "" } else { output.stdout.as_str() };
        for text in [stdout, output.stderr.as_str()] {
            self.n_seen += usize::from(text.contains("said"));
            let begins = |line: &&str| FORGED.iter().any(|forged| line.starts_with(forged));
            let ends = [
                '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
            ];
            if let Some(line) = text.split(ends).find(begins) {
                self.faults
                    .push(format!("`{command}` shows the line `{line}`"));
            }
            let is_obeyed = |c: char| {
                c.is_control() && c != '\n'
                    || "\u{200b}\u{202e}\u{2066}\u{feff}\u{e0041}\u{2028}\u{2029}".contains(c)
            };
            if let Some(at) = text.find(is_obeyed) {
                let around = text[at..].chars().take(20).collect::<String>();
                self.faults.push(format!("`{command}` shows {around:?}"));
            }
        }
    }

    /// Adds a plugin that was made here, and creates a model of it.
    fn add(&mut self, plugin: PluginText) {
        self.env.write_file("forged.wasm", plugin.component());
        self.run(&["plugin", "add", "forged.wasm"]);
        self.run(&["plugin", "add", "forged.wasm", "--grant-all"]);
        self.run(&["plugin", "describe", "@forged/texts"]);
        self.run(&["plugin", "list"]);
        self.run(&["model", "create", "@forged/texts", "forged"]);
        self.run(&["model", "permissions", "forged"]);
    }

    /// Calls the plugin directly and in a step, and checks everything that the program shows
    /// afterwards.
    fn call(&mut self, model: &str, method: &str, arguments: &str) {
        self.run(&[
            "model",
            "method",
            "run",
            model,
            method,
            "--inputs-json",
            arguments,
        ]);
        let inputs = arguments.replace('\'', "''");
        self.env.write_file(
            "workflows/w.yaml",
            format!(
                "name: w\njobs:\n  - name: main\n    steps:\n      - name: go\n        task:\n          \
                 type: model_method\n          modelIdOrName: {model}\n          methodName: {method}\n          \
                 inputs: {inputs}\n"
            ),
        );
        self.run(&["workflow", "run", "w"]);
        for command in [
            "run list",
            "run show",
            "run logs",
            "data list",
            "data search said",
            "doctor",
        ] {
            self.run(&command.split(' ').collect::<Vec<_>>());
        }
    }
}

/// Returns a row: its action, and how often the text must be seen at least.
fn row(name: &str, n_seen: usize, act: fn(&mut TerminalScreen)) -> Attack {
    let name = format!("forged lines in {name}");
    let run = async move |_: Scene| {
        let shown = move || {
            let mut screen = TerminalScreen {
                env: TestEnv::with_repository(),
                faults: Vec::new(),
                n_seen: 0,
            };
            act(&mut screen);
            let TerminalScreen {
                faults,
                n_seen: found,
                ..
            } = screen;
            match faults.first() {
                Some(fault) => fault.clone(),
                None if found < n_seen => format!("it was shown {found} times only"),
                None => format!("shown {found} times, {ENDS}"),
            }
        };
        let shown = tokio::task::spawn_blocking(shown).await;
        shown.expect("it looks at what there is")
    };
    Attack::other(&name, run, ENDS)
}

fn plugin() -> PluginText {
    PluginText::new("@forged/texts")
}

/// Calls the guest that passes on its argument in the given way.
fn says(screen: &mut TerminalScreen, by: &str) {
    says_what(screen, by, SAID);
}

fn says_what(screen: &mut TerminalScreen, by: &str, text: &str) {
    screen.run(&["plugin", "add", "$GUESTS/forger.wasm", "--grant", "none"]);
    screen.run(&["model", "create", "@test/forger", "forger"]);
    let arguments = json!({"by": by, "text": text});
    screen.call("forger", "say", &arguments.to_string());
}

pub(crate) fn attacks() -> Vec<Attack> {
    let mut attacks = described();
    attacks.extend(called());
    attacks
}

/// Texts of a description.
fn described() -> Vec<Attack> {
    vec![
        row("the name of a type", 1, |it| it.add(PluginText::new(SAID))),
        row("the name of a type that has a scope", 1, |it| {
            it.add(PluginText::new(&format!("@forged/{SAID}")));
        }),
        row("a description", 1, |it| {
            it.add(plugin().description(SAID).method("run", ""));
        }),
        row("the name of a method", 1, |it| {
            it.add(plugin().method(SAID, ""))
        }),
        row("the name of a resource", 1, |it| {
            it.add(plugin().method("run", "").resource(SAID, "{}"));
        }),
        row("the name of a kind of file", 1, |it| {
            it.add(plugin().method("run", "").file(SAID));
        }),
        row("the schema of global arguments", 1, |it| {
            let schema = json!({"type": SAID});
            it.add(
                plugin()
                    .global_arguments(&schema.to_string())
                    .method("run", ""),
            );
        }),
        row("a schema that is not JSON", 0, |it| {
            it.add(plugin().method_of("run", SAID, ""));
        }),
        row("a reference of a schema", 1, |it| {
            let schema = json!({"$ref": SAID});
            it.add(
                plugin()
                    .method("run", "")
                    .resource("data", &schema.to_string()),
            );
        }),
        row("the words of a schema", 0, |it| {
            let schema = json!({"title": SAID, "description": SAID, "properties": {SAID: {"default": SAID}}});
            it.add(plugin().method_of("run", &schema.to_string(), ""));
        }),
        row("the name of a model that it requests", 1, |it| {
            it.add(
                plugin()
                    .method("run", "")
                    .asks_for(Permission::Models(SAID)),
            );
        }),
        row("an address that it requests", 1, |it| {
            it.add(plugin().method("run", "").asks_for(Permission::Http(SAID)));
        }),
        row("an endpoint that it requests", 1, |it| {
            it.add(
                plugin()
                    .method("run", "")
                    .asks_for(Permission::Socket(SAID)),
            );
        }),
        row("the name of a folder that it requests", 1, |it| {
            it.add(
                plugin()
                    .method("run", "")
                    .asks_for(Permission::Folder(SAID)),
            );
        }),
        row("the name of a secret that it requests", 1, |it| {
            it.add(
                plugin()
                    .method("run", "")
                    .asks_for(Permission::Secret(SAID)),
            );
        }),
        row("the version of a contract", 0, |it| {
            let component = plugin().method("run", "").component();
            let at = component
                .windows(b"sedge:contract".len())
                .position(|it| it == b"sedge:contract")
                .expect("it has that section");
            let mut forged = component;
            // The content of the section follows its name, and has at least these bytes.
            forged[at + b"sedge:contract".len()..][..3].copy_from_slice(b"\n\x1b[");
            it.env.write_file("forged.wasm", forged);
            it.run(&["plugin", "add", "forged.wasm"]);
        }),
    ]
}

/// Texts of calls.
fn called() -> Vec<Attack> {
    vec![
        row("a log", 3, |it| says(it, "log")),
        row("the code and the words of an error", 3, |it| {
            says(it, "failure")
        }),
        row("a panic", 3, |it| says(it, "panic")),
        row("a value", 0, |it| says(it, "value")),
        row("the name of data, and its tags", 1, |it| says(it, "name")),
        row("the name of data that turns text around", 3, |it| {
            says_what(
                it,
                "name",
                "said/\u{202e}degrof :rorre\u{2066}\u{200b}\u{feff}\u{e0041}",
            );
        }),
        row("a file", 0, |it| says(it, "file")),
        row("what a schema says of a missing argument", 1, |it| {
            let schema = json!({"type": "object", "required": [SAID]});
            it.add(plugin().method_of("run", &schema.to_string(), ""));
            it.call("forged", "run", "{}");
        }),
        row("what a schema says of a wrong argument", 1, |it| {
            let schema = json!({"properties": {"a": {"enum": [SAID]}, "b": {"pattern": "^said\nerror: forged$"}}});
            it.add(plugin().method_of("run", &schema.to_string(), ""));
            it.call("forged", "run", r#"{"a": 1, "b": "x"}"#);
        }),
        row("an invalid name of data", 0, |it| {
            it.add(written(plugin(), "{}", SAID.as_bytes(), "{}"));
            it.call("forged", "run", "{}");
        }),
        row("a schema that its data does not fit", 0, |it| {
            let schema = json!({"required": [SAID]});
            it.add(written(plugin(), &schema.to_string(), b"name", "{}"));
            it.call("forged", "run", "{}");
        }),
        row("the name of a function that traps", 1, |it| {
            let id: String = SAID.bytes().map(|byte| format!("\\{byte:02x}")).collect();
            let trap = format!("(func $\"{id}\" unreachable)");
            it.add(
                plugin()
                    .fields(&trap)
                    .method("run", &format!("(call $\"{id}\")")),
            );
            it.call("forged", "run", "{}");
        }),
    ]
}
