//! The context of a use case: the repository, the user, the clock, and the way back to the front
//! end.
//!
//! Every use case that works on a repository takes a [`Cx`] first. A front end makes one for each
//! command or request. A use case asks for the user, the time and a request to stop only here, so
//! that a server can act for many users and a test can set the time.

use std::sync::Arc;

use sedge_locks::joined::Joined;
use sedge_model::run::Actor;
use sedge_sys::clock::Clock;

use crate::cancel::Cancel;
use crate::error::{AppError, LockUseError};
use crate::events::{Event, EventSink, Events, ReportedEvent};
use crate::repository::Repository;

/// The context of a use case. Clones share everything.
#[derive(Debug, Clone)]
pub struct Cx {
    /// The repository that the use case works on.
    pub repository: Arc<Repository>,
    /// The authenticated user who requested the use case.
    pub actor: Actor,
    /// The clock that decides about deadlines, ages and times in records.
    pub clock: Clock,
    /// What passes the events of the use case on to the front end.
    pub events: EventSink,
    /// The request that the use case stops.
    pub cancel: Cancel,
}

impl Cx {
    /// Returns the context of a use case that `actor` requests: with the clock of the repository,
    /// without a receiver of events, and with a request to stop that was not made yet.
    #[must_use]
    pub fn new(repository: Arc<Repository>, actor: Actor) -> Self {
        let clock = repository.clock().clone();
        Self {
            repository,
            actor,
            events: EventSink::new(Arc::new(Discarded), clock.clone()),
            clock,
            cancel: Cancel::new(),
        }
    }

    /// Returns the same context for another user.
    #[must_use]
    pub fn with_actor(&self, actor: Actor) -> Self {
        Self {
            actor,
            ..self.clone()
        }
    }

    /// Returns the same context with another receiver of events.
    #[must_use]
    pub fn with_events(&self, receiver: Arc<dyn Events>) -> Self {
        Self {
            events: EventSink::new(receiver, self.clock.clone()),
            ..self.clone()
        }
    }

    /// Returns the same context with another request to stop.
    #[must_use]
    pub fn with_cancel(&self, cancel: Cancel) -> Self {
        Self {
            cancel,
            ..self.clone()
        }
    }

    /// Returns the user for a record. If the command of a call runs this process, the name of the
    /// call follows the name of the user. A process that has outlived its call is recorded as such.
    ///
    /// # Errors
    /// Returns an error if the token of the call cannot be read.
    pub(crate) fn recorded_actor(&self) -> Result<Actor, AppError> {
        match self.repository.joined() {
            Ok(joined) => Ok(self.actor_below(joined.as_ref())),
            Err(AppError::Lock(LockUseError::TokenVoid(_))) => Ok(self.actor.below_ended_call()),
            Err(error) => Err(error),
        }
    }

    /// Returns the user for a record, with the call that this process works on behalf of, if any.
    pub(crate) fn actor_below(&self, joined: Option<&Joined>) -> Actor {
        match joined {
            Some(joined) => self.actor.below_call(&joined.caller.to_string()),
            None => self.actor.clone(),
        }
    }

    /// Reports an event to the front end.
    pub(crate) fn event(&self, event: Event) {
        self.events.event(event);
    }
}

/// Discards all events.
struct Discarded;

impl Events for Discarded {
    fn event(&self, _: ReportedEvent) {}
}
