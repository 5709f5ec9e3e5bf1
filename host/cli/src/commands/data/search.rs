//! `sedge data search`

use clap::Args;
use sedge_api::view::data::DataVersionView;
use sedge_app::data::data_search;
use sedge_app::types::{RunId, Selection, Timestamp};

use crate::commands::Run;
use crate::commands::shared::time_or_age;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// Find data by its metadata
///
/// Searches the latest version of each name by default; all conditions must hold.
/// `sedge data query` finds data by its content.
#[derive(Debug, Args)]
pub(crate) struct DataSearchArgs {
    /// Find only data of this model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Find only data whose name begins with this text
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Find only data with this tag; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// Find only data written by models of this type
    #[arg(long = "type", value_name = "TYPE")]
    type_name: Option<String>,
    /// Find only data of this resource or file spec
    #[arg(long, value_name = "SPEC")]
    spec: Option<String>,
    /// Find only data of this kind: resource or file
    #[arg(long, value_name = "KIND", value_parser = ["resource", "file"])]
    kind: Option<String>,
    /// Find only data written by this run; searches all versions
    #[arg(long, value_name = "ID")]
    run: Option<RunId>,
    /// Find only data written since: an age such as 7d, or a time such as 2026-11-23T21:34:00Z
    #[arg(long, value_name = "TIME", value_parser = time_or_age)]
    since: Option<Timestamp>,
    /// Find only data written before: an age or a time
    #[arg(long, value_name = "TIME", value_parser = time_or_age)]
    before: Option<Timestamp>,
    /// Search all versions, not only the latest of each name
    #[arg(long)]
    all_versions: bool,
    #[command(flatten)]
    list: ListOptions,
}

impl Run for DataSearchArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let only_latest = !self.all_versions && self.run.is_none();
        let selection = Selection {
            model: self.model.clone(),
            name_prefix: self.prefix.clone(),
            spec: self.spec.clone(),
            kind: self.kind.clone(),
            type_name: self.type_name.clone(),
            run: self.run.as_ref().map(ToString::to_string),
            tags: self.tags.clone(),
            created_from_ms: self.since.map(|since| since.0),
            created_before_ms: self.before.map(|before| before.0),
            latest: only_latest.then_some(true),
            ..Selection::default()
        };
        let mut rows = Rows::new(cx, &self.list, &HEADING);
        let app = cx.app()?;
        cx.read(|_| {
            data_search(&app, &selection, |version| {
                rows.push(&version, || row(&version))
            })
        })?;
        rows.output("No data matches.")
    }
}

/// The heading of [`row`].
pub(crate) const HEADING: [&str; 7] = [
    "model", "name", "version", "kind", "spec", "size", "written",
];

/// Returns a version as a row.
pub(crate) fn row(record: &DataVersionView) -> Vec<String> {
    vec![
        record.model.clone(),
        guest_text::cell(&record.name),
        record.version.to_string(),
        record.kind.as_str().to_owned(),
        record.spec.clone(),
        show::bytes(record.size),
        show::time_in_table(record.created_at),
    ]
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("it is not a tag of the form KEY=VALUE".to_owned()),
    }
}
