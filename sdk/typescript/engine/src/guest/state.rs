//! What an instance has besides the script: resources of the host by handles, what waits for them,
//! timers, and random bytes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rquickjs::{Function, Persistent, Value};

use super::bindings::sedge::model::calls::Pending;
use super::bindings::sedge::model::commands::Process;
use super::bindings::sedge::model::data::{FileReader, FileWriter};
use super::bindings::wasi::filesystem::types::Descriptor;
use super::bindings::wasi::http::types::{FutureIncomingResponse, IncomingBody, OutgoingBody};
use super::bindings::wasi::io::poll::Pollable;
use super::bindings::wasi::io::streams::{InputStream, OutputStream};
use crate::ciphers::Hasher;
use crate::codecs::Codec;
use crate::timers::Timers;

/// The maximum number of resources that a call has at once.
///
/// The script makes them in a loop, perhaps without end, and the host counts them less precisely: it
/// would trap the call at its own limit of handles. It is far above what a call can use at once.
pub(super) const HANDLES_MAX: usize = 10_000;

/// The maximum number of timers that wait at once. Each holds a function of the script.
pub(super) const TIMERS_MAX: usize = 100_000;

pub(super) type SavedFunction = Persistent<Function<'static>>;
pub(super) type SavedValue = Persistent<Value<'static>>;

/// Whether the script is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The plugin is being built: the script is evaluated, and there is no host.
    Build,
    /// The plugin is called.
    Call,
}

/// A resource of the host.
pub(super) enum Resource {
    Call(Pending),
    Process(Process),
    Input(Input),
    Output(Output),
    Response(FutureIncomingResponse),
    Cancellation,
    Writer(FileWriter),
    Reader(FileReader),
    File(OpenFile),
    Codec(Codec),
    Hasher(Hasher),
}

/// A stream that is read. The fields are dropped in this order, as the host requires.
pub(super) struct Input {
    pub(super) stream: InputStream,
    /// The body that the stream is part of.
    pub(super) _body: Option<IncomingBody>,
}

/// A stream that is written. The fields are dropped in this order, as the host requires.
pub(super) struct Output {
    pub(super) stream: OutputStream,
    /// The body that the stream is part of.
    pub(super) body: Option<OutgoingBody>,
    pub(super) is_flushing: bool,
}

/// A file below a granted folder.
pub(super) struct OpenFile {
    pub(super) descriptor: Descriptor,
    pub(super) position: u64,
    pub(super) appends: bool,
}

/// What waits until a resource is ready.
pub(super) struct Wait {
    pub(super) pollable: Pollable,
    /// They are called with whether the resource is ready.
    pub(super) resolvers: Vec<SavedFunction>,
}

/// A promise that was rejected and that nothing handles.
pub(super) struct Rejection {
    pub(super) promise: SavedValue,
    pub(super) reason: SavedValue,
}

/// All of it.
pub(super) struct State {
    pub(super) phase: Phase,
    /// What waits, by the handle of its resource. It is dropped before the resources, as the host
    /// requires.
    pub(super) waits: BTreeMap<u32, Wait>,
    resources: BTreeMap<u32, Resource>,
    last_handle: u32,
    pub(super) timers: Timers<SavedFunction>,
    /// What the script has ended the call with.
    pub(super) aborted: Option<SavedValue>,
    pub(super) rejections: Vec<Rejection>,
    pub(super) on_unhandled: Option<SavedFunction>,
    /// The granted folders, once a call has asked for them.
    pub(super) folders: Option<Vec<(Descriptor, String)>>,
    /// The lines that were logged during the build.
    pub(super) lines: Vec<String>,
    /// Random bytes of this call that were not used yet.
    pub(super) random: Vec<u8>,
    /// The state of the sequence that stands for random numbers during the build.
    pub(super) sequence: u64,
}

thread_local! {
    static STATE: RefCell<State> = const { RefCell::new(State::new()) };
}

/// Calls a function with the state. The function must not call the script.
pub(super) fn with<T>(action: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(action)
}

impl State {
    const fn new() -> Self {
        Self {
            phase: Phase::Build,
            waits: BTreeMap::new(),
            resources: BTreeMap::new(),
            last_handle: 0,
            timers: Timers::new(),
            aborted: None,
            rejections: Vec::new(),
            on_unhandled: None,
            folders: None,
            lines: Vec::new(),
            random: Vec::new(),
            sequence: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// Returns whether there is room for another resource.
    pub(super) fn has_room(&self) -> bool {
        self.resources.len() < HANDLES_MAX && self.last_handle < u32::MAX
    }

    /// Adds a resource, and returns its handle.
    pub(super) fn add(&mut self, resource: Resource) -> u32 {
        self.last_handle += 1;
        self.resources.insert(self.last_handle, resource);
        self.last_handle
    }

    pub(super) fn resource(&mut self, handle: u32) -> Option<&mut Resource> {
        self.resources.get_mut(&handle)
    }

    /// Removes a resource, and what waits for it.
    pub(super) fn take(&mut self, handle: u32) -> (Option<Resource>, Vec<SavedFunction>) {
        // The pollable is dropped before the resource that it is made of.
        let wait = self.waits.remove(&handle);
        let resolvers = wait.map(|wait| wait.resolvers).unwrap_or_default();
        (self.resources.remove(&handle), resolvers)
    }
}
