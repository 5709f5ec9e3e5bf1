//! Views of plugins.

use sedge_api::view::plugin::{
    CheckSpecView, FileSpecView, KeepView, MethodKindView, MethodView, OnViolationView,
    PluginListed, PluginView, ReportScopeView, ReportSpecView, ResourceSpecView, RetentionView,
    UpgradeSpecView,
};
use sedge_lang::type_info::{
    CheckSpec, FileSpec, MethodKind, MethodSpec, OnViolation, ReportSpec, ResourceSpec, UpgradeSpec,
};
use sedge_model::lifetime::{Keep, Retention};
use sedge_model::report::ReportScope;
use sedge_runtime::PluginDescription;

use crate::plugin::asked::n_granted;
use crate::plugin::loaded::PinnedPlugin;
use crate::views::permission::{grants_view, request_view};

/// Returns the view of a plugin's description of itself.
pub(crate) fn plugin_view(description: &PluginDescription) -> PluginView {
    let info = &description.type_info;
    PluginView {
        name: info.name.to_string(),
        version: info.version.to_string(),
        description: info.description.raw().into(),
        global_arguments: info.global_arguments.clone(),
        methods: info.methods.iter().map(method_view).collect(),
        resources: info.resources.iter().map(resource_view).collect(),
        files: info.files.iter().map(file_view).collect(),
        permissions: info.permissions.iter().map(request_view).collect(),
        checks: info.checks.iter().map(check_view).collect(),
        upgrades: info.upgrades.iter().map(upgrade_view).collect(),
        reports: info.reports.iter().map(report_view).collect(),
        sha256: description.sha256.clone(),
        contract: description.contract.clone(),
    }
}

fn check_view(check: &CheckSpec) -> CheckSpecView {
    CheckSpecView {
        name: check.name.to_string(),
        description: check.description.raw().into(),
        applies_to: check.applies_to.iter().map(ToString::to_string).collect(),
        labels: check.labels.iter().map(ToString::to_string).collect(),
    }
}

pub(crate) fn upgrade_view(step: &UpgradeSpec) -> UpgradeSpecView {
    UpgradeSpecView {
        to_version: step.to_version.to_string(),
        description: step.description.raw().into(),
    }
}

fn report_view(report: &ReportSpec) -> ReportSpecView {
    ReportSpecView {
        name: report.name.to_string(),
        description: report.description.raw().into(),
        scope: match report.scope {
            ReportScope::Method => ReportScopeView::Method,
            ReportScope::Model => ReportScopeView::Model,
            ReportScope::Workflow => ReportScopeView::Workflow,
        },
    }
}

fn method_view(method: &MethodSpec) -> MethodView {
    MethodView {
        name: method.name.to_string(),
        kind: match method.kind {
            MethodKind::Read => MethodKindView::Read,
            MethodKind::Observe => MethodKindView::Observe,
            MethodKind::Create => MethodKindView::Create,
            MethodKind::Update => MethodKindView::Update,
            MethodKind::Delete => MethodKindView::Delete,
            MethodKind::Action => MethodKindView::Action,
        },
        description: method.description.raw().into(),
        arguments: method.arguments.clone(),
    }
}

fn resource_view(spec: &ResourceSpec) -> ResourceSpecView {
    ResourceSpecView {
        name: spec.name.to_string(),
        description: spec.description.raw().into(),
        schema: spec.schema.clone(),
        on_violation: match spec.on_violation {
            OnViolation::Refuse => OnViolationView::Refuse,
            OnViolation::Warn => OnViolationView::Warn,
        },
        retention: retention_view(&spec.retention),
    }
}

fn file_view(spec: &FileSpec) -> FileSpecView {
    FileSpecView {
        name: spec.name.to_string(),
        description: spec.description.raw().into(),
        media_type: spec.media_type.clone(),
        retention: retention_view(&spec.retention),
    }
}

fn retention_view(retention: &Retention) -> Option<RetentionView> {
    (!retention.is_empty()).then(|| RetentionView {
        lifetime: retention.lifetime.map(|it| it.to_string()),
        garbage_collection: retention.keep.map(|keep| match keep {
            Keep::Versions(n) => KeepView::Versions(n.get()),
            Keep::Age(age) => KeepView::Age(age.to_string()),
        }),
        tags: retention.tags.clone(),
    })
}

/// Returns the view of a pinned plugin.
pub(crate) fn plugin_listed(plugin: &PinnedPlugin<'_>) -> PluginListed {
    let PinnedPlugin {
        type_name,
        pinned,
        is_here,
    } = *plugin;
    PluginListed {
        type_name: type_name.to_string(),
        version: pinned.version.to_string(),
        sha256: pinned.sha256.to_string(),
        contract: pinned.contract.clone(),
        source: pinned.source.clone(),
        asked: pinned.asked.clone(),
        n_requested: pinned.asked.len(),
        n_granted: n_granted(pinned),
        grants: grants_view(&pinned.grants),
        is_here,
    }
}
