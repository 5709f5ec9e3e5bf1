//! A store on a disk that records all operations, and fails on demand.

use std::sync::Arc;

use sedge_store::Medium;

use crate::disk::RecordedDisk;
use crate::images::{Image, Place};
use crate::recorder::Recorder;
use crate::vfs::Vfs;

/// A folder with a recorder for both ways of access.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) place: Place,
    pub(crate) recorder: Arc<Recorder>,
    vfs: Vfs,
}

impl Rig {
    /// Starts with an image, which is durable.
    pub(crate) fn new(start: &Image) -> Self {
        let place = start.place();
        let recorder = Arc::new(Recorder::new(place.folder.path(), start));
        let vfs = Vfs::new(&recorder);
        Self {
            place,
            recorder,
            vfs,
        }
    }

    /// Returns the medium for opening a store.
    pub(crate) fn medium(&self) -> Medium {
        let share = || self.place.folder.share().expect("a descriptor is left");
        let disk = RecordedDisk {
            folder: share(),
            recorder: Arc::clone(&self.recorder),
        };
        let medium = Medium::between(&share(), Arc::new(disk), self.vfs.name());
        medium.expect("a descriptor is left")
    }
}
