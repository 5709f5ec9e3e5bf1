//! Processes that a call started and waits for: they work below it, by a token that it gave them.
//!
//! A token stands for one call, for as long as its [`Pass`] is kept, and only among the files of the
//! datastore that it was issued in. What a process locks that has joined a call is its own, and
//! lives and dies with its own session; the call is its ancestor, and so never in its way. So
//! neither of the two leaves anything wrong behind when the other one dies.

use std::sync::Arc;

use sedge_model::digest::Digest;
use sedge_sys::folder::{FileError, Folder};
use sedge_sys::random;

use crate::error::LockError;
use crate::format::{FormatError, read_pass, write_pass};
use crate::owner::{Owner, SessionId};
use crate::session::{Session, is_alive};

/// What is between two tokens. A process may be below a call of this datastore by way of one of
/// another datastore, and then has a token of each; the innermost comes last.
const BETWEEN: char = '/';

/// The digits that tell which files a token was issued among, and those of a session. 32 follow
/// that nobody guesses.
const N_DIGITS: usize = 16;

/// The most bytes that are read of a pass's file. It has an owner, which is as long as calls are
/// nested; their depth is limited.
const PASS_BYTES_MAX: u64 = 64 << 10;

/// A call that a process works below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The call, as it has its locks.
    pub caller: Owner,
    /// Whether it may only read, and so may those below it.
    pub only_reads: bool,
}

/// Why a process does not join a call.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Its token was issued here, and counts no more, or was made up.
    #[error("the call has ended that its token was of")]
    Void,
    /// Its token was issued by another version of Sedge, which says other things in it.
    #[error(transparent)]
    Version(LockError),
    /// The files cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What lets a process join a call, until it is dropped.
#[derive(Debug)]
pub struct Pass {
    session: Arc<Session>,
    file: String,
    token: String,
}

impl Pass {
    /// Lets whoever is given the token join a call of this session.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn issue(session: &Arc<Session>, joined: &Joined) -> Result<Self, FileError> {
        let token = format!(
            "{}{}{:016x}{:016x}",
            place(session.files())?,
            session.id(),
            random::bits(),
            random::bits()
        );
        let file = pass_file(session.id(), &token);
        let text = write_pass(joined);
        session.files().write_new_fleeting(&file, text.as_bytes())?;
        Ok(Self {
            session: Arc::clone(session),
            file,
            token,
        })
    }

    /// Returns what a process is given: the token, behind those that its caller was given.
    #[must_use]
    pub fn tokens(&self, given: Option<&str>) -> String {
        match given {
            Some(given) => format!("{given}{BETWEEN}{}", self.token),
            None => self.token.clone(),
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Err(error) = self.session.files().remove(&self.file) {
            tracing::warn!(%error, "failed to take a token back, which counts until this process ends");
        }
    }
}

/// Returns the call that who has these tokens works below; none if none of them was issued here.
///
/// # Errors
/// The call has ended, or the files cannot be read.
pub fn joined(files: &Folder, tokens: &str) -> Result<Option<Joined>, JoinError> {
    let place = place(files)?;
    let here = tokens.rsplit(BETWEEN).find_map(|token| {
        let rest = token.strip_prefix(&place)?;
        Some((token, rest))
    });
    let Some((token, rest)) = here else {
        return Ok(None);
    };
    // ignored: a text that is no number, and no I/O error.
    let session: Option<SessionId> = rest.get(..N_DIGITS).and_then(|it| it.parse().ok());
    let session = session.ok_or(JoinError::Void)?;
    // What a process left behind that was killed counts no more.
    if !is_alive(files, session)? {
        return Err(JoinError::Void);
    }
    let file = pass_file(session, token);
    let text = files.read_text(&file, PASS_BYTES_MAX)?;
    let text = text.ok_or(JoinError::Void)?;
    match read_pass(&text) {
        Ok(joined) => Ok(Some(joined)),
        Err(FormatError::Version { found, known }) => {
            let path = files.path_of(&file);
            Err(JoinError::Version(LockError::Version {
                path,
                found,
                known,
            }))
        }
        // A text that is no pass is none of ours, and counts for nothing.
        Err(
            FormatError::Json(_)
            | FormatError::Name(_)
            | FormatError::Session(_)
            | FormatError::NoHeader,
        ) => Err(JoinError::Void),
    }
}

/// Returns what tokens begin with that are issued among these files.
fn place(files: &Folder) -> Result<String, FileError> {
    let (device, number) = files.identity()?;
    let digest = Digest::of(format!("{device}:{number}").as_bytes());
    Ok(digest.to_string()[..N_DIGITS].to_owned())
}

