//! Repositories of other users, and repositories that several users share.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use crate::scene::{Scene, can_be_others};

/// A user who is not root, another user, and the group that they share.
const ONE: u32 = 65_533;
const OTHER: u32 = 65_532;
const GROUP: u32 = 65_531;

/// Commands of all kinds.
const ALL: &str = "t model list; t model get a; t plugin list; t data list; t data get a record; t run list; t workflow list; t workflow approvals; t datastore status; t datastore lock status; t secret list; t model method run a run; t data gc";

/// Returns shell functions: `as USER` runs a command as another user in the shared group, and `t`
/// runs `sedge` as the user `$USER_ID`.
fn as_user() -> String {
    format!(
        "as() {{ user=$1; shift; setpriv --reuid \"$user\" --regid \"$user\" --groups {GROUP} env HOME=/nonexistent \"$@\"; }}\nt() {{ as \"$USER_ID\" timeout 60 \"$SEDGE\" \"$@\" > \"$OUT\" 2>&1; code=$?; echo \"CODE $code $*\"; sed 's/^/    /' \"$OUT\" | head -20; return 0; }}\n"
    )
}

fn give(path: &Path, user: u32, group: u32) {
    let metadata = fs::symlink_metadata(path).expect("it is there");
    std::os::unix::fs::lchown(path, Some(user), Some(group)).expect("root has the right");
    if metadata.is_dir() {
        for entry in fs::read_dir(path).expect("root has the right") {
            give(&entry.expect("root has the right").path(), user, group);
        }
    }
}

#[test]
fn repository_of_another_user_has_to_be_declared_safe() {
    if !can_be_others() {
        return;
    }
    let scene = Scene::new();
    let repository = scene.env.repository();
    give(&repository, ONE, ONE);
    let below = format!("mkdir -p below && cd below\n{ALL}");
    for script in [ALL, below.as_str()] {
        let ended = scene.script(script);
        ended.expect("another user's repository", &[3]);
        for (_, command, output) in &ended.commands {
            let path = repository.display().to_string();
            assert!(
                output.contains(&path) && output.contains("SEDGE_SAFE_DIRECTORIES="),
                "{command}: {output}"
            );
        }
    }
    let declared = [
        "export SEDGE_SAFE_DIRECTORIES=\"$PWD\"",
        "export SEDGE_SAFE_DIRECTORIES='*'",
        "export SEDGE_SAFE_DIRECTORIES=\"/nonexistent:$PWD/\"",
        "mkdir -p \"$HOME/.config/sedge\"; echo \"safeDirectories: ['$PWD']\" > \"$HOME/.config/sedge/config.yaml\"",
        "export XDG_CONFIG_HOME=\"$HOME/.config\"",
        "rm \"$HOME/.config/sedge/config.yaml\"; export SUDO_UID=65533",
    ];
    let mut n_runs = 1;
    for declaration in declared {
        let ended = scene.script(&format!("{declaration}\n{ALL}"));
        n_runs += ended
            .expect(declaration, &[0])
            .n_succeeded("model method run");
    }
    // The files that root created there belong to the owner, whose commands still succeed.
    let ended = scene.script(&format!("{}USER_ID={ONE}\n{ALL}", as_user()));
    n_runs += ended
        .expect("its owner, afterwards", &[0])
        .n_succeeded("model method run");
    give(&repository, 0, 0);
    scene.check(n_runs);
}

/// The paths in a hint can be pasted without changes.
#[test]
fn hint_can_be_pasted() {
    if !can_be_others() {
        return;
    }
    let scene = Scene::bare();
    for name in ["plain", "a b", "it's", "a:b", "do$lar \"quoted\""] {
        let folder = scene.env.repository().join(name);
        fs::create_dir(&folder).expect("the test owns it");
        chown(&folder, Some(ONE), Some(ONE)).expect("root has the right");
        fs::write(folder.join("sedge.yaml"), "version: 1\n").expect("root has the right");
        let script = r#"
            cd "$FOLDER" || exit 1
            t model list
            line=$(sed -n 's/^hint: .*`\(SEDGE_SAFE_DIRECTORIES=.*\) sedge …`.*/\1/p' "$OUT")
            (eval "export $line"; t model list)
        "#;
        let folder = folder.to_str().expect("plain text").replace('\'', "'\\''");
        let ended = scene.script(&format!("FOLDER='{folder}'\n{script}"));
        let codes: Vec<i32> = ended.commands.iter().map(|(code, ..)| *code).collect();
        assert_eq!(codes, [3, 0], "{name}: {ended:?}");
    }
}

