//! A model type: its description for the host, and its table of methods.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::bindings::exports::sedge::model::model as wire;
use crate::bindings::sedge::model::reports;
use crate::bounds::{FromJson, HasSchema, ToJson};
use crate::report::{MakeReport, of_any_subject};
use crate::{
    CheckScope, CheckedCall, Context, Failure, OnViolation, Report, ReportSubject, Retention,
};

/// What a method does to the external object. It decides which lock a call takes: `Read` and
/// `Observe` methods of one model can run in parallel, all others run alone.
///
/// A method of kind `Read` or `Observe` runs without checks, can run no workflow, and opens granted
/// folders for reading only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodKind {
    /// Reads the object. A call of this kind can neither write data nor call methods of another
    /// kind.
    Read,
    /// Looks at the object and writes what it has seen: data of its own model. A call of this kind
    /// can call methods of the kinds `Read` and `Observe` only.
    ///
    /// Two observations of one model can write the same name at the same time. The host then runs
    /// the later one again from its start, alone, so it must not have an effect that matters if it
    /// happens twice. A call that has published data is not run again: it ends with
    /// `changed-meanwhile`.
    Observe,
    /// Creates the object.
    Create,
    /// Changes the object.
    Update,
    /// Deletes the object.
    Delete,
    /// Anything else.
    Action,
}

/// The access to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAccess {
    /// Read only.
    Read,
    /// Read and write.
    Write,
}

/// A permission that a plugin requests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permission {
    /// Call a model, and read its data and its definition.
    Models {
        /// The model's name, or `*` for all models.
        model: String,
    },
    /// Run a workflow.
    Workflows {
        /// The workflow's name, or `*` for all workflows.
        workflow: String,
    },
    /// Send HTTP requests.
    Http {
        /// `https://HOST` or `http://HOST`, optionally with `:PORT`. HOST is a name, `*.` and the
        /// end of a name, or an address.
        url: String,
        /// The methods, for example `GET`. An empty list means all.
        methods: Vec<String>,
    },
    /// Open TCP connections.
    Sockets {
        /// `HOST:PORT`.
        to: String,
    },
    /// Access files of one folder, which the operator chooses.
    Files {
        /// The name that the operator maps to a folder.
        name: String,
        /// The access.
        access: FileAccess,
    },
    /// Read one environment variable.
    Env {
        /// Its name.
        name: String,
    },
    /// Use one secret.
    Secrets {
        /// Its name.
        name: String,
        /// The hosts that may receive it in requests, for example `https://api.example.com`.
        hosts: Vec<String>,
        /// Whether the plugin may read its value.
        reveal: bool,
    },
    /// Run commands that the operator pinned.
    Commands {
        /// The name under which a command is pinned, or `*` for all commands.
        name: String,
    },
    /// See a value that is hidden otherwise.
    Reveal {
        /// `data:MODEL:POINTER` for a sealed field of the data of another model, where `*` means
        /// all models; or `argument:POINTER` for the secret in an argument. POINTER is a JSON
        /// Pointer in which `*` stands for any one part: `/keys/*/value`.
        what: String,
    },
}

/// No arguments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoArguments {}

/// A model type: its name, its methods, the data that they write, the checks before them, the
/// upgrades of its arguments, its reports, and the permissions that it requests.
///
/// Each call creates one, so that must be cheap: schemas are generated only when the host requests
/// the description.
pub struct Model {
    name: &'static str,
    version: &'static str,
    description: &'static str,
    global_arguments: fn() -> String,
    methods: Vec<Method>,
    resources: Vec<ResourceSpec>,
    files: Vec<FileSpec>,
    permissions: Vec<wire::PermissionRequest>,
    checks: Vec<Check>,
    upgrades: Vec<Upgrade>,
    reports: Vec<ReportSpec>,
}

struct Method {
    name: &'static str,
    kind: MethodKind,
    description: &'static str,
    arguments: fn() -> String,
    run: Box<Run>,
}

/// Runs a method. Arguments and result are JSON.
type Run = dyn Fn(&Context, &str) -> Result<String, Failure>;

struct Check {
    name: &'static str,
    description: &'static str,
    scope: CheckScope,
    run: Box<RunCheck>,
}

/// Decides whether a call may begin.
type RunCheck = dyn Fn(&Context, &CheckedCall) -> Result<(), Failure>;

