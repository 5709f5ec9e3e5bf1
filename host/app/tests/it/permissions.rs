//! A guest reaches only the parts of the machine that its model was granted.

use std::fs;
use std::os::unix::fs::symlink;

use sedge_api::view::run::LogLevelView;
use sedge_app::types::CallError;
use serde_json::{Value, json};

use crate::fixture::House;
use crate::shown::log_of;
pub(crate) use sedge_test_artifacts::ASKER as asker;

const TYPE: &str = "@test/asker";

/// Returns a repository with a folder `in` that is granted to the model `asker`, and secrets beside
/// it.
fn with_folder(access: &str) -> House {
    let house = House::new();
    for folder in ["in", "in/deep", "out"] {
        fs::create_dir(house.path().join(folder)).expect("a folder can be made");
    }
    house.write("in/a.txt", "a");
    house.write("in/deep/b.txt", "b");
    house.write("out/secret.txt", "secret");
    let grants = format!("grants: {{files: [{{name: inbox, path: in, access: {access}}}]}}\n");
    house.model("asker", TYPE, &grants);
    house
}

/// Makes `asker` read a path, which must fail without a leak. Returns the message.
async fn refused(house: &House, path: &str) -> String {
    let (error, _) = house.failure("asker", "look", json!({"path": path})).await;
    let CallError::Failed(failure) = error else {
        panic!("{path}: {error:?}")
    };
    assert_eq!(failure.code, "io", "{path}: {failure:?}");
    assert!(!failure.message.contains("secret"), "{path}: {failure:?}");
    failure.message
}

async fn look(house: &House, path: &str) -> Value {
    house.value("asker", "look", json!({"path": path})).await
}

/// Returns the reason of a denial, and checks that the log of `asker` contains it.
async fn denied(house: &House, method: &str, arguments: Value) -> String {
    let (error, run) = house.failure("asker", method, arguments).await;
    let CallError::Failed(failure) = error else {
        panic!("{method}: {error:?}")
    };
    assert_eq!(failure.code, "denied", "{failure:?}");
    let id = run.run.id.to_string();
    let lines = log_of(&house.repository, Some(&id));
    let has_warning = |level: LogLevelView, message: &str| {
        level == LogLevelView::Warn && message == failure.message
    };
    let is_logged = lines.iter().any(|it| has_warning(it.level, &it.message));
    assert!(is_logged, "{lines:?}");
    failure.message
}

