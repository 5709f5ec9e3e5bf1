//! The kinds of permissions, one file each.
//!
//! Each file defines its kind completely: the request of a plugin, the grant of an operator, the
//! check of an attempt, the match of a use, and their texts. To add a kind, add a file here and a
//! row to the table `permission_kinds!`; the compiler names the other places.

pub(super) mod commands;
pub(super) mod env;
pub(super) mod files;
pub(super) mod http;
pub(super) mod models;
pub(super) mod reveal;
pub(super) mod secrets;
pub(super) mod sockets;
pub(super) mod workflows;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::choice::ChoiceError;
use super::effective::Use;
use super::pattern::{
    CommandPattern, HostPattern, HttpOrigin, ModelPattern, PortPattern, RevealPattern, SubjectName,
    SubjectPattern, WorkflowPattern,
};
use crate::names::EnvName;

/// Declares the kinds: the key, which is the name of the kind in files, the type of a request, and
/// the type of a grant in the list of that key.
macro_rules! permission_kinds {
    ($(
        $(#[$doc:meta])*
        $Kind:ident $key:ident: $Request:ty, $Grant:ty;
    )*) => {
        /// The kinds of permissions, in the order in which they are shown.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum PermissionKind {
            $($(#[$doc])* $Kind,)*
        }

        impl PermissionKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$Kind,)*];

            /// Returns the name of the kind in files.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Kind => stringify!($key),)*
                }
            }

            /// Returns the subject of a grant of this kind in the form in which the grant shows it.
            ///
            /// # Errors
            /// No grant of this kind can have the subject.
            pub(super) fn grant_subject(self, subject: &str) -> Result<String, ChoiceError> {
                match self {
                    $(Self::$Kind => <$Grant as GrantRules>::subject_parsed(subject),)*
                }
            }
        }

        /// Something that a plugin may do only if it requests it and the operator grants it.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub enum Permission {
            $($(#[$doc])* $Kind($Request),)*
        }

        impl Permission {
            /// Returns the kind.
            #[must_use]
            pub fn kind(&self) -> PermissionKind {
                match self {
                    $(Self::$Kind(_) => PermissionKind::$Kind,)*
                }
            }

            /// Returns the rules of its kind.
            pub(super) fn rules(&self) -> &dyn KindRules {
                match self {
                    $(Self::$Kind(it) => it,)*
                }
            }

            /// Parses the words of a line that describes a permission. Returns `None` if they do
            /// not describe one of this kind.
            pub(super) fn of_words(
                kind: PermissionKind,
                subject: &str,
                details: &[&str],
            ) -> Option<Self> {
                match kind {
                    $(PermissionKind::$Kind => {
                        <$Request as KindRules>::of_words(subject, details).map(Self::$Kind)
                    })*
                }
            }
        }

        /// The grants of an operator: one list for each kind.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Grants {
            $(
                $(#[$doc])*
                #[serde(skip_serializing_if = "Vec::is_empty")]
                pub $key: Vec<$Grant>,
            )*
        }

        impl Grants {
            /// Adds other grants without duplicates.
            pub fn extend(&mut self, other: &Self) {
                $(
                    for grant in &other.$key {
                        grant.add_to(&mut self.$key);
                    }
                )*
            }

            /// Removes the grants of one kind that have a subject, or all of the kind, and returns
            /// them.
            pub(super) fn take(&mut self, kind: PermissionKind, subject: Option<&str>) -> Self {
                let mut taken = Self::default();
                match kind {
                    $(PermissionKind::$Kind => {
                        taken.$key = GrantRules::take_from(&mut self.$key, subject);
                    })*
                }
                taken
            }

            /// Returns each grant alone, with its kind and its position in the list of the kind.
            pub(super) fn parts(&self) -> Vec<(PermissionKind, usize, Self)> {
                let mut parts = Vec::new();
                $(
                    for (at, grant) in self.$key.iter().enumerate() {
                        let mut alone = Self::default();
                        alone.$key.push(grant.clone());
                        parts.push((PermissionKind::$Kind, at, alone));
                    }
                )*
                parts
            }

            /// Returns the kind and the subject of each grant.
            pub(super) fn subjects(&self) -> Vec<(PermissionKind, String)> {
                let mut subjects = Vec::new();
                $(
                    let of_kind = self.$key.iter().map(GrantRules::subject);
                    subjects.extend(of_kind.map(|subject| (PermissionKind::$Kind, subject)));
                )*
                subjects
            }
        }
    };
}

permission_kinds! {
    /// Other models: calling them, and reading their data.
    Models models: models::ModelPermission, ModelPattern;
    /// Workflows: running them.
    Workflows workflows: workflows::WorkflowPermission, WorkflowPattern;
    /// HTTP requests.
    Http http: http::HttpPermission, http::HttpGrant;
    /// Connections of TCP other than HTTP.
    Sockets sockets: sockets::SocketPermission, sockets::SocketGrant;
    /// The files of folders that the operator chooses.
    Files files: files::FolderPermission, files::FolderGrant;
    /// Variables of the environment.
    Env env: env::EnvPermission, EnvName;
    /// Secrets.
    Secrets secrets: secrets::SecretPermission, secrets::SecretGrant;
    /// Programs of the machine that the operator pinned.
    Commands commands: commands::CommandPermission, CommandPattern;
    /// Hidden values: sealed fields of other models, and secrets in arguments.
    Reveal reveal: reveal::RevealPermission, RevealPattern;
}

