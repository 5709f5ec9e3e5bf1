//! What a command inherits, how its output is captured, and that no process of it is left.

mod streams;

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use rustix::process::getsid;

use super::*;

/// How long a test may take before it counts as hanging. No test waits that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns a command that runs a shell script.
fn shell(script: &str) -> Command {
    Command {
        reaper: PathBuf::from(sedge_test_artifacts::REAPER),
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        variables: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        folder: None,
        time_max: Some(PATIENCE),
    }
}

/// Returns this stdin, and a limit of 1 MiB for each output.
fn bytes(stdin: Vec<u8>) -> PipedBytes {
    PipedBytes {
        stdin,
        output_bytes_max: 1 << 20,
    }
}

/// Runs a command without input, with slots of its own.
async fn run(command: Command) -> Result<ProgramOutput, ProgramError> {
    super::run(&CommandSlots::default(), command, bytes(Vec::new())).await
}

async fn text(command: Command) -> String {
    let output = run(command).await.expect("it runs");
    assert_eq!(output.end, End::Exit(0), "{output:?}");
    assert!(!output.stdout.is_cut && !output.stderr.is_cut);
    String::from_utf8(output.stdout.bytes).expect("text")
}

#[tokio::test]
async fn command_inherits_only_what_is_named() {
    let names = text(shell("exec env")).await;
    let mut names: Vec<&str> = names
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    // The shell adds these variables.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    assert_eq!(names, ["PATH"]);
    let folder = text(shell("pwd; ls -A; stat -c %a .")).await;
    let folder: Vec<&str> = folder.lines().collect();
    assert!(folder.len() == 2 && folder[1] == "700", "{folder:?}");
    assert!(!Path::new(folder[0]).exists(), "{folder:?}");
    let file = std::fs::File::open("/proc/version").expect("it is there");
    let open = text(shell("exec ls -l /proc/self/fd")).await;
    assert!(open.contains(" 2 -> "), "{open}");
    assert_eq!(opened_here(&open), [""; 0]);
    drop(file);
}

/// Returns the open descriptors in the output of `ls`, without stdin, stdout and stderr, those that
/// `ls` opened itself, and those that this process inherited from its parent.
fn opened_here(shown: &str) -> Vec<&str> {
    let parent = std::os::unix::process::parent_id();
    let is_opened_here = |line: &&str| {
        let Some((front, target)) = line.split_once(" -> ") else {
            return false;
        };
        let number = front.rsplit(' ').next().unwrap_or_default();
        let of_parent = std::fs::read_link(format!("/proc/{parent}/fd/{number}"));
        let is_inherited = of_parent.is_ok_and(|of_parent| of_parent == Path::new(target));
        !["0", "1", "2"].contains(&number) && !target.starts_with("/proc/") && !is_inherited
    };
    shown.lines().filter(is_opened_here).collect()
}

#[tokio::test]
async fn command_waits_for_a_slot() {
    let slots = CommandSlots::new(1);
    let other = slots.clone();
    let held = other.0.acquire().await.expect("it is never closed");
    let mut waiting = pin!(super::run(&slots, shell("exit 0"), bytes(Vec::new())));
    let early = clock::until(Moment::now(), &mut waiting).await;
    assert!(early.is_err(), "the clone shares its only slot");
    drop(held);
    let output = waiting.await.expect("it runs");
    assert_eq!(output.end, End::Exit(0));
}

#[tokio::test]
async fn command_runs_in_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let expected = folder.path().canonicalize().expect("it is there");
    let mut command = shell("pwd -P");
    command.folder = Some(WorkFolder::at(expected.clone()));
    assert_eq!(Path::new(text(command.clone()).await.trim()), expected);
    assert!(expected.exists());
    command.folder = Some(WorkFolder::at(expected.join("missing")));
    let error = run(command).await.expect_err("not there");
    assert!(matches!(error, ProgramError::Folder { .. }), "{error}");
}

