//! A sealed environment in which `sedge` runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tempfile::TempDir;

use crate::authority::Authority;
use crate::binary::sedge;
use crate::child::Child;
use crate::output::CommandOutput;
use crate::redact::Redactor;

/// The prefix of the folders of environments, before the id of the process that created them.
const FOLDER_PREFIX: &str = "sedge-test-";

/// A temporary folder with a home (`$ENV/user`) and a folder for a repository (`$ENV/repo`), in
/// which commands run.
///
/// A command gets only these variables: `HOME`, `USER` (a name that no record may have), the width
/// of a terminal (100 columns), `SSL_CERT_FILE`, and the folders of [`compiled_code`]. In its
/// arguments, `$ENV` is this folder, and `$GUESTS` is the folder of the built components:
/// `$GUESTS/sink.wasm`. In its output, the user who runs the tests is `tester`.
#[derive(Debug)]
pub struct TestEnv {
    folder: TempDir,
    redactor: Mutex<Redactor>,
    server: Option<String>,
    variables: BTreeMap<String, Option<String>>,
}

/// The folders of compiled code, which all environments of this process share, so that no plugin is
/// compiled twice.
#[derive(Debug)]
pub struct CompiledCode {
    folder: TempDir,
}

impl CompiledCode {
    /// Returns the folder of the code.
    #[must_use]
    pub fn code(&self) -> PathBuf {
        self.folder.path().join("code")
    }

    /// Returns the folder of the key that authenticates the code.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("state/sedge")
    }

    /// Returns the variables that pass both folders to the program.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, PathBuf); 2] {
        let state = self.folder.path().join("state");
        [("SEDGE_CACHE_DIR", self.code()), ("XDG_STATE_HOME", state)]
    }
}

/// Returns the folders of compiled code. A test that runs the program outside of a [`TestEnv`]
/// passes the same variables to it.
///
/// # Panics
/// There is no room for temporary files.
pub fn compiled_code() -> &'static CompiledCode {
    static FOLDERS: OnceLock<CompiledCode> = OnceLock::new();
    FOLDERS.get_or_init(|| {
        // A static is never dropped, so this process removes the folders of earlier processes.
        leftovers_remove();
        let prefix = format!("{FOLDER_PREFIX}{}-", process::id());
        let folder = TempDir::with_prefix(prefix).expect("there is room for temporary files");
        CompiledCode { folder }
    })
}

/// Everything that a command may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The repository's files without run-time state, and their content.
    pub files: BTreeMap<String, String>,
    /// The runs.
    pub runs: Value,
    /// The data.
    pub data: Value,
}

/// Returns the number in a variable of the environment, such as a duration or a number of rounds,
/// or `default` if it is unset.
///
/// # Panics
/// The variable has a value that is not a number.
#[must_use]
pub fn number_from_env(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: `{text}`"))
    })
}

impl Default for TestEnv {
    /// Returns an environment whose `$ENV/repo` is an empty folder.
    fn default() -> Self {
        let prefix = format!("{FOLDER_PREFIX}{}-", process::id());
        let folder = TempDir::with_prefix(prefix).expect("there is room for temporary files");
        for name in ["user", "repo"] {
            fs::create_dir(folder.path().join(name)).expect("the folder is new");
        }
        let mut redactor = Redactor::default();
        redactor.folder(folder.path(), "$ENV");
        redactor.folder(guests(), "$GUESTS");
        let redactor = Mutex::new(redactor);
        Self {
            folder,
            redactor,
            server: None,
            variables: BTreeMap::new(),
        }
    }
}

impl TestEnv {
    /// Returns an environment with an empty repository.
    #[must_use]
    pub fn with_repository() -> Self {
        let env = Self::default();
        let _ = env.run(["init"]).succeeded();
        env
    }

