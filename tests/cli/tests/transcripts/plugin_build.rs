//! `sedge plugin build`: from an empty folder to a plugin that runs.

use sedge_test_kit::TestEnv;

use crate::authors::{author_env, python_env, typescript_env, without_build};

#[test]
fn new_plugin_in_rust_is_built_added_run_and_tested() {
    let env = author_env(TestEnv::default(), "greeter");
    let _ = env
        .run(["plugin", "new", "greeter", "--lang", "rust"])
        .succeeded();
    let built = env.run(["plugin", "build", "greeter"]);
    insta::assert_snapshot!(without_build(&built.to_string()), @"
    ------- stdout -------
    greeter/greeter.wasm
    ------- stderr -------
    Built @local/greeter [version] in [n] KiB of Rust, with the method greet
    hint: `sedge plugin add greeter/greeter.wasm` adds it to a repository
    ");
    env.setup(&[
        "init",
        "plugin add greeter/greeter.wasm",
        "model create @local/greeter hello",
    ]);
    insta::assert_snapshot!(env.run(["model", "method", "run", "hello", "greet", "-i", "name=Ada"]), @r#"
    ------- stdout -------
    {
      "text": "Hello, Ada!",
      "count": 1
    }
    ------- stderr -------
    Run [run]
      hello.greet: greeted Ada
    Succeeded after [took], wrote `greeting` version 1.
    "#);
    let failed = env.run(["model", "method", "run", "hello", "greet", "-i", "name="]);
    assert!(
        failed.stderr.contains("there is nobody to greet"),
        "{failed}"
    );
    let tested = env.run(["plugin", "test", "greeter"]).succeeded();
    assert!(tested.stderr.contains("2 passed"), "{tested}");
    assert!(
        tested
            .stderr
            .ends_with("The tests have passed: `cargo test`\n"),
        "{tested}"
    );
    let document = env.run_json(["plugin", "build", "greeter"]);
    let data = &document["data"];
    assert_eq!(data["language"], "rust");
    assert_eq!(data["plugin"]["methods"][0]["name"], "greet");
    assert_eq!(data["sdk"]["state"], "current");
    assert!(
        data["size"].as_u64().is_some_and(|it| it < 1 << 20),
        "{data}"
    );
}

#[test]
fn new_plugin_in_python_is_built_added_run_and_tested() {
    let env = python_env(TestEnv::default());
    let made = env.run(["plugin", "new", "greeter", "--lang", "py"]);
    insta::assert_snapshot!(made, @"
    ------- stderr -------
    Wrote @local/greeter, a plugin in Python, to greeter: .gitignore, README.md, plugin.py, test_plugin.py
    hint: `sedge plugin test greeter` runs its test
    hint: `sedge plugin build greeter` builds it
    ");
    let built = env.run(["plugin", "build", "greeter"]);
    insta::assert_snapshot!(without_build(&built.to_string()), @"
    ------- stdout -------
    greeter/greeter.wasm
    ------- stderr -------
    Built @local/greeter [version] in [n] MiB of Python, with the method greet
    hint: `sedge plugin add greeter/greeter.wasm` adds it to a repository
    ");
    env.setup(&[
        "init",
        "plugin add greeter/greeter.wasm",
        "model create @local/greeter hello",
    ]);
    insta::assert_snapshot!(env.run(["model", "method", "run", "hello", "greet", "-i", "name=Ada"]), @r#"
    ------- stdout -------
    {
      "text": "Hello, Ada!",
      "count": 1
    }
    ------- stderr -------
    Run [run]
      hello.greet: greeted Ada
    Succeeded after [took], wrote `greeting` version 1.
    "#);
    let tested = env.run(["plugin", "test", "greeter"]).succeeded();
    assert!(
        tested
            .stderr
            .contains("The tests have passed: `python3 -m "),
        "{tested}"
    );
}

#[test]
fn new_plugin_in_typescript_is_built_added_run_and_tested() {
    let env = typescript_env(TestEnv::default());
    env.setup(&["plugin new greeter --lang ts"]);
    let built = env.run(["plugin", "build", "greeter"]);
    insta::assert_snapshot!(without_build(&built.to_string()), @"
    ------- stdout -------
    greeter/greeter.wasm
    ------- stderr -------
    Built @local/greeter [version] in [n] MiB of TypeScript, with the method greet
    hint: `sedge plugin add greeter/greeter.wasm` adds it to a repository
    ");
    let first = env.read_bytes("greeter/greeter.wasm");
    env.setup(&["plugin build greeter"]);
    assert!(
        first == env.read_bytes("greeter/greeter.wasm"),
        "two builds differ"
    );
    env.setup(&[
        "init",
        "plugin add greeter/greeter.wasm",
        "model create @local/greeter hello",
    ]);
    insta::assert_snapshot!(env.run(["model", "method", "run", "hello", "greet", "-i", "name=Ada"]), @r#"
    ------- stdout -------
    {
      "text": "Hello, Ada!",
      "count": 1
    }
    ------- stderr -------
    Run [run]
      hello.greet: greeted Ada
    Succeeded after [took], wrote `greeting` version 1.
    "#);
    let tested = env.run(["plugin", "test", "greeter"]).succeeded();
    let end = "The tests have passed: `node --test --enable-source-maps`\n";
    assert!(tested.stderr.ends_with(end), "{tested}");
}

/// The stack of a bundle has lines of the bundle. Its source map is a part of the component.
#[test]
fn error_of_a_plugin_in_typescript_has_the_authors_line() {
    let env = typescript_env(TestEnv::default());
    env.setup(&["plugin new greeter --lang ts"]);
    let source = env.read_file("greeter/plugin.ts");
    let source = format!("import {{ thrown }} from \"./lib/thrown.js\";\n{source}");
    let (head, body) = source.split_once("greeted ").expect("it logs a line");
    let (_, before) = head.rsplit_once('\n').expect("it has lines");
    let indent: String = before.chars().take_while(|c| *c == ' ').collect();
    let head = head.strip_suffix(before).expect("it ends with that");
    let source = format!("{head}{indent}thrown();\n{before}greeted {body}");
    env.write_file("greeter/plugin.ts", &source);
    let thrown =
        "// Line 1\nexport function thrown(): void {\n  throw new RangeError(\"it is odd\");\n}\n";
    env.write_file("greeter/lib/thrown.ts", thrown);
    env.setup(&[
        "init",
        "plugin build greeter",
        "plugin add greeter/greeter.wasm",
        "model create @local/greeter hello",
    ]);
    let failed = env.run(["model", "method", "run", "hello", "greet", "-i", "name=Ada"]);
    assert!(failed.stderr.contains("it is odd"), "{failed}");
    assert!(
        failed.stderr.contains("in thrown at lib/thrown.ts:3:"),
        "{failed}"
    );
    let shown = env.run(["run", "show", "--backtrace"]).succeeded();
    assert!(
        shown.stdout.contains("in thrown at lib/thrown.ts:3:"),
        "{shown}"
    );
    let line = source
        .lines()
        .position(|it| it.trim() == "thrown();")
        .expect("it is there")
        + 1;
    assert!(
        shown.stdout.contains(&format!(" at plugin.ts:{line}:")),
        "{shown}"
    );
    assert!(!shown.stdout.contains("plugin.js"), "{shown}");
}

#[test]
fn faults_of_a_plugin_in_typescript_are_shown_with_their_lines() {
    let env = typescript_env(TestEnv::default());
    env.setup(&["plugin new greeter --lang ts"]);
    let source = env.read_file("greeter/plugin.ts");
    let n_lines = source.lines().count();
    let check = |more: &str, expect: &[&str]| {
        env.write_file("greeter/plugin.ts", format!("{source}\n{more}\n"));
        let output = env.run(["plugin", "build", "greeter"]);
        let fault = "error: the plugin in `greeter` cannot be built\ncaused by: ";
        assert!(output.stderr.starts_with(fault), "{output}");
        for text in expect {
            assert!(output.stderr.contains(text), "{text}: {output}");
        }
        assert_eq!(output.code(), Some(2), "{output}");
    };
    let line = n_lines + 2;
    check("const = 1;", &[&format!("plugin.ts:{line}:7: ")]);
    check(
        "import \"./missing.js\";",
        &[&format!("plugin.ts:{line}:"), "./missing.js"],
    );
    check(
        "function shop(): void { throw new Error(\"closed\"); }\nshop();",
        &["closed", &format!("in shop at plugin.ts:{line}:")],
    );
    check(
        "for (;;) { /* for ever */ }",
        &[
            "the top level of its modules runs for more than 10 s, the limit `describeSeconds`",
            "do the work in a method",
        ],
    );
    check(
        "const all: unknown[] = [];\nfor (;;) { all.push(new Uint8Array(1 << 20).fill(1)); }",
        &["the top level of its modules has reached the limit `memory-bytes` of 256 MiB"],
    );
}

#[test]
fn missing_tools_for_typescript_are_named_with_how_to_get_them() {
    let mut env = TestEnv::default();
    env.setup(&["plugin new greeter --lang ts"]);
    env.variable("PATH", "$ENV/empty");
    insta::assert_snapshot!(env.run(["plugin", "build", "greeter"]), @"
    ------- stderr -------
    error: there is no `node` on this machine
    caused by: plugins in TypeScript are bundled and tested by Node.js 20 or newer
    hint: install it, on Debian: `apt-get install nodejs npm`, or from https://nodejs.org
    hint: or name the program in the variable SEDGE_NODE
    [exit status: 3]
    ");
    let mut env = typescript_env(env);
    env.variable("SEDGE_NODE_MODULES", "$ENV/empty");
    let output = env.run(["plugin", "build", "greeter"]);
    let fault = "error: there is no esbuild for the plugin\n\
                 caused by: plugins in TypeScript are bundled by esbuild 0.28.2 or newer\n\
                 hint: install the packages of the plugin: `npm install` in ";
    assert!(output.stderr.starts_with(fault), "{output}");
    assert_eq!(output.code(), Some(3));
    std::fs::remove_file(
        env.repository()
            .join("greeter/sedge-sdk/typescript/engine.wasm"),
    )
    .expect("it was copied");
    let output = env.run(["plugin", "build", "greeter"]);
    assert!(
        output
            .stderr
            .contains("its copy of the SDK has no file `engine.wasm`"),
        "{output}"
    );
    assert!(
        output.stderr.contains("`sedge plugin build --update-sdk`"),
        "{output}"
    );
}

#[test]
fn missing_componentize_py_is_named_with_how_to_get_it() {
    let mut env = TestEnv::default();
    env.setup(&["plugin new greeter --lang py"]);
    env.variable("PATH", "$ENV/empty");
    let output = env.run(["plugin", "build", "greeter"]);
    let fault = "error: there is no `componentize-py` on this machine\n\
                 caused by: plugins in Python are built by componentize-py 0.25.1, for which the SDK was generated\n\
                 hint: install it in the folder of the plugin: ";
    assert!(output.stderr.starts_with(fault), "{output}");
    assert_eq!(output.code(), Some(3));
}

#[test]
fn fault_of_the_source_is_shown_with_a_hint() {
    let env = author_env(TestEnv::default(), "faulty");
    env.setup(&["plugin new faulty --lang rust"]);
    let source = env.read_file("faulty/src/lib.rs");
    let source = source.replacen("#[sedge_sdk::arguments]", "", 1);
    env.write_file("faulty/src/lib.rs", source);
    let output = env.run(["plugin", "build", "faulty"]);
    let message =
        "`GreetArguments` has no JSON Schema, which Sedge needs for arguments and resources";
    assert!(output.stderr.contains(message), "{output}");
    let hint = "put `#[sedge_sdk::arguments]` or `#[sedge_sdk::resource]` above the type";
    assert!(output.stderr.contains(hint), "{output}");
    let last: Vec<&str> = output.stderr.lines().rev().take(2).collect();
    insta::assert_snapshot!(last.into_iter().rev().collect::<Vec<_>>().join("\n"), @"
    error: the plugin in `faulty` cannot be built
    caused by: cargo ended with exit status: 101; its messages are above
    ");
    assert_eq!(output.code(), Some(2));
}

#[test]
fn copy_of_the_sdk_is_compared_and_replaced() {
    let env = author_env(TestEnv::default(), "renewed");
    env.setup(&["plugin new renewed --lang rust"]);
    let sdk_note = |env: &TestEnv| {
        let output = env.run(["plugin", "build", "renewed"]).succeeded();
        let notes = output.stderr.lines().filter(|it| it.contains("SDK"));
        notes.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(sdk_note(&env), "");
    let version = env.read_file("renewed/sedge-sdk/VERSION");
    let readme = env.read_file("renewed/sedge-sdk/rust/README.md");
    env.write_file("renewed/sedge-sdk/rust/README.md", "changed\n");
    insta::assert_snapshot!(sdk_note(&env), @"The copy of the SDK in the project differs from what was copied from Sedge 0.1.0; `sedge plugin build --update-sdk` replaces it");
    let _ = env
        .run(["plugin", "build", "renewed", "--update-sdk"])
        .succeeded();
    assert_eq!(env.read_file("renewed/sedge-sdk/rust/README.md"), readme);
    assert_eq!(env.read_file("renewed/sedge-sdk/VERSION"), version);
    assert_eq!(sdk_note(&env), "");
}

#[test]
fn missing_tools_are_named_with_how_to_get_them() {
    let mut env = TestEnv::default();
    env.setup(&["plugin new greeter --lang rust"]);
    env.write_file("other/notes.txt", "");
    env.variable("PATH", "$ENV/empty");
    insta::assert_snapshot!(env.transcript("
        plugin build greeter
        plugin test greeter
    "), @"
    $ sedge plugin build greeter
    ------- stderr -------
    error: there is no `cargo` on this machine, or not on the `PATH`
    caused by: plugins in Rust are built by cargo 1.95 or newer
    hint: install Rust 1.95 or newer with rustup: https://rustup.rs
    hint: or, on Debian: `apt-get install rustup`, then `rustup default stable`
    [exit status: 3]

    $ sedge plugin test greeter
    ------- stderr -------
    error: there is no `cargo` on this machine, or not on the `PATH`
    caused by: plugins in Rust are built by cargo 1.95 or newer
    hint: install Rust 1.95 or newer with rustup: https://rustup.rs
    hint: or, on Debian: `apt-get install rustup`, then `rustup default stable`
    [exit status: 3]
    ");
    let other = env.run(["plugin", "build", "other"]);
    let fault = "error: `other` is not the project of a plugin\n\
                 caused by: it has no `Cargo.toml`, `plugin.py` or `plugin.ts`\n\
                 hint: write one: `sedge plugin new ";
    assert!(other.stderr.starts_with(fault), "{other}");
    assert_eq!(other.code(), Some(3));
    let missing = env.run(["plugin", "build", "nowhere"]);
    assert!(missing.stderr.contains("`nowhere`"), "{missing}");
    assert_eq!(missing.code(), Some(3));
}