/// Takes the lines of YAML from a denial, fills in the values that only an operator knows, and adds
/// the lines to the definition.
fn paste(house: &House, message: &str) {
    let (_, lines) = message.split_once('\n').expect("it has lines");
    house.model("asker", TYPE, &format!("{}\n", lines.replace("PATH", "in")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_a_denial_grant_the_attempt() {
    let house = with_folder("read");
    house.model("asker", TYPE, "");
    for (method, arguments) in [("look", json!({"path": "a.txt"})), ("region", json!({}))] {
        let message = denied(&house, method, arguments.clone()).await;
        paste(&house, &message);
        house.value("asker", method, arguments).await;
    }
    // The earlier grants remain.
    assert_eq!(look(&house, "a.txt").await, json!("a"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_granted_folder_is_readable() {
    let house = with_folder("read");
    assert_eq!(look(&house, "").await, json!(["a.txt", "deep"]));
    assert_eq!(look(&house, "deep/../a.txt").await, json!("a"));
    let outside = house.path().join("out/secret.txt");
    let outside = outside.to_str().expect("it is text");
    for path in [
        "../out/secret.txt",
        "deep/../../out/secret.txt",
        "../../../../../../../../etc/passwd",
        outside,
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "/",
        "..",
        "//inbox/../../etc/passwd",
        "a.txt\u{0}",
        "A.TXT",
    ] {
        refused(&house, path).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn link_does_not_lead_out_of_a_folder() {
    let house = with_folder("write");
    let inbox = house.path().join("in");
    let outside = house.path().join("out/secret.txt");
    let links = [
        (outside.as_path(), "absolute"),
        ("../out/secret.txt".as_ref(), "relative"),
        ("../out".as_ref(), "folder"),
        ("/".as_ref(), "top"),
        ("/proc/self/cwd".as_ref(), "magic"),
    ];
    for (target, link) in links {
        symlink(target, inbox.join(link)).expect("a link can be made");
    }
    symlink("deep/b.txt", inbox.join("inside")).expect("a link can be made");
    assert_eq!(look(&house, "inside").await, json!("b"));
    for path in [
        "absolute",
        "relative",
        "folder/secret.txt",
        "top/etc/passwd",
        "magic",
    ] {
        refused(&house, path).await;
        let put = json!({"path": path, "text": "overwritten"});
        let (error, _) = house.failure("asker", "put", put).await;
        assert!(
            matches!(&error, CallError::Failed(it) if it.code == "io"),
            "{error:?}"
        );
    }
    let secret = fs::read_to_string(&outside).expect("it is still there");
    assert_eq!(secret, "secret");
}

/// Opening a pipe waits for a writer, and a guest must not block a thread of the host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_files_and_folders_can_be_opened() {
    let house = with_folder("write");
    let pipe = house.path().join("in/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("it can be run").success());
    let socket = house.path().join("in/socket");
    let _listener = std::os::unix::net::UnixListener::bind(socket).expect("it can be made");
    for path in ["pipe", "socket"] {
        let message = refused(&house, path).await;
        assert!(message.contains("not permitted"), "{path}: {message}");
        let put = json!({"path": path, "text": "x"});
        let (error, _) = house.failure("asker", "put", put).await;
        assert!(
            error.to_string().contains("not permitted"),
            "{path}: {error:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_access_does_not_allow_writes() {
    let house = with_folder("read");
    for path in ["a.txt", "new.txt", "deep/new.txt"] {
        let put = json!({"path": path, "text": "changed"});
        let (error, _) = house.failure("asker", "put", put).await;
        assert!(
            matches!(&error, CallError::Failed(it) if it.code == "io"),
            "{error:?}"
        );
    }
    assert_eq!(look(&house, "a.txt").await, json!("a"));
    assert_eq!(look(&house, "deep").await, json!(["b.txt"]));

    let house = with_folder("write");
    house
        .value(
            "asker",
            "put",
            json!({"path": "deep/new.txt", "text": "new"}),
        )
        .await;
    assert_eq!(look(&house, "deep/new.txt").await, json!("new"));
}

/// A guest that could write there could grant itself any permission.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_of_sedge_and_of_definitions_are_denied() {
    let house = with_folder("write");
    symlink(".sedge/store", house.path().join("sly")).expect("a link can be made");
    let check = async |path: &str, access: &str, says: Option<&str>| {
        let grants =
            format!("grants: {{files: [{{name: inbox, path: {path}, access: {access}}}]}}\n");
        house.model("asker", TYPE, &grants);
        let Some(says) = says else {
            look(&house, "").await;
            return;
        };
        let (error, run) = house.failure("asker", "look", json!({"path": ""})).await;
        let CallError::Denied { reason } = &error else {
            panic!("{path}: {error:?}")
        };
        assert!(reason.contains(says), "{path}: {reason}");
        assert_eq!(run.calls[0].error.as_ref(), Some(&error));
    };
    let state = Some("overlaps with .sedge");
    for path in [".", "..", ".sedge", ".sedge/store", "sly", "in/.."] {
        check(path, "read", state).await;
    }
    check("models", "write", Some("could grant itself anything")).await;
    check("workflows", "write", Some("could grant itself anything")).await;
    check("models", "read", None).await;
    check("nowhere", "read", Some("failed to open")).await;
    check("in/a.txt", "read", Some("failed to open")).await;
}

/// The same holds for files that control a command, because a pin names the program and not its
/// content.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folder_that_controls_a_command_is_not_writable() {
    let mut house = with_folder("write");
    for folder in ["bin", "work", "scripts"] {
        fs::create_dir(house.path().join(folder)).expect("a folder can be made");
    }
    let here = house.path().display();
    let pins = format!(
        "version: 1
commands:
  own: {{program: {here}/bin/own}}
  make: {{program: /usr/bin/make, cwd: work}}
  script: {{program: /bin/sh, cwd: ., arguments: [scripts/x.sh, ...]}}
"
    );
    house.write("sedge.yaml", &pins);
    house.reopen().await;
    for (path, access, command) in [
        ("bin", "write", Some("own")),
        ("work", "write", Some("make")),
        ("scripts", "write", Some("script")),
        ("scripts", "read", None),
        ("in", "write", None),
    ] {
        let grants =
            format!("grants: {{files: [{{name: inbox, path: {path}, access: {access}}}]}}\n");
        house.model("asker", TYPE, &grants);
        let Some(command) = command else {
            look(&house, "").await;
            continue;
        };
        let (error, _) = house.failure("asker", "look", json!({"path": ""})).await;
        let message = error.to_string();
        let expect = format!("controls the command `{command}` of sedge.yaml");
        assert!(message.contains(&expect), "{path}: {message}");
    }
}

/// The guest's environment contains only the granted variables.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unset_variable_is_missing() {
    let house = House::new();
    house.model("asker", TYPE, "grants: {env: [ASKER_OLD]}\n");
    assert_eq!(house.value("asker", "region", json!({})).await, json!(null));
}

/// Each denial has the lines that grant the attempt. Only the operator knows the path of a folder.
/// (Requests, connections and secrets have their own modules.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_a_denial_grant_each_kind() {
    let house = House::new();
    fs::create_dir(house.path().join("in")).expect("a folder can be made");
    house.write("in/a.txt", "a");
    let check = async |method: &str, arguments: Value, expect: Value| {
        house.model("asker", TYPE, "");
        let message = denied(&house, method, arguments.clone()).await;
        let (says, lines) = message.split_once(".yaml\n").expect("lines");
        assert!(says.starts_with("`asker` may not "), "{says}");
        let lines = lines.replace("PATH", "in");
        house.model("asker", TYPE, &format!("{lines}\n"));
        assert_eq!(
            house.value("asker", method, arguments).await,
            expect,
            "{lines}"
        );
    };
    check("look", json!({"path": "a.txt"}), json!("a")).await;
    check("region", json!({}), json!(null)).await;

    house.model("asker", TYPE, "");
    let (error, _) = house.failure("asker", "call", json!({})).await;
    let message = error.to_string();
    let (_, lines) = message.split_once(".yaml\n").expect("lines");
    house.model("asker", TYPE, &format!("{lines}\n"));
    house.value("asker", "call", json!({})).await;
}
