//! The world of a test: what its plugin can reach, and what it has done.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

use serde_json::Value;

use crate::bindings::exports::sedge::model::model::{Permission, TypeInfo};
use crate::bindings::sedge::model::data::DataError;
use crate::bindings::sedge::model::types::{MethodKind, Written};
use crate::{Level, ModelDefinition, Violation};

use super::data::{Change, Store};
use super::permissions::Attempt;
use super::script::Scripts;

/// The id of the run of all calls of a test.
const RUN: &str = "000000000000";

/// The time at which the clock of a test begins: 2026-01-01T00:00:00Z.
const CLOCK_BEGINS_MS: u64 = 1_767_225_600_000;

/// How long a call may take by the clock of the test, unless the test sets another limit. It is the
/// default in production.
const TIME_LIMIT_MS: u64 = 300_000;

/// What the plugin of a test can reach, and what it has done.
pub(crate) struct World {
    pub(super) model: String,
    pub(super) info: TypeInfo,
    pub(super) global_arguments: Value,
    pub(super) now_ms: u64,
    pub(super) time_limit_ms: u64,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) folders: BTreeMap<String, PathBuf>,
    pub(super) secrets: BTreeMap<String, Vec<u8>>,
    /// The permissions that the test does not grant, although the type requests them.
    pub(super) denied: Vec<Permission>,
    pub(super) data: Store,
    pub(super) n_files_open: u64,
    /// The tags of the definition.
    pub(super) tags: BTreeMap<String, String>,
    /// The definitions of other models.
    pub(super) definitions: Vec<ModelDefinition>,
    /// Whether the test has asked the call to end.
    pub(super) is_cancelled: bool,
    pub(super) log: Vec<LogEntry>,
    pub(super) scripts: Scripts,
    placeholders: Vec<Placeholder>,
    n_calls: u32,
    call: Option<RunningCall>,
}

/// A method or a check that runs.
#[derive(Debug)]
pub(super) struct RunningCall {
    pub(super) method: String,
    pub(super) kind: MethodKind,
    pub(super) part: Part,
    pub(super) id: String,
    pub(super) deadline_ms: u64,
    pub(super) staged: Vec<Change>,
    /// For each name that was read or staged, the latest version at that time.
    pub(super) bases: BTreeMap<String, Option<u64>>,
    pub(super) written: Vec<Written>,
    /// The values of sealed fields that the call has read or written, as texts.
    pub(super) sealed_seen: Vec<String>,
}

/// What of a type runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Method,
    Check,
}

impl RunningCall {
    /// Returns whether the call may write data.
    pub(super) fn may_write(&self) -> bool {
        self.part == Part::Method && self.kind != MethodKind::Read
    }

    /// Returns whether the call may run workflows.
    pub(super) fn may_change(&self) -> bool {
        self.may_write() && self.kind != MethodKind::Observe
    }

    /// Returns the kind of the method as a word.
    pub(super) fn kind_word(&self) -> &'static str {
        super::kind_word(self.kind)
    }

    /// Returns whether the call may call a method of this kind.
    pub(super) fn may_call(&self, callee: MethodKind) -> bool {
        match self.kind {
            MethodKind::Read => callee == MethodKind::Read,
            MethodKind::Observe => matches!(callee, MethodKind::Read | MethodKind::Observe),
            MethodKind::Create | MethodKind::Update | MethodKind::Delete | MethodKind::Action => {
                true
            }
        }
    }
}

/// A line of the log of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// The level.
    pub level: Level,
    /// The message.
    pub message: String,
    /// The named values.
    pub fields: Vec<(String, Value)>,
}

/// A text that stands for a secret in requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placeholder {
    pub(super) secret: String,
    /// For the credentials of HTTP Basic.
    pub(super) user: Option<String>,
}

impl World {
    pub(super) fn new(info: TypeInfo) -> Self {
        let name = &info.name;
        let model = name.rsplit_once('/').map_or(name.as_str(), |(_, it)| it);
        Self {
            model: model.to_owned(),
            info,
            global_arguments: Value::Object(serde_json::Map::new()),
            now_ms: CLOCK_BEGINS_MS,
            time_limit_ms: TIME_LIMIT_MS,
            variables: BTreeMap::new(),
            folders: BTreeMap::new(),
            secrets: BTreeMap::new(),
            denied: Vec::new(),
            data: Store::default(),
            n_files_open: 0,
            tags: BTreeMap::new(),
            definitions: Vec::new(),
            is_cancelled: false,
            log: Vec::new(),
            scripts: Scripts::default(),
            placeholders: Vec::new(),
            n_calls: 0,
            call: None,
        }
    }

    pub(super) fn run(&self) -> String {
        RUN.to_owned()
    }

