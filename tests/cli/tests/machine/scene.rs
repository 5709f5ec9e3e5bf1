//! A repository, and shell scripts that run commands in it and record their exit codes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use sedge_test_kit::{TestEnv, sedge};

/// The beginning of every script. `t` runs a command, and prints its exit code and its output. The
/// test shows the output only if it does not expect the exit code.
const HEAD: &str = r#"
set -u
t() {
    timeout 60 "$SEDGE" "$@" > "$OUT" 2>&1
    code=$?
    echo "CODE $code $*"
    sed 's/^/    /' "$OUT" | head -20
    return 0
}
"#;

/// The result of a script.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// The exit code, the arguments and the output of each command, in order.
    pub(crate) commands: Vec<(i32, String, String)>,
    /// The other lines of output of the script.
    pub(crate) lines: Vec<String>,
}

/// A repository with the model `a` of `@sedge/sink`, which has written once.
pub(crate) struct Scene {
    pub(crate) env: TestEnv,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let scene = Self::bare();
        scene.env.setup(&[
            "init",
            "plugin add $GUESTS/sink.wasm",
            "model create @sedge/sink a",
            "model method run a run",
        ]);
        scene
    }

    /// Returns a scene without a repository. Other users may look into its folder.
    pub(crate) fn bare() -> Self {
        let env = TestEnv::default();
        let folder = env.repository();
        let folder = folder.parent().expect("it is in a folder");
        fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).expect("the test owns it");
        Self { env }
    }

    /// Runs a script in the repository's folder.
    pub(crate) fn script(&self, script: &str) -> Ended {
        self.script_in(&["bash"], script)
    }

    /// Runs a script in its own mount namespace. Its mounts end with the script.
    pub(crate) fn script_in_namespace(&self, script: &str) -> Ended {
        self.script_in(
            &["unshare", "--mount", "--propagation", "private", "bash"],
            script,
        )
    }

    fn script_in(&self, shell: &[&str], script: &str) -> Ended {
        let repository = self.env.repository();
        let folder = repository.parent().expect("it is in a folder");
        let guests = Path::new(sedge_test_artifacts::SINK).parent();
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", &format!("{HEAD}\n{script}")])
            .current_dir(&repository)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", folder.join("home"))
            .env("SEDGE", sedge())
            .env("GUESTS", guests.expect("a component is in a folder"))
            .env("OUT", "/dev/shm/sedge-machine-$$".replace("$$", &unique()))
            .stdin(Stdio::null())
            .output()
            .expect("there is a shell");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "a script failed: {stderr}");
        Ended::read(&String::from_utf8_lossy(&output.stdout))
    }

    /// Checks that the datastore is sound, and has at least `n_versions` contiguous versions of the
    /// data of `a`.
    #[track_caller]
    pub(crate) fn check(&self, n_versions: usize) {
        let _ = self.env.run(["datastore", "check", "--deep"]).succeeded();
        let listed = self.env.run_json(["data", "versions", "a", "record"]);
        let listed = listed["data"].as_array().expect("a list").clone();
        let mut versions: Vec<u64> = listed
            .iter()
            .filter_map(|version| version["version"].as_u64())
            .collect();
        versions.sort_unstable();
        assert!(
            versions.len() >= n_versions,
            "{} of {n_versions} versions are there",
            versions.len()
        );
        let expect: Vec<u64> = (1..=versions.len() as u64).collect();
        assert_eq!(versions, expect, "they are contiguous");
    }
}

impl Ended {
    fn read(stdout: &str) -> Self {
        let mut ended = Self::default();
        for line in stdout.lines() {
            if let Some(rest) = line.strip_prefix("CODE ") {
                let (code, command) = rest.split_once(' ').unwrap_or((rest, ""));
                let code = code.parse().expect("an exit code is a number");
                ended
                    .commands
                    .push((code, command.to_owned(), String::new()));
            } else if let (Some(output), Some((_, _, text))) =
                (line.strip_prefix("    "), ended.commands.last_mut())
            {
                text.push_str(output);
                text.push('\n');
            } else {
                ended.lines.push(line.to_owned());
            }
        }
        ended
    }

    /// Checks that each command ended with one of these exit codes, and prints the number of each.
    #[track_caller]
    pub(crate) fn expect(&self, what: &str, codes: &[i32]) -> &Self {
        let mut n_codes: BTreeMap<i32, usize> = BTreeMap::new();
        for (code, command, output) in &self.commands {
            assert!(
                codes.contains(code),
                "{what}: `sedge {command}` ended with {code}:\n{output}"
            );
            *n_codes.entry(*code).or_default() += 1;
        }
        assert!(!self.commands.is_empty(), "{what}: no command ran");
        let n_commands = self.commands.len();
        println!("{what}: {n_commands} commands, by exit code: {n_codes:?}");
        self
    }

    /// Returns how many commands that begin with `start` ended with 0.
    pub(crate) fn n_succeeded(&self, start: &str) -> usize {
        let succeeded =
            |(code, command, _): &&(i32, String, String)| *code == 0 && command.starts_with(start);
        self.commands.iter().filter(succeeded).count()
    }
}

/// Returns whether the machine has a feature that a test needs; if not, prints a message.
///
/// # Panics
/// The feature is missing, and `CI` is `true`.
pub(crate) fn can(what: &str, probe: &[&str]) -> bool {
    let tried = Command::new(probe[0])
        .args(&probe[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if tried.is_ok_and(|status| status.success()) {
        return true;
    }
    let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!in_ci, "{what} is not available here, and CI must have it");
    println!("SKIPPED: {what} is not available here");
    false
}

/// Returns whether a test can create a mount namespace.
pub(crate) fn can_mount() -> bool {
    let probe = "mount -t tmpfs tmpfs /mnt";
    can(
        "a mount namespace",
        &[
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            probe,
        ],
    )
}

/// Returns whether a test can run commands as other users.
pub(crate) fn can_be_others() -> bool {
    let probe = [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
    ];
    let program = sedge().to_str().expect("the target folder is plain text");
    let probe: Vec<&str> = probe.into_iter().chain([program, "--version"]).collect();
    can("the right to run the program as another user", &probe)
}

fn unique() -> String {
    format!("{}-{:?}", std::process::id(), std::thread::current().id())
        .replace(|c: char| !c.is_alphanumeric() && c != '-', "")
}
