//! Takes locks away from whoever has them.

use sedge_api::view::datastore::LocksReleased;
use sedge_locks::mode::Resource;
use sedge_locks::owner::Owner;
use sedge_locks::table::Place;
use sedge_model::names::ModelName;

use crate::datastore_lock_status;
use crate::error::AppError;
use crate::repository::Repository;
use crate::views::datastore::lock_view;

/// Takes all locks away from the calls that have `model` locked, or any lock where no model is
/// named, and returns what they had.
///
/// Those calls, and the calls below them, can write nothing more from then on: what they
/// would commit is refused as a whole. Whoever waits goes on at once. This locks nothing.
///
/// # Errors
/// `model` is no name, or the lock table or the datastore cannot be used.
pub fn datastore_lock_release(
    repository: &Repository,
    model: Option<&str>,
) -> Result<LocksReleased, AppError> {
    let model: Option<ModelName> = model.map(str::parse).transpose()?;
    let wanted = model.map(Resource::Model);
    let locks = repository.locks()?;
    let (epoch, mut all) = locks.entries()?;
    all.retain(|entry| entry.place == Place::Granted);
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
    let mut taken = datastore_lock_status::locks(repository)?;
    taken.retain(|status| status.who.has_it && is_taken(&status.who.owner));
    // What is below in the same run is fenced with its caller; in a run that joined a call, it is not.
    let joined = all.iter().map(|entry| &entry.request.owner);
    let joined = joined.filter(|owner| owner.under.is_some() && is_taken(owner));
    let lineages: Vec<_> = holders
        .iter()
        .chain(joined)
        .map(|owner| owner.lineage.clone())
        .collect();
    // First the fence: nobody else may go before it is certain that they write no more.
    repository.store()?.fence(&lineages)?;
    locks.release_by_force(epoch, &ids)?;
    Ok(LocksReleased {
        released: taken.iter().map(lock_view).collect(),
    })
}
