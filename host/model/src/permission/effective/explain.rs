//! Explains to the operator, for each permission that a plugin requests, how much of it is granted.

use super::{Permissions, folder, narrower};
use crate::names::SecretName;
use crate::permission::grants::HttpGrant;
use crate::permission::pattern::{CommandPattern, HttpOrigin, ModelPattern};
use crate::permission::{Permission, PermissionRequest};

/// A requested permission, and the part of it that is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The request, with its reason.
    pub request: PermissionRequest,
    /// The granted parts, one line each. The list is empty if nothing is granted.
    pub effective: Vec<String>,
}

impl Permissions {
    /// Returns each requested permission with the part of it that is granted.
    #[must_use]
    pub fn explain(&self) -> Vec<Explained> {
        let explained = |request: &PermissionRequest| Explained {
            effective: self.effective(&request.permission),
            request: request.clone(),
        };
        self.asked.iter().map(explained).collect()
    }

    fn effective(&self, asked: &Permission) -> Vec<String> {
        match asked {
            Permission::Models { model } => {
                let both = self
                    .granted
                    .models
                    .iter()
                    .filter_map(|granted| narrower_model(model, granted));
                both.map(|model| model.to_string()).collect()
            }
            Permission::Http { url, methods } => {
                let grants = self.granted.http.iter();
                grants
                    .filter_map(|grant| effective_http(url, methods, grant))
                    .collect()
            }
            Permission::Sockets { to } => {
                let granted = self.granted.sockets.iter().any(|grant| grant.to == *to);
                granted.then(|| to.to_string()).into_iter().collect()
            }
            Permission::Files { name, access } => {
                let grant = self.granted.files.iter().find(|grant| grant.name == *name);
                let folder = grant.map(|grant| folder(grant, *access));
                folder
                    .map(|folder| format!("{} {}", folder.access.as_str(), folder.path))
                    .into_iter()
                    .collect()
            }
            Permission::Env { name } => self
                .granted
                .env
                .contains(name)
                .then(|| name.to_string())
                .into_iter()
                .collect(),
            Permission::Secrets {
                name,
                hosts,
                reveal,
            } => self.effective_secret(name, hosts, *reveal),
            Permission::Commands { name } => {
                let granted = &self.granted.commands;
                if granted.contains(&CommandPattern::Any) {
                    return vec![name.to_string()];
                }
                let both = granted.iter().filter(|grant| name.covers(grant));
                both.map(ToString::to_string).collect()
            }
        }
    }

    fn effective_secret(
        &self,
        name: &SecretName,
        hosts: &[HttpOrigin],
        reveal: bool,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for grant in self
            .granted
            .secrets
            .iter()
            .filter(|grant| grant.name == *name)
        {
            for granted in &grant.hosts {
                lines.extend(
                    hosts
                        .iter()
                        .filter_map(|host| narrower(host, granted))
                        .map(|host| format!("to {host}")),
                );
            }
            if reveal && grant.reveal {
                lines.push("reveal".to_owned());
            }
        }
        lines
    }
}

fn narrower_model<'a>(one: &'a ModelPattern, other: &'a ModelPattern) -> Option<&'a ModelPattern> {
    if one.covers(other) {
        Some(other)
    } else {
        other.covers(one).then_some(one)
    }
}

fn effective_http(url: &HttpOrigin, asked: &[String], grant: &HttpGrant) -> Option<String> {
    let url = narrower(url, &grant.url)?;
    let methods: Vec<&str> = match (asked.is_empty(), grant.methods.is_empty()) {
        (true, _) => grant.methods.iter().map(String::as_str).collect(),
        (false, true) => asked.iter().map(String::as_str).collect(),
        (false, false) => {
            let both: Vec<&str> = asked
                .iter()
                .filter(|method| grant.methods.contains(method))
                .map(String::as_str)
                .collect();
            if both.is_empty() {
                return None;
            }
            both
        }
    };
    let methods = if methods.is_empty() {
        "any".to_owned()
    } else {
        methods.join(", ")
    };
    Some(format!("{methods} {url}"))
}