/// It is not known whether such an entry is authentic, so it does not count as sound or damaged.
#[test]
fn unreadable_entry_of_the_cache_is_reported() {
    if !can_be_others() {
        return;
    }
    let scene = Scene::new();
    let home = scene.env.repository().join("owned");
    fs::create_dir(&home).expect("the test owns it");
    give(&scene.env.repository(), ONE, ONE);
    let script = format!(
        "{}USER_ID={ONE}
        export XDG_CACHE_HOME=\"$PWD/owned/cache\" XDG_STATE_HOME=\"$PWD/owned/state\"
        t model method run a run
        t doctor
        for entry in owned/cache/sedge/*; do chmod 000 \"$entry\"; done
        t doctor
        t doctor --fix",
        as_user()
    );
    let ended = scene.script(&script);
    let codes: Vec<i32> = ended.commands.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes, [0, 0, 3, 3], "{ended:?}");
    for (_, command, output) in &ended.commands[2..] {
        assert!(
            output.contains("cache") && output.contains("Permission denied"),
            "{command}: {output}"
        );
    }
}

#[test]
fn repository_that_all_users_may_write_to_is_refused() {
    let scene = Scene::new();
    for name in [
        ".",
        ".sedge",
        "models",
        "workflows",
        "sedge.yaml",
        "sedge.lock",
    ] {
        let ended = scene.script(&format!(
            "chmod o+w {name}\nt model list; t model method run a run"
        ));
        ended.expect(&format!("everyone may write to {name}"), &[3]);
        let ended = scene.script(&format!(
            "SEDGE_SAFE_DIRECTORIES=\"$PWD\" t model list\nchmod o-w {name}\nt model list"
        ));
        ended.expect("declared safe, or closed again", &[0]);
    }
    scene.check(1);
}

/// In a folder such as `/tmp`, every user may add a file.
#[test]
fn files_of_another_user_in_a_sticky_folder_are_refused() {
    if !can_be_others() {
        return;
    }
    let scene = Scene::new();
    let ended = scene.script("chmod 1777 .\nt model list; t model method run a run");
    ended.expect("a sticky folder", &[0]);
    for name in ["sedge.yaml", "sedge.lock", "models", "workflows"] {
        let ended = scene.script(&format!(
            "chown {ONE} {name}\nt model list; t model method run a run"
        ));
        ended.expect(&format!("{name} of another user"), &[3]);
        scene.script(&format!("chown 0 {name}"));
    }
    scene.check(2);
}

#[test]
fn group_shares_a_repository() {
    if !can_be_others() {
        return;
    }
    let scene = Scene::new();
    let repository = scene.env.repository();
    scene
        .env
        .write_file("sedge.yaml", "version: 1\ndatastore: {shared: group}\n");
    give(&repository, ONE, GROUP);
    // Sharing the folder with a group does not make the users trust its owner.
    let shared = format!("chmod g+rwxs . models workflows\n{}", as_user());
    let ended = scene.script(&format!("{shared}USER_ID={OTHER}\n{ALL}"));
    ended.expect("a user of the group without a declaration", &[3]);
    let mut n_runs = 1;
    let mut script = format!("{shared}export SEDGE_SAFE_DIRECTORIES=\"$PWD\"\n");
    for user in [ONE, OTHER, ONE, OTHER] {
        script.push_str(&format!("USER_ID={user}\n{ALL}; t model create @sedge/sink m{user}x$RANDOM; t datastore compact\n"));
    }
    let ended = scene.script(&script);
    n_runs += ended
        .expect("a group that shares", &[0])
        .n_succeeded("model method run");
    let state = repository.join(".sedge");
    let wrong = modes(&state, &|metadata| {
        let expect = if metadata.is_dir() { 0o2770 } else { 0o660 };
        metadata.mode() & 0o7777 != expect || metadata.gid() != GROUP
    });
    assert_eq!(wrong, [""; 0]);
    give(&repository, 0, 0);
    scene.check(n_runs);
}

fn modes(path: &Path, is_wrong: &dyn Fn(&fs::Metadata) -> bool) -> Vec<String> {
    let metadata = fs::symlink_metadata(path).expect("it is there");
    let mut wrong = Vec::new();
    if is_wrong(&metadata) {
        let mode = metadata.mode() & 0o7777;
        wrong.push(format!("{mode:o} {} {}", metadata.gid(), path.display()));
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).expect("the test owns it") {
            wrong.extend(modes(&entry.expect("the test owns it").path(), is_wrong));
        }
    }
    wrong
}

/// All users may read definitions; only the owner may read runs and data.
#[test]
fn user_with_read_access_sees_only_definitions() {
    if !can_be_others() {
        return;
    }
    let scene = Scene::new();
    let readable = "chmod -R o+rX . && chmod 700 .sedge\n";
    let ended = scene.script(&format!(
        "{readable}{}USER_ID={ONE}\nt model list; t model get a; t workflow list",
        as_user()
    ));
    ended.expect("reading definitions", &[0]);
    let ended = scene.script(&format!(
        "{readable}{}USER_ID={ONE}\nt data list; t run list; t workflow approvals; t datastore status; t secret list; t model method run a run; t model create @sedge/sink b; t model delete a; t plugin add \"$GUESTS/sink.wasm\"",
        as_user()
    ));
    ended.expect("commands of the owner only", &[3]);
    scene.check(1);
}
