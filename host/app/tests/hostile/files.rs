//! Paths that lead out of a granted folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sedge_test_forge::{Permission, PluginText};
use serde_json::json;

use crate::fixture::House;
use crate::harness::{Attack, call};
use crate::wat::{FIRST_FOLDER, answer_result, declared};

const GRANT: &str = "grants: {files: [{name: inbox, path: in, access: write}]}";

/// The content that no guest may read.
const SECRET: &str = "the secret of the operator";

/// How often the guest looks into the folder that becomes a link and back.
const N_SWAPPED: usize = 60;

/// Makes the granted folder, and secrets beside it.
pub(crate) fn folders_make(house: &House) {
    for folder in ["in", "in/deep", "in/swap", "out"] {
        fs::create_dir(house.path().join(folder)).expect("a folder can be made");
    }
    house.write("in/a.txt", "a");
    house.write("in/swap/secret.txt", "harmless");
    house.write("out/secret.txt", SECRET);
    let inbox = house.path().join("in");
    for (target, link) in [
        ("../out/secret.txt", "link"),
        ("../out", "folder-link"),
        ("/proc/self", "magic-link"),
        ("loop", "loop"),
    ] {
        symlink(target, inbox.join(link)).expect("a link can be made");
    }
    let pipe = std::process::Command::new("mkfifo")
        .arg(inbox.join("pipe"))
        .status();
    assert!(pipe.expect("it can be run").success());
    // Only root may make a device. For other users the device is missing.
    let zero = std::process::Command::new("mknod")
        .arg(inbox.join("zero"))
        .args(["c", "1", "5"])
        .output();
    zero.expect("it can be run");
}

/// Reads a path.
fn look(what: &str, path: &str, ends: &str) -> Attack {
    let name = format!("a file {what}");
    Attack::call(&name, ("@test/asker", "look"), json!({"path": path}), ends).with(GRANT)
}

/// Writes to a path.
fn put(what: &str, path: &str, ends: &str) -> Attack {
    let arguments = json!({"path": path, "text": "overwritten"});
    let name = format!("a file {what}, to be written");
    Attack::call(&name, ("@test/asker", "put"), arguments, ends).with(GRANT)
}

/// The message of the system, as a guest receives it.
const NOT_PERMITTED: &str = "not permitted";

pub(crate) fn attacks() -> Vec<Attack> {
    let mut attacks = vec![
        look("above the folder", "../out/secret.txt", NOT_PERMITTED),
        look(
            "far above the folder",
            "deep/../../../../../../etc/passwd",
            NOT_PERMITTED,
        ),
        look("by an absolute path", "/etc/passwd", "No such file").or("pabilities insufficient"),
        look("of the processes", "/proc/self/environ", "No such file")
            .or("pabilities insufficient"),
        look("with NUL in its name", "a.txt\u{0}.png", "NUL byte"),
        look("in another case", "A.TXT", "No such file"),
        look("behind a link", "link", NOT_PERMITTED),
        look(
            "in a folder behind a link",
            "folder-link/secret.txt",
            NOT_PERMITTED,
        ),
        look(
            "behind a link of the system",
            "magic-link/environ",
            NOT_PERMITTED,
        ),
        look("behind a link to itself", "loop", "symbolic link").or("ymbolic"),
        look("that is a pipe", "pipe", NOT_PERMITTED),
        look("that is a device", "zero", NOT_PERMITTED).or("No such file"),
        put("above the folder", "../models/sink.yaml", NOT_PERMITTED),
        put("behind a link", "link", NOT_PERMITTED),
        Attack::forged(
            "a link out of the folder, made by the guest",
            links_out,
            "returned 1",
        ),
        Attack::forged(
            "a hard link to what is outside",
            hard_links_out,
            "returned 1",
        ),
        Attack::forged("a folder moved out of the folder", moves_out, "returned 1"),
    ];
    attacks = attacks.into_iter().map(|it| it.with(GRANT)).collect();
    attacks.extend(descriptors());
    attacks.push(
        Attack::other(
            "a folder that becomes a link while a guest looks into it",
            swapped,
            "never saw the secret",
        )
        .of("@test/asker")
        .with(GRANT),
    );
    attacks
}

fn with_folder(it: PluginText) -> PluginText {
    it.asks_for(Permission::Folder("inbox"))
        .imports(&declared(&[
            ("preopens.get-directories", "folders"),
            ("types.descriptor.symlink-at", "symlink"),
            ("types.descriptor.link-at", "link"),
            ("types.descriptor.rename-at", "rename"),
            ("types.descriptor.open-at", "open"),
        ]))
}

/// The name of an attack that runs beside another attack.
const OPENS: &str = "files opened until no more may be";

/// How often a file is opened beside that attack.
const N_OPENED_BESIDE: usize = 20;

/// Guests that open one file repeatedly and never close it.
fn descriptors() -> Vec<Attack> {
    let reached = |name: &str| format!("the limit `{name}`");
    vec![
        Attack::forged(OPENS, opens, &reached("open-files")).with(GRANT),
        Attack::forged(
            "files opened until no guest may",
            opens,
            &reached("process-descriptors"),
        )
        .limits("openFiles: 1000000")
        .with(GRANT),
        Attack::forged(
            "streams of one file without end",
            streams,
            &reached("process-descriptors"),
        )
        .with(GRANT),
        Attack::other(
            "files opened beside one that opens all",
            opened_beside,
            "0 of 20 denied",
        )
        .of("@test/asker")
        .with(GRANT),
    ]
}

