//! Runs the tools with which plugin authors build and test: compilers, Python, componentize-py.
//!
//! A tool is a program that the user would run in the same folder by hand. It has the environment of
//! this process and its stderr. What it prints to stdout is read, or goes to stderr, because stdout is
//! for the result of the command.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::clock;

/// How often the end of a tool is looked for. A shorter time would cost more processor time during a
/// build, and a longer one would be part of each round of a development loop.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The maximum size of what a tool prints to stdout if it is read, in bytes.
///
/// cargo writes a few hundred bytes for each dependency of the author's choice.
const OUTPUT_BYTES_MAX: u64 = 64 << 20;

/// A program with its arguments.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The path of the program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The folder in which it runs.
    pub folder: PathBuf,
    /// Variables in addition to those of this process. A variable without a value is removed.
    pub variables: Vec<(String, Option<String>)>,
    /// What happens to its stdout and its terminal.
    pub output: ToolOutput,
}

/// What happens to what a tool prints to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolOutput {
    /// It is read. The tool has no stdin, and it ends together with all processes that it has started
    /// if the future is dropped.
    Read,
    /// It is read, and stderr is dropped.
    ReadQuietly,
    /// It goes to stderr. The tool has the terminal, so it can ask the user something.
    Shown,
}

/// How a tool ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolEnd {
    /// Whether it reported success.
    pub is_success: bool,
    /// The code with which it exited, or the signal that ended it: `exit status: 101`.
    pub status: String,
    /// What it printed to stdout, if that was read.
    pub stdout: Vec<u8>,
}

/// Runs a tool and waits for its end. Dropping the future ends the tool.
///
/// # Errors
/// The program cannot be started.
pub async fn run(tool: &Tool) -> io::Result<ToolEnd> {
    let mut command = Command::new(&tool.program);
    command.args(&tool.arguments).current_dir(&tool.folder);
    for (name, value) in &tool.variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let has_group = match tool.output {
        ToolOutput::Read => {
            command.stdin(Stdio::null()).stdout(Stdio::piped());
            true
        }
        ToolOutput::ReadQuietly => {
            command.stdin(Stdio::null()).stdout(Stdio::piped());
            command.stderr(Stdio::null());
            true
        }
        ToolOutput::Shown => {
            command.stdout(Stdio::from(io::stderr()));
            false
        }
    };
    if has_group {
        command.process_group(0);
    }
    let mut running = RunningTool {
        child: command.spawn()?,
        has_group,
        has_ended: false,
    };
    let reading = running.child.stdout.take().map(output_read);
    let status = loop {
        if let Some(status) = running.child.try_wait()? {
            break status;
        }
        clock::pause(LOOK_EVERY).await;
    };
    running.has_ended = true;
    let stdout = match reading {
        Some(reading) => reading.join().map_err(|_| io::ErrorKind::Other)??,
        None => Vec::new(),
    };
    Ok(ToolEnd {
        is_success: status.success(),
        status: status_text(status),
        stdout,
    })
}

/// Reads a pipe in a thread, so that the tool never waits for this process.
fn output_read(pipe: impl Read + Send + 'static) -> JoinHandle<io::Result<Vec<u8>>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

fn status_text(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) => format!("signal {signal}"),
        None => status.to_string(),
    }
}

/// A tool that runs. It ends when this is dropped.
struct RunningTool {
    child: Child,
    has_group: bool,
    has_ended: bool,
}

impl Drop for RunningTool {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // ignored: the number of a process fits.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // ignored: a tool that has ended meanwhile needs no signal. Nothing is waited for here; the
        // process is reaped when this one ends.
        let _ = match (pid, self.has_group) {
            (Some(pid), true) => kill_process_group(pid, Signal::KILL),
            (Some(pid), false) => kill_process(pid, Signal::TERM),
            (None, _) => Ok(()),
        };
    }
}

/// Returns the path of a program that is found by its name, in the folders of `PATH`.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates.find(|file| is_program(file))
}

/// Returns whether a file exists and can be executed.
#[must_use]
pub fn is_program(file: &Path) -> bool {
    // ignored: a file that cannot be looked at is no program that can be run.
    let metadata = std::fs::metadata(file).ok();
    metadata.is_some_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;

    fn shell(script: &str, output: ToolOutput) -> Tool {
        Tool {
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            folder: PathBuf::from("/"),
            variables: vec![
                ("GIVEN".to_owned(), Some("yes".to_owned())),
                ("HOME".to_owned(), None),
            ],
            output,
        }
    }

    #[tokio::test]
    async fn tool_runs_in_its_folder_with_its_variables() {
        let script = "echo $PWD $GIVEN ${HOME-none}; exit 3";
        let ended = run(&shell(script, ToolOutput::Read))
            .await
            .expect("it starts");
        assert_eq!(String::from_utf8_lossy(&ended.stdout), "/ yes none\n");
        assert!(!ended.is_success);
        assert_eq!(ended.status, "exit status: 3");
    }

    #[tokio::test]
    async fn stdout_of_a_shown_tool_is_not_read() {
        let ended = run(&shell("true", ToolOutput::Shown))
            .await
            .expect("it starts");
        assert!(ended.is_success && ended.stdout.is_empty());
    }

    #[tokio::test]
    async fn dropping_the_future_ends_the_tool_and_its_processes() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mark = folder.path().join("mark");
        let script = format!(
            "sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait",
            mark.display()
        );
        let tool = shell(&script, ToolOutput::Read);
        let pid = tokio::select! {
            _ = run(&tool) => panic!("it waits for its process"),
            pid = async {
                loop {
                    if let Ok(pid) = std::fs::read_to_string(&mark) {
                        break pid;
                    }
                    clock::pause(LOOK_EVERY).await;
                }
            } => pid,
        };
        let process = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
        let is_gone = || match std::fs::read_to_string(&process) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        let deadline = Moment::now().after(Duration::from_secs(10));
        while !is_gone() {
            assert!(Moment::now() < deadline, "the process {pid} still runs");
            clock::pause(LOOK_EVERY).await;
        }
    }

    #[test]
    fn program_is_found_by_its_name() {
        assert!(find("sh").is_some_and(|file| is_program(&file)));
        assert_eq!(find("no such program"), None);
        assert!(!is_program(Path::new("/etc/passwd")));
        assert!(!is_program(Path::new("/bin")));
    }
}