#[tokio::test]
async fn command_has_its_own_session_and_no_terminal() {
    // Fields 5 and 6 are the group and the session; see proc(5).
    let stat = text(shell("echo $$; exec cut -d ' ' -f 5,6 /proc/self/stat")).await;
    let numbers: Vec<&str> = stat.split_whitespace().collect();
    let [number, group, session] = numbers[..] else {
        panic!("{stat}")
    };
    assert_eq!(group, number);
    let own = getsid(None).expect("a session").as_raw_pid().to_string();
    assert_ne!(session, own);
    let mut terminal = shell("exec 2>/dev/null; : < /dev/tty && echo one");
    terminal.time_max = None;
    let output = run(terminal).await.expect("it ends");
    assert_ne!(output.end, End::Exit(0), "{output:?}");
    assert_eq!(output.stdout.bytes, b"");
}

#[tokio::test]
async fn arguments_are_passed_without_a_shell() {
    let mut command = shell("");
    command.program = PathBuf::from("/usr/bin/printf");
    command.arguments = ["<%s>", "$(id)", "; true", "*", "a  b", ""]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(text(command).await, "<$(id)><; true><*><a  b><>");
}

#[tokio::test]
async fn stdin_and_outputs_are_served_concurrently() {
    let piped = async |script: &str| {
        let stdin = bytes(vec![b'x'; 1 << 20]);
        let ran = super::run(&CommandSlots::default(), shell(script), stdin).await;
        let output = ran.expect("it runs");
        assert_eq!(output.end, End::Exit(0), "{output:?}");
        output.stdout.bytes.len()
    };
    assert_eq!(piped("cat; cat /proc/version >&2").await, 1 << 20);
    // A program need not read its stdin.
    assert_eq!(piped("exit 0").await, 0);
    assert_eq!(text(shell("cat")).await, "", "there is none");
}

#[tokio::test]
async fn output_over_the_limit_is_cut_and_read_to_its_end() {
    let flood = "head -c 3000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait";
    let output = run(shell(flood)).await.expect("it ends");
    assert_eq!(output.end, End::Exit(0));
    for printed in [output.stdout, output.stderr] {
        assert_eq!((printed.bytes.len(), printed.is_cut), (1 << 20, true));
    }
}

#[tokio::test]
async fn exit_code_and_signal_are_reported() {
    let ended = async |script: &str| run(shell(script)).await.expect("it ends").end;
    assert_eq!(ended("exit 7").await, End::Exit(7));
    assert_eq!(ended("kill -TERM $$").await, End::Signal(15));
    let mut missing = shell("");
    missing.program = PathBuf::from("/no/such/program");
    let error = run(missing).await.expect_err("not there");
    assert!(matches!(error, ProgramError::NotStarted { .. }), "{error}");
}

#[tokio::test]
async fn command_is_ended_at_its_deadline() {
    let mut endless = shell("while :; do :; done");
    endless.time_max = Some(Duration::from_millis(50));
    let error = run(endless).await.expect_err("too long");
    assert!(matches!(error, ProgramError::TimedOut { .. }), "{error}");
}

/// This process raised its own limit. Its commands keep the former one, because some programs loop
/// over every possible descriptor.
#[tokio::test]
async fn command_gets_the_former_descriptor_limit() {
    let n = async || text(shell("ulimit -n")).await;
    let before = n().await;
    crate::resources::descriptors_raise().expect("it is allowed");
    assert_eq!(n().await, before);
}

/// How many rounds each shape of [`SHAPES`] is run for. The variable `SEDGE_REAPER_ROUNDS` changes
/// the number; 1000 rounds take a few minutes.
const N_ROUNDS: usize = 100;

/// Scripts that leave processes behind. Each such process writes a byte to descriptor 9, and would
/// then run without end.
const SHAPES: [(&str, &str); 6] = [
    (
        "double fork",
        "sh -c '(echo >&9; exec sleep 600) & exit' & ",
    ),
    (
        "double fork in a new session",
        "setsid sh -c '(echo >&9; exec sleep 600) & exit' &",
    ),
    (
        "nested setsid",
        "setsid sh -c \"setsid sh -c 'setsid sh -c \\\"echo >&9; sleep 600\\\" & exit' & exit\" &",
    ),
    (
        "fork chain",
        "echo 'echo >&9; setsid sh ./chain & exit' > chain; sh ./chain &",
    ),
    (
        "daemon that closes its pipes",
        "setsid sh -c 'exec </dev/null >/dev/null 2>&1; (echo >&9; sleep 600) & exit' &",
    ),
    (
        "daemon without an environment",
        "env -i /usr/bin/setsid /bin/sh -c '(echo >&9; exec /bin/sleep 600) & exit' &",
    ),
];

