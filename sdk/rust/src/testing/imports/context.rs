//! The interface `context`.

pub(crate) use crate::bindings::sedge::model::context::*;

use super::super::permissions::Attempt;
use super::super::world::current;
use super::io::Pollable;

/// Returns the identity of the call that runs.
pub(crate) fn who() -> Identity {
    current(|world| Identity {
        model: world.model.clone(),
        model_id: world.model.clone(),
        type_: world.info.name.clone(),
        type_version: world.info.version.clone(),
        tags: world.tags.clone().into_iter().collect(),
        method: world.call().method.clone(),
        run: world.run(),
        call: world.call().id.clone(),
        step: None,
    })
}

/// Returns the time until the deadline, by the clock of the test.
pub(crate) fn deadline_left_ms() -> u64 {
    current(|world| world.call().deadline_ms.saturating_sub(world.now_ms))
}

/// Returns whether the test has asked the call to end.
pub(crate) fn cancelled() -> bool {
    current(|world| world.is_cancelled)
}

/// Returns a pollable that is ready once the test has asked the call to end.
pub(crate) fn subscribe_cancellation() -> Pollable {
    Pollable::cancellation()
}

/// Returns the path that the test has set for a folder.
pub(crate) fn folder(name: &str) -> Result<String, String> {
    current(|world| {
        world.permitted(&Attempt::Folder(name))?;
        let path = world.folders.get(name).ok_or_else(|| {
            world.not_granted(&Attempt::Folder(name), "the test sets no path for it")
        })?;
        Ok(path.to_string_lossy().into_owned())
    })
}

/// Returns the value that the test has set for a variable.
pub(crate) fn variable(name: &str) -> Result<Option<String>, String> {
    current(|world| {
        world.permitted(&Attempt::Variable(name))?;
        Ok(world.variables.get(name).cloned())
    })
}
