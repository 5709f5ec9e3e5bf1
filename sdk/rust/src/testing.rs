//! Tests of a plugin without a host, without a repository and without a network.
//!
//! A [`TestContext`] runs the methods of a type in the process of the test. It keeps data in memory,
//! and answers everything else as the test has prepared it: nested calls, workflows, HTTP requests,
//! commands, secrets, variables, folders and the clock. It grants what the type requests, and refuses
//! the rest with the errors of production.
//!
//! ```
//! use schemars::JsonSchema;
//! use sedge_sdk::testing::{HttpReply, TestContext};
//! use sedge_sdk::{Context, Failure, MethodKind, Model, NoArguments, Permission, Request, json};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize, Serialize, JsonSchema)]
//! struct Zone {
//!     id: String,
//! }
//!
//! fn model() -> Model {
//!     let api = Permission::Http { url: "https://api.example.com".into(), methods: vec!["GET".into()] };
//!     Model::new("@acme/zone", "2026.12.01.1", "Keeps what is known of a zone")
//!         .asks_for(api, "to look up the zone")
//!         .resource::<Zone>("zone", "The zone")
//!         .method("read", MethodKind::Action, "Read it", read)
//! }
//!
//! fn read(cx: &Context, _: NoArguments) -> Result<(), Failure> {
//!     let zone: Zone = cx.http(&Request::get("https://api.example.com/zones/1"))?.json(1 << 20)?;
//!     Ok(cx.write("zone", &zone)?)
//! }
//!
//! // In a plugin, this is a `#[test]`.
//! let test = TestContext::new(model);
//! test.on_http("GET", "https://api.example.com/zones/1", |_| {
//!     HttpReply::new(200).json(&json!({"id": "z1"}))
//! });
//! let outcome = test.run("read", &json!({})).expect("the method succeeds");
//! assert_eq!(outcome.written[0].version, 1);
//! let zone: Zone = test.latest("zone").expect("it was written");
//! assert_eq!(zone.id, "z1");
//! ```
//!
//! A panic of a method is a panic of the test. Folders are real ones, for example of the crate `tempfile`.
//!
//! Sensitive fields are sealed as in production: the methods of the model read them, and the methods of
//! other models read `[sealed]`. The test itself sees their values, in data as well as in the log and in
//! outcomes, where production replaces the sealed values and the secrets of the call.

mod data;
pub(crate) mod http;
pub(crate) mod imports;
mod origin;
mod permissions;
pub(crate) mod program;
mod results;
mod schema;
mod script;
mod sealed;
mod world;

use std::cell::{Ref, RefCell, RefMut};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use crate::bindings::exports::sedge::model::model::{Invocation, Permission as WirePermission};
use crate::bindings::sedge::model::data::DataKind;
use crate::bindings::sedge::model::types::{ChangedData, MethodKind};
use crate::model::MethodKind as CalleeKind;
use crate::{
    CallError, CheckFailure, CheckedCall, CommandError, Context, Failure, Model, ModelDefinition,
    Outcome, Output, Permission, RunOutcome, TargetKind, Violation, WorkflowError, Written,
};

use data::Draft;
use world::{Part, RunningCall, SharedWorld, World};

pub use script::{Called, CommandRun, HttpFault, HttpReply, QueryResult, SentRequest};
pub use world::LogEntry;

/// The context of a test: what the methods of a type can reach, and what they have done.
///
/// Clones share everything, so that a handler can use the context: to write data as a nested call
/// would, or to advance the clock.
#[derive(Debug, Clone)]
pub struct TestContext {
    type_of: fn() -> Model,
    world: SharedWorld,
}