/// A named pipe. Each process that a script starts has it open, so reading it reports the end
/// exactly when no such process is left.
struct Fifo {
    folder: tempfile::TempDir,
    end: File,
}

impl Fifo {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("fifo");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("it can be made");
        let mut options = File::options();
        let end = options.read(true).custom_flags(O_NONBLOCK).open(&path);
        let end = end.expect("it can be opened");
        Self { folder, end }
    }

    /// Returns a command that opens the pipe and runs a script.
    fn command(&self, script: &str) -> Command {
        let path = self.folder.path().join("fifo");
        shell(&format!("exec 9>{}\n{script}", path.display()))
    }

    /// Waits until a process has written to the pipe.
    async fn is_written(&mut self) {
        let deadline = Moment::now().after(PATIENCE);
        while !matches!(self.end.read(&mut [0; 64]), Ok(1..)) {
            assert!(deadline.left() > Duration::ZERO, "no process writes");
            clock::pause(Duration::from_millis(1)).await;
        }
    }

    /// Returns whether no process has the pipe open at this moment.
    fn is_free(&mut self) -> bool {
        loop {
            match self.end.read(&mut [0; 4096]) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// `O_NONBLOCK` of Linux, for the options of a file.
const O_NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

/// Returns how often a process was left in `n_rounds` rounds. Half of the commands end by
/// themselves; the futures of the others are dropped.
async fn n_escapes(script: &str, n_rounds: usize) -> usize {
    let mut n_escapes = 0;
    for round in 0..n_rounds {
        let mut fifo = Fifo::new();
        if round % 2 == 0 {
            let output = run(fifo.command(script)).await.expect("it runs");
            assert_eq!(output.end, End::Exit(0), "{output:?}");
        } else {
            let mut running = Box::pin(run(fifo.command(&format!("{script}\nsleep 600"))));
            tokio::select! {
                ended = &mut running => panic!("it ended: {ended:?}"),
                () = fifo.is_written() => {}
            }
            drop(running);
        }
        n_escapes += usize::from(!fifo.is_free());
    }
    n_escapes
}

#[tokio::test]
async fn no_process_of_a_command_is_left() {
    let rounds = std::env::var("SEDGE_REAPER_ROUNDS").ok();
    let n_rounds = rounds.map_or(N_ROUNDS, |n| n.parse().expect("a number of rounds"));
    let mut escapes = Vec::new();
    for (shape, script) in SHAPES {
        let n_escapes = n_escapes(script, n_rounds).await;
        println!("{shape}: {n_escapes} escapes in {n_rounds} rounds");
        if n_escapes > 0 {
            escapes.push(shape);
        }
    }
    assert_eq!(escapes, [""; 0]);
}

/// The kernel then makes the reaper's orphans children of this process.
#[tokio::test]
async fn command_that_kills_its_reaper_leaves_no_process() {
    let mut fifo = Fifo::new();
    let script = "setsid sh -c '(sleep 600) & exit'; kill -KILL $PPID; sleep 600";
    let output = run(fifo.command(script)).await.expect("it runs");
    assert_eq!(output.end, End::Signal(9), "{output:?}");
    assert!(fifo.is_free());
}

#[tokio::test]
async fn command_that_stops_its_reaper_leaves_no_process() {
    let mut fifo = Fifo::new();
    let script = "setsid sh -c '(sleep 600) & exit'; kill -STOP $PPID; echo >&9; sleep 600";
    let mut running = Box::pin(run(fifo.command(script)));
    tokio::select! {
        ended = &mut running => panic!("it ended: {ended:?}"),
        () = fifo.is_written() => {}
    }
    drop(running);
    assert!(fifo.is_free());
}

/// A closed terminal or a supervisor sends these signals to the whole job.
#[tokio::test]
async fn reaper_survives_signals_to_the_whole_job() {
    let mut fifo = Fifo::new();
    let script = "for it in HUP INT TERM; do kill -$it $PPID; done; setsid sleep 600 & exit 7";
    let output = run(fifo.command(script)).await.expect("it runs");
    assert_eq!(output.end, End::Exit(7), "{output:?}");
    assert!(fifo.is_free());
}

#[tokio::test]
async fn a_folder_made_for_a_command_is_removed_with_it() {
    let mut fifo = Fifo::new();
    let script = format!(
        "pwd > {}/pwd; echo >&9; sleep 600",
        fifo.folder.path().display()
    );
    let mut running = Box::pin(run(fifo.command(&script)));
    tokio::select! {
        ended = &mut running => panic!("it ended: {ended:?}"),
        () = fifo.is_written() => {}
    }
    drop(running);
    let folder = std::fs::read_to_string(fifo.folder.path().join("pwd")).expect("it was written");
    assert!(!Path::new(folder.trim()).exists(), "{folder}");
}

/// A reaper that cannot be used is an error of the installation. A program is never started without
/// one.
#[tokio::test]
async fn unusable_reaper_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the folder is new");
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&path, mode).expect("the file is ours");
        path
    };
    let other = format!(
        "#!/bin/sh\nshift\nexec {} 0.0.0 \"$@\"\n",
        sedge_test_artifacts::REAPER
    );
    for (reaper, expect) in [
        (folder.path().join("missing"), "it cannot be executed"),
        (script("other", &other), "it is of another version"),
        (script("broken", "#!/bin/sh\nexit 3\n"), "it failed"),
    ] {
        let mut command = shell("exit 0");
        command.reaper = reaper.clone();
        let error = run(command).await.expect_err("it cannot be used");
        let ProgramError::Reaper { source, .. } = &error else {
            panic!("{error:?}")
        };
        assert!(source.to_string().contains(expect), "{source}");
        let path = reaper.display().to_string();
        assert!(error.to_string().contains(&path), "{error}");
    }
}

