//! `sedge model permissions`

use clap::Args;
use sedge_api::view::model::{ModelPermissionView, ModelPermissions};
use sedge_app::model::permissions::model_permissions;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::{Output, table_of_whole_cells};
use crate::permission_text::permission_cells;
use crate::screen::Screen;
use crate::show;

/// Show the permissions of a model: requested, granted and last used
#[derive(Debug, Args)]
pub(crate) struct ModelPermissionsArgs {
    /// The model
    name: String,
}

impl Run for ModelPermissionsArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let report = cx.wait(model_permissions(&app, &self.name))?;
        if report.permissions.is_empty() {
            let note = format!(
                "{} requests no permission, so its models have no access outside of their sandbox.",
                report.type_name
            );
            return Ok(Output::new(report).note(note));
        }
        let text = permissions_table(&cx.screen, &report.permissions);
        let note = summary(&report);
        Ok(Output::new(report).text(text).note(note))
    }
}

/// Returns what a model's plugin requests, and what the model may do, as a table. It is empty if the
/// plugin requests nothing.
pub(crate) fn permissions_table(screen: &Screen, permissions: &[ModelPermissionView]) -> String {
    if permissions.is_empty() {
        return String::new();
    }
    let heading = ["KIND", "ASKS FOR", "MAY", "LAST USED", "WHY"];
    table_of_whole_cells(screen, &heading, permissions.iter().map(row))
}

fn row(requested: &ModelPermissionView) -> Vec<String> {
    let (kind, what) = permission_cells(&requested.permission);
    let may = if requested.effective.is_empty() {
        "-".to_owned()
    } else {
        requested.effective.join("; ")
    };
    vec![
        kind.to_owned(),
        what,
        may,
        requested.last_used.map_or("-".to_owned(), show::time),
        guest_text::cell(requested.reason.raw()),
    ]
}

fn summary(report: &ModelPermissions) -> String {
    let ModelPermissions {
        model,
        type_name,
        permissions,
    } = report;
    if permissions.iter().all(|it| !it.effective.is_empty()) {
        return format!("Everything that {type_name} requests is granted.");
    }
    format!(
        "hint: grant what is missing under `grants:` in models/{model}.yaml, or under `plugins: {{\"{type_name}\": {{grants: ...}}}}` in sedge.yaml for all models of the type"
    )
}
