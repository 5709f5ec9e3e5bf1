//! Facts about this process, its user and its machine.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::fs::CWD;

use crate::{platform, users};

/// Returns the name of the user that this process runs as, for records: the one that the operating
/// system has for [`user_number`], and not one that the environment claims. If the operating system
/// has none, returns `uid NUMBER`.
#[must_use]
pub fn user() -> String {
    let uid = user_number();
    users::user_name(uid).unwrap_or_else(|| format!("uid {uid}"))
}

/// Returns the number of the user that this process runs as.
#[must_use]
pub fn user_number() -> u32 {
    rustix::process::getuid().as_raw()
}

/// Returns the name of this machine, for records.
#[must_use]
pub fn host_name() -> String {
    let names = rustix::system::uname();
    names.nodename().to_string_lossy().into_owned()
}

/// Returns the number of this process, for records. It does not show which process is alive:
/// another process in another container, or a later one, can have the same number.
#[must_use]
pub fn process_id() -> u32 {
    std::process::id()
}

/// Returns an id that differs for every start of the machine.
///
/// # Errors
/// The operating system does not provide it.
pub fn boot_id() -> Result<String, std::io::Error> {
    platform::boot_id()
}

/// Returns the folder that the process was started in.
///
/// # Errors
/// The folder was removed since, or cannot be read.
pub fn current_folder() -> Result<PathBuf, std::io::Error> {
    std::env::current_dir()
}

/// Returns a variable of the environment; `None` if it is unset or not UTF-8.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    // ignored: a variable that is not UTF-8 counts as unset.
    std::env::var(name).ok()
}

/// Returns the path in a variable of the environment; `None` if it is unset or empty.
#[must_use]
pub fn variable_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os(name).filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

/// Returns the path of this program; `None` if it is unknown.
#[must_use]
pub fn program() -> Option<PathBuf> {
    // ignored: without `/proc` on Linux, the path that the program was started by is used.
    std::env::current_exe().ok().or_else(|| {
        // A bare name was found on `PATH`; here it would name a file of the current folder.
        let name = std::env::args_os().next()?;
        let path = name.as_encoded_bytes().contains(&b'/').then_some(name)?;
        // ignored: a path that cannot be resolved is unknown.
        PathBuf::from(path).canonicalize().ok()
    })
}

/// Returns a variable of the environment by which the user sets an option. An empty one counts as
/// unset, because many tools can set variables but not unset them.
#[must_use]
pub fn setting(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns whether the program was started with the argument `name`, at any position. This works
/// for command lines that do not parse, too.
#[must_use]
pub fn has_argument(name: &str) -> bool {
    std::env::args_os().any(|argument| argument == name)
}

/// Returns the arguments that the program was started with. Bytes that are not UTF-8 are replaced.
#[must_use]
pub fn arguments() -> Vec<String> {
    let arguments = std::env::args_os().skip(1);
    arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect()
}

/// Returns the arguments of this process as they are, without the name of the program.
#[must_use]
pub fn arguments_unchanged() -> Vec<OsString> {
    std::env::args_os().skip(1).collect()
}

/// Returns the path of a file beside this program; `None` if the program's folder is unknown.
#[must_use]
pub fn beside_program(file: &str) -> Option<PathBuf> {
    // This path contains no links.
    let program = std::env::current_exe().or_else(|_| {
        // ignored: an `Option`; without a name, no program is found.
        let name = std::env::args_os().next().unwrap_or_default();
        found(&name).ok_or(ErrorKind::NotFound)?.canonicalize()
    });
    // ignored: the path of the program is unknown, and the caller reports that.
    Some(program.ok()?.parent()?.join(file))
}

/// Finds a program in `PATH`, as a shell does.
fn found(name: &OsStr) -> Option<PathBuf> {
    if name.as_encoded_bytes().contains(&b'/') {
        return Some(name.into());
    }
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path).map(|folder| folder.join(name));
    let mut programs = places.filter(|place| place.is_file());
    programs.next()
}

/// Returns whether this process should handle SIGHUP. Returns false if it was started with that
/// signal ignored, as by `nohup`, or if that is unknown; the signal then keeps its disposition.
#[must_use]
pub fn hangup_is_handled() -> bool {
    platform::hangup_is_ignored() == Some(false)
}

/// Returns how many threads the machine ran at once when it was first asked, at least 1. To find
/// that out takes some files of the kernel.
#[must_use]
pub fn n_cores() -> usize {
    // process-wide: it describes the machine.
    static N_CORES: OnceLock<usize> = OnceLock::new();
    *N_CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Returns whether `path` is on a file system that is shared with other machines or served by
/// another program, where memory maps and locks may not hold between processes. Returns false if
/// that is unknown.
#[must_use]
pub fn is_network_file_system(path: &std::path::Path) -> bool {
    platform::is_network_file_system(path)
}

/// How many descriptors a library needs at once to open its files.
const DESCRIPTORS_NEEDED: usize = 4;

/// Checks that this process can still open files. Libraries report a lack of descriptors only as a
/// file that cannot be opened.
///
/// # Errors
/// The process, or the machine, has no descriptors left.
pub fn descriptors_check() -> Result<(), std::io::Error> {
    let open = |_| platform::open_folder(CWD, "/");
    // All stay open until the last one is open.
    let opened: Result<Vec<_>, _> = (0..DESCRIPTORS_NEEDED).map(open).collect();
    opened.map(drop).map_err(Into::into)
}

/// Ends the process at once, as if it had been killed: no clean-up code runs.
pub fn exit_now(code: u8) -> ! {
    std::process::exit(code.into())
}

/// Returns the number of columns of the terminal on stderr; `None` if stderr is not a terminal.
#[must_use]
pub fn stderr_columns() -> Option<usize> {
    columns(std::io::stderr())
}

/// Returns the number of rows of the terminal on stderr; `None` if stderr is not a terminal or does
/// not say.
#[must_use]
pub fn stderr_rows() -> Option<usize> {
    // ignored: a descriptor without a window size is not a terminal.
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    Some(size.ws_row.into()).filter(|n_rows| *n_rows > 0)
}

/// Returns the number of columns of the terminal on stdout; `None` if stdout is not a terminal.
#[must_use]
pub fn stdout_columns() -> Option<usize> {
    columns(std::io::stdout())
}

fn columns(stream: impl AsFd) -> Option<usize> {
    // ignored: a descriptor without a window size is not a terminal.
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    // Some terminals report a width of 0.
    Some(match size.ws_col {
        0 => 80,
        n_columns => n_columns.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_that_of_the_process() {
        let uid = rustix::process::getuid().as_raw();
        assert_eq!(user_number(), uid);
        assert!(!user().is_empty());
    }

    #[test]
    fn a_program_is_found_in_the_path() {
        let found = found(OsStr::new("sh")).expect("there is a shell");
        assert!(found.is_file() && found.is_absolute(), "{found:?}");
        assert_eq!(super::found(OsStr::new("./sh")), Some("./sh".into()));
    }
}
