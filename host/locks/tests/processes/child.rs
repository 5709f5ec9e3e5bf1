//! The child process of a test, which executes the commands that the test sends.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sedge_locks::error::LockError;
use sedge_locks::joined::{Joined, JoinedMethods, Pass, joined};
use sedge_locks::manager::{LockGuard, LockManager};
use sedge_locks::owner::Owner;
use sedge_locks::session::Session;
use sedge_sys::folder::Folder;

use crate::process::{MARK, ROLE, first_call, lock, lock_below, own, session};

/// The state of a child.
#[derive(Default)]
struct Desk {
    session: Option<Arc<Session>>,
    manager: Option<Arc<LockManager>>,
    /// The call that the child has joined.
    under: Option<Owner>,
    passes: Vec<Pass>,
    guards: Vec<LockGuard>,
}

/// The role of a child. In an ordinary test run this test does nothing.
#[test]
fn child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let mut desk = Desk::default();
    println!("{MARK}ready");
    for line in std::io::stdin().lines() {
        let line = line.expect("the parent writes UTF-8");
        match desk.obey(&line) {
            Ok(answer) => println!("{MARK}{answer}"),
            Err(error) => println!("{MARK}failed: {}", chain(&error)),
        }
    }
}

impl Desk {
    fn obey(&mut self, line: &str) -> Result<String, LockError> {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |word: &str| word.parse::<u64>().expect("a number");
        match words[..] {
            ["begin", folder] => {
                *self = Self::default();
                let session = session(Path::new(folder))?;
                self.manager = Some(LockManager::shared(
                    Arc::clone(&session),
                    Duration::from_secs(600),
                )?);
                self.session = Some(session);
                Ok("begun".to_owned())
            }
            ["lock", run, model, ms] => {
                let (run, under) = (number(run), self.under.as_ref());
                let guard = lock_below(under, self.manager(), run, model, number(ms))?;
                self.guards.push(guard);
                Ok("locked".to_owned())
            }
            // Lets another process join the first call of a run.
            ["pass", run] => {
                let session = self.session.as_ref().expect("it has begun");
                let caller = Owner {
                    under: None,
                    session: session.id(),
                    lineage: first_call(number(run)),
                };
                let joined = Joined {
                    caller,
                    claims: vec![1],
                    methods: JoinedMethods::All,
                };
                self.passes.push(Pass::issue(session, &joined)?);
                Ok(self.passes[0].tokens(None))
            }
            ["join", folder, token] => {
                let joined = joined(&Folder::open(Path::new(folder))?, token).expect("it counts");
                self.under = joined.map(|joined| joined.caller);
                Ok("joined".to_owned())
            }
            ["unlock"] => {
                self.guards.clear();
                Ok("unlocked".to_owned())
            }
            ["count", n, file] => {
                for _ in 0..number(n) {
                    let _held = lock(self.manager(), 1, "sink", 60_000)?;
                    let text = std::fs::read_to_string(file).expect("it is there");
                    let next = number(&text) + 1;
                    std::fs::write(file, next.to_string()).expect("it can be written");
                }
                Ok("counted".to_owned())
            }
            ["relock", n] => {
                for _ in 0..number(n) {
                    drop(lock(self.manager(), 1, "sink", 60_000)?);
                }
                Ok("relocked".to_owned())
            }
            // This runs until the process is killed.
            ["hammer", run] => loop {
                let one = lock(self.manager(), number(run), "one", 60_000)?;
                let two = lock(self.manager(), number(run), "two", 60_000)?;
                drop((one, two));
            },
            ["status", folder] => {
                Folder::open(Path::new(folder))?;
                Ok(own::locked(Path::new(folder)).join(", "))
            }
            _ => panic!("unknown command: {line}"),
        }
    }

    fn manager(&self) -> &Arc<LockManager> {
        self.manager.as_ref().expect("it has begun")
    }
}

/// Returns the text of an error, followed by its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        write!(text, ": {error}").expect("a text grows");
        source = error.source();
    }
    text
}