struct Upgrade {
    to_version: &'static str,
    description: &'static str,
    run: Box<RunUpgrade>,
}

/// Changes global arguments as they are written.
type RunUpgrade = dyn Fn(&mut Map<String, Value>) -> Result<(), Failure>;

struct ReportSpec {
    name: &'static str,
    description: &'static str,
    scope: reports::ReportScope,
    make: Box<MakeReport>,
}

struct ResourceSpec {
    name: &'static str,
    description: &'static str,
    schema: fn() -> String,
    on_violation: OnViolation,
    retention: Retention,
}

struct FileSpec {
    name: &'static str,
    media_type: &'static str,
    description: &'static str,
    retention: Retention,
}

impl Model {
    /// Starts the description of a type: its name `@scope/name`, its version `YYYY.MM.DD.N` (the
    /// day, and a number on that day), and its purpose.
    #[must_use]
    pub fn new(name: &'static str, version: &'static str, description: &'static str) -> Self {
        Self {
            name,
            version,
            description,
            global_arguments: schema_of_arguments::<NoArguments>,
            methods: Vec::new(),
            resources: Vec::new(),
            files: Vec::new(),
            permissions: Vec::new(),
            checks: Vec::new(),
            upgrades: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// Declares the global arguments, which a definition sets for all methods, as a struct. By
    /// default there are none.
    ///
    /// A method reads them with [`Context::global_arguments`].
    #[must_use]
    pub fn global_arguments<G: FromJson + HasSchema>(mut self) -> Self {
        self.global_arguments = schema_of_arguments::<G>;
        self
    }

    /// Adds a method. `A` is a struct; a method without arguments takes [`NoArguments`].
    #[must_use]
    pub fn method<A, R>(
        mut self,
        name: &'static str,
        kind: MethodKind,
        description: &'static str,
        run: impl Fn(&Context, A) -> Result<R, Failure> + 'static,
    ) -> Self
    where
        A: FromJson + HasSchema,
        R: ToJson,
    {
        self.methods.push(Method {
            name,
            kind,
            description,
            arguments: schema_of_arguments::<A>,
            run: Box::new(move |cx, arguments| {
                let arguments: A = serde_json::from_str(arguments)
                    .map_err(|error| Failure::new("invalid-arguments", error.to_string()))?;
                Ok(serde_json::to_string(&run(cx, arguments)?)?)
            }),
        });
        self
    }

    /// Adds a check, which runs before all methods of a kind other than [`MethodKind::Read`] and
    /// [`MethodKind::Observe`]. If it returns a failure, the method does not run, and the user reads
    /// the failure's message.
    ///
    /// A check reads: it can neither write data nor call methods, run commands, open connections
    /// or change files, and its HTTP requests are `GET`, `HEAD` or `OPTIONS`.
    #[must_use]
    pub fn check(
        self,
        name: &'static str,
        description: &'static str,
        run: impl Fn(&Context, &CheckedCall) -> Result<(), Failure> + 'static,
    ) -> Self {
        self.check_with(name, description, CheckScope::new(), run)
    }

    /// Adds a check for some methods, or with labels.
    #[must_use]
    pub fn check_with(
        mut self,
        name: &'static str,
        description: &'static str,
        scope: CheckScope,
        run: impl Fn(&Context, &CheckedCall) -> Result<(), Failure> + 'static,
    ) -> Self {
        self.checks.push(Check {
            name,
            description,
            scope,
            run: Box::new(run),
        });
        self
    }

    /// Adds an upgrade of the global arguments: what has to change in a definition that was
    /// written before `to_version` of the type. Add upgrades oldest first.
    ///
    /// `run` receives the arguments as the user wrote them. A text with `${{` is an expression
    /// that is not evaluated yet: move it or drop it, and do not change it. `run` has no access to
    /// anything else, and must do the same for the same arguments.
    #[must_use]
    pub fn upgrade(
        mut self,
        to_version: &'static str,
        description: &'static str,
        run: impl Fn(&mut Map<String, Value>) -> Result<(), Failure> + 'static,
    ) -> Self {
        self.upgrades.push(Upgrade {
            to_version,
            description,
            run: Box::new(run),
        });
        self
    }

    /// Adds a report. Its subject decides its scope: `make` takes a
    /// [`ReportedCall`](crate::ReportedCall) to report on a call of a method, a
    /// [`ReportedModelData`](crate::ReportedModelData) to report on a model, or a
    /// [`ReportedRun`](crate::ReportedRun) to report on a run of a workflow.
    ///
    /// `make` has no access to anything else, and must return the same for the same subject.
    #[must_use]
    pub fn report<S: ReportSubject>(
        mut self,
        name: &'static str,
        description: &'static str,
        make: impl Fn(&S) -> Result<Report, Failure> + 'static,
    ) -> Self {
        self.reports.push(ReportSpec {
            name,
            description,
            scope: S::SCOPE,
            make: of_any_subject(make),
        });
        self
    }

    /// Declares a kind of resource that the methods write: JSON that `T` defines. All versions are
    /// retained, and a write that violates the schema is refused.
    #[must_use]
    pub fn resource<T: ToJson + HasSchema>(
        self,
        name: &'static str,
        description: &'static str,
    ) -> Self {
        self.resource_with::<T>(name, description, OnViolation::Refuse, Retention::new())
    }

    /// Declares a kind of resource with its retention. `on_violation` says what happens to a write
    /// that violates the schema.
    #[must_use]
    pub fn resource_with<T: ToJson + HasSchema>(
        mut self,
        name: &'static str,
        description: &'static str,
        on_violation: OnViolation,
        retention: Retention,
    ) -> Self {
        self.resources.push(ResourceSpec {
            name,
            description,
            schema: schema_of_content::<T>,
            on_violation,
            retention,
        });
        self
    }

    /// Declares a kind of file that the methods write, with a media type such as `text/plain`. All
    /// versions are retained.
    #[must_use]
    pub fn file(
        self,
        name: &'static str,
        media_type: &'static str,
        description: &'static str,
    ) -> Self {
        self.file_with(name, media_type, description, Retention::new())
    }

    /// Declares a kind of file with its retention.
    #[must_use]
    pub fn file_with(
        mut self,
        name: &'static str,
        media_type: &'static str,
        description: &'static str,
        retention: Retention,
    ) -> Self {
        self.files.push(FileSpec {
            name,
            media_type,
            description,
            retention,
        });
        self
    }

    /// Requests permission to call a model, and to read its data and its definition; `*` means all models. The
    /// operator reads the reason before granting it.
    #[must_use]
    pub fn asks_for_models(self, model: &'static str, reason: &'static str) -> Self {
        let model = model.to_owned();
        self.asks_for(Permission::Models { model }, reason)
    }

    /// Requests permission to run a workflow; `*` means all workflows. The operator reads the reason
    /// before granting it.
    #[must_use]
    pub fn asks_for_workflows(self, workflow: &'static str, reason: &'static str) -> Self {
        let workflow = workflow.to_owned();
        self.asks_for(Permission::Workflows { workflow }, reason)
    }

    /// Requests a permission. The operator reads the reason before granting it.
    #[must_use]
    pub fn asks_for(mut self, permission: Permission, reason: &'static str) -> Self {
        self.permissions.push(wire::PermissionRequest {
            permission: permission.into(),
            reason: reason.to_owned(),
        });
        self
    }

    /// Returns the description for the host.
    pub(crate) fn describe(self) -> wire::TypeInfo {
        let methods = self.methods.into_iter().map(|method| wire::MethodSpec {
            name: method.name.to_owned(),
            kind: method.kind.into(),
            description: method.description.to_owned(),
            arguments: (method.arguments)(),
        });
        let resources = self.resources.into_iter().map(|spec| wire::ResourceSpec {
            name: spec.name.to_owned(),
            description: spec.description.to_owned(),
            schema: (spec.schema)(),
            on_violation: spec.on_violation.into(),
            retention: spec.retention.into(),
        });
        let files = self.files.into_iter().map(|spec| wire::FileSpec {
            name: spec.name.to_owned(),
            description: spec.description.to_owned(),
            media_type: spec.media_type.to_owned(),
            retention: spec.retention.into(),
        });
        let checks = self.checks.into_iter().map(|check| wire::CheckSpec {
            name: check.name.to_owned(),
            description: check.description.to_owned(),
            applies_to: check.scope.methods,
            labels: check.scope.labels,
        });
        let upgrades = self.upgrades.into_iter().map(|step| wire::UpgradeSpec {
            to_version: step.to_version.to_owned(),
            description: step.description.to_owned(),
        });
        let reports = self.reports.into_iter().map(|report| wire::ReportSpec {
            name: report.name.to_owned(),
            description: report.description.to_owned(),
            scope: report.scope,
        });
        wire::TypeInfo {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            description: self.description.to_owned(),
            global_arguments: (self.global_arguments)(),
            methods: methods.collect(),
            resources: resources.collect(),
            files: files.collect(),
            permissions: self.permissions,
            checks: checks.collect(),
            upgrades: upgrades.collect(),
            reports: reports.collect(),
        }
    }

    /// Runs one method, and returns its result as JSON.
    pub(crate) fn run(
        &self,
        cx: &Context,
        method: &str,
        arguments: &str,
    ) -> Result<String, Failure> {
        match self.methods.iter().find(|known| known.name == method) {
            Some(known) => (known.run)(cx, arguments),
            None => Err(Failure::new(
                "unknown-method",
                format!("type `{}` has no method `{method}`", self.name),
            )),
        }
    }
}

impl Model {
    /// Runs one check.
    pub(crate) fn run_check(
        &self,
        cx: &Context,
        check: &str,
        call: &CheckedCall,
    ) -> Result<(), Failure> {
        match self.checks.iter().find(|known| known.name == check) {
            Some(known) => (known.run)(cx, call),
            None => Err(Failure::new(
                "unknown-check",
                format!("type `{}` has no check `{check}`", self.name),
            )),
        }
    }

    /// Upgrades global arguments to one version. Arguments and result are JSON.
    pub(crate) fn run_upgrade(&self, to_version: &str, arguments: &str) -> Result<String, Failure> {
        let mut steps = self.upgrades.iter();
        let Some(step) = steps.find(|step| step.to_version == to_version) else {
            return Err(Failure::new(
                "unknown-upgrade",
                format!("type `{}` has no upgrade to {to_version}", self.name),
            ));
        };
        let mut arguments = serde_json::from_str(arguments)?;
        (step.run)(&mut arguments)?;
        Ok(serde_json::to_string(&arguments)?)
    }

    /// Makes one report.
    pub(crate) fn make_report(
        &self,
        name: &str,
        subject: reports::ReportSubject,
    ) -> Result<Report, Failure> {
        match self.reports.iter().find(|known| known.name == name) {
            Some(known) => (known.make)(subject),
            None => Err(Failure::new(
                "unknown-report",
                format!("type `{}` has no report `{name}`", self.name),
            )),
        }
    }
}

/// Returns the schema for deserializing a `T`.
fn schema_of_arguments<T: JsonSchema>() -> String {
    schema_to_text::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// Returns the schema for serializing a `T`.
fn schema_of_content<T: JsonSchema>() -> String {
    schema_to_text::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn schema_to_text<T: JsonSchema>(settings: SchemaSettings) -> String {
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
        .to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bindings::exports::sedge::model::model::Invocation;
    use crate::{ReportedCall, ReportedContent, ReportedModelData, ReportedRun};

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct AddArguments {
        /// The one number
        left: u32,
        #[serde(default)]
        right: u32,
    }

    #[derive(Serialize, JsonSchema)]
    struct Sum {
        sum: u32,
        note: Option<String>,
    }

    #[derive(Deserialize, JsonSchema)]
    struct Globals {
        #[expect(dead_code, reason = "only its schema is looked at")]
        region: String,
    }

    fn add(_: &Context, arguments: AddArguments) -> Result<u32, Failure> {
        arguments
            .left
            .checked_add(arguments.right)
            .ok_or_else(|| Failure::new("overflow", "the sum is too large"))
    }

    fn model() -> Model {
        Model::new("@test/sum", "2026.11.23.1", "Adds")
            .global_arguments::<Globals>()
            .method("add", MethodKind::Action, "Add two numbers", add)
            .method(
                "nothing",
                MethodKind::Read,
                "Do nothing",
                |_, NoArguments {}| Ok(()),
            )
            .resource::<Sum>("sum", "the last sum")
            .file("report", "text/plain", "the working")
            .asks_for_models("*", "to add numbers of other models")
    }

    fn check_run(method: &str, arguments: &str, expect: Result<&str, (&str, &str)>) {
        let cx = Context::new("{}".to_owned());
        let got = model().run(&cx, method, arguments);
        let got = got
            .as_deref()
            .map_err(|failure| (failure.code.as_str(), failure.message.as_str()));
        assert_eq!(got, expect);
    }

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).expect("a schema is JSON")
    }

    #[test]
    fn type_describes_itself() {
        let info = model().describe();
        assert_eq!(info.name, "@test/sum");
        assert_eq!(info.version, "2026.11.23.1");
        assert_eq!(
            parsed(&info.global_arguments)["properties"]["region"],
            json!({"type": "string"})
        );
        assert_eq!(info.methods.len(), 2);
        assert_eq!(
            parsed(&info.methods[0].arguments),
            json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": "AddArguments",
                "type": "object",
                "properties": {
                    "left": {"description": "The one number", "type": "integer", "format": "uint32", "minimum": 0},
                    "right": {"type": "integer", "format": "uint32", "minimum": 0, "default": 0},
                },
                "additionalProperties": false,
                "required": ["left"],
            })
        );
        assert_eq!(parsed(&info.methods[1].arguments)["type"], "object");
        assert_eq!(
            parsed(&info.methods[1].arguments)["additionalProperties"],
            false
        );
        assert_eq!(
            parsed(&info.resources[0].schema)["required"],
            json!(["sum", "note"]),
            "a field that is always written is required"
        );
        assert_eq!(info.files[0].media_type, "text/plain");
        assert!(matches!(
            &info.permissions[0].permission,
            wire::Permission::Models(model) if model == "*"
        ));
    }

