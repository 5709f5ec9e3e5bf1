//! Threads, for what blocks in the operating system.

/// Starts a thread that runs `work`. It ends with the process at the latest.
///
/// # Errors
/// The operating system has no more threads to give.
pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), std::io::Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)?;
    Ok(())
}

/// Lets other threads have their turn on this core.
pub fn give_way() {
    std::thread::yield_now();
}
