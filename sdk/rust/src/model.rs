//! A model type as its author writes it down, and what becomes of that: a description
//! for the host, and a table of methods to run.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bindings::exports::sedge::model::model as wire;
use crate::{Context, Failure, OnViolation, Retention};

/// What a method does to the thing outside. It decides which lock its call takes:
/// calls of `Read` methods of one model run side by side, any other call is alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodKind {
    /// Looks, and writes nothing: writing data from such a method is refused.
    Read,
    /// Makes the thing.
    Create,
    /// Changes the thing.
    Update,
    /// Removes the thing.
    Delete,
    /// Anything else.
    Action,
}

/// What may be done with files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAccess {
    /// Read only.
    Read,
    /// Read and write.
    Write,
}

/// Something that a plugin cannot do unless it has asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permission {
    /// Call a model and read its data.
    Models {
        /// The model's name; `*` for every one.
        model: String,
    },
    /// HTTP requests.
    Http {
        /// `https://HOST` or `http://HOST`, perhaps with `:PORT`. HOST is a name, `*.` and the
        /// end of one, or an address.
        url: String,
        /// For example `GET`; none means all.
        methods: Vec<String>,
    },
    /// Connections of TCP.
    Sockets {
        /// `HOST:PORT`.
        to: String,
    },
    /// Files of one folder that the operator chooses.
    Files {
        /// The name by which the operator maps it to a folder.
        name: String,
        /// What may be done there.
        access: FileAccess,
    },
    /// One environment variable.
    Env {
        /// Its name.
        name: String,
    },
    /// One secret.
    Secrets {
        /// Its name.
        name: String,
        /// Where the host may put it into requests: `https://api.example.com`.
        hosts: Vec<String>,
        /// Whether the plugin wants to see it.
        reveal: bool,
    },
    /// Programs that the operator pinned.
    Commands {
        /// The name under which one is pinned; `*` stands for every one.
        name: String,
    },
}

/// No arguments: for a method that takes none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoArguments {}

/// A model type: its name, its methods, what they write, what it asks for.
///
/// Making one costs next to nothing, for it is made at every call; schemas are worked
/// out only when the host asks for the description.
pub struct Model {
    name: &'static str,
    version: &'static str,
    description: &'static str,
    global_arguments: fn() -> String,
    methods: Vec<Method>,
    resources: Vec<ResourceSpec>,
    files: Vec<FileSpec>,
    permissions: Vec<wire::PermissionRequest>,
}

struct Method {
    name: &'static str,
    kind: MethodKind,
    description: &'static str,
    arguments: fn() -> String,
    run: Box<Run>,
}

/// Runs a method on arguments that are JSON, and returns JSON.
type Run = dyn Fn(&Context, &str) -> Result<String, Failure>;

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
    /// Begins the description of a type: `@scope/name`, its version as `YYYY.MM.DD.N`
    /// (the day, and the number on that day), and what it is for.
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
        }
    }

    /// Says what a definition gives to every method, a struct. Without this it is nothing.
    ///
    /// A method reads them with [`Context::global_arguments`].
    #[must_use]
    pub fn global_arguments<G: DeserializeOwned + JsonSchema>(mut self) -> Self {
        self.global_arguments = schema_of_arguments::<G>;
        self
    }

    /// Adds a method. `A` is a struct, [`NoArguments`] for a method that takes none.
    #[must_use]
    pub fn method<A, R>(
        mut self,
        name: &'static str,
        kind: MethodKind,
        description: &'static str,
        run: impl Fn(&Context, A) -> Result<R, Failure> + 'static,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        R: Serialize,
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

    /// Adds a kind of resource that the methods write: JSON of the form of `T`. All its
    /// versions are kept, and a write that violates its schema is refused.
    #[must_use]
    pub fn resource<T: Serialize + JsonSchema>(
        self,
        name: &'static str,
        description: &'static str,
    ) -> Self {
        self.resource_with::<T>(name, description, OnViolation::Refuse, Retention::new())
    }

    /// Adds a kind of resource, and says what happens to one that violates its schema and
    /// how long it is kept.
    #[must_use]
    pub fn resource_with<T: Serialize + JsonSchema>(
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

    /// Adds a kind of file that the methods write; a media type is, for example,
    /// `text/plain`. All its versions are kept.
    #[must_use]
    pub fn file(
        self,
        name: &'static str,
        media_type: &'static str,
        description: &'static str,
    ) -> Self {
        self.file_with(name, media_type, description, Retention::new())
    }

    /// Adds a kind of file, and says how long it is kept.
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

    /// Asks to call a model and to read its data, `*` for every one. A person reads the
    /// reason before granting it.
    #[must_use]
    pub fn asks_for_models(self, model: &'static str, reason: &'static str) -> Self {
        let model = model.to_owned();
        self.asks_for(Permission::Models { model }, reason)
    }

    /// Asks for something that a plugin cannot do otherwise. A person reads the reason
    /// before granting it.
    #[must_use]
    pub fn asks_for(mut self, permission: Permission, reason: &'static str) -> Self {
        self.permissions.push(wire::PermissionRequest {
            permission: permission.into(),
            reason: reason.to_owned(),
        });
        self
    }

    /// Returns what the host asks of a plugin: what it is.
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
        wire::TypeInfo {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            description: self.description.to_owned(),
            global_arguments: (self.global_arguments)(),
            methods: methods.collect(),
            resources: resources.collect(),
            files: files.collect(),
            permissions: self.permissions,
        }
    }

    /// Runs one method and returns what it returned, as JSON.
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

/// Returns the schema of what is deserialised as a `T`.
fn schema_of_arguments<T: JsonSchema>() -> String {
    schema_to_text::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// Returns the schema of what a `T` serialises to.
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
    use serde_json::{Value, json};

    use super::*;

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
            .asks_for_models("*", "to add what others know")
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
    fn a_type_describes_itself() {
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
            "what is always written is required"
        );
        assert_eq!(info.files[0].media_type, "text/plain");
        assert!(matches!(
            &info.permissions[0].permission,
            wire::Permission::Models(model) if model == "*"
        ));
    }

    #[test]
    fn a_spec_says_how_long_its_data_is_kept() {
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
    fn a_type_without_global_arguments_takes_none() {
        let info = Model::new("@test/bare", "2026.11.23.1", "Does nothing").describe();
        let schema = parsed(&info.global_arguments);
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["additionalProperties"], false);
    }

    #[test]
    fn a_method_runs_on_json() {
        check_run("add", r#"{"left": 2, "right": 3}"#, Ok("5"));
        check_run("nothing", "{}", Ok("null"));
    }

    #[test]
    fn a_methods_failure_is_its_own() {
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
    fn an_unknown_method_is_refused() {
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