    #[test]
    fn spec_declares_its_retention() {
        let info = Model::new("@test/kept", "2026.11.23.1", "Keeps little")
            .resource::<Sum>("sum", "kept for ever")
            .resource_with::<Sum>(
                "scratch",
                "kept for a step, whatever it is",
                OnViolation::Warn,
                Retention::new().lifetime("ephemeral"),
            )
            .file_with(
                "log",
                "text/plain",
                "kept for ten versions",
                Retention::new().keep_versions(10),
            )
            .describe();
        let [sum, scratch] = &info.resources[..] else {
            panic!("there are two resources")
        };
        assert_eq!(sum.on_violation, wire::OnViolation::Refuse);
        assert_eq!(sum.retention.lifetime, None);
        assert_eq!(scratch.on_violation, wire::OnViolation::Warn);
        assert_eq!(scratch.retention.lifetime.as_deref(), Some("ephemeral"));
        assert_eq!(info.files[0].retention.keep.as_deref(), Some("10"));
    }

    #[test]
    fn type_without_global_arguments_accepts_none() {
        let info = Model::new("@test/bare", "2026.11.23.1", "Does nothing").describe();
        let schema = parsed(&info.global_arguments);
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["additionalProperties"], false);
    }

    #[test]
    fn method_takes_and_returns_json() {
        check_run("add", r#"{"left": 2, "right": 3}"#, Ok("5"));
        check_run("nothing", "{}", Ok("null"));
    }

    #[test]
    fn failure_of_a_method_is_returned_unchanged() {
        check_run(
            "add",
            r#"{"left": 4294967295, "right": 1}"#,
            Err(("overflow", "the sum is too large")),
        );
    }

    #[test]
    fn arguments_that_do_not_fit_are_refused() {
        check_run(
            "add",
            r#"{"left": 1, "centre": 2}"#,
            Err((
                "invalid-arguments",
                "unknown field `centre`, expected `left` or `right` at line 1 column 20",
            )),
        );
    }

    #[test]
    fn check_runs_with_the_call_that_it_decides_on() {
        let model = || {
            Model::new("@test/guarded", "2026.11.30.1", "Is checked")
                .check("small", "The number is small", |_, call| {
                    if call.argument("n").as_u64() > Some(9) {
                        return Err(Failure::new("large", "9 is the largest"));
                    }
                    Ok(())
                })
                .check_with(
                    "never",
                    "Nothing is well",
                    CheckScope::new().method("add").label("network"),
                    |_, _| Err(Failure::new("no", "not today")),
                )
        };
        let info = model().describe();
        assert!(info.checks[0].applies_to.is_empty() && info.checks[0].labels.is_empty());
        assert_eq!(info.checks[1].applies_to, ["add"]);
        assert_eq!(info.checks[1].labels, ["network"]);
        let check = |name: &str, arguments: &str, expect: Result<(), &str>| {
            let (cx, call) = CheckedCall::new(Invocation {
                method: "add".to_owned(),
                arguments: arguments.to_owned(),
                global_arguments: "{}".to_owned(),
            });
            let found = model().run_check(&cx, name, &call);
            let found = found.map_err(|failure| failure.message);
            assert_eq!(found, expect.map_err(str::to_owned));
        };
        check("small", r#"{"n": 3}"#, Ok(()));
        check("small", r#"{"n": 10}"#, Err("9 is the largest"));
        check("never", "{}", Err("not today"));
        check(
            "other",
            "{}",
            Err("type `@test/guarded` has no check `other`"),
        );
    }

    #[test]
    fn upgrade_changes_arguments_of_an_earlier_version() {
        let model = || {
            Model::new("@test/moved", "2026.11.30.1", "Has moved").upgrade(
                "2026.11.30.1",
                "`host` is now `url`",
                |arguments| {
                    let host = arguments.remove("host").unwrap_or_default();
                    arguments.insert("url".to_owned(), host);
                    Ok(())
                },
            )
        };
        assert_eq!(model().describe().upgrades[0].to_version, "2026.11.30.1");
        let upgraded = model().run_upgrade("2026.11.30.1", r#"{"host": "${{ env.HOST }}"}"#);
        assert_eq!(
            upgraded.map_err(|failure| failure.message).as_deref(),
            Ok(r#"{"url":"${{ env.HOST }}"}"#)
        );
        let unknown = model().run_upgrade("2026.12.1.1", "{}");
        assert_eq!(unknown.expect_err("there is none").code, "unknown-upgrade");
        let list = model().run_upgrade("2026.11.30.1", "[]");
        assert_eq!(list.expect_err("it is no object").code, "invalid-json");
    }

    fn reported_model() -> reports::ReportSubject {
        reports::ReportSubject::Model(reports::ReportOfModel {
            model: reports::ReportModel {
                name: "one".to_owned(),
                id: "one".to_owned(),
                type_: "@test/reporter".to_owned(),
                type_version: "2026.12.01.1".to_owned(),
                tags: vec![("team".to_owned(), "red".to_owned())],
            },
            global_arguments: r#"{"region": "eu"}"#.to_owned(),
            data: vec![reports::ReportData {
                model: "one".to_owned(),
                name: "sum".to_owned(),
                version: 3,
                spec: "sum".to_owned(),
                created_at_ms: 5,
                tags: Vec::new(),
                content: reports::ReportContent::Resource(r#"{"n": 7}"#.to_owned()),
            }],
        })
    }

    #[test]
    fn report_has_the_scope_of_its_subject() {
        let model = || {
            Model::new("@test/reporter", "2026.12.01.1", "Reports")
                .report("calls", "A call", |call: &ReportedCall| {
                    Ok(Report::new(&call.method, Value::Null))
                })
                .report("state", "A model", |model: &ReportedModelData| {
                    let of = &model.model.tags["team"];
                    let ReportedContent::Resource(content) = &model.data[0].content else {
                        return Err(Failure::new("no", "no resource"));
                    };
                    let region = &model.global_arguments["region"];
                    Ok(Report::new(format!("{of} {region}"), content.clone()))
                })
                .report("runs", "A run", |run: &ReportedRun| {
                    Ok(Report::new(&run.workflow, Value::Null))
                })
        };
        let scopes = model().describe().reports.into_iter().map(|it| it.scope);
        assert_eq!(
            scopes.collect::<Vec<_>>(),
            [
                reports::ReportScope::Method,
                reports::ReportScope::Model,
                reports::ReportScope::Workflow
            ]
        );
        let made = model().make_report("state", reported_model());
        assert_eq!(made, Ok(Report::new("red \"eu\"", json!({"n": 7}))));
        let code = |name: &str| {
            model()
                .make_report(name, reported_model())
                .map_err(|it| it.code)
        };
        assert_eq!(code("calls"), Err("wrong-scope".to_owned()));
        assert_eq!(code("runs"), Err("wrong-scope".to_owned()));
        assert_eq!(code("other"), Err("unknown-report".to_owned()));
    }

    #[test]
    fn unknown_method_is_refused() {
        check_run(
            "subtract",
            "{}",
            Err((
                "unknown-method",
                "type `@test/sum` has no method `subtract`",
            )),
        );
    }
}