fn opens(it: PluginText) -> PluginText {
    let mut it = with_folder(it);
    let path = it.text("a.txt");
    it.method(
        "run",
        &format!(
            "{FIRST_FOLDER}
             (loop $more
               (call $open (local.get $at) (i32.const 0) {path} (i32.const 0) (i32.const 1)
                 (global.get $scratch))
               (br $more))
             (unreachable)"
        ),
    )
}

/// A stream keeps its file open, even after the guest has closed the file.
fn streams(it: PluginText) -> PluginText {
    let it = with_folder(it);
    let more = declared(&[
        ("types.descriptor.read-via-stream", "stream"),
        ("types.[resource-drop]descriptor", "close"),
    ]);
    let mut it = it.imports(&more);
    let path = it.text("a.txt");
    it.method(
        "run",
        &format!(
            "{FIRST_FOLDER}
             (loop $more
               (call $open (local.get $at) (i32.const 0) {path} (i32.const 0) (i32.const 1)
                 (global.get $scratch))
               (local.set $n (i32.load offset=4 (global.get $scratch)))
               (call $stream (local.get $n) (i64.const 0) (global.get $scratch))
               (call $close (local.get $n))
               (br $more))
             (unreachable)"
        ),
    )
}

/// Opens files while another guest opens as many as it can, and returns how often that was denied.
async fn opened_beside(scene: crate::harness::Scene) -> String {
    let beside = scene.repository.clone();
    let other = tokio::spawn(async move {
        let model = crate::harness::slug(OPENS);
        let mut n_calls = 0;
        for _ in 0..N_OPENED_BESIDE {
            let ended = call(&beside, &model, "run", json!({})).await;
            n_calls += usize::from(ended.contains("open-files"));
        }
        n_calls
    });
    let mut n_denied = 0;
    for _ in 0..N_OPENED_BESIDE {
        let looked = call(
            &scene.repository,
            &scene.model,
            "look",
            json!({"path": "a.txt"}),
        )
        .await;
        n_denied += usize::from(!looked.starts_with("returned"));
    }
    let n_calls = other.await.expect("it does not panic");
    format!(
        "{n_denied} of {N_OPENED_BESIDE} denied, beside {n_calls} calls that opened all they may"
    )
}

/// Makes a link to the secret, and opens the link.
fn links_out(it: PluginText) -> PluginText {
    let mut it = with_folder(it);
    let (target, link) = (it.text("/etc"), it.text("made"));
    let (relative, other) = (it.text("../out"), it.text("made-too"));
    let (path, path_too) = (it.text("made/passwd"), it.text("made-too/secret.txt"));
    let open = |path: &str| {
        format!(
            "(call $open (local.get $at) (i32.const 1) {path} (i32.const 0) (i32.const 1)
               (global.get $scratch))
             (if (i32.eqz (i32.load8_u (global.get $scratch))) (then (unreachable)))"
        )
    };
    let (open_one, open_other) = (open(&path), open(&path_too));
    let answer = answer_result(4);
    it.method(
        "run",
        &format!(
            "{FIRST_FOLDER}
             (call $symlink (local.get $at) {target} {link} (global.get $scratch))
             (call $symlink (local.get $at) {relative} {other} (global.get $scratch))
             {open_one} {open_other} {answer}"
        ),
    )
}

fn hard_links_out(it: PluginText) -> PluginText {
    let mut it = with_folder(it);
    let (target, link) = (it.text("../out/secret.txt"), it.text("made-hard"));
    let answer = answer_result(1);
    it.method(
        "run",
        &format!(
            "{FIRST_FOLDER}
             (call $link (local.get $at) (i32.const 0) {target} (local.get $at) {link}
               (global.get $scratch))
             {answer}"
        ),
    )
}

fn moves_out(it: PluginText) -> PluginText {
    let mut it = with_folder(it);
    let (from, to) = (it.text("deep"), it.text("../models/deep"));
    let answer = answer_result(1);
    it.method(
        "run",
        &format!(
            "{FIRST_FOLDER}
             (call $rename (local.get $at) {from} (local.get $at) {to} (global.get $scratch))
             {answer}"
        ),
    )
}

/// Another process of the machine replaces a folder by a link and back, as fast as it can.
async fn swapped(scene: crate::harness::Scene) -> String {
    let inbox = scene.house.path().join("in");
    let over = Arc::new(AtomicBool::new(false));
    let swapping = {
        let over = Arc::clone(&over);
        std::thread::spawn(move || swap(&inbox, &over))
    };
    let mut endings = Vec::new();
    for _ in 0..N_SWAPPED {
        let path = json!({"path": "swap/secret.txt"});
        endings.push(call(&scene.repository, &scene.model, "look", path).await);
    }
    over.store(true, Ordering::SeqCst);
    swapping.join().expect("it does not panic");
    let n_harmless = endings.iter().filter(|it| it.contains("harmless")).count();
    let leaks = endings.iter().filter(|it| it.contains(SECRET)).count();
    if leaks > 0 {
        return format!("saw the secret {leaks} times");
    }
    format!("never saw the secret, and {n_harmless} of {N_SWAPPED} times the file of the folder")
}

fn swap(inbox: &Path, over: &AtomicBool) {
    let (folder, aside) = (inbox.join("swap"), inbox.join("aside"));
    while !over.load(Ordering::SeqCst) {
        fs::rename(&folder, &aside).expect("it is there");
        symlink("../out", &folder).expect("a link can be made");
        fs::remove_file(&folder).expect("it is there");
        fs::rename(&aside, &folder).expect("it is there");
    }
}
