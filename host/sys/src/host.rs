//! Who runs this process, and where.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};

/// Returns the name of the user, for records; the number of the user where there is no name.
#[must_use]
pub fn user() -> String {
    ["USER", "LOGNAME"]
        .iter()
        // ignored: a name that is no text is none for records.
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// Returns the name of this machine, for records.
#[must_use]
pub fn host_name() -> String {
    let names = rustix::system::uname();
    names.nodename().to_string_lossy().into_owned()
}

/// Returns the number of this process, for records. It says nothing about who is alive: the
/// same number may be another process in another container, or later.
#[must_use]
pub fn process_id() -> u32 {
    std::process::id()
}

/// Returns what tells this start of the machine from every other one.
///
/// # Errors
/// The operating system does not say.
pub fn boot_id() -> Result<String, std::io::Error> {
    // See random(4) of Linux.
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(id.trim().to_owned())
}

/// Returns the folder that the process was started in.
///
/// # Errors
/// It was removed since, or cannot be read.
pub fn current_folder() -> Result<PathBuf, std::io::Error> {
    std::env::current_dir()
}

/// Returns a variable of the environment; none if it is not set, or is no text.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    // ignored: a variable that is no text counts as unset.
    std::env::var(name).ok()
}

/// Returns a path that a variable of the environment names; `None` if it is not set, or empty.
#[must_use]
pub fn variable_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os(name).filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

/// Returns where this program is; `None` if that cannot be found out.
#[must_use]
pub fn program() -> Option<PathBuf> {
    // ignored: without `/proc`, a program that was started by its path is where it was.
    std::env::current_exe().ok().or_else(|| {
        let name = PathBuf::from(std::env::args_os().next()?);
        // ignored: a program whose path cannot be found is not known.
        name.canonicalize().ok()
    })
}

/// Returns a variable of the environment by which a person sets something for the program. An
/// empty one is as if it were not set: many tools can only set variables, not unset them.
#[must_use]
pub fn setting(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns whether the program was started with the argument `name`, wherever it stands.
/// For what must be known of a command line that does not parse.
#[must_use]
pub fn has_argument(name: &str) -> bool {
    std::env::args_os().any(|argument| argument == name)
}

/// Returns where a file is in the folder of this program; `None` if that folder is not known.
#[must_use]
pub fn beside_program(file: &str) -> Option<PathBuf> {
    // Of `/proc`, and so without links.
    let program = std::env::current_exe().or_else(|_| {
        // ignored: an `Option`; without a name there is nothing to find.
        let name = std::env::args_os().next().unwrap_or_default();
        found(&name).ok_or(ErrorKind::NotFound)?.canonicalize()
    });
    // ignored: a program whose path cannot be found is not known, and its caller says so.
    Some(program.ok()?.parent()?.join(file))
}

/// Finds a program as a shell does.
fn found(name: &OsStr) -> Option<PathBuf> {
    if name.as_encoded_bytes().contains(&b'/') {
        return Some(name.into());
    }
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path).map(|folder| folder.join(name));
    let mut programs = places.filter(|place| place.is_file());
    programs.next()
}

/// Returns whether SIGHUP is this process's to handle: not if it was started with that signal
/// ignored, as by `nohup`, nor if that cannot be found out. Then the signal does what it did.
#[must_use]
pub fn hangup_is_handled() -> bool {
    let status = std::fs::read_to_string("/proc/self/status");
    // ignored: without `/proc`, the signal keeps its default.
    status.is_ok_and(|status| ignored_signals(&status).is_some_and(|mask| mask & 1 == 0))
}

/// Reads which signals are ignored, bit 0 for signal 1, in /proc/PID/status; see proc(5).
fn ignored_signals(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|it| it.strip_prefix("SigIgn:"))?;
    // ignored: what the kernel writes is a number; another text says nothing.
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Returns how many threads the machine runs at once, at least 1.
#[must_use]
pub fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Returns whether `path` lies on a file system whose files are shared with other machines,
/// or through another program: where memory maps and locks do not hold between processes.
/// False where that cannot be told.
#[must_use]
pub fn is_network_file_system(path: &std::path::Path) -> bool {
    // Magic numbers of statfs(2): NFS, SMB, SMB 2, CIFS, 9P, FUSE, AFS, Ceph.
    const NETWORK: [u32; 8] = [
        0x0000_6969,
        0x0000_517b,
        0xfe53_4d42,
        0xff53_4d42,
        0x0102_1997,
        0x6573_5546,
        0x5346_414f,
        0x00c3_6400,
    ];
    rustix::fs::statfs(path)
        // ignored: it warns of a hazard, and refuses nothing that it cannot tell.
        .is_ok_and(|fs| u32::try_from(fs.f_type).is_ok_and(|magic| NETWORK.contains(&magic)))
}

/// How many descriptors a library needs at once to open its files.
const DESCRIPTORS_NEEDED: usize = 4;

/// Checks that this process can still open files, for libraries that say only that they could
/// not.
///
/// # Errors
/// The process, or the machine, has no descriptors left.
pub fn descriptors_check() -> Result<(), std::io::Error> {
    let open = |_| rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    // All are kept until the last one is open.
    let opened: Result<Vec<_>, _> = (0..DESCRIPTORS_NEEDED).map(open).collect();
    opened.map(drop).map_err(Into::into)
}

/// Ends the process at once, as if it had been killed: nothing is tidied up.
pub fn exit_now(code: u8) -> ! {
    std::process::exit(code.into())
}

/// Returns how many columns the terminal has that stderr goes to; none where it goes
/// elsewhere.
#[must_use]
pub fn stderr_columns() -> Option<usize> {
    // ignored: what has no size is no terminal.
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    // Some pretend to have none.
    Some(match size.ws_col {
        0 => 80,
        n_columns => n_columns.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read() {
        let status = "Name:\ta\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored_signals(status), Some(0x1001));
        assert_eq!(ignored_signals("Name:\ta\n"), None);
    }

    #[test]
    fn a_program_is_found_in_the_path() {
        let found = found(OsStr::new("sh")).expect("there is a shell");
        assert!(found.is_file() && found.is_absolute(), "{found:?}");
        assert_eq!(super::found(OsStr::new("./sh")), Some("./sh".into()));
    }
}
