//! Joined processes: a call starts a process, gives it a token, and waits for it.
//!
//! A token identifies one call. It is valid as long as its [`Pass`] exists, and only among the
//! files of the datastore in which it was issued. The locks of a joined process belong to its own
//! session and end with it. The call is an ancestor of the process, so its locks never block the
//! process. Either of the two can therefore die without leaving wrong locks behind.

use std::sync::Arc;

use sedge_model::digest::Digest;
use sedge_model::lineage::Lineage;
use sedge_sys::folder::{FileError, Folder};
use sedge_sys::random;

use crate::error::LockError;
use crate::format::{FormatError, read_pass, write_pass};
use crate::owner::{Owner, SessionId};
use crate::session::{Session, is_alive};

/// The separator between two tokens.
///
/// A process may have joined a call of this datastore through a call of another datastore. It
/// then has a token of each, the innermost one last.
const BETWEEN: char = '/';

/// The number of digits that identify the folder of a token, and of those that identify a
/// session.
///
/// They are followed by 32 digits that cannot be guessed.
const N_DIGITS: usize = 16;

/// The maximum number of bytes that are read of a pass's file.
///
/// A pass contains an owner, whose length grows with the depth of nested calls, and that depth is
/// limited.
const PASS_BYTES_MAX: u64 = 64 << 10;

/// The call that a process has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The call, as the owner of its locks.
    pub caller: Owner,
    /// The numbers of the claims on the runs of the call and of those that it is
    /// [under](Owner::under), the outermost one first.
    pub claims: Vec<u64>,
    /// The methods that may run below the call.
    pub methods: JoinedMethods,
}

/// The methods that may run below a call which a process has joined. A later one includes those
/// before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JoinedMethods {
    /// Those that write nothing: the call, or one above it, is of kind `read`.
    Reads,
    /// Those that look and write data of their own models: the call, or one above it, is of kind
    /// `observe`.
    Observations,
    /// All.
    All,
}

impl Joined {
    /// Returns the call and those that it is [under](Owner::under), the outermost one first. Each has
    /// the number of the claim on its run.
    pub fn callers(&self) -> impl Iterator<Item = (&Lineage, u64)> {
        let path = self.caller.path().into_iter();
        let lineages = path.map(|(_, lineage)| lineage);
        lineages.zip(self.claims.iter().copied())
    }
}

/// The reason why a process cannot join a call.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The token was issued in this datastore, but is no longer valid or was forged.
    #[error("the call to which the token belongs has ended")]
    Void,
    /// The token was issued by another version of Sedge, whose passes have another format.
    #[error(transparent)]
    Version(LockError),
    /// The files cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A pass: lets a process join a call until the pass is dropped.
#[derive(Debug)]
pub struct Pass {
    session: Arc<Session>,
    file: String,
    token: String,
}

impl Pass {
    /// Issues a token with which a process can join a call of this session.
    ///
    /// # Errors
    /// The pass cannot be written.
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

    /// Returns the value to give to the process: the caller's own tokens, followed by this token.
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
            tracing::warn!(%error, "failed to revoke a token, which stays valid until this process ends");
        }
    }
}

/// Returns the call that the process with these tokens has joined.
///
/// Returns `None` if none of the tokens was issued in this datastore.
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
    // The passes of a process that was killed are no longer valid.
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
        // This version did not write the text, so it is not a valid pass.
        Err(
            FormatError::Json(_)
            | FormatError::Name(_)
            | FormatError::Session(_)
            | FormatError::NoHeader,
        ) => Err(JoinError::Void),
    }
}

/// Returns the prefix of all tokens that are issued among these files.
fn place(files: &Folder) -> Result<String, FileError> {
    let (device, number) = files.identity()?;
    let digest = Digest::of(format!("{device}:{number}").as_bytes());
    Ok(digest.to_string()[..N_DIGITS].to_owned())
}

/// The file's name does not reveal the token.
fn pass_file(session: SessionId, token: &str) -> String {
    let digest = Digest::of(token.as_bytes());
    format!("{}{digest}.pass", pass_prefix(session))
}

/// Returns the prefix of the names of a session's passes.
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
            claims: vec![1],
            methods: JoinedMethods::All,
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
        inner.methods = JoinedMethods::Reads;
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
        // The session's file stays, as if its process had been killed.
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