/// The rules of one kind, for one permission that a plugin requests.
pub(super) trait KindRules {
    /// Returns the subject as it is named on a command line: `https://example.com`.
    fn subject(&self) -> String;

    /// Writes the rest of the line that describes the permission, after the kind and the subject.
    fn details(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    /// Parses what [`KindRules::subject`] and [`KindRules::details`] wrote. Returns `None` if the
    /// words do not describe a permission of this kind.
    fn of_words(subject: &str, details: &[&str]) -> Option<Self>
    where
        Self: Sized;

    /// Returns whether the permission is granted, completely or in part.
    fn has_part(&self, granted: &Grants) -> bool;

    /// Returns whether one grant covers the permission completely.
    fn has_all(&self, granted: &Grants) -> bool {
        self.has_part(granted)
    }

    /// Adds the grant of exactly this permission. A folder is granted at `path`; without a path,
    /// nothing is added.
    fn grant(&self, grants: &mut Grants, path: Option<&str>);

    /// Returns the part of the permission that is effective, one line each. Returns no lines if
    /// nothing is granted.
    fn effective(&self, granted: &Grants) -> Vec<String>;

    /// Returns the part of the permission that `subject` names. Returns `None` if the permission
    /// does not cover it.
    fn narrowed(&self, _subject: &str) -> Option<Permission> {
        None
    }

    /// Returns the narrowest grants of the permission, as lines for the key `grants:` of a
    /// definition. Values that only the operator knows are in capitals: `HOST`, `PATH`, `NAME`.
    fn narrowest(&self) -> Vec<String>;

    /// Returns whether the permission allows a use.
    fn permits(&self, used: &Use<'_>) -> bool;
}

/// The rules of one kind, for one grant.
pub(super) trait GrantRules: Clone + PartialEq {
    /// Returns the subject by which a user names the grant: `https://api.example.com`.
    fn subject(&self) -> String;

    /// Returns a subject in the form of [`GrantRules::subject`].
    ///
    /// # Errors
    /// No grant of this kind can have the subject.
    fn subject_parsed(subject: &str) -> Result<String, ChoiceError> {
        Ok(subject.to_owned())
    }

    /// Returns whether a user who names this subject means the grant.
    fn is_named(&self, subject: &str) -> bool {
        self.subject() == subject
    }

    /// Adds the grant to a list, unless the list has it.
    fn add_to(&self, grants: &mut Vec<Self>) {
        if !grants.contains(self) {
            grants.push(self.clone());
        }
    }

    /// Removes the grants that have a subject from a list, or all, and returns them.
    fn take_from(grants: &mut Vec<Self>, subject: Option<&str>) -> Vec<Self> {
        take(grants, |grant| subject.is_none_or(|it| grant.is_named(it)))
    }
}

impl<N: SubjectName> GrantRules for SubjectPattern<N> {
    fn subject(&self) -> String {
        self.to_string()
    }
}

/// Removes some items from a list, and returns them.
fn take<T>(items: &mut Vec<T>, is_taken: impl Fn(&T) -> bool) -> Vec<T> {
    let all = std::mem::take(items);
    let (taken, left) = all.into_iter().partition(|item| is_taken(item));
    *items = left;
    taken
}

/// Parses a subject that has no details.
fn alone<T: FromStr>(subject: &str, details: &[&str]) -> Option<T> {
    // ignored: the caller reports the line.
    details.is_empty().then(|| subject.parse().ok()).flatten()
}

/// Returns the narrower of two patterns. Returns `None` if neither covers the other.
fn narrower(one: &HttpOrigin, other: &HttpOrigin) -> Option<HttpOrigin> {
    match (one.covers(other), other.covers(one)) {
        (true, _) => Some(other.clone()),
        (false, true) => Some(one.clone()),
        (false, false) => None,
    }
}

/// Returns one origin of a pattern, with `HOST` where the operator has to name the host.
fn origin_of_one(pattern: &HttpOrigin) -> String {
    let host = match &pattern.host {
        HostPattern::Any => "HOST".to_owned(),
        HostPattern::EndsWith(end) => format!("HOST.{end}"),
        one @ (HostPattern::Name(_) | HostPattern::Address(_)) => one.to_string(),
    };
    let scheme = pattern.scheme;
    match pattern.port {
        // Without a port, an origin has the default port of its scheme.
        PortPattern::Any => format!("{}://{host}", scheme.as_str()),
        PortPattern::One(port) if port == scheme.port() => format!("{}://{host}", scheme.as_str()),
        PortPattern::One(port) => format!("{}://{host}:{port}", scheme.as_str()),
    }
}
