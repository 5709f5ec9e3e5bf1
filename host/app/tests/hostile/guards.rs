//! Ways around the rule that no guest writes to the program of a command: other names of the same
//! files, by links, hard links and patterns, and links that are moved so that they lead out of a
//! folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::{Value, json};

use crate::fixture::House;
use crate::harness::Attack;

/// The programs that are pinned here. Each has the name of its granted folder.
///
/// `ROOT` stands for the repository's path.
const PINS: &str = "
  linked-program: {program: ROOT/guard/bin/linked-program}
  linked-twice: {program: ROOT/guard/bin/linked-twice}
  linked-folder: {program: ROOT/guard/bin/linked-folder/run}
  linked-script: {program: /bin/sh, arguments: [bin/linked-script], cwd: guard}
  pattern: {program: /bin/sh, arguments: ['pattern/*.sh'], cwd: guard}
  option: {program: /usr/bin/make, arguments: ['--makefile=ROOT/guard/option/Makefile']}
  short-option: {program: /usr/bin/make, arguments: ['-fROOT/guard/short-option/Makefile']}
  missing: {program: /bin/sh, arguments: [missing/later/run.sh], cwd: guard}
  linked-cwd: {program: /bin/true, cwd: guard/bin/linked-cwd}
  hard-link: {program: ROOT/guard/bin/hard-link}
  chosen: {program: /bin/cat, arguments: ['bin/*'], cwd: guard}
";

/// The granted folders.
const FOLDERS: [&str; 14] = [
    "linked-program",
    "linked-twice",
    "linked-folder",
    "linked-script",
    "pattern",
    "option",
    "short-option",
    "missing",
    "linked-cwd",
    "linked-definition",
    "hard-link",
    "chosen",
    "links",
    "links/deep/er",
];

/// Makes the folders and the links, and returns the pins.
pub(crate) fn prepare(house: &House) -> String {
    let at = |path: &str| house.path().join("guard").join(path);
    for folder in FOLDERS.iter().chain(&["bin", "real"]) {
        fs::create_dir_all(at(folder)).expect("a folder can be made");
    }
    for program in ["linked-program/run", "real/run", "bin/hard-link"] {
        fs::write(at(program), "#!/bin/sh\nexit 0\n").expect("it can be written");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(at(program), mode).expect("it is ours");
    }
    let link = |target: &str, link: &Path| symlink(target, link).expect("a link can be made");
    for (target, name) in [
        ("../linked-program/run", "bin/linked-program"),
        ("../linked-twice/hop", "bin/linked-twice"),
        ("../real/run", "linked-twice/hop"),
        ("../linked-folder/hop", "bin/linked-folder"),
        ("../real", "linked-folder/hop"),
        ("../linked-script/run.sh", "bin/linked-script"),
        ("../linked-cwd", "bin/linked-cwd"),
        ("../out", "links/deep/link"),
        ("../../out", "links/deep/er/link"),
        ("/etc", "links/absolute"),
    ] {
        link(target, &at(name));
    }
    let definition = house.path().join("models/linked-definition.yaml");
    link("../guard/linked-definition/model.yaml", &definition);
    fs::write(
        at("linked-definition/model.yaml"),
        "type: \"@test/actor\"\n",
    )
    .expect("a file can be written");
    fs::hard_link(at("bin/hard-link"), at("hard-link/alias")).expect("a link can be made");
    PINS.replace("ROOT", &house.path().to_string_lossy())
}

/// Acts in a folder of [`FOLDERS`].
fn acts(name: &str, folder: &str, acts: &[Value], ends: &str) -> Attack {
    let grants = format!(
        "grants: {{files: [{{name: inbox, path: guard/{folder}, access: write}}], commands: [chosen]}}"
    );
    let arguments = json!({"acts": acts});
    Attack::call(name, ("@test/actor", "run"), arguments, ends).with(&grants)
}

/// Creates a script in a folder that would control what a command does.
fn script(name: &str, folder: &str) -> Attack {
    let evil = json!({"append": ["inbox/run", "evil"]});
    acts(
        name,
        folder,
        &[evil],
        &format!("controls the command `{folder}` of sedge.yaml"),
    )
}

pub(crate) fn attacks() -> Vec<Attack> {
    let denied = "not-permitted";
    let rename = |from: &str, to: &str| json!({"rename": [from, to]});
    vec![
        script("the folder that a program is linked to", "linked-program"),
        script(
            "a folder with a link on the way to a program",
            "linked-twice",
        ),
        script(
            "a folder with a link to the folder of a program",
            "linked-folder",
        ),
        script("the folder that a script is linked to", "linked-script"),
        script("the folder of a pattern of scripts", "pattern"),
        script("the folder of a file in an option", "option"),
        script("the folder of a file in a short option", "short-option"),
        script("a folder in which a script is yet to be made", "missing"),
        script(
            "the folder that a command's folder is linked to",
            "linked-cwd",
        ),
        acts(
            "the folder that a definition is linked to",
            "linked-definition",
            &[json!({"write": ["inbox/model.yaml", "evil"]})],
            "controls `models`",
        ),
        acts(
            "a hard link to a program, to be written",
            "hard-link",
            &[json!({"write": ["inbox/alias", "evil"]})],
            denied,
        ),
        acts(
            "a hard link to a program, to be emptied",
            "hard-link",
            &[json!({"truncate": "inbox/alias"})],
            denied,
        ),
        acts(
            "a file of its own behind the fixed part of a pattern",
            "chosen",
            &[
                json!({"append": ["inbox/evil", ""]}),
                json!({"remove": "inbox/evil"}),
                json!({"command": ["chosen", ["bin/../chosen/evil"]]}),
            ],
            "is not run with `bin/../chosen/evil`",
        ),
        acts(
            "a link that is moved to where it leads out",
            "links",
            &[rename("inbox/deep/link", "inbox/link")],
            denied,
        ),
        acts(
            "a hard link of a link that leads out",
            "links",
            &[json!({"link": ["inbox/deep/link", "inbox/link"]})],
            denied,
        ),
        acts(
            "a folder that is moved so that a link in it leads out",
            "links",
            &[rename("inbox/deep/er", "inbox/er")],
            denied,
        ),
        acts(
            "a link out of the folder that gets another name",
            "links",
            &[rename("inbox/absolute", "inbox/config")],
            denied,
        ),
    ]
}
