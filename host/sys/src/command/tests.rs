//! What a program is given, what is kept of it, and that nothing of it is left.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

/// How long anything here may take before it counts as hanging. No test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns a command that runs a script of the shell.
fn shell(script: &str) -> Command {
    Command {
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        variables: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        folder: None,
        stdin: Vec::new(),
        output_bytes_max: 1 << 20,
        time_max: Some(PATIENCE),
    }
}

async fn text(command: Command) -> String {
    let output = run(command).await.expect("it runs");
    assert_eq!(output.end, End::Exit(0), "{output:?}");
    assert!(!output.stdout.is_cut && !output.stderr.is_cut);
    String::from_utf8(output.stdout.bytes).expect("text")
}

/// Waits until a condition holds.
async fn holds(condition: impl Fn() -> bool) {
    let deadline = Moment::now().after(PATIENCE);
    while !condition() {
        assert!(deadline.left() > Duration::ZERO, "it never holds");
        clock::pause(Duration::from_millis(5)).await;
    }
}

/// Returns the numbers that a script wrote to a file, once there are `n` of them.
async fn numbers(file: &Path, n: usize) -> Vec<u32> {
    let read = || {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        lines
            .filter_map(|line| line.trim().parse().ok())
            .collect::<Vec<u32>>()
    };
    holds(|| read().len() >= n).await;
    read()
}

/// Returns whether a process executes: a zombie that nobody has looked after does not.
fn lives(number: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]);
    !matches!(state, None | Some(b'Z' | b'X'))
}

#[tokio::test]
async fn it_is_given_what_is_named_and_nothing_else() {
    let names = text(shell("exec env")).await;
    let mut names: Vec<&str> = names
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    // The shell adds where it is.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    assert_eq!(names, ["PATH", TOKEN_VARIABLE]);
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

/// Returns what is open of what `ls` shows, beside the three outputs and inputs, what `ls` reads
/// itself, and what this process was given by its own parent.
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
async fn it_runs_where_it_is_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = folder.path().canonicalize().expect("it is there");
    let mut command = shell("pwd -P");
    command.folder = Some(told.clone());
    assert_eq!(Path::new(text(command.clone()).await.trim()), told);
    assert!(told.exists());
    command.folder = Some(told.join("missing"));
    let error = run(command).await.expect_err("not there");
    assert!(matches!(error, CommandError::NotStarted { .. }), "{error}");
}

#[tokio::test]
async fn it_has_a_session_of_its_own_and_no_terminal() {
    // Fields 5 and 6 are the group and the session; see proc(5).
    let stat = text(shell("echo $$; exec cut -d ' ' -f 5,6 /proc/self/stat")).await;
    let numbers: Vec<&str> = stat.split_whitespace().collect();
    let [number, group, session] = numbers[..] else {
        panic!("{stat}")
    };
    assert_eq!((group, session), (number, number));
    let mut terminal = shell("exec 2>/dev/null; : < /dev/tty && echo one");
    terminal.time_max = None;
    let output = run(terminal).await.expect("it ends");
    assert_ne!(output.end, End::Exit(0), "{output:?}");
    assert_eq!(output.stdout.bytes, b"");
}

#[tokio::test]
async fn no_shell_sees_arguments() {
    let mut command = shell("");
    command.program = PathBuf::from("/usr/bin/printf");
    command.arguments = ["<%s>", "$(id)", "; true", "*", "a  b", ""]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(text(command).await, "<$(id)><; true><*><a  b><>");
}

#[tokio::test]
async fn outputs_and_stdin_are_read_and_written_at_once() {
    let mut command = shell("cat; cat /proc/version >&2");
    command.stdin = vec![b'x'; 1 << 20];
    assert_eq!(text(command.clone()).await.len(), 1 << 20);
    // Nobody has to read it.
    command.arguments[1] = "exit 0".to_owned();
    assert_eq!(text(command).await, "");
    assert_eq!(text(shell("cat")).await, "", "there is none");
}

#[tokio::test]
async fn what_is_printed_is_cut_and_read_all_the_same() {
    let flood = "head -c 3000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait";
    let output = run(shell(flood)).await.expect("it ends");
    assert_eq!(output.end, End::Exit(0));
    for printed in [output.stdout, output.stderr] {
        assert_eq!((printed.bytes.len(), printed.is_cut), (1 << 20, true));
    }
}

#[tokio::test]
async fn how_it_ends_is_told() {
    let ended = async |script: &str| run(shell(script)).await.expect("it ends").end;
    assert_eq!(ended("exit 7").await, End::Exit(7));
    assert_eq!(ended("kill -TERM $$").await, End::Signal(15));
    let mut missing = shell("");
    missing.program = PathBuf::from("/no/such/program");
    let error = run(missing).await.expect_err("not there");
    assert!(matches!(error, CommandError::NotStarted { .. }), "{error}");
}

#[tokio::test]
async fn its_time_is_limited() {
    let mut endless = shell("while :; do :; done");
    endless.time_max = Some(Duration::from_millis(50));
    let error = run(endless).await.expect_err("too long");
    assert!(matches!(error, CommandError::TimedOut { .. }), "{error}");
}

/// Starts children that try to get away: one in a session of its own, one whose parent is gone
/// too, one without the variable, and one in the background. Each writes its number.
fn family(file: &Path) -> String {
    let file = file.display();
    format!(
        "note='echo $$ >> {file}; exec sleep 600'\n\
         setsid sh -c \"$note\" &\n\
         setsid sh -c \"setsid sh -c '$note' & exit\"\n\
         env -u {TOKEN_VARIABLE} setsid sh -c \"$note\" &\n\
         sh -c \"$note\" &\n"
    )
}

#[tokio::test]
async fn whoever_was_started_is_dead_when_the_future_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("numbers");
    let script = format!("{}wait", family(&file));
    let running = tokio::spawn(run(shell(&script)));
    let numbers = numbers(&file, 4).await;
    assert!(numbers.iter().all(|number| lives(*number)), "{numbers:?}");
    running.abort();
    running.await.expect_err("it was cancelled");
    for number in numbers {
        holds(|| !lives(number)).await;
    }
}

#[tokio::test]
async fn whoever_is_left_behind_is_dead_when_the_program_has_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("numbers");
    // Without the one whose only sign is its parent, who goes first here.
    let script = family(&file);
    let script = script.lines().filter(|line| !line.contains("env -u"));
    let script: Vec<&str> = script.collect();
    std::fs::write(&file, "").expect("it is made");
    let wait = format!("while [ $(wc -l < {}) -lt 3 ]; do :; done", file.display());
    let script = format!("{}\n{wait}", script.join("\n"));
    let output = run(shell(&script)).await.expect("it ends");
    assert_eq!(output.end, End::Exit(0), "{output:?}");
    for number in numbers(&file, 3).await {
        holds(|| !lives(number)).await;
    }
}

#[tokio::test]
async fn a_command_within_a_command_ends_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("numbers");
    // As if a Sedge in it had started a command of its own.
    let script = format!(
        "export {TOKEN_VARIABLE}=${TOKEN_VARIABLE}/inner\n\
         setsid sh -c \"setsid sh -c 'echo \\$\\$ >> {}; exec sleep 600' & exit\"; wait; sleep 600",
        file.display()
    );
    let running = tokio::spawn(run(shell(&script)));
    let numbers = numbers(&file, 1).await;
    running.abort();
    running.await.expect_err("it was cancelled");
    for number in numbers {
        holds(|| !lives(number)).await;
    }
}
