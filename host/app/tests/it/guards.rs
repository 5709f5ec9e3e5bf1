//! No guest writes to a file that controls models or commands, and a guard that cannot inspect a
//! path denies access.
//!
//! The guard compared texts, and granted access if it could not open a folder: a linked program, a
//! pattern or a moved link was enough to run code outside of the sandbox. The hostile suite has a
//! row for each such way. These tests show what stays allowed, and cases that need their own setup.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::House;

/// Returns a repository with a model `actor` that may write to these folders.
async fn house(pins: &str, inbox: &str, outbox: &str) -> House {
    let mut house = House::new();
    for folder in ["in/deep", "out", "tools"] {
        fs::create_dir_all(house.path().join(folder)).expect("it can be made");
    }
    let pins = pins.replace("ROOT", &house.path().to_string_lossy());
    house.write("sedge.yaml", &format!("version: 1\ncommands: {{{pins}}}\n"));
    let grants = format!(
        "grants: {{commands: ['*'], files: [{{name: inbox, path: {inbox}, access: write}}, \
         {{name: outbox, path: {outbox}, access: write}}]}}\n"
    );
    house.model("actor", "@test/actor", &grants);
    house.reopen().await;
    house
}

async fn acted(house: &House, acts: &[Value]) -> Value {
    house.value("actor", "run", json!({"acts": acts})).await
}

async fn refused(house: &House, acts: &[Value]) -> String {
    let (error, _) = house.failure("actor", "run", json!({"acts": acts})).await;
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folder_beside_controlling_files_is_writable() {
    let pins = "cat: {program: /bin/cat, arguments: ['*'], cwd: .}, \
                make: {program: /bin/true, arguments: [--file=tools/Makefile, -ftools/a, 'tools/*']}";
    let house = house(pins, "in", "out").await;
    symlink("../in/file", house.path().join("in/deep/link")).expect("a link can be made");
    let acts = [
        json!({"append": ["inbox/file", "one"]}),
        json!({"append": ["inbox/file", "two"]}),
        json!({"read": "inbox/file"}),
        json!({"truncate": "inbox/file"}),
        json!({"append": ["inbox/file", "three"]}),
        json!({"make-folder": "inbox/made/"}),
        json!({"create": "inbox/made/new"}),
        json!({"rename": ["inbox/made/new", "outbox/new"]}),
        json!({"link": ["outbox/new", "outbox/hard"]}),
        json!({"symlink": ["file", "inbox/soft"]}),
        json!({"rename": ["inbox/soft", "inbox/softer"]}),
        json!({"append": ["inbox/softer", "!"]}),
        json!({"rename": ["inbox/made", "outbox/made"]}),
        json!({"remove-folder": "outbox/made"}),
        json!({"remove": "outbox/hard"}),
        // The guest freely chooses the text for a lone `*`.
        json!({"command": ["cat", ["in/file"]]}),
    ];
    let done = acted(&house, &acts).await;
    assert_eq!(
        (&done[2], &done[15]),
        (&json!("onetwo"), &json!([0, "three!"]))
    );
    for act in [
        json!({"create": "inbox/file"}),
        json!({"create": "inbox/deep/.."}),
        json!({"remove": "inbox/none"}),
        json!({"truncate": "inbox/none"}),
        json!({"make-folder": "inbox/no/such"}),
    ] {
        let reason = refused(&house, &[act]).await;
        assert!(!reason.is_empty(), "{reason}");
    }
}

/// A link to itself stands for every path that cannot be inspected, for example because the process
/// has no descriptors left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guard_that_cannot_inspect_a_path_denies() {
    let create = json!({"create": "inbox/new"});
    for pins in [
        "x: {program: ROOT/tools/loop/run}",
        "x: {program: /bin/sh, arguments: [tools/loop], cwd: .}",
        "x: {program: /bin/sh, cwd: tools/loop}",
    ] {
        let house = house(pins, "in", "out").await;
        symlink("loop", house.path().join("tools/loop")).expect("a link can be made");
        let reason = refused(&house, std::slice::from_ref(&create)).await;
        assert!(
            reason.contains("Sedge cannot check whether it controls the command `x`"),
            "{reason}"
        );
        assert!(reason.contains("tools/loop"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_are_not_writable_by_any_name() {
    let check = async |linked: &str, inbox: &str| {
        let house = house("", inbox, "out").await;
        let at = |name: &str| house.path().join(name);
        fs::rename(at(linked), at("tools").join(linked)).expect("it is there");
        symlink(format!("tools/{linked}"), at(linked)).expect("a link can be made");
        let reason = refused(&house, &[json!({"create": "inbox/new.yaml"})]).await;
        assert!(
            reason.contains(&format!("controls `{linked}`")),
            "{linked}, {inbox}: {reason}"
        );
    };
    check("models", "tools").await;
    check("models", "tools/models").await;
    check("workflows", "tools/workflows").await;
    check("sedge.yaml", "tools").await;
}

/// The variable that tells this test, inside a mount namespace, where the repository is.
const MOUNTED: &str = "SEDGE_TEST_MOUNTED";

/// `models` is mounted in a granted folder, and also as a granted folder itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mounts_do_not_bypass_the_guard() {
    if std::env::var_os(MOUNTED).is_none() {
        let program = std::env::current_exe().expect("it has a path");
        let inside = Command::new("unshare")
            .args(["--map-root-user", "--mount"])
            .arg(program)
            .args(["--exact", "guards::mounts_do_not_bypass_the_guard"])
            .env(MOUNTED, "yes")
            .output()
            .expect("`unshare` exists: this test needs a mount namespace");
        assert!(
            inside.status.success(),
            "this test needs a mount namespace: {inside:?}"
        );
        return;
    }
    let house = house("tool: {program: ROOT/tools/run}", "in", "out").await;
    let mount = |from: &str, to: &str| {
        fs::create_dir_all(house.path().join(to)).expect("it can be made");
        let mut command = Command::new("mount");
        let command = command.args(["--bind", from, to]).current_dir(house.path());
        assert!(command.status().expect("`mount` is there").success());
    };
    mount("models", "in/models");
    mount("tools", "in/tools");
    mount(".", "in/all");
    for act in [
        json!({"create": "inbox/models/evil.yaml"}),
        json!({"write": ["inbox/models/sink.yaml", "evil"]}),
        json!({"remove": "inbox/models/sink.yaml"}),
        json!({"rename": ["inbox/models/sink.yaml", "inbox/models/other.yaml"]}),
        json!({"create": "inbox/tools/run"}),
        json!({"symlink": ["x", "inbox/tools/run"]}),
        json!({"make-folder": "inbox/all/models/new"}),
        json!({"rename": ["inbox/all/models", "inbox/all/former"]}),
    ] {
        let reason = refused(&house, std::slice::from_ref(&act)).await;
        assert!(reason.contains("not-permitted"), "{act}: {reason}");
    }
    mount("models", "out");
    let reason = refused(&house, &[]).await;
    for mounted in ["out", "in/all", "in/tools", "in/models"] {
        let umount = Command::new("umount")
            .arg(house.path().join(mounted))
            .status();
        assert!(umount.expect("`umount` is there").success());
    }
    assert!(reason.contains("controls `models`"), "{reason}");
}