/// What a test prepares.
impl TestContext {
    /// Returns a context for the type that `model` returns: the function that is passed to
    /// [`export!`](crate::export).
    ///
    /// The model is named like the type without its scope, has no global arguments and no data, and
    /// its clock begins at 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn new(model: fn() -> Model) -> Self {
        let world = World::new(model().describe());
        Self {
            type_of: model,
            world: SharedWorld(Rc::new(RefCell::new(world))),
        }
    }

    /// Sets the name of the model.
    pub fn named(&self, model: &str) -> &Self {
        model.clone_into(&mut self.world_mut().model);
        self
    }

    /// Sets the global arguments.
    ///
    /// # Panics
    /// They cannot be represented in JSON, or do not fit the schema of the type.
    pub fn global_arguments(&self, arguments: &impl Serialize) -> &Self {
        let value = to_value(arguments);
        let violations = schema::violations(&self.world().info.global_arguments, &value);
        assert!(
            violations.is_empty(),
            "the global arguments do not fit the type: {}",
            joined(&violations)
        );
        self.world_mut().global_arguments = value;
        self
    }

    /// Sets the value of an environment variable.
    pub fn variable(&self, name: &str, value: &str) -> &Self {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.world_mut().variables.insert(name, value);
        self
    }

    /// Sets the value of a secret.
    pub fn secret(&self, name: &str, value: impl Into<Vec<u8>>) -> &Self {
        let value = value.into();
        self.world_mut().secrets.insert(name.to_owned(), value);
        self
    }

    /// Sets the path of a folder that the type requests.
    pub fn folder(&self, name: &str, path: impl Into<PathBuf>) -> &Self {
        let path = path.into();
        self.world_mut().folders.insert(name.to_owned(), path);
        self
    }

    /// Denies something that the type requests.
    ///
    /// # Panics
    /// The type does not request it.
    pub fn deny(&self, permission: Permission) -> &Self {
        let text = format!("{permission:?}");
        let permission = WirePermission::from(permission);
        let shown = format!("{permission:?}");
        let mut world = self.world_mut();
        let mut requests = world.info.permissions.iter();
        let is_requested = requests.any(|it| format!("{:?}", it.permission) == shown);
        assert!(is_requested, "the type does not request {text}");
        world.denied.push(permission);
        drop(world);
        self
    }

    /// Sets the clock.
    pub fn set_now(&self, now: SystemTime) -> &Self {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default(); // ignored: 1970 is early enough
        self.world_mut().now_ms = millis(since);
        self
    }

    /// Advances the clock.
    pub fn advance(&self, time: Duration) -> &Self {
        self.world_mut().now_ms += millis(time);
        self
    }

    /// Sets the time limit of a call, by the clock of the test. The default is five minutes.
    pub fn time_limit(&self, time: Duration) -> &Self {
        self.world_mut().time_limit_ms = millis(time);
        self
    }

    /// Answers nested calls of a method of a model.
    ///
    /// A method of another model counts as one of kind `action`, which methods of kind `read` and
    /// `observe` may not call, unless [`TestContext::callee_kind`] sets its kind.
    pub fn on_call(
        &self,
        model: &str,
        method: &str,
        handler: impl Fn(&Value) -> Result<Value, CallError> + 'static,
    ) -> &Self {
        let mut world = self.world_mut();
        world.scripts.on_call(model, method, Rc::new(handler));
        drop(world);
        self
    }

    /// Sets the kind of a method of another model, which decides what may call it.
    pub fn callee_kind(&self, model: &str, method: &str, kind: CalleeKind) -> &Self {
        let kind = MethodKind::from(kind);
        self.world_mut().scripts.kind_set(model, method, kind);
        self
    }

    /// Answers runs of a workflow.
    pub fn on_workflow(
        &self,
        workflow: &str,
        handler: impl Fn(&Value) -> Result<RunOutcome, WorkflowError> + 'static,
    ) -> &Self {
        let mut world = self.world_mut();
        world.scripts.on_workflow(workflow, Rc::new(handler));
        drop(world);
        self
    }

    /// Answers a command, as if the operator had pinned it.
    pub fn on_command(
        &self,
        name: &str,
        handler: impl Fn(&CommandRun) -> Result<Output, CommandError> + 'static,
    ) -> &Self {
        let mut world = self.world_mut();
        world.scripts.on_command(name, Rc::new(handler));
        drop(world);
        self
    }

    /// Answers HTTP requests of a method to a URL. A URL without a query answers all queries.
    pub fn on_http(
        &self,
        method: &str,
        url: &str,
        handler: impl Fn(&SentRequest) -> HttpReply + 'static,
    ) -> &Self {
        let mut world = self.world_mut();
        world.scripts.on_http(method, url, Rc::new(handler));
        drop(world);
        self
    }

    /// Answers queries with this predicate, by its exact text: a test evaluates no expressions. Of the
    /// results, a method gets those of the models that it may read.
    ///
    /// A query that the test does not answer is a panic.
    pub fn on_query(&self, predicate: &str, results: Vec<QueryResult>) -> &Self {
        let predicate = predicate.to_owned();
        self.world_mut().scripts.queries.insert(predicate, results);
        self
    }

    /// Adds the definition of a model, which the type can read if it requests the model.
    pub fn definition(&self, definition: ModelDefinition) -> &Self {
        self.world_mut().definitions.push(definition);
        self
    }

    /// Adds a tag to the definition of the model.
    pub fn tag(&self, key: &str, value: &str) -> &Self {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.world_mut().tags.insert(key, value);
        self
    }

    /// Asks the call to end, as if a user cancelled its run. A handler can do so while a method runs.
    pub fn cancel(&self) -> &Self {
        self.world_mut().is_cancelled = true;
        self
    }

    /// Commits the next version of a resource of the model, and returns its number.
    ///
    /// # Panics
    /// The type declares no such resource, or the content does not fit its schema.
    pub fn put(&self, spec: &str, name: &str, content: &impl Serialize) -> u64 {
        let content = to_value(content);
        let mut world = self.world_mut();
        let mut declared = world.info.resources.iter();
        let declared = declared.find(|it| it.name == spec);
        let declared = declared.unwrap_or_else(|| panic!("the type declares no resource `{spec}`"));
        let violations = schema::violations(&declared.schema, &content);
        assert!(
            violations.is_empty(),
            "the content does not fit the resource `{spec}`: {}",
            joined(&violations)
        );
        let sealed = sealed::places(&declared.schema, &content);
        let model = world.model.clone();
        let mut draft = resource_draft(spec, name, &content);
        draft.sealed = sealed;
        world.put(&model, draft)
    }

    /// Commits the next version of a resource of another model, and returns its number.
    ///
    /// # Panics
    /// The content cannot be represented in JSON.
    pub fn put_of(&self, model: &str, name: &str, content: &impl Serialize) -> u64 {
        let draft = resource_draft(name, name, &to_value(content));
        self.world_mut().put(model, draft)
    }

    /// Commits the next version of a file of the model, and returns its number.
    ///
    /// # Panics
    /// The type declares no such file.
    pub fn put_file(&self, spec: &str, name: &str, content: impl Into<Vec<u8>>) -> u64 {
        let mut world = self.world_mut();
        let mut declared = world.info.files.iter();
        let declared = declared.find(|it| it.name == spec);
        let declared = declared.unwrap_or_else(|| panic!("the type declares no file `{spec}`"));
        let draft = Draft {
            name: name.to_owned(),
            kind: DataKind::File,
            spec: spec.to_owned(),
            media_type: declared.media_type.clone(),
            tags: declared.retention.tags.iter().cloned().collect(),
            content: content.into(),
            sealed: Vec::new(),
        };
        let model = world.model.clone();
        world.put(&model, draft)
    }
}

