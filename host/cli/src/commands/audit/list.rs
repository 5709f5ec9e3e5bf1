//! `sedge audit list`

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use sedge_api::view::audit::AuditEntryView;
use sedge_app::audit::list::{AuditListRequest, audit_list};
use sedge_app::types::{AuditWord, Timestamp};

use crate::commands::Run;
use crate::commands::shared::{time_or_age, whole_number};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// The number of entries in a table, unless the user sets another one. In a longer table, the newest
/// entry would scroll out of view.
const ROWS_SHOWN: u64 = 20;

/// List what users did in this repository, newest first
#[derive(Debug, Args)]
pub(crate) struct AuditListArgs {
    /// Show only what this user did
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Show only entries of this kind
    #[arg(long, value_name = "WORD", value_parser = word())]
    what: Option<AuditWord>,
    /// Show only what was done to this model, type or secret, or to this run (its whole id) and its
    /// gates
    #[arg(long, value_name = "NAME")]
    on: Option<String>,
    /// Show only entries since: an age such as 7d, or a time such as 2026-11-23T21:34:00Z
    #[arg(long, value_name = "TIME", value_parser = time_or_age)]
    since: Option<Timestamp>,
    /// Show at most N entries [default: 20 in a table, else all]
    #[arg(long, short = 'n', value_name = "N", value_parser = whole_number)]
    limit: Option<u64>,
    /// Write one JSON document per line to stdout while entries are found
    #[arg(long)]
    json_lines: bool,
}

/// Returns the parser of a word of the audit.
fn word() -> impl TypedValueParser<Value = AuditWord> {
    let words = AuditWord::ALL.iter();
    let words = words.map(|it| PossibleValue::new(it.as_str()).help(it.meaning()));
    PossibleValuesParser::new(words).map(|word| {
        let mut all = AuditWord::ALL.iter().copied();
        let found = all.find(|it| it.as_str() == word);
        found.expect("the parser accepts only words of the list")
    })
}

impl Run for AuditListArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let is_filtered = self.actor.is_some()
            || self.what.is_some()
            || self.on.is_some()
            || self.since.is_some();
        let request = AuditListRequest {
            actor: self.actor,
            what: self.what,
            on: self.on,
            since: self.since,
        };
        let heading = ["when", "by", "what", "on", "detail"];
        let in_table = !cx.json && !self.json_lines;
        let limit = self.limit.or(in_table.then_some(ROWS_SHOWN));
        let options = ListOptions::new(limit, self.json_lines);
        let mut rows = Rows::new(cx, &options, &heading);
        audit_list(&cx.app()?, &request, |entry| {
            rows.push(&entry, || row(&entry))
        })?;
        rows.output(match is_filtered {
            true => "No entry of the audit matches.",
            false => "The audit has no entries yet.",
        })
    }
}

fn row(entry: &AuditEntryView) -> Vec<String> {
    vec![
        show::time_in_table(entry.at),
        entry.actor.clone(),
        entry.what.clone(),
        entry.on.clone(),
        entry.detail.clone().unwrap_or_default(),
    ]
}
