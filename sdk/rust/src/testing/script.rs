//! The answers that a test has prepared, and what its plugin has asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::bindings::sedge::model::types::MethodKind;
use crate::{CallError, CommandError, Output, RunOutcome, WorkflowError};

/// Answers a nested call.
pub(crate) type CallHandler = Rc<dyn Fn(&Value) -> Result<Value, CallError>>;

/// Answers a run of a workflow.
pub(crate) type WorkflowHandler = Rc<dyn Fn(&Value) -> Result<RunOutcome, WorkflowError>>;

/// Answers a command.
pub(crate) type CommandHandler = Rc<dyn Fn(&CommandRun) -> Result<Output, CommandError>>;

/// Answers a request.
pub(crate) type HttpHandler = Rc<dyn Fn(&SentRequest) -> HttpReply>;

/// A nested call that a method has made.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// The model.
    pub model: String,
    /// The method.
    pub method: String,
    /// The arguments.
    pub arguments: Value,
}

/// A command that a method has run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandRun {
    /// The name under which the operator pins it.
    pub name: String,
    /// The arguments.
    pub arguments: Vec<String>,
    /// The bytes of stdin. For a command that was started: those that were written before its output or
    /// its end was asked for.
    pub stdin: Vec<u8>,
    /// The folder below that of the pin, if the method sets one.
    pub folder: Option<String>,
    /// The variables that the method sets.
    pub variables: Vec<(String, String)>,
}

/// An HTTP request that a method has sent, as the server receives it: with secrets in place of their
/// placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRequest {
    /// The method, for example `GET`.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl SentRequest {
    /// Returns the value of the first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the body as JSON.
    ///
    /// # Errors
    /// The body is not JSON.
    pub fn json(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// The answer to an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a test returns it from a handler"]
pub struct HttpReply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) fault: Option<HttpFault>,
    pub(crate) after: Duration,
}

/// What can go wrong with an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpFault {
    /// The name of the host does not resolve.
    Dns,
    /// No connection can be made.
    Connect,
    /// The certificate is not trusted.
    Tls,
    /// The response does not begin in time.
    Timeout,
    /// The response is larger than a limit of the host.
    TooLarge,
    /// The connection is closed after the body of the reply, before its end.
    ClosedEarly,
}

impl HttpReply {
    /// Returns a reply without a body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            fault: None,
            after: Duration::ZERO,
        }
    }

    /// Returns a reply that never arrives.
    pub fn fault(fault: HttpFault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::new(200)
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to the JSON of a value.
    ///
    /// # Panics
    /// The value cannot be represented in JSON.
    pub fn json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("the value of a test is JSON");
        self.header("content-type", "application/json").body(body)
    }

    /// Closes the connection after the body, as if more had been announced.
    pub fn closed_early(mut self) -> Self {
        self.fault = Some(HttpFault::ClosedEarly);
        self
    }

    /// Lets the clock of the test advance before the reply arrives.
    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

/// A version that a query finds.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryResult {
    /// The model that owns the data.
    pub model: String,
    /// The name of the data.
    pub name: String,
    /// The value of `select`.
    pub value: Value,
}

/// The answers that a test has prepared, and what its plugin has asked for.
#[derive(Default)]
pub(super) struct Scripts {
    calls: BTreeMap<(String, String), CallHandler>,
    /// The kinds of methods of other models, as far as the test has set them.
    kinds: BTreeMap<(String, String), MethodKind>,
    workflows: BTreeMap<String, WorkflowHandler>,
    commands: BTreeMap<String, CommandHandler>,
    http: Vec<(String, String, HttpHandler)>,
    /// The results of queries, by predicate.
    pub(super) queries: BTreeMap<String, Vec<QueryResult>>,
    pub(super) called: Vec<Called>,
    /// The workflows that were run, with their inputs.
    pub(super) started: Vec<(String, Value)>,
    pub(super) commands_run: Vec<CommandRun>,
    pub(super) sent: Vec<SentRequest>,
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls: Vec<&(String, String)> = self.calls.keys().collect();
        f.debug_struct("Scripts")
            .field("calls", &calls)
            .finish_non_exhaustive()
    }
}

impl Scripts {
    pub(super) fn on_call(&mut self, model: &str, method: &str, handler: CallHandler) {
        let key = (model.to_owned(), method.to_owned());
        self.calls.insert(key, handler);
    }

    pub(super) fn on_workflow(&mut self, name: &str, handler: WorkflowHandler) {
        self.workflows.insert(name.to_owned(), handler);
    }

    pub(super) fn on_command(&mut self, name: &str, handler: CommandHandler) {
        self.commands.insert(name.to_owned(), handler);
    }

    pub(super) fn on_http(&mut self, method: &str, url: &str, handler: HttpHandler) {
        self.http.push((method.to_owned(), url.to_owned(), handler));
    }

    pub(super) fn call(&self, model: &str, method: &str) -> Option<CallHandler> {
        let key = (model.to_owned(), method.to_owned());
        self.calls.get(&key).cloned()
    }

    pub(super) fn kind_set(&mut self, model: &str, method: &str, kind: MethodKind) {
        let key = (model.to_owned(), method.to_owned());
        self.kinds.insert(key, kind);
    }

    pub(super) fn kind(&self, model: &str, method: &str) -> Option<MethodKind> {
        let key = (model.to_owned(), method.to_owned());
        self.kinds.get(&key).copied()
    }

    pub(super) fn has_model(&self, model: &str) -> bool {
        self.calls.keys().any(|(known, _)| known == model)
    }

    pub(super) fn workflow(&self, name: &str) -> Option<WorkflowHandler> {
        self.workflows.get(name).cloned()
    }

    pub(super) fn command(&self, name: &str) -> Option<CommandHandler> {
        self.commands.get(name).cloned()
    }

    /// Returns the handler that was added last for a method and a URL. A handler for a URL without a
    /// query answers requests with every query.
    pub(super) fn http(&self, method: &str, url: &str) -> Option<HttpHandler> {
        let without_query = url.split_once('?').map_or(url, |(it, _)| it);
        let fits = |it: &&(String, String, HttpHandler)| {
            it.0 == method && (it.1 == url || it.1 == without_query)
        };
        self.http.iter().rev().find(fits).map(|it| Rc::clone(&it.2))
    }

    /// Returns the requests that the test answers, for a message.
    pub(super) fn http_known(&self) -> Vec<String> {
        let all = self.http.iter();
        all.map(|(method, url, _)| format!("{method} {url}"))
            .collect()
    }
}