/// What a test runs.
impl TestContext {
    /// Runs a method as the host does: checks its arguments against its schema, runs the checks of the
    /// type, runs the method, and commits what it has written if it succeeds.
    ///
    /// # Errors
    /// The same as for a nested call of the method in production.
    pub fn run(&self, method: &str, arguments: &impl Serialize) -> Result<Outcome, CallError> {
        let arguments = to_value(arguments);
        let kind = self.admitted(method, &arguments)?;
        let invocation = self.invocation(method, &arguments);
        self.checks_pass(kind, &invocation)?;
        let cx = Context::new(invocation.global_arguments);
        let run = || (self.type_of)().run(&cx, method, &invocation.arguments);
        let (ended, call) = self.in_call(method, kind, Part::Method, run);
        let value = serde_json::from_str(&ended?);
        Ok(Outcome {
            value: value.map_err(|error| CallError::Failed(Failure::from(error)))?,
            written: call.written.into_iter().map(Written::from).collect(),
        })
    }

    /// Runs code of the plugin as if a method of kind `action` did. What it has written is committed if
    /// it succeeds.
    ///
    /// # Errors
    /// The error of the code, or why its writes were not committed.
    pub fn with<T>(
        &self,
        run: impl FnOnce(&Context) -> Result<T, Failure>,
    ) -> Result<T, CallError> {
        let cx = Context::new(self.world().global_arguments.to_string());
        let (ended, _) = self.in_call("test", MethodKind::Action, Part::Method, || run(&cx));
        ended
    }

    /// Runs one check of the type for a call of a method.
    ///
    /// # Errors
    /// What the check found.
    pub fn check(
        &self,
        check: &str,
        method: &str,
        arguments: &impl Serialize,
    ) -> Result<(), String> {
        let invocation = self.invocation(method, &to_value(arguments));
        self.check_run(check, MethodKind::Action, &invocation)
    }

    /// Upgrades global arguments by all upgrades of the type after a version, as the host does.
    ///
    /// # Errors
    /// Why they cannot be upgraded.
    pub fn upgrade(&self, from_version: &str, arguments: &Value) -> Result<Value, String> {
        let upgrades = self.world().info.upgrades.clone();
        let from = version_parts(from_version);
        let mut text = arguments.to_string();
        for step in upgrades
            .iter()
            .filter(|it| version_parts(&it.to_version) > from)
        {
            let upgraded = (self.type_of)().run_upgrade(&step.to_version, &text);
            text = upgraded.map_err(|failure| failure.message)?;
        }
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }
}

