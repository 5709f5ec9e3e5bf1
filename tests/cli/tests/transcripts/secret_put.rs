//! `sedge secret put`

use sedge_test_kit::{Child, TestEnv, wait_until};

/// Puts a secret by stdin, as most other transcripts do.
pub(crate) fn put(env: &TestEnv, name: &str, value: &str) {
    let output = env.run_with_stdin(["secret", "put", name], value);
    let _ = output.succeeded();
}

/// Answers the prompts of the program on a terminal, each once it is shown.
fn answer(child: &mut Child<'_>, answers: &[(&str, &str)]) {
    for (prompt, answer) in answers {
        wait_until("a prompt", || child.stdout_so_far().ends_with(prompt));
        child.send(answer);
    }
}

/// Answers the prompts, and returns the output on the terminal.
fn shown(mut child: Child<'_>, answers: &[(&str, &str)]) -> String {
    answer(&mut child, answers);
    let output = child.wait();
    let lines: Vec<&str> = output.stdout.lines().map(str::trim_end).collect();
    format!("{}\n[{}]", lines.join("\n"), output.status)
}

const FIRST: &str = "Value of `TOKEN`: ";
const SECOND: &str = "Repeat the value: ";

#[test]
fn value_is_read_from_stdin() {
    let env = TestEnv::with_repository();
    let put = |value: &str| env.run_with_stdin(["secret", "put", "TOKEN"], value);
    insta::assert_snapshot!(put("canary 1\n"), @"
    ------- stderr -------
    Put `TOKEN`.
    ");
    insta::assert_snapshot!(put("canary 2"), @"
    ------- stderr -------
    Put version 2 of `TOKEN`, which replaces the former one.
    ");
    insta::assert_snapshot!(env.run_with_stdin(["secret", "put", "OTHER", "--json"], "canary 3"), @r#"
    ------- stdout -------
    {
      "ok": true,
      "data": {
        "name": "OTHER",
        "state": "ok",
        "weakness": null,
        "reason": null,
        "version": 1,
        "createdAt": "[time]",
        "updatedAt": "[time]",
        "sealedAt": "[time]",
        "by": "tester@[host]",
        "lastUse": null
      }
    }
    "#);
}

#[test]
fn value_is_typed_at_a_terminal() {
    let env = TestEnv::with_repository();
    let child = env.spawn_on_terminal("sedge secret put TOKEN");
    insta::assert_snapshot!(shown(child, &[(FIRST, "canary of mine\n"), (SECOND, "canary of mine\n")]), @"
    Value of `TOKEN`:
    Repeat the value:
    Put `TOKEN`.
    [exit status: 0]
    ");
    let child = env.spawn_on_terminal("sedge secret put TOKEN");
    insta::assert_snapshot!(shown(child, &[(FIRST, "canary of mine\n"), (SECOND, "cannery of mine\n")]), @"
    Value of `TOKEN`:
    Repeat the value:
    error: the two values differ
    hint: nothing was changed; try again
    [exit status: 2]
    ");
    let child = env.spawn_on_terminal("sedge secret put TOKEN");
    insta::assert_snapshot!(shown(child, &[(FIRST, "\n")]), @"
    Value of `TOKEN`:
    error: the value has fewer than 4 bytes
    hint: choose a longer value: a shorter one occurs in too many texts to be
        kept out of logs
    [exit status: 2]
    ");
    insta::assert_snapshot!(env.run(["secret", "list"]), @"
    ------- stdout -------
    NAME   STATE  VERSION  CREATED               UPDATED               LAST USED  BY CALL  PUT BY
    TOKEN  ok     1        [time]                [time]                                    tester@[host]
    ");
}

/// After an interruption, the terminal echoes input again.
#[test]
fn interruption_restores_the_terminal() {
    let env = TestEnv::with_repository();
    for key in ["canary\u{3}", "\u{3}", "\u{4}"] {
        let mut child = env.spawn_on_terminal("sedge secret put TOKEN; echo exit $?; stty -a");
        answer(&mut child, &[(FIRST, key)]);
        let terminal = child.wait().stdout;
        assert!(
            terminal.contains("error: interrupted\r\nexit 130\r\n"),
            "{terminal}"
        );
        let modes: Vec<&str> = terminal.split_whitespace().collect();
        for mode in ["echo", "isig", "icanon"] {
            assert!(modes.contains(&mode), "{mode}: {terminal}");
        }
        assert!(terminal.contains("eol = <undef>;"), "{terminal}");
        assert!(!terminal.contains("canary"), "{terminal}");
    }
}

#[test]
fn value_as_an_argument_is_refused() {
    let env = TestEnv::with_repository();
    insta::assert_snapshot!(env.transcript("
        secret put TOKEN canary
        secret put TOKEN canary --json
        secret put TOKEN two words
    "), @r#"
    $ sedge secret put TOKEN canary
    ------- stderr -------
    error: the value of a secret is never an argument: other programs can read it there, and shells store it
    hint: type it at the prompt of `sedge secret put TOKEN`, or pass it on stdin
    [exit status: 2]

    $ sedge secret put TOKEN canary --json
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "usage",
        "class": "usage",
        "message": "the value of a secret is never an argument: other programs can read it there, and shells store it",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "type it at the prompt of `sedge secret put TOKEN`, or pass it on stdin"
          }
        ]
      }
    }
    [exit status: 2]

    $ sedge secret put TOKEN two words
    ------- stderr -------
    error: the value of a secret is never an argument: other programs can read it there, and shells store it
    hint: type it at the prompt of `sedge secret put TOKEN`, or pass it on stdin
    [exit status: 2]
    "#);
    assert_eq!(
        env.run_json(["secret", "list"])["data"],
        serde_json::json!([])
    );
}

#[test]
fn invalid_name_or_value_is_refused() {
    let env = TestEnv::with_repository();
    let put = |name: &str, value: &[u8]| env.run_with_stdin(["secret", "put", name], value);
    insta::assert_snapshot!(put("a/b", b"canary 1"), @"
    ------- stderr -------
    error: `a/b` is not a name of a secret: it takes 1 to 100 letters, digits, `.`, `-` and `_` of ASCII, beginning with a letter, digit or `_`
    [exit status: 2]
    ");
    insta::assert_snapshot!(put("PIN", b"123\n"), @"
    ------- stderr -------
    error: the value has fewer than 4 bytes
    hint: choose a longer value: a shorter one occurs in too many texts to be kept out of logs
    [exit status: 2]
    ");
    insta::assert_snapshot!(put("LARGE", &[b'x'; (64 << 10) + 1]), @"
    ------- stderr -------
    error: the value has more than 65536 bytes
    hint: encrypt larger data in a file, and store its key as a secret
    [exit status: 2]
    ");
    insta::assert_snapshot!(put("HUGE", &[b'\n'; 1 << 20]), @"
    ------- stderr -------
    error: the value has more than 65536 bytes
    hint: encrypt larger data in a file, and store its key as a secret
    [exit status: 2]
    ");
    let _ = put("LARGEST", &[b'x'; 64 << 10]).succeeded();
    let keep = ["secret", "put", "LINE", "--keep-newline"];
    insta::assert_snapshot!(env.run_with_stdin(keep, "1234567\n"), @"
    ------- stderr -------
    error: the value of `LINE` is weak: it has fewer than 8 bytes
    hint: choose another value
    hint: or use this one: it is kept out of logs and outcomes, but not out of names and tags: `--allow-weak`
    [exit status: 2]
    ");
    insta::assert_snapshot!(env.run_with_stdin(keep, "12345678\n"), @"
    ------- stderr -------
    error: the value of `LINE` is weak: it is an everyday word
    hint: choose another value
    hint: or use this one: it is kept out of logs and outcomes, but not out of names and tags: `--allow-weak`
    [exit status: 2]
    ");
}

/// Masking a weak value would change texts that are unrelated to the secret.
#[test]
fn weak_value_needs_allow_weak() {
    let env = TestEnv::with_repository();
    let put = |value: &str, option: &[&str]| {
        env.run_with_stdin([&["secret", "put", "STAGE"], option].concat(), value)
    };
    insta::assert_snapshot!(put("Production\n", &[]), @"
    ------- stderr -------
    error: the value of `STAGE` is weak: it is an everyday word
    hint: choose another value
    hint: or use this one: it is kept out of logs and outcomes, but not out of names and tags: `--allow-weak`
    [exit status: 2]
    ");
    insta::assert_snapshot!(put("        ", &["--json"]), @r#"
    ------- stdout -------
    {
      "ok": false,
      "error": {
        "code": "weak_secret",
        "class": "usage",
        "message": "the value of `STAGE` is weak: it is blank",
        "causes": [],
        "help": [
          {
            "kind": "advice",
            "text": "choose another value"
          },
          {
            "kind": "again",
            "purpose": "or use this one: it is kept out of logs and outcomes, but not out of names and tags",
            "arguments": {
              "allowWeak": true
            }
          }
        ]
      }
    }
    [exit status: 2]
    "#);
    for (value, why) in [
        ("hunter2", "it has fewer than 8 bytes"),
        ("123456", "it is a number of up to 6 digits"),
    ] {
        assert!(put(value, &[]).stderr.contains(why), "{value}");
    }
    insta::assert_snapshot!(put("prod", &["--allow-weak"]), @"
    ------- stderr -------
    Put `STAGE`.
    warning: the value is weak: it is an everyday word. It is kept out of logs and outcomes, but not out of names and tags.
    ");
}

/// A secret that cannot be opened cannot be masked, so no method runs. One cause is a lack of
/// descriptors, which used to turn off all masking silently.
#[test]
fn with_few_descriptors_value_is_masked_or_run_is_refused() {
    let env = TestEnv::with_sink_and_spawn();
    put(&env, "TOKEN", "canary of the mine");
    let (mut n_ran, mut n_refused) = (0, 0);
    for n_descriptors in (6..64).step_by(2) {
        let line = format!(
            "ulimit -n {n_descriptors}; exec sedge model method run sink run --input 'note=canary of the mine'"
        );
        let output = env.spawn_on_terminal(&line).wait();
        let shown = &output.stdout;
        assert!(
            !shown.contains("\"note\": \"canary"),
            "{n_descriptors}: {shown}"
        );
        match output.code() {
            Some(0) => n_ran += 1,
            Some(_) | None => n_refused += 1,
        }
    }
    assert!(
        n_ran > 0 && n_refused > 0,
        "{n_ran} ran, {n_refused} were refused"
    );
    let kept = env.run(["data", "get", "sink", "record"]).stdout;
    assert!(kept.contains("[secret TOKEN]"), "{kept}");
}

/// Several processes that put secrets at the same time lose none.
#[test]
fn concurrent_puts_are_all_stored() {
    let env = TestEnv::with_repository();
    let line = |n: usize| {
        format!(
            "for i in 1 2 3; do echo a value $i | sedge secret put OWN_{n} && echo a value $i | sedge secret put SHARED; done"
        )
    };
    let children: Vec<Child<'_>> = (0..4).map(|n| env.spawn_on_terminal(&line(n))).collect();
    for child in children {
        let _ = child.wait().succeeded();
    }
    let listed = env.run_json(["secret", "list"]);
    let versions: Vec<String> = listed["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| format!("{} {}", it["name"], it["version"]))
        .collect();
    let expect = [
        "\"OWN_0\" 3",
        "\"OWN_1\" 3",
        "\"OWN_2\" 3",
        "\"OWN_3\" 3",
        "\"SHARED\" 12",
    ];
    assert_eq!(versions, expect);
}

/// Git ignores the state folder of a repository, and no other file holds a value.
#[test]
fn no_file_holds_the_value() {
    let env = TestEnv::with_repository();
    put(&env, "TOKEN", "canary of the mine");
    let ignored = env.read_file(".sedge/.gitignore");
    assert_eq!(ignored, "*\n");
    let mut folders = vec![env.repository()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the test owns it") {
            let path = entry.expect("the test owns it").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let content = std::fs::read(&path).expect("the test owns it");
            let holds = content.windows(6).any(|it| it == b"canary");
            assert!(!holds, "{}", path.display());
        }
    }
}
