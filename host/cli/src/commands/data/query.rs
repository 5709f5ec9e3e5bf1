//! `sedge data query`

use clap::Args;
use sedge_api::view::data::{DataQueryItem, DataQueryReport, DataVersionView};
use sedge_app::data::query::{DataMatch, DataQueryRequest, data_query};
use sedge_app::types::Timestamp;
use serde_json::Value;

use crate::commands::Run;
use crate::commands::data::search;
use crate::commands::shared::time_or_age;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// Find data by an expression over its metadata and content
///
/// The predicate is an expression in CEL, the Common Expression Language. It may use model, name,
/// version, latest, kind, spec, type, mediaType, size, digest, tags, lifetime, createdAt, run, job,
/// step, workflow, call, method, plugin, definition, environment, now, and attributes, which is the
/// content of a resource, or content, which is its text. The names that `swamp` has for them, such as
/// modelName, specName, dataType and isLatest, work too. A value that is missing matches nothing.
/// Unless the predicate uses version or latest, only the latest version of each name is searched.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sedge data query 'model == \"sink\" && attributes.size > 10'
  sedge data query 'tags.env == \"prod\" && createdAt > now - duration(\"24h\")' \\
      --select '{\"name\": name, \"owner\": attributes.owner}'")]
pub(crate) struct DataQueryArgs {
    /// The condition that a version has to meet
    predicate: String,
    /// Show the value of this expression for each match
    #[arg(long, value_name = "EXPR")]
    select: Option<String>,
    /// Find only data written since: an age such as 7d, or a time such as 2026-11-23T21:34:00Z
    #[arg(long, value_name = "TIME", value_parser = time_or_age)]
    since: Option<Timestamp>,
    /// Search all versions, not only the latest of each name
    #[arg(long)]
    all_versions: bool,
    #[command(flatten)]
    list: ListOptions,
}

impl Run for DataQueryArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let request = DataQueryRequest {
            predicate: self.predicate.clone(),
            select: self.select.clone(),
            since: self.since,
            all_versions: self.all_versions,
        };
        let heading: &[&str] = match self.select {
            Some(_) => &["model", "name", "version", "selected"],
            None => &search::HEADING,
        };
        let mut rows = Rows::new(cx, &self.list, heading);
        let app = cx.app()?;
        let mut n_found = 0;
        let report = cx.read(|progress| {
            data_query(&app, &request, |found| {
                n_found += 1;
                progress.count(n_found, "match");
                let DataMatch { version, item } = found;
                rows.push(&item, || match &item {
                    DataQueryItem::Version(version) => search::row(version),
                    DataQueryItem::Selected(value) => selected_row(&version, value),
                })
            })
        })?;
        let notes = notes(&report);
        let output = rows.output_with("No data matches.", report)?;
        Ok(notes.into_iter().fold(output, Output::note))
    }
}

/// Returns the notes on versions on which the query failed, and on selected values that are
/// missing.
fn notes(report: &DataQueryReport) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(faults) = &report.faults {
        let first = &faults.first;
        notes.push(format!(
            "The query fails on {} of {}, which do not match. The first is `{}` of `{}`, \
             version {}: {}:{}:{}: {}.",
            show::count(faults.count, "version"),
            report.looked,
            first.name,
            first.model,
            first.version,
            first.place.file,
            first.place.line,
            first.place.column,
            first.message,
        ));
    }
    if let Some(missing) = &report.missing {
        notes.push(format!(
            "In {} of {} a selected value is missing, first `{}`; it is null there.",
            show::count(missing.count, "version"),
            report.looked,
            missing.first,
        ));
    }
    notes
}

fn selected_row(record: &DataVersionView, value: &Value) -> Vec<String> {
    vec![
        record.model.clone(),
        guest_text::cell(&record.name),
        record.version.to_string(),
        guest_text::cell(&value.to_string()),
    ]
}