    /// Returns the call that runs.
    pub(super) fn call(&self) -> &RunningCall {
        self.call.as_ref().expect(OUTSIDE)
    }

    pub(super) fn call_mut(&mut self) -> &mut RunningCall {
        self.call.as_mut().expect(OUTSIDE)
    }

    /// Begins a call. Returns the one that ran before, if a handler of the test starts another one.
    pub(super) fn call_begin(
        &mut self,
        method: &str,
        kind: MethodKind,
        part: Part,
    ) -> Option<RunningCall> {
        if part == Part::Method {
            self.n_calls += 1;
        }
        self.call.replace(RunningCall {
            method: method.to_owned(),
            kind,
            part,
            id: format!("{RUN}/{}", self.n_calls.max(1)),
            deadline_ms: self.now_ms + self.time_limit_ms,
            staged: Vec::new(),
            bases: BTreeMap::new(),
            written: Vec::new(),
            sealed_seen: Vec::new(),
        })
    }

    /// Ends the call that runs, and returns it.
    pub(super) fn call_end(&mut self, before: Option<RunningCall>) -> Option<RunningCall> {
        std::mem::replace(&mut self.call, before)
    }

    /// Returns whether the test knows a model of this name.
    pub(super) fn has_model(&self, model: &str) -> bool {
        let mut definitions = self.definitions.iter();
        model == self.model
            || self.data.has_model(model)
            || self.scripts.has_model(model)
            || definitions.any(|it| it.name == model)
    }

    /// Checks that the running call may read the data of a model.
    pub(super) fn readable(&self, model: &str) -> Result<(), DataError> {
        let permitted = self.permitted(&Attempt::Read(model));
        permitted.map_err(DataError::Denied)?;
        match self.has_model(model) {
            true => Ok(()),
            false => Err(DataError::ModelNotFound(model.to_owned())),
        }
    }

    /// Returns the text of a placeholder. It is the same one for the same secret and user.
    pub(super) fn placeholder(&mut self, wanted: Placeholder) -> String {
        let known = self.placeholders.iter().position(|it| *it == wanted);
        let at = known.unwrap_or_else(|| {
            self.placeholders.push(wanted);
            self.placeholders.len() - 1
        });
        placeholder_text(at)
    }

    /// Returns the placeholders with their texts.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = (String, &Placeholder)> {
        let all = self.placeholders.iter().enumerate();
        all.map(|(at, placeholder)| (placeholder_text(at), placeholder))
    }

    /// Logs that a resource does not fit its schema, and is staged nevertheless.
    pub(super) fn violations_warn(&mut self, spec: &str, name: &str, violations: &[Violation]) {
        let texts: Vec<String> = violations.iter().map(ToString::to_string).collect();
        self.log.push(LogEntry {
            level: Level::Warn,
            message: format!(
                "`{name}` does not fit the schema of `{spec}`: {}",
                texts.join("; ")
            ),
            fields: vec![("name".to_owned(), Value::String(name.to_owned()))],
        });
    }
}

/// The text has the form of a placeholder in production, without its random digits.
fn placeholder_text(at: usize) -> String {
    format!("sedge-secret-{at:032x}")
}

/// The world of a test, which the handles that it gave out share.
#[derive(Clone)]
pub(crate) struct SharedWorld(pub(super) Rc<RefCell<World>>);

impl fmt::Debug for SharedWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestContext").finish_non_exhaustive()
    }
}

thread_local! {
    /// The worlds of the tests that run on this thread, innermost last: a handler of a test may run a
    /// method in another context.
    static ENTERED: RefCell<Vec<SharedWorld>> = const { RefCell::new(Vec::new()) };
}

/// The message of a panic if there is no world.
const OUTSIDE: &str = "the code of a plugin calls the host only inside of a test context: run a \
                       method by `TestContext::run`, or other code by `TestContext::with`";

/// Leaves a world when dropped, also by a panic of the test.
pub(super) struct Entered;

impl SharedWorld {
    /// Makes this the world that the imports of the plugin use.
    pub(super) fn enter(&self) -> Entered {
        ENTERED.with_borrow_mut(|entered| entered.push(self.clone()));
        Entered
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        ENTERED.with_borrow_mut(Vec::pop);
    }
}

/// Passes the world of the running test to `look`.
///
/// # Panics
/// No test context is entered.
pub(super) fn current<T>(look: impl FnOnce(&mut World) -> T) -> T {
    current_if_any(look).expect(OUTSIDE)
}

/// Passes the world of the running test to `look`, if there is one.
pub(super) fn current_if_any<T>(look: impl FnOnce(&mut World) -> T) -> Option<T> {
    let world = ENTERED.with_borrow(|entered| entered.last().cloned())?;
    let mut world = world.0.borrow_mut();
    Some(look(&mut world))
}
