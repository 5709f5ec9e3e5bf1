//! Takes locks away from their holders.

use sedge_api::view::datastore::LocksReleased;
use sedge_locks::mode::Resource;
use sedge_locks::owner::Owner;
use sedge_locks::table::QueuePlace;
use sedge_model::audit::AuditWord;
use sedge_model::names::ModelName;

use crate::audit::{ON_DATASTORE, audit_entry};
use crate::cx::Cx;
use crate::datastore::lock_status;
use crate::datastore::view::lock_view;
use crate::error::AppError;

/// Takes all locks away from the calls that hold a lock on `model`, and returns the locks. If no
/// model is given, this applies to all calls that hold a lock.
///
/// Those calls and their callees are fenced off: the store rejects each of their commits as a
/// whole. This includes processes that their commands start, also later. Calls that wait for the
/// locks are granted them at once. This function itself needs no lock.
///
/// # Errors
/// Returns an error if `model` is not a valid name, or if the lock table or the datastore cannot be
/// used.
pub fn datastore_lock_release(cx: &Cx, model: Option<&str>) -> Result<LocksReleased, AppError> {
    let model: Option<ModelName> = model.map(str::parse).transpose()?;
    let on = model
        .as_ref()
        .map_or(ON_DATASTORE, ModelName::as_str)
        .to_owned();
    let wanted = model.map(Resource::Model);
    let locks = cx.repository.locks()?;
    let (epoch, mut all) = locks.entries()?;
    all.retain(|entry| entry.place == QueuePlace::Granted);
    let holders: Vec<_> = all
        .iter()
        .filter(|entry| {
            let resource = &entry.request.resource;
            wanted.as_ref().is_none_or(|wanted| wanted == resource)
        })
        .map(|entry| entry.request.owner.clone())
        .collect();
    if holders.is_empty() {
        return Ok(LocksReleased {
            released: Vec::new(),
        });
    }
    let is_taken = |owner: &Owner| holders.iter().any(|holder| holder.covers(owner));
    let ids: Vec<_> = all
        .iter()
        .filter(|entry| is_taken(&entry.request.owner))
        .map(|entry| entry.id)
        .collect();
    let mut taken = lock_status::locks(&cx.repository)?;
    taken.retain(|status| status.who.has_it && is_taken(&status.who.owner));
    // The fence of a call is also that of its callees, and of the processes that its commands have
    // started or will start.
    let lineages: Vec<_> = holders.iter().map(|owner| owner.lineage.clone()).collect();
    // The fence comes first: no other call may be granted the locks before the former holders are
    // certain not to write. Its transaction has the entry of the audit, which therefore exists
    // whenever a call has been fenced off.
    let entry = audit_entry(cx, AuditWord::LocksReleased, &on, Some(held_by(&holders)))?;
    cx.repository.store()?.fence(&lineages, &entry)?;
    locks.release_by_force(epoch, &ids)?;
    Ok(LocksReleased {
        released: taken.iter().map(lock_view).collect(),
    })
}

/// Returns the calls that lost their locks, each once.
fn held_by(holders: &[Owner]) -> String {
    let mut calls: Vec<String> = holders.iter().map(|it| it.lineage.to_string()).collect();
    calls.sort();
    calls.dedup();
    format!("held by {}", calls.join(", "))
}
