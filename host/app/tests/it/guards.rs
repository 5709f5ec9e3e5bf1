//! What decides on models and commands is not written to by guests, and a guard that cannot look
//! denies.
//!
//! The guard compared texts, and passed where it could not open a folder: a linked program, a
//! pattern or a moved link was enough to have code run outside of the sandbox. The hostile suite
//! has a row for each such way; here is what stays possible, and what needs a place of its own.

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
async fn folder_beside_what_decides_is_written_to_as_ever() {
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
        // What a lone `*` stands for is the guest's choice.
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
        let told = refused(&house, &[act]).await;
        assert!(!told.is_empty(), "{told}");
    }
}

/// A link to itself stands for all that cannot be looked at, such as what is left of a process
/// without descriptors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guard_that_cannot_look_denies() {
    let create = json!({"create": "inbox/new"});
    for pins in [
        "x: {program: ROOT/tools/loop/run}",
        "x: {program: /bin/sh, arguments: [tools/loop], cwd: .}",
        "x: {program: /bin/sh, cwd: tools/loop}",
    ] {
        let house = house(pins, "in", "out").await;
        symlink("loop", house.path().join("tools/loop")).expect("a link can be made");
        let told = refused(&house, std::slice::from_ref(&create)).await;
        assert!(
            told.contains("Sedge cannot check whether it controls the command `x`"),
            "{told}"
        );
        assert!(told.contains("tools/loop"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_are_not_written_to_by_any_name() {
    let check = async |linked: &str, inbox: &str| {
        let house = house("", inbox, "out").await;
        let at = |name: &str| house.path().join(name);
        fs::rename(at(linked), at("tools").join(linked)).expect("it is there");
        symlink(format!("tools/{linked}"), at(linked)).expect("a link can be made");
        let told = refused(&house, &[json!({"create": "inbox/new.yaml"})]).await;
        assert!(
            told.contains(&format!("controls `{linked}`")),
            "{linked}, {inbox}: {told}"
        );
    };
    check("models", "tools").await;
    check("models", "tools/models").await;
    check("workflows", "tools/workflows").await;
    check("sedge.yaml", "tools").await;
}

/// The variable by which this test finds the repository, within a name space of mounts.
const MOUNTED: &str = "SEDGE_TEST_MOUNTED";

/// `models` is mounted in a folder that was granted, and once more as that folder itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mounts_do_not_get_around_the_guard() {
    if std::env::var_os(MOUNTED).is_none() {
        let program = std::env::current_exe().expect("it has a path");
        let inside = Command::new("unshare")
            .args(["--map-root-user", "--mount"])
            .arg(program)
            .args(["--exact", "guards::mounts_do_not_get_around_the_guard"])
            .env(MOUNTED, "yes")
            .output()
            .expect("`unshare` is there: this test needs a name space of mounts");
        assert!(
            inside.status.success(),
            "this test needs a name space of mounts: {inside:?}"
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
        let told = refused(&house, std::slice::from_ref(&act)).await;
        assert!(told.contains("not-permitted"), "{act}: {told}");
    }
    mount("models", "out");
    let told = refused(&house, &[]).await;
    for mounted in ["out", "in/all", "in/tools", "in/models"] {
        let umount = Command::new("umount")
            .arg(house.path().join(mounted))
            .status();
        assert!(umount.expect("`umount` is there").success());
    }
    assert!(told.contains("controls `models`"), "{told}");
}
