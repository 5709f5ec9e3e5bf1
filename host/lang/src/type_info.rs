//! The description of a plugin's type after it was checked.

use sedge_model::call::DataKind;
use sedge_model::guest_text::GuestText;
use sedge_model::lifetime::Retention;
use sedge_model::names::{MethodName, SpecName, TypeName, TypeVersion};
use sedge_model::permission::PermissionRequest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::Schema;

/// What a method does to the object that the model manages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodKind {
    /// Reads it, and writes nothing.
    Read,
    /// Creates it.
    Create,
    /// Changes it.
    Update,
    /// Deletes it.
    Delete,
    /// Any other action.
    Action,
}

impl MethodKind {
    /// Returns the kind as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Action => "action",
        }
    }
}

/// One method of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodSpec {
    /// Unique in the type.
    pub name: MethodName,
    /// The kind decides which lock a call takes.
    pub kind: MethodKind,
    /// What it does, in a sentence.
    pub description: GuestText,
    /// The JSON Schema of its arguments.
    pub arguments: Value,
}

/// One kind of resource that a type's methods write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSpec {
    /// Unique in the type.
    pub name: SpecName,
    /// What it is.
    pub description: GuestText,
    /// The JSON Schema of its content.
    pub schema: Value,
    /// What happens to content that violates the schema.
    #[serde(default)]
    pub on_violation: OnViolation,
    /// How long the data is retained, as the plugin requests it.
    #[serde(default, skip_serializing_if = "Retention::is_empty")]
    pub retention: Retention,
}

/// What happens to a resource that violates its schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnViolation {
    /// It is not written.
    #[default]
    Refuse,
    /// It is written, and the call's log has a warning.
    Warn,
}

/// One kind of file that a type's methods write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileSpec {
    /// Unique in the type.
    pub name: SpecName,
    /// What it is.
    pub description: GuestText,
    /// For example `text/plain`.
    pub media_type: String,
    /// How long the data is retained, as the plugin requests it.
    #[serde(default, skip_serializing_if = "Retention::is_empty")]
    pub retention: Retention,
}

/// A plugin's type: its methods, its data and its requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeInfo {
    /// `@scope/name`.
    pub name: TypeName,
    /// `YYYY.MM.DD.N`.
    pub version: TypeVersion,
    /// Its purpose.
    pub description: GuestText,
    /// The JSON Schema of the arguments that a definition gives to every method.
    pub global_arguments: Value,
    /// Its methods, in the author's order.
    pub methods: Vec<MethodSpec>,
    /// The kinds of resources that its methods write.
    pub resources: Vec<ResourceSpec>,
    /// The kinds of files that its methods write.
    pub files: Vec<FileSpec>,
    /// The permissions that it requests.
    pub permissions: Vec<PermissionRequest>,
}

/// A plugin's description is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypeInfoError {
    /// Two parts have the same name.
    #[error("the {what} `{name}` is described twice")]
    Duplicate {
        /// `method`, `resource` or `file`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A schema does not compile.
    #[error("the schema of {of} is not a usable JSON Schema: {message}")]
    Schema {
        /// The owner of the schema.
        of: String,
        /// The reason.
        message: String,
    },
    /// There is no method.
    #[error("it describes no method")]
    NoMethods,
    /// The time limit ended before all schemas were compiled.
    #[error("its schemas take longer to compile than the time limit of its description allows")]
    Slow,
}

impl TypeInfo {
    /// Returns the method with a name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&MethodSpec> {
        self.methods
            .iter()
            .find(|method| method.name.as_str() == name)
    }

    /// Returns the resource spec with a name.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<&ResourceSpec> {
        self.resources
            .iter()
            .find(|resource| resource.name.as_str() == name)
    }

    /// Returns the file spec with a name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&FileSpec> {
        self.files.iter().find(|file| file.name.as_str() == name)
    }

    /// Returns the retention that the plugin requests for a spec.
    #[must_use]
    pub fn retention(&self, kind: DataKind, spec: &str) -> Option<&Retention> {
        match kind {
            DataKind::Resource => self.resource(spec).map(|spec| &spec.retention),
            DataKind::File => self.file(spec).map(|spec| &spec.retention),
        }
    }

    /// Checks what the types of single values cannot express: names are unique and schemas compile.
    /// Before each schema, it calls `has_time` to check the time limit.
    ///
    /// # Errors
    /// The description is not valid, or the time limit has ended.
    pub fn check(&self, mut has_time: impl FnMut() -> bool) -> Result<(), TypeInfoError> {
        if self.methods.is_empty() {
            return Err(TypeInfoError::NoMethods);
        }
        unique(
            "method",
            self.methods.iter().map(|method| method.name.as_str()),
        )?;
        unique(
            "resource",
            self.resources.iter().map(|resource| resource.name.as_str()),
        )?;
        unique("file", self.files.iter().map(|file| file.name.as_str()))?;
        compiles("the global arguments", &self.global_arguments)?;
        for method in &self.methods {
            has_time().then_some(()).ok_or(TypeInfoError::Slow)?;
            compiles(&format!("method `{}`", method.name), &method.arguments)?;
        }
        for resource in &self.resources {
            has_time().then_some(()).ok_or(TypeInfoError::Slow)?;
            compiles(&format!("resource `{}`", resource.name), &resource.schema)?;
        }
        Ok(())
    }
}

fn unique<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), TypeInfoError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(TypeInfoError::Duplicate {
                what,
                name: name.to_owned(),
            });
        }
    }
    Ok(())
}

fn compiles(of: &str, schema: &Value) -> Result<(), TypeInfoError> {
    match Schema::compile(schema) {
        Ok(_) => Ok(()),
        Err(error) => Err(TypeInfoError::Schema {
            of: of.to_owned(),
            message: error.message,
        }),
    }
}
