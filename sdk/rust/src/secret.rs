//! Secrets. A plugin can send one without seeing its value, or read the value if that is granted.

use std::fmt;

use crate::context::denied;
use crate::host::secrets::{self, SecretError};
use crate::{Context, Failure};

/// A secret that this call may use. Formatting it, as in `format!("Bearer {secret}")`, writes a
/// placeholder: see [`Secret::placeholder`].
#[derive(Debug)]
pub struct Secret(secrets::Secret);

/// Secrets.
impl Context {
    /// Returns a secret that the plugin requests.
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
    /// `denied`: the plugin does not request it, or requests only to reveal it and the operator
    /// has not granted that. Permission to send it to a host is checked when a request is sent.
    /// `secret-missing`: there is no secret of this name.
    pub fn secret(&self, name: &str) -> Result<Secret, Failure> {
        match secrets::get(name) {
            Ok(secret) => Ok(Secret(secret)),
            Err(SecretError::Denied(reason)) => Err(denied(reason)),
            Err(SecretError::Missing(reason)) => Err(Failure::new("secret-missing", reason)),
        }
    }
}

impl Secret {
    /// Returns a placeholder for the value in requests: in a path, a query, a header, or a body
    /// that is not compressed.
    ///
    /// When a request is sent to a host that the secret was granted for, the host replaces the
    /// placeholder by the value, encoded as needed at that position. Outside of requests the
    /// placeholder is not replaced.
    #[must_use]
    pub fn placeholder(&self) -> String {
        self.0.placeholder()
    }

    /// Returns a placeholder for the credentials of a user whose password is the secret:
    /// `format!("Basic {}", secret.basic("user"))` is a value for the header `authorization`.
    #[must_use]
    pub fn basic(&self, user: &str) -> String {
        self.0.basic(user)
    }

    /// Returns the value. The host redacts it in the log, in data and in everything else that
    /// leaves the call, including the arguments of other calls.
    ///
    /// # Errors
    /// `denied`: the operator has not granted revealing it. The message says how to grant it.
    pub fn reveal(&self) -> Result<Vec<u8>, Failure> {
        self.0.reveal().map_err(denied)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.placeholder())
    }
}
