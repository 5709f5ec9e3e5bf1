//! `sedge data versions`

use clap::Args;
use sedge_api::view::data::DataVersionView;
use sedge_app::data::versions::data_versions;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// List the versions of data, newest first
#[derive(Debug, Args)]
pub(crate) struct DataVersionsArgs {
    /// The model
    model: String,
    /// The name of the data
    name: String,
    #[command(flatten)]
    list: ListOptions,
}

impl Run for DataVersionsArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let heading = ["version", "kind", "size", "written", "by call"];
        let mut rows = Rows::new(cx, &self.list, &heading);
        let app = cx.app()?;
        let mut renamed = None;
        cx.read(|_| {
            data_versions(&app, &self.model, &self.name, |version| {
                if version.name != self.name {
                    renamed.get_or_insert_with(|| version.name.clone());
                }
                let row = || {
                    vec![
                        version.version.to_string(),
                        version.kind.as_str().to_owned(),
                        show::bytes(version.size),
                        show::time_in_table(version.created_at),
                        origin_text(&version),
                    ]
                };
                rows.push(&version, row)
            })
        })?;
        let output = rows.output("")?;
        Ok(match renamed {
            Some(name) => output.note(format!("`{}` was renamed to `{name}`.", self.name)),
            None => output,
        })
    }
}

/// Returns the call that wrote a version, or the version that it was restored from.
fn origin_text(version: &DataVersionView) -> String {
    match &version.restored_from {
        Some(from) => format!("restored from {} by {}", from.version, from.by),
        None => version.written_by.call.clone(),
    }
}
