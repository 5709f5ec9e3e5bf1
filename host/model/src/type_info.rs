//! What a plugin says of its type, once it has been checked.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::DataKind;
use crate::guest_text::GuestText;
use crate::lifetime::Retention;
use crate::names::{MethodName, SpecName, TypeName, TypeVersion};
use crate::permission::PermissionRequest;
use crate::schema::Schema;

/// What a method does to the thing outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodKind {
    /// Looks, and writes nothing.
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
    /// Decides which lock a call takes.
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
    /// How long it is kept, as the plugin wants it.
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
    /// How long it is kept, as the plugin wants it.
    #[serde(default, skip_serializing_if = "Retention::is_empty")]
    pub retention: Retention,
}

/// What a plugin is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeInfo {
    /// `@scope/name`.
    pub name: TypeName,
    /// `YYYY.MM.DD.N`.
    pub version: TypeVersion,
    /// What it is for.
    pub description: GuestText,
    /// The JSON Schema of what a definition gives to every method.
    pub global_arguments: Value,
    /// Its methods, in the author's order.
    pub methods: Vec<MethodSpec>,
    /// What its methods write.
    pub resources: Vec<ResourceSpec>,
    /// Which files its methods write.
    pub files: Vec<FileSpec>,
    /// What it asks for.
    pub permissions: Vec<PermissionRequest>,
}

/// A plugin's description contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypeInfoError {
    /// Two parts have one name.
    #[error("the {what} `{name}` is described twice")]
    Duplicate {
        /// `method`, `resource` or `file`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A schema does not compile.
    #[error("the schema of {of} is no usable JSON Schema: {message}")]
    Schema {
        /// Whose schema.
        of: String,
        /// What is wrong with it.
        message: String,
    },
    /// There is nothing to run.
    #[error("it describes no method")]
    NoMethods,
    /// There was no time for all of its schemas.
    #[error("its schemas take longer to compile than it has to describe itself")]
    Slow,
}

impl TypeInfo {
    /// Returns the method of that name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&MethodSpec> {
        self.methods
            .iter()
            .find(|method| method.name.as_str() == name)
    }

    /// Returns the resource spec of that name.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<&ResourceSpec> {
        self.resources
            .iter()
            .find(|resource| resource.name.as_str() == name)
    }

    /// Returns the file spec of that name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&FileSpec> {
        self.files.iter().find(|file| file.name.as_str() == name)
    }

    /// Returns how long the plugin wants data of a spec to be kept.
    #[must_use]
    pub fn retention(&self, kind: DataKind, spec: &str) -> Option<&Retention> {
        match kind {
            DataKind::Resource => self.resource(spec).map(|spec| &spec.retention),
            DataKind::File => self.file(spec).map(|spec| &spec.retention),
        }
    }

    /// Checks what single values cannot show: unique names, schemas that compile. It asks whether
    /// there is time left before each schema.
    ///
    /// # Errors
    /// The first contradiction, or there was no time left.
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