/// This runs in a mount namespace with an empty `/proc`. If the machine allows no such namespace,
/// the test is skipped with a message, and fails in CI.
#[tokio::test]
async fn no_process_is_left_without_proc() {
    let folder = tempfile::tempdir().expect("a folder");
    let unshare = ["-m", "-rm"].into_iter().find(|how| {
        let mut unshare = std::process::Command::new("unshare");
        let mount = "mount -t tmpfs none /proc 2>/dev/null";
        let status = unshare.args([how, "sh", "-c", mount]).status();
        status.is_ok_and(|status| status.success())
    });
    let Some(unshare) = unshare else {
        assert!(std::env::var_os("CI").is_none(), "no mount namespace");
        eprintln!("skipped: this machine allows no mount namespace");
        return;
    };
    let reaper = folder.path().join("reaper");
    let script = format!(
        "#!/bin/sh\nexec unshare {unshare} sh -c \
         'mount -t tmpfs none /proc && exec \"$@\"' sh {} \"$@\"\n",
        sedge_test_artifacts::REAPER
    );
    std::fs::write(&reaper, script).expect("the folder is new");
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&reaper, mode).expect("the file is ours");
    for (shape, script) in SHAPES {
        let mut fifo = Fifo::new();
        let mut command = fifo.command(&format!("[ ! -e /proc/self ] || exit 9\n{script}"));
        command.reaper.clone_from(&reaper);
        command.variables = vec![(
            "PATH".to_owned(),
            "/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        )];
        let output = run(command).await.expect("it runs");
        assert_eq!(output.end, End::Exit(0), "{shape}: {output:?}");
        assert!(fifo.is_free(), "{shape}");
    }
}

#[tokio::test]
async fn program_starts_only_in_the_folder_that_was_checked() {
    let keep = tempfile::tempdir().expect("a folder");
    let (here, other) = (keep.path().join("here"), keep.path().join("other"));
    std::fs::create_dir(&here).expect("it can be made");
    std::fs::create_dir(&other).expect("it can be made");
    let identity = crate::folder::Folder::open(&here)
        .expect("it is there")
        .which();
    let mut command = shell("pwd");
    command.folder = Some(WorkFolder {
        path: here.clone(),
        identity: Some(identity.expect("it is there")),
    });
    let shown = text(command.clone()).await;
    assert_eq!(
        Path::new(shown.trim()),
        here.canonicalize().expect("a path")
    );
    std::fs::rename(&here, keep.path().join("gone")).expect("it can be moved");
    std::os::unix::fs::symlink(&other, &here).expect("a link can be made");
    let error = run(command).await.expect_err("another folder");
    let ProgramError::Folder { folder, source, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(folder, here);
    assert_eq!(
        source.raw_os_error(),
        Some(rustix::io::Errno::STALE.raw_os_error())
    );
}
