//! Lists the entries of the audit.

use sedge_api::view::audit::AuditEntryView;
use sedge_model::audit::AuditWord;
use sedge_store::{AuditFilter, AuditRecord, Scan};
use sedge_sys::clock::Timestamp;

use crate::cx::Cx;
use crate::data::scan::Through;
use crate::error::AppError;
use crate::views::time;

/// Which entries to list. Without a condition, all entries are listed.
#[derive(Debug, Clone, Default)]
pub struct AuditListRequest {
    /// If set, only what the user of this name did.
    pub actor: Option<String>,
    /// If set, only this.
    pub what: Option<AuditWord>,
    /// If set, only what was done to this: a model, a type, a secret, or a run with its gates.
    pub on: Option<String>,
    /// If set, only what was done at this time or later.
    pub since: Option<Timestamp>,
}

/// Passes the entries of the audit to `take`, the newest first, until `take` needs no more. Further
/// entries are not read.
///
/// # Errors
/// Returns an error if the datastore cannot be read. Errors of `take` are passed on.
pub fn audit_list<E: From<AppError>>(
    cx: &Cx,
    request: &AuditListRequest,
    mut take: impl FnMut(AuditEntryView) -> Result<Scan, E>,
) -> Result<(), E> {
    let filter = AuditFilter {
        actor: request.actor.clone(),
        what: request.what.map(|what| what.as_str().to_owned()),
        on: request.on.clone(),
        since: request.since,
    };
    let scanned = cx.repository.store()?.audit_scan(&filter, |record| {
        take(entry_view(record)).map_err(Through::Taker)
    });
    scanned.map_err(Through::into_error)
}

fn entry_view(record: AuditRecord) -> AuditEntryView {
    let AuditRecord { seq, at, entry } = record;
    AuditEntryView {
        seq,
        at: time(at),
        actor: entry.actor.name,
        uid: entry.actor.uid,
        what: entry.what,
        on: entry.on,
        detail: entry.detail,
    }
}