impl TestContext {
    fn world(&self) -> Ref<'_, World> {
        self.world.0.borrow()
    }

    fn world_mut(&self) -> RefMut<'_, World> {
        self.world.0.borrow_mut()
    }

    fn invocation(&self, method: &str, arguments: &Value) -> Invocation {
        Invocation {
            method: method.to_owned(),
            arguments: arguments.to_string(),
            global_arguments: self.world().global_arguments.to_string(),
        }
    }

    /// Checks that a method exists and takes the arguments, and returns its kind.
    fn admitted(&self, method: &str, arguments: &Value) -> Result<MethodKind, CallError> {
        let world = self.world();
        let mut methods = world.info.methods.iter();
        let Some(known) = methods.find(|it| it.name == method) else {
            return Err(CallError::NotFound {
                kind: TargetKind::Method,
                name: method.to_owned(),
            });
        };
        let violations = schema::violations(&known.arguments, arguments);
        match violations.is_empty() {
            true => Ok(known.kind),
            false => Err(CallError::InvalidInput { violations }),
        }
    }

    fn checks_pass(&self, kind: MethodKind, call: &Invocation) -> Result<(), CallError> {
        if !is_checked(kind) {
            return Ok(());
        }
        let checks = self.world().info.checks.clone();
        let is_applied = |methods: &[String]| methods.is_empty() || methods.contains(&call.method);
        let mut failures = Vec::new();
        for check in checks.iter().filter(|it| is_applied(&it.applies_to)) {
            if let Err(message) = self.check_run(&check.name, kind, call) {
                let check = check.name.clone();
                failures.push(CheckFailure { check, message });
            }
        }
        match failures.is_empty() {
            true => Ok(()),
            false => Err(CallError::ChecksFailed { failures }),
        }
    }

    fn check_run(&self, check: &str, kind: MethodKind, call: &Invocation) -> Result<(), String> {
        let method = call.method.clone();
        let (cx, call) = CheckedCall::new(call.clone());
        let run = || (self.type_of)().run_check(&cx, check, &call);
        let (ended, _) = self.in_call(&method, kind, Part::Check, run);
        ended.map_err(|error| error.to_string())
    }

    /// Runs code as a call, and commits or discards what it has staged.
    fn in_call<T>(
        &self,
        method: &str,
        kind: MethodKind,
        part: Part,
        run: impl FnOnce() -> Result<T, Failure>,
    ) -> (Result<T, CallError>, RunningCall) {
        let entered = self.world.enter();
        let before = self.world_mut().call_begin(method, kind, part);
        let ended = run();
        let mut world = self.world_mut();
        let after_ms = world.time_limit_ms;
        let ended = match ended {
            _ if world.is_cancelled && part == Part::Method => Err(CallError::Cancelled),
            _ if world.now_ms > world.call().deadline_ms => Err(CallError::TimedOut { after_ms }),
            Ok(value) => world.commit().map(|_| value).map_err(changed_meanwhile),
            Err(failure) if failure.keep_writes => match world.commit() {
                Ok(_) => Err(CallError::Failed(failure)),
                Err(changed) => Err(changed_meanwhile(changed)),
            },
            Err(failure) => Err(CallError::Failed(failure)),
        };
        if part == Part::Method {
            world.is_cancelled = false;
        }
        let call = world.call_end(before);
        drop(world);
        drop(entered);
        (ended, call.expect("the call began above"))
    }
}

impl World {
    fn put(&mut self, model: &str, draft: Draft) -> u64 {
        let now_ms = self.now_ms;
        self.data.push(model, draft, now_ms, None)
    }
}

fn changed_meanwhile(changed: ChangedData) -> CallError {
    CallError::ChangedMeanwhile {
        name: changed.name,
        reason: changed.reason,
    }
}

/// Returns whether the checks of a type run before a method of this kind.
fn is_checked(kind: MethodKind) -> bool {
    match kind {
        MethodKind::Read | MethodKind::Observe => false,
        MethodKind::Create | MethodKind::Update | MethodKind::Delete | MethodKind::Action => true,
    }
}

/// Returns the word for a kind, as messages have it.
fn kind_word(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::Read => "read",
        MethodKind::Observe => "observe",
        MethodKind::Create => "create",
        MethodKind::Update => "update",
        MethodKind::Delete => "delete",
        MethodKind::Action => "action",
    }
}

fn resource_draft(spec: &str, name: &str, content: &Value) -> Draft {
    Draft {
        name: name.to_owned(),
        kind: DataKind::Resource,
        spec: spec.to_owned(),
        media_type: "application/json".to_owned(),
        tags: std::collections::BTreeMap::new(),
        content: content.to_string().into_bytes(),
        sealed: Vec::new(),
    }
}

fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("the value of a test is JSON")
}

fn joined(violations: &[Violation]) -> String {
    let shown: Vec<String> = violations.iter().map(ToString::to_string).collect();
    shown.join("; ")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the numbers of a version, which are compared one by one.
fn version_parts(version: &str) -> Vec<u64> {
    let parts = version.split('.').map(|part| part.parse().unwrap_or(0)); // ignored: sorts first
    parts.collect()
}

#[cfg(test)]
mod tests;
