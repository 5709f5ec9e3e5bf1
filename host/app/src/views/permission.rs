//! Views of permissions and grants.

use sedge_api::view::permission::{
    FileAccessView, FolderGrantView, GrantsView, HttpGrantView, PermissionRequestView,
    PermissionView, SecretGrantView, SocketGrantView,
};
use sedge_model::permission::grants::{AddressRange, Grants};
use sedge_model::permission::{
    CommandPermission, EnvPermission, FileAccess, FolderPermission, HttpPermission,
    ModelPermission, Permission, PermissionRequest, RevealPermission, SecretPermission,
    SocketPermission, WorkflowPermission,
};

/// Returns the view of a requested permission.
pub(crate) fn permission_view(permission: &Permission) -> PermissionView {
    match permission {
        Permission::Models(ModelPermission { model }) => PermissionView::Models {
            model: model.to_string(),
        },
        Permission::Workflows(WorkflowPermission { workflow }) => PermissionView::Workflows {
            workflow: workflow.to_string(),
        },
        Permission::Http(HttpPermission { url, methods }) => PermissionView::Http {
            url: url.to_string(),
            methods: methods.clone(),
        },
        Permission::Sockets(SocketPermission { to }) => {
            PermissionView::Sockets { to: to.to_string() }
        }
        Permission::Files(FolderPermission { name, access }) => PermissionView::Files {
            name: name.to_string(),
            access: access_view(*access),
        },
        Permission::Env(EnvPermission { name }) => PermissionView::Env {
            name: name.to_string(),
        },
        Permission::Secrets(SecretPermission {
            name,
            hosts,
            reveal,
        }) => PermissionView::Secrets {
            name: name.to_string(),
            hosts: texts(hosts),
            reveal: *reveal,
        },
        Permission::Commands(CommandPermission { name }) => PermissionView::Commands {
            name: name.to_string(),
        },
        Permission::Reveal(RevealPermission { what }) => PermissionView::Reveal {
            what: what.to_string(),
        },
    }
}

fn access_view(access: FileAccess) -> FileAccessView {
    match access {
        FileAccess::Read => FileAccessView::Read,
        FileAccess::Write => FileAccessView::Write,
    }
}

/// Returns the view of a requested permission, with the plugin's reason.
#[must_use]
pub fn request_view(request: &PermissionRequest) -> PermissionRequestView {
    PermissionRequestView {
        permission: permission_view(&request.permission),
        reason: request.reason.raw().into(),
    }
}

/// Returns the view of the operator's grants.
pub(crate) fn grants_view(grants: &Grants) -> GrantsView {
    // A new kind does not compile here until the view has it, too.
    let Grants {
        models,
        workflows,
        http,
        sockets,
        files,
        env,
        secrets,
        commands,
        reveal,
    } = grants;
    let http = http.iter().map(|grant| HttpGrantView {
        url: grant.url.to_string(),
        methods: grant.methods.clone(),
        addresses: ranges(&grant.addresses),
    });
    let sockets = sockets.iter().map(|grant| SocketGrantView {
        to: grant.to.to_string(),
        addresses: ranges(&grant.addresses),
    });
    let files = files.iter().map(|grant| FolderGrantView {
        name: grant.name.to_string(),
        path: grant.path.clone(),
        access: access_view(grant.access),
    });
    let secrets = secrets.iter().map(|grant| SecretGrantView {
        name: grant.name.to_string(),
        hosts: texts(&grant.hosts),
        reveal: grant.reveal,
    });
    GrantsView {
        models: texts(models),
        workflows: texts(workflows),
        http: http.collect(),
        sockets: sockets.collect(),
        files: files.collect(),
        env: texts(env),
        secrets: secrets.collect(),
        commands: texts(commands),
        reveal: texts(reveal),
    }
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn ranges(addresses: &[AddressRange]) -> Vec<String> {
    addresses.iter().map(|range| (*range).into()).collect()
}
