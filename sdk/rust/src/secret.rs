//! Secrets: sent without being seen, or seen if that was granted too.

use std::fmt;

use crate::bindings::sedge::model::secrets::{self, SecretError};
use crate::context::denied;
use crate::{Context, Failure};

/// A secret that this call may use. Where it is written, as by `format!("Bearer {secret}")`, a
/// text is written that stands for it: see [`Secret::placeholder`].
#[derive(Debug)]
pub struct Secret(secrets::Secret);

/// Secrets.
impl Context {
    /// Returns a secret that the plugin asks for.
    ///
    /// ```no_run
    /// use sedge_sdk::{Context, Failure, Request};
    ///
    /// fn zones(cx: &Context) -> Result<Vec<u8>, Failure> {
    ///     let token = cx.secret("API_TOKEN")?;
    ///     let request = Request::get("https://api.example.com/zones")
    ///         .header("authorization", format!("Bearer {token}"));
    ///     Ok(cx.http(&request)?.bytes(1 << 20)?)
    /// }
    /// ```
    ///
    /// # Errors
    /// `denied`: the plugin did not ask for it, or asked only to see it and the operator did not grant
    /// that. Whether it may be sent somewhere is known when it is: the request is denied then.
    /// `secret-missing`: there is none of this name.
    pub fn secret(&self, name: &str) -> Result<Secret, Failure> {
        match secrets::get(name) {
            Ok(secret) => Ok(Secret(secret)),
            Err(SecretError::Denied(reason)) => Err(denied(reason)),
            Err(SecretError::Missing(reason)) => Err(Failure::new("secret-missing", reason)),
        }
    }
}

impl Secret {
    /// Returns a text that stands for the value in requests: in a path or query, in a header, or
    /// in a body that is not compressed.
    ///
    /// The host puts the value in its place on the way out, written as the place wants it, if
    /// the secret was granted for the host that the request goes to. Anywhere else than in
    /// requests it stands for nothing.
    #[must_use]
    pub fn placeholder(&self) -> String {
        self.0.placeholder()
    }

    /// Returns a text that stands for the credentials of a user whose password the secret is:
    /// `format!("Basic {}", secret.basic("user"))` is a value of the header `authorization`.
    #[must_use]
    pub fn basic(&self, user: &str) -> String {
        self.0.basic(user)
    }

    /// Returns the value. The host keeps it out of the log, of data and of whatever else leaves
    /// the call, and out of the arguments of other calls.
    ///
    /// # Errors
    /// `denied`: the operator did not grant to show it; the message says what would.
    pub fn reveal(&self) -> Result<Vec<u8>, Failure> {
        self.0.reveal().map_err(denied)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.placeholder())
    }
}
