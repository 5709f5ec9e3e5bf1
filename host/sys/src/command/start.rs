//! Starts programs: each in a session of its own, and to be killed when this process dies.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal, setsid};

use crate::thread;

/// A program to be started, and where to say what became of that.
struct Order {
    command: Command,
    started: Sender<io::Result<Child>>,
}

/// Starts a program as the leader of a session of its own, without a terminal. The kernel kills it
/// when this process ends, however that dies.
///
/// # Errors
/// It cannot be started.
pub(super) fn start(mut command: Command) -> io::Result<Child> {
    prepare(&mut command);
    let (started, told) = channel();
    let order = Order { command, started };
    starter()?.send(order).map_err(io::Error::other)?;
    told.recv().map_err(io::Error::other)?
}

/// Returns the thread that starts programs. It lasts as long as this process: the kernel takes the
/// end of the thread that started a program for the death of its parent.
fn starter() -> io::Result<Sender<Order>> {
    static STARTER: Mutex<Option<Sender<Order>>> = Mutex::new(None);
    let mut starter = STARTER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(starter) = &*starter {
        return Ok(starter.clone());
    }
    let (send, orders) = channel::<Order>();
    thread::start("commands", move || {
        for Order {
            mut command,
            started,
        } in orders
        {
            // Whoever ordered it waits for this.
            // ignored: the task that ordered it has given up.
            let _ = started.send(command.spawn());
        }
    })?;
    Ok(starter.insert(send).clone())
}

#[expect(
    unsafe_code,
    reason = "only the new process itself can leave the session and ask for its death"
)]
fn prepare(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: between fork and exec, nothing may allocate or take a lock. `detach` makes three
    // system calls, and what it returns is the number of an error. It uses nothing but a number.
    unsafe { command.pre_exec(move || detach(parent)) };
}

/// Is run in the new process, before it becomes the program.
fn detach(parent: u32) -> io::Result<()> {
    setsid()?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died just before.
    let is_child = getppid().map(Pid::as_raw_pid).map(i32::cast_unsigned) == Some(parent);
    if is_child {
        Ok(())
    } else {
        Err(Errno::SRCH.into())
    }
}