    /// Returns an environment with a repository that has the models `sink` and `spawn`, of
    /// `@sedge/sink` and `@sedge/spawn`.
    ///
    /// The repository is a copy of one that each process creates once, because compiling takes a
    /// second.
    #[must_use]
    pub fn with_sink_and_spawn() -> Self {
        static TEMPLATE: OnceLock<TestEnv> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let env = Self::with_repository();
            env.setup(&[
                "plugin add $GUESTS/sink.wasm",
                "plugin add $GUESTS/spawn.wasm --grant-all",
                "model create @sedge/sink sink",
                "model create @sedge/spawn spawn",
            ]);
            env
        });
        template.copied()
    }

    /// Returns an environment whose repository is a copy of this one's. No command may run in this
    /// one meanwhile.
    ///
    /// # Panics
    /// There is no room for the copy.
    #[must_use]
    pub fn copied(&self) -> Self {
        let env = Self::default();
        folder_copy(&self.repository(), &env.repository());
        env
    }

    /// Returns the repository's folder.
    #[must_use]
    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    /// Runs a command in the repository's folder and waits for its end.
    pub fn run<A: AsRef<str>>(&self, args: impl IntoIterator<Item = A>) -> CommandOutput {
        self.spawn(args).wait()
    }

    /// Runs a command with `--json`, and returns its document.
    ///
    /// # Panics
    /// Stdout is not exactly one document, or stderr is not empty.
    #[track_caller]
    pub fn run_json<A: AsRef<str>>(&self, args: impl IntoIterator<Item = A>) -> Value {
        let mut args: Vec<String> = args
            .into_iter()
            .map(|arg| arg.as_ref().to_owned())
            .collect();
        args.push("--json".to_owned());
        let output = self.run(&args);
        assert_eq!(output.stderr, "", "stderr of {args:?}:\n{output}");
        match serde_json::from_str(&output.stdout) {
            Ok(document) => document,
            Err(error) => panic!("{args:?} wrote no single document: {error}:\n{output}"),
        }
    }

    /// Runs commands that must succeed, each given as one line.
    ///
    /// # Panics
    /// One of them failed.
    #[track_caller]
    pub fn setup(&self, commands: &[&str]) {
        for command in commands {
            let _ = self.run(command.split_whitespace()).succeeded();
        }
    }

    /// Runs commands, one per line, and returns them with their output.
    #[must_use]
    pub fn transcript(&self, commands: &str) -> String {
        let mut transcript = String::new();
        for command in commands.lines().map(str::trim).filter(|it| !it.is_empty()) {
            let output = self.run(command.split_whitespace());
            transcript.push_str(&format!("$ sedge {command}\n{output}\n"));
        }
        transcript
    }

    /// Runs a command with `input` as its stdin.
    pub fn run_with_stdin<A: AsRef<str>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: impl AsRef<[u8]>,
    ) -> CommandOutput {
        self.spawn_with_stdin(args, input).wait()
    }

    /// Starts a command with `input` in the pipe that is its stdin. The pipe stays open until the
    /// command is waited for.
    pub fn spawn_with_stdin<A: AsRef<str>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: impl AsRef<[u8]>,
    ) -> Child<'_> {
        let mut command = process::Command::new(sedge());
        command.args(args.into_iter().map(|arg| self.argument(arg.as_ref())));
        let mut child = Child::start(self, self.sealed(&mut command).stdin(Stdio::piped()));
        child.send(input);
        child
    }

    /// Starts a command in the repository's folder.
    pub fn spawn<A: AsRef<str>>(&self, args: impl IntoIterator<Item = A>) -> Child<'_> {
        let mut command = process::Command::new(sedge());
        command.args(args.into_iter().map(|arg| self.argument(arg.as_ref())));
        Child::start(self, self.sealed(&mut command))
    }

    /// Starts a command with SIGHUP at its default, also if the tests run under `nohup`.
    pub fn spawn_with_hangup<A: AsRef<str>>(&self, args: impl IntoIterator<Item = A>) -> Child<'_> {
        let mut command = process::Command::new("/usr/bin/env");
        command.arg("--default-signal=HUP").arg(sedge());
        command.args(args.into_iter().map(|arg| self.argument(arg.as_ref())));
        Child::start(self, self.sealed(&mut command))
    }

    /// Starts a command with SIGHUP ignored, as `nohup` does.
    pub fn spawn_without_hangup<A: AsRef<str>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Child<'_> {
        let mut command = process::Command::new("/bin/sh");
        let script = "trap '' HUP; exec \"$0\" \"$@\"";
        command.args(["-c", script]).arg(sedge());
        command.args(args.into_iter().map(|arg| self.argument(arg.as_ref())));
        Child::start(self, self.sealed(&mut command))
    }

    /// Runs a command with a copy of the program in an otherwise empty folder.
    pub fn run_alone<A: AsRef<str>>(&self, args: impl IntoIterator<Item = A>) -> CommandOutput {
        let folder = self.folder.path().join("alone");
        let alone = folder.join("sedge");
        if !alone.is_file() {
            fs::create_dir_all(&folder).expect("the folder is ours");
            // A child process copies it: if this process had it open for writing, a command that
            // another thread starts meanwhile would inherit that, and the copy could not be run.
            let copied = process::Command::new("cp")
                .arg(sedge())
                .arg(&alone)
                .status();
            assert!(
                copied.is_ok_and(|status| status.success()),
                "there is room for it"
            );
        }
        let mut command = process::Command::new(alone);
        command.args(args.into_iter().map(|arg| self.argument(arg.as_ref())));
        Child::start(self, self.sealed(&mut command)).wait()
    }

    /// Starts a shell command on a terminal, in which `sedge` is the program. Text that the test
    /// writes counts as typed, and the output of the terminal is on stdout.
    pub fn spawn_on_terminal(&self, line: &str) -> Child<'_> {
        let programs = sedge().parent().expect("a program is in a folder");
        // `script` is part of util-linux, which every Debian has.
        let mut command = process::Command::new("script");
        command.args(["--quiet", "--return", "--command", line, "/dev/null"]);
        let path = format!("{}:/usr/bin:/bin", programs.display());
        let command = self.sealed(&mut command).env("PATH", path);
        Child::start(self, command.stdin(Stdio::piped()))
    }

    /// Runs a shell command in which `sedge` is the program, and waits for its end.
    pub fn shell(&self, line: &str) -> CommandOutput {
        let programs = sedge().parent().expect("a program is in a folder");
        let mut command = process::Command::new("sh");
        command.args(["-c", &self.argument(line)]);
        let path = format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", programs.display());
        Child::start(self, self.sealed(&mut command).env("PATH", path)).wait()
    }

    /// Sets the folder, the environment and the pipes of a command.
    fn sealed<'c>(&self, command: &'c mut process::Command) -> &'c mut process::Command {
        let command = command
            .current_dir(self.repository())
            .env_clear()
            .env("HOME", self.folder.path().join("user"))
            .env("USER", "pretender")
            .env("SSL_CERT_FILE", self.authorities())
            .env("COLUMNS", "100")
            .envs(compiled_code().variables())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Removes a variable that commands get otherwise.
    pub fn variable_unset(&mut self, name: &str) {
        self.variables.insert(name.to_owned(), None);
    }

    /// Adds a variable for commands, or changes its value.
    pub fn variable(&mut self, name: &str, value: &str) {
        let value = Some(self.argument(value));
        self.variables.insert(name.to_owned(), value);
    }

    /// Lets `$SERVER` stand for an origin, `https://localhost:PORT`, in arguments and in outputs.
    pub fn server(&mut self, origin: &str) {
        let mut redactor = self.redactor.lock().unwrap_or_else(PoisonError::into_inner);
        redactor.place(origin, "$SERVER");
        self.server = Some(origin.to_owned());
    }

    /// Lets commands trust a certificate authority and no other. Initially they trust none.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn trust(&self, authority: &Authority) {
        fs::write(self.authorities(), authority.pem()).expect("the folder is ours");
    }

    fn authorities(&self) -> PathBuf {
        self.folder.path().join("authorities.pem")
    }

    /// Returns the content of a built component.
    ///
    /// # Panics
    /// The file at `path` cannot be read.
    #[must_use]
    pub fn component(path: &str) -> Vec<u8> {
        fs::read(path).unwrap_or_else(|error| panic!("cannot read `{path}`: {error}"))
    }

    /// Writes a file of the repository, and creates its folders.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn write_file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.repository().join(name);
        let folder = path.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).expect("the folder is ours");
        fs::write(&path, content).expect("the folder is ours");
    }

    /// Reads a file of the repository.
    ///
    /// # Panics
    /// The file does not exist or is not text.
    #[must_use]
    #[track_caller]
    pub fn read_file(&self, name: &str) -> String {
        let read = fs::read_to_string(self.repository().join(name));
        read.unwrap_or_else(|error| panic!("cannot read `{name}`: {error}"))
    }

    /// Reads the bytes of a file of the repository.
    ///
    /// # Panics
    /// It cannot be read.
    #[must_use]
    pub fn read_bytes(&self, name: &str) -> Vec<u8> {
        let read = fs::read(self.repository().join(name));
        read.unwrap_or_else(|error| panic!("cannot read `{name}`: {error}"))
    }

    /// Removes a file or folder of the repository.
    ///
    /// # Panics
    /// It does not exist.
    #[track_caller]
    pub fn remove(&self, name: &str) {
        let path = self.repository().join(name);
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.unwrap_or_else(|error| panic!("cannot remove `{name}`: {error}"));
    }

    /// Returns the repository's files, its runs and its data.
    ///
    /// # Panics
    /// The repository cannot be read.
    #[must_use]
    #[track_caller]
    pub fn state(&self) -> State {
        let mut files = BTreeMap::new();
        files_read(&self.repository(), "", &mut files);
        State {
            files,
            runs: self.run_json(["run", "list", "--limit", "1000"]),
            data: self.run_json(["data", "list"]),
        }
    }

    pub(crate) fn output(
        &self,
        stdout: String,
        stderr: String,
        status: ExitStatus,
    ) -> CommandOutput {
        let mut redactor = self.redactor.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(lock) = fs::read_to_string(self.repository().join("sedge.lock")) {
            redactor.digests_learn(&lock);
        }
        // Stderr is redacted first, because the start of a run appears there.
        let stderr_redacted = redactor.redact(&stderr);
        let stdout_redacted = redactor.redact(&stdout);
        CommandOutput {
            stdout,
            stderr,
            status,
            stdout_redacted,
            stderr_redacted,
        }
    }

    fn argument(&self, text: &str) -> String {
        let guests = guests().to_str().expect("the target folder is plain text");
        let folder = self.folder.path().to_str();
        let folder = folder.expect("folders of tests are plain text");
        let text = text.replace("$GUESTS", guests).replace("$ENV", folder);
        match &self.server {
            Some(origin) => text.replace("$SERVER", origin),
            None => text,
        }
    }
}

/// Returns the folder of the built components.
fn guests() -> &'static Path {
    let folder = Path::new(sedge_test_artifacts::SINK).parent();
    folder.expect("a component is in a folder")
}

/// Removes the folders of processes that ended without removing them.
fn leftovers_remove() {
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| {
            let (owner, _) = name.strip_prefix(FOLDER_PREFIX)?.split_once('-')?;
            owner.parse::<u32>().ok()
        });
        if owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
            // Another process may remove it at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn folder_copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("the folder is ours");
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            fs::create_dir(&copy).expect("the copy is new");
            folder_copy(&path, &copy);
        } else {
            fs::copy(&path, &copy).expect("there is room for temporary files");
        }
    }
}

fn files_read(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder is ours").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let relative = format!("{prefix}{name}");
        if relative == ".sedge" {
            continue;
        }
        if path.is_dir() {
            files.insert(format!("{relative}/"), String::new());
            files_read(&path, &format!("{relative}/"), files);
        } else {
            let bytes = fs::read(&path).expect("the file is ours");
            files.insert(relative, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