/// The file's name does not tell the token.
fn pass_file(session: SessionId, token: &str) -> String {
    let digest = Digest::of(token.as_bytes());
    format!("{}{digest}.pass", pass_prefix(session))
}

/// Returns what the names of a session's passes begin with.
pub(crate) fn pass_prefix(session: SessionId) -> String {
    format!("session-{session}.pass-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(folder: &tempfile::TempDir) -> Arc<Session> {
        let files = Folder::open(folder.path()).expect("it is there");
        Arc::new(Session::begin(files).expect("it begins"))
    }

    fn joined_by(session: &Session) -> Joined {
        Joined {
            caller: Owner {
                under: None,
                session: session.id(),
                lineage: "000000000001/2".parse().expect("a lineage"),
            },
            only_reads: false,
        }
    }

    fn check(session: &Session, tokens: &str, expect: Option<&Joined>) {
        let found = joined(session.files(), tokens);
        let found = found.unwrap_or_else(|error| panic!("{tokens}: {error}"));
        assert_eq!(found.as_ref(), expect, "{tokens}");
    }

    fn check_void(session: &Session, tokens: &str) {
        let found = joined(session.files(), tokens);
        assert!(matches!(found, Err(JoinError::Void)), "{tokens}: {found:?}");
    }

    #[test]
    fn a_token_counts_as_long_as_its_pass_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(&folder);
        let given = joined_by(&session);
        let pass = Pass::issue(&session, &given).expect("it is written");
        let token = pass.tokens(None);
        check(&session, &token, Some(&given));
        let names = session.files().files(".").expect("it is read");
        assert!(
            names.iter().all(|it| !it.contains(&token[32..])),
            "{names:?}"
        );
        drop(pass);
        check_void(&session, &token);
    }

    #[test]
    fn a_token_counts_where_it_was_issued_only() {
        let [folder, other] = [(), ()].map(|()| tempfile::tempdir().expect("a folder"));
        let [session, other] = [&folder, &other].map(session);
        let given = joined_by(&session);
        let pass = Pass::issue(&session, &given).expect("it is written");
        let token = pass.tokens(None);
        for strange in ["", "x", "/", "../../../etc/passwd", &"é".repeat(32), &token] {
            check(&other, strange, None);
        }
        for guessed in [
            &token[..16],
            &token[..40],
            &format!("{}{}", &token[..32], "0".repeat(32)),
            &format!("{token}0"),
        ] {
            check_void(&session, guessed);
        }
    }

    #[test]
    fn of_several_tokens_the_innermost_of_here_counts() {
        let [folder, other] = [(), ()].map(|()| tempfile::tempdir().expect("a folder"));
        let [session, other] = [&folder, &other].map(session);
        let mut inner = joined_by(&session);
        let outer = Pass::issue(&session, &inner).expect("it is written");
        let elsewhere = Pass::issue(&other, &joined_by(&other)).expect("it is written");
        inner.only_reads = true;
        let pass = Pass::issue(&session, &inner).expect("it is written");
        let two = elsewhere.tokens(Some(&outer.tokens(None)));
        check(&session, &two, Some(&joined_by(&session)));
        check(&session, &pass.tokens(Some(&two)), Some(&inner));
        check(&other, &pass.tokens(Some(&two)), Some(&joined_by(&other)));
    }

    #[test]
    fn a_token_of_a_dead_session_counts_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let [session, other] = [&folder, &folder].map(session);
        let pass = Pass::issue(&session, &joined_by(&session)).expect("it is written");
        let token = pass.tokens(None);
        // As if its process had been killed.
        session.stay();
        let left = session.files().files(".").expect("it is read");
        let left = left.into_iter().filter(|name| name.contains(".pass-"));
        let left: Vec<(String, String)> = left
            .map(|name| {
                let text = session.files().read_text(&name, PASS_BYTES_MAX);
                (name, text.expect("it is read").expect("it is there"))
            })
            .collect();
        let id = session.id();
        drop((pass, session));
        for (name, text) in &left {
            other
                .files()
                .write(name, text.as_bytes())
                .expect("it is written");
        }
        assert_eq!(left.len(), 1);
        check_void(&other, &token);
        other.forget(id);
        let left = other.files().files(".").expect("it is read");
        assert!(left.iter().all(|name| !name.contains(".pass-")), "{left:?}");
    }
}
