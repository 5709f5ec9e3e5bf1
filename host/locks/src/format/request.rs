//! The formats of owners and requests, which are parts of the journal and of passes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::FormatError;
use crate::mode::{Mode, Resource};
use crate::owner::Owner;
use crate::table::{LockRequest, QueuePlace, RequestId, TableEntry};

/// A call in a session: `{"session": "388701da4aaefe0a", "lineage": "k3v9q2x8w1mz/1"}`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredOwner<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    under: Option<Box<StoredOwner<'a>>>,
    #[serde(borrow)]
    session: Cow<'a, str>,
    #[serde(borrow)]
    lineage: Cow<'a, str>,
}

impl From<&Owner> for StoredOwner<'_> {
    fn from(owner: &Owner) -> Self {
        let Owner {
            under,
            session,
            lineage,
        } = owner;
        Self {
            under: under.as_deref().map(|under| Box::new(under.into())),
            session: session.to_string().into(),
            lineage: lineage.to_string().into(),
        }
    }
}

impl TryFrom<StoredOwner<'_>> for Owner {
    type Error = FormatError;

    fn try_from(stored: StoredOwner<'_>) -> Result<Self, FormatError> {
        let StoredOwner {
            under,
            session,
            lineage,
        } = stored;
        let under = under.map(|under| Self::try_from(*under).map(Box::new));
        Ok(Self {
            under: under.transpose()?,
            session: session.parse()?,
            lineage: lineage.parse()?,
        })
    }
}

/// `"datastore"`, or `{"model": "sink"}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredResource<'a> {
    Datastore,
    Model(#[serde(borrow)] Cow<'a, str>),
}

impl<'a> From<&'a Resource> for StoredResource<'a> {
    fn from(resource: &'a Resource) -> Self {
        match resource {
            Resource::Datastore => Self::Datastore,
            Resource::Model(name) => Self::Model(name.as_str().into()),
        }
    }
}

impl TryFrom<StoredResource<'_>> for Resource {
    type Error = FormatError;

    fn try_from(stored: StoredResource<'_>) -> Result<Self, FormatError> {
        Ok(match stored {
            StoredResource::Datastore => Self::Datastore,
            StoredResource::Model(name) => Self::Model(name.parse()?),
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum StoredMode {
    IS,
    IX,
    S,
    X,
}

impl From<Mode> for StoredMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::IS => Self::IS,
            Mode::IX => Self::IX,
            Mode::S => Self::S,
            Mode::X => Self::X,
        }
    }
}

impl From<StoredMode> for Mode {
    fn from(stored: StoredMode) -> Self {
        match stored {
            StoredMode::IS => Self::IS,
            StoredMode::IX => Self::IX,
            StoredMode::S => Self::S,
            StoredMode::X => Self::X,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredPlace {
    Granted,
    Overtaking,
    Waiting,
}

impl From<QueuePlace> for StoredPlace {
    fn from(place: QueuePlace) -> Self {
        match place {
            QueuePlace::Granted => Self::Granted,
            QueuePlace::Overtaking => Self::Overtaking,
            QueuePlace::Waiting => Self::Waiting,
        }
    }
}

impl From<StoredPlace> for QueuePlace {
    fn from(stored: StoredPlace) -> Self {
        match stored {
            StoredPlace::Granted => Self::Granted,
            StoredPlace::Overtaking => Self::Overtaking,
            StoredPlace::Waiting => Self::Waiting,
        }
    }
}

/// The owner, the resource, the mode and the method of a request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredRequest<'a> {
    #[serde(borrow)]
    owner: StoredOwner<'a>,
    #[serde(borrow)]
    resource: StoredResource<'a>,
    mode: StoredMode,
    #[serde(borrow)]
    what: Cow<'a, str>,
}

impl<'a> From<&'a LockRequest> for StoredRequest<'a> {
    fn from(request: &'a LockRequest) -> Self {
        let LockRequest {
            owner,
            resource,
            mode,
            what,
        } = request;
        Self {
            owner: owner.into(),
            resource: resource.into(),
            mode: (*mode).into(),
            what: what.into(),
        }
    }
}

impl TryFrom<StoredRequest<'_>> for LockRequest {
    type Error = FormatError;

    fn try_from(stored: StoredRequest<'_>) -> Result<Self, FormatError> {
        let StoredRequest {
            owner,
            resource,
            mode,
            what,
        } = stored;
        Ok(Self {
            owner: owner.try_into()?,
            resource: resource.try_into()?,
            mode: mode.into(),
            what: what.into_owned(),
        })
    }
}

/// A request in the table, with its number and its place.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredEntry<'a> {
    id: u64,
    place: StoredPlace,
    since: u64,
    #[serde(borrow)]
    request: StoredRequest<'a>,
}

impl<'a> From<&'a TableEntry> for StoredEntry<'a> {
    fn from(entry: &'a TableEntry) -> Self {
        let TableEntry {
            id,
            place,
            since,
            request,
        } = entry;
        Self {
            id: id.0,
            place: (*place).into(),
            since: *since,
            request: request.into(),
        }
    }
}

impl TryFrom<StoredEntry<'_>> for TableEntry {
    type Error = FormatError;

    fn try_from(stored: StoredEntry<'_>) -> Result<Self, FormatError> {
        let StoredEntry {
            id,
            place,
            since,
            request,
        } = stored;
        Ok(Self {
            id: RequestId(id),
            place: place.into(),
            since,
            request: request.try_into()?,
        })
    }
}
