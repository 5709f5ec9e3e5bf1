//! The requests of a plugin as `sedge.lock` records them, and how many of them are granted.

use sedge_model::permission::pattern::HttpOrigin;
use sedge_model::permission::{
    CommandPermission, EnvPermission, FileAccess, FolderPermission, HttpPermission,
    ModelPermission, Permission, PermissionKind, SecretPermission, SocketPermission,
};
use sedge_model::repository::LockedPlugin;

/// Returns how many of a plugin's requests its grants cover completely. A line that this version
/// cannot read counts as not granted.
pub(crate) fn n_granted(pinned: &LockedPlugin) -> usize {
    let requests = pinned.asked.iter().filter_map(|line| request(line));
    let granted = requests.filter(|request| pinned.grants.has_all_of(request));
    granted.count()
}

/// Parses a line as [`Permission`] displays it.
fn request(line: &str) -> Option<Permission> {
    let mut words = line.split(' ');
    let (kind, subject) = (words.next()?, words.next()?);
    let rest: Vec<&str> = words.collect();
    let kind = PermissionKind::ALL
        .into_iter()
        .find(|it| it.as_str() == kind)?;
    request_of(kind, subject, &rest)
}

fn request_of(kind: PermissionKind, subject: &str, rest: &[&str]) -> Option<Permission> {
    Some(match kind {
        PermissionKind::Models => Permission::Models(ModelPermission {
            model: subject.parse().ok()?, // ignored: the line is of another version
        }),
        PermissionKind::Http => Permission::Http(HttpPermission {
            url: subject.parse().ok()?, // ignored: the line is of another version
            methods: rest.iter().map(ToString::to_string).collect(),
        }),
        PermissionKind::Sockets => Permission::Sockets(SocketPermission {
            to: subject.parse().ok()?, // ignored: the line is of another version
        }),
        PermissionKind::Files => Permission::Files(FolderPermission {
            name: subject.parse().ok()?, // ignored: the line is of another version
            access: [FileAccess::Read, FileAccess::Write]
                .into_iter()
                .find(|access| rest == [access.as_str()])?,
        }),
        PermissionKind::Env => Permission::Env(EnvPermission {
            name: subject.parse().ok()?, // ignored: the line is of another version
        }),
        PermissionKind::Secrets => {
            let (hosts, reveal) = match rest.split_last() {
                Some((&"reveal", hosts)) => (hosts, true),
                Some(_) | None => (rest, false),
            };
            let hosts: Result<Vec<HttpOrigin>, _> = hosts.iter().map(|it| it.parse()).collect();
            Permission::Secrets(SecretPermission {
                name: subject.parse().ok()?, // ignored: the line is of another version
                hosts: hosts.ok()?,          // ignored: the line is of another version
                reveal,
            })
        }
        PermissionKind::Commands => Permission::Commands(CommandPermission {
            name: subject.parse().ok()?, // ignored: the line is of another version
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_read_as_it_was_written() {
        for line in [
            "models *",
            "http https://*.example.com GET HEAD",
            "http https://example.com",
            "sockets db.example.com:5432",
            "files inbox write",
            "files inbox read",
            "env HOME",
            "secrets TOKEN",
            "secrets TOKEN https://api.example.com reveal",
            "commands date",
        ] {
            let request = request(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(request.to_string(), line);
        }
        for other in [
            "",
            "models",
            "planets mars",
            "files inbox",
            "env A B C=D é=",
        ] {
            let read = request(other).map(|request| request.to_string());
            assert_ne!(read.as_deref(), Some(other));
        }
    }
}
