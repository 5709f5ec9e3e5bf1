//! `sedge plugin add` at a terminal, where the user decides.

use sedge_test_kit::{TestEnv, wait_until};

/// Runs a command on a terminal, and answers each of its questions.
fn answered(env: &TestEnv, line: &str, answers: &[(&str, &str)]) -> (String, Option<i32>) {
    let mut child = env.spawn_on_terminal(line);
    let mut at = 0;
    for (question, answer) in answers {
        wait_until("a question", || {
            child.stdout_so_far()[at..].trim_end().ends_with(question)
        });
        at = child.stdout_so_far().len();
        child.send(format!("{answer}\n"));
    }
    let output = child.wait();
    (output.stdout.replace('\r', ""), output.code())
}

const GRANT: &str = "Grant it? [yes/no/show/quit]";

/// Each permission is a separate question, and its answer does not affect the others.
#[test]
fn each_permission_is_a_separate_question() {
    let env = TestEnv::with_repository();
    let add = format!("sedge plugin add {}", sedge_test_artifacts::ASKER);
    let (shown, code) = answered(
        &env,
        &add,
        &[
            (GRANT, "no"),
            (GRANT, "show"),
            (GRANT, "perhaps"),
            (GRANT, "yes"),
            (GRANT, "n"),
            (GRANT, "y"),
            ("Where is the folder `inbox`? [nowhere]", "in"),
            (GRANT, "no"),
            (GRANT, "show"),
            (GRANT, "yes"),
            (GRANT, "no"),
        ],
    );
    assert_eq!(code, Some(0), "{shown}");
    for part in [
        "@test/asker requests 7 permissions, for all models of the type.",
        "1 of 7: call and read the model `sink`\n  | to note down what it found\n",
        "  http: [{url: \"https://HOST.example.com\", methods: [GET]}]\n  http: [{url: \"https://HOST.example.com\", methods: [HEAD]}]\n",
        "Type yes, no, show or quit.",
        "  secrets: [{name: TOKEN, hosts: [\"https://api.example.com\"]}]\n",
        "7 of 7: run the command `date`",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let lock = env.read_file("sedge.lock");
    let (_, grants) = lock.split_once("grants:").expect("some were given");
    for (what, is_granted) in [
        ("models", false),
        ("https://*.example.com", true),
        ("sockets", false),
        ("path: in", true),
        ("env", false),
        ("TOKEN", true),
        ("commands", false),
    ] {
        assert_eq!(grants.contains(what), is_granted, "{what}: {lock}");
    }
}

/// If the user quits, no decision is stored and nothing changes.
#[test]
fn quit_changes_nothing_and_is_not_an_interruption() {
    let env = TestEnv::with_repository();
    let before = env.state();
    let add = format!("sedge plugin add {}", sedge_test_artifacts::ASKER);
    for quit in ["quit", "q", "\u{4}"] {
        let (shown, code) = answered(&env, &add, &[(GRANT, "yes"), (GRANT, quit)]);
        assert_eq!(code, Some(3), "{shown}");
        let error = "error: @test/asker was not added: you declined, and nothing was changed";
        assert!(shown.contains(error), "{shown}");
        assert!(!shown.contains("interrupted"), "{shown}");
        assert_eq!(env.state(), before);
    }
}

#[test]
fn secret_is_granted_for_one_host() {
    let env = TestEnv::with_repository();
    env.setup(&["plugin add $GUESTS/asker.wasm --grant secrets=TOKEN@https://api.example.com"]);
    let lock = env.read_file("sedge.lock");
    let (_, grants) = lock.split_once("grants:").expect("one was given");
    assert!(
        grants.contains("https://api.example.com") && !grants.contains("reveal"),
        "{lock}"
    );
}
