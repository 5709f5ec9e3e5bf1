//! The description of a plugin's type after it was checked.

use sedge_model::call::DataKind;
use sedge_model::guest_text::GuestText;
use sedge_model::lifetime::Retention;
use sedge_model::names::{
    CheckLabel, CheckName, MethodName, ReportName, SpecName, TypeName, TypeVersion,
};
use sedge_model::permission::PermissionRequest;
use sedge_model::report::ReportScope;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::Schema;

/// What a method does to the object that the model manages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodKind {
    /// Reads it, and writes nothing.
    Read,
    /// Looks at it, and writes what it has seen: data of its own model.
    Observe,
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
            Self::Observe => "observe",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Action => "action",
        }
    }

    /// Returns whether a method of this kind may change the object. The others only look at it, so
    /// they run without checks, beside each other, and twice if need be.
    #[must_use]
    pub fn changes_object(self) -> bool {
        match self {
            Self::Read | Self::Observe => false,
            Self::Create | Self::Update | Self::Delete | Self::Action => true,
        }
    }

    /// Returns whether a method of this kind may write data of its own model.
    #[must_use]
    pub fn writes_data(self) -> bool {
        match self {
            Self::Read => false,
            Self::Observe | Self::Create | Self::Update | Self::Delete | Self::Action => true,
        }
    }

    /// Returns whether a method of this kind may call one of the kind `callee`. What it must not do
    /// itself, its callees must not do for it.
    #[must_use]
    pub fn may_call(self, callee: Self) -> bool {
        (self.writes_data() || !callee.writes_data())
            && (self.changes_object() || !callee.changes_object())
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

/// One check that runs before methods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckSpec {
    /// Unique in the type.
    pub name: CheckName,
    /// What it checks, in a sentence.
    pub description: GuestText,
    /// The methods before which it runs; if empty, all methods that may change something.
    pub applies_to: Vec<MethodName>,
    /// The labels by which a user can skip it.
    pub labels: Vec<CheckLabel>,
}

/// One change of the global arguments between two versions of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeSpec {
    /// The first version of the type that needs the change.
    pub to_version: TypeVersion,
    /// What changes, in a sentence.
    pub description: GuestText,
}

/// One report that a type can make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportSpec {
    /// Unique in the type.
    pub name: ReportName,
    /// What it shows, in a sentence.
    pub description: GuestText,
    /// What it is about.
    pub scope: ReportScope,
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
    /// The checks that run before its methods, in the author's order.
    pub checks: Vec<CheckSpec>,
    /// The changes of its global arguments, oldest first.
    pub upgrades: Vec<UpgradeSpec>,
    /// The reports that it can make, in the author's order.
    pub reports: Vec<ReportSpec>,
}

/// A plugin's description is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypeInfoError {
    /// Two parts have the same name.
    #[error("the {what} `{name}` is described twice")]
    Duplicate {
        /// `method`, `resource`, `file`, `check` or `report`.
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
    /// A check applies to a method that does not exist, or that is of kind `read` or `observe`.
    #[error("the check `{check}` applies to `{method}`, which is no method that changes something")]
    CheckWithoutMethod {
        /// The check.
        check: CheckName,
        /// The method that it names.
        method: MethodName,
    },
    /// An upgrade is not later than the one before it, or is later than the type.
    #[error("the upgrade to {version} is out of order: {rule}")]
    UpgradeOrder {
        /// The version of the upgrade.
        version: TypeVersion,
        /// What it should be.
        rule: &'static str,
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

    /// Returns the check with a name.
    #[must_use]
    pub fn check_spec(&self, name: &str) -> Option<&CheckSpec> {
        self.checks.iter().find(|check| check.name.as_str() == name)
    }

    /// Returns the checks that run before a method, in the author's order.
    pub fn checks_of(&self, method: &MethodSpec) -> impl Iterator<Item = &CheckSpec> {
        let changes = method.kind.changes_object();
        self.checks.iter().filter(move |check| {
            changes && (check.applies_to.is_empty() || check.applies_to.contains(&method.name))
        })
    }

    /// Returns the upgrades that arguments need which were written for `version` of the type.
    /// Without a version, they need all.
    #[must_use]
    pub fn upgrades_after(&self, version: Option<&TypeVersion>) -> &[UpgradeSpec] {
        let is_done = |step: &UpgradeSpec| {
            version.is_some_and(|version| !version.is_older_than(&step.to_version))
        };
        let n_done = self
            .upgrades
            .iter()
            .take_while(|step| is_done(step))
            .count();
        &self.upgrades[n_done..]
    }

    /// Returns the report with a name.
    #[must_use]
    pub fn report(&self, name: &str) -> Option<&ReportSpec> {
        self.reports.iter().find(|it| it.name.as_str() == name)
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
        unique("check", self.checks.iter().map(|check| check.name.as_str()))?;
        unique("report", self.reports.iter().map(|it| it.name.as_str()))?;
        self.checks
            .iter()
            .try_for_each(|it| self.check_methods(it))?;
        self.upgrades_check()?;
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

impl TypeInfo {
    /// Checks that a check applies to methods that exist and that change something.
    fn check_methods(&self, check: &CheckSpec) -> Result<(), TypeInfoError> {
        let is_unknown = |name: &&MethodName| {
            let method = self.method(name.as_str());
            method.is_none_or(|method| !method.kind.changes_object())
        };
        match check.applies_to.iter().find(is_unknown) {
            None => Ok(()),
            Some(method) => Err(TypeInfoError::CheckWithoutMethod {
                check: check.name.clone(),
                method: method.clone(),
            }),
        }
    }

    /// Checks that the upgrades are in order and that none is later than the type.
    fn upgrades_check(&self) -> Result<(), TypeInfoError> {
        let wrong = |step: &UpgradeSpec, rule| TypeInfoError::UpgradeOrder {
            version: step.to_version.clone(),
            rule,
        };
        let mut pairs = self.upgrades.windows(2);
        if let Some(pair) =
            pairs.find(|pair| !pair[0].to_version.is_older_than(&pair[1].to_version))
        {
            return Err(wrong(&pair[1], "each one is later than the one before it"));
        }
        match self.upgrades.last() {
            Some(last) if self.version.is_older_than(&last.to_version) => {
                Err(wrong(last, "none is later than the version of the type"))
            }
            Some(_) | None => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KINDS: [MethodKind; 6] = [
        MethodKind::Read,
        MethodKind::Observe,
        MethodKind::Create,
        MethodKind::Update,
        MethodKind::Delete,
        MethodKind::Action,
    ];

    /// A type with a method of each kind, and one check.
    fn type_with_check(applies_to: &[&str]) -> TypeInfo {
        let methods = KINDS.map(
            |kind| json!({"name": kind.as_str(), "kind": kind, "description": "", "arguments": {}}),
        );
        let check = json!({"name": "c", "description": "", "appliesTo": applies_to, "labels": []});
        let info = json!({
            "name": "@test/kinds", "version": "2026.12.01.1", "description": "",
            "globalArguments": {}, "methods": methods, "resources": [], "files": [],
            "permissions": [], "checks": [check], "upgrades": [], "reports": [],
        });
        serde_json::from_value(info).expect("a description")
    }

    #[test]
    fn callees_may_not_do_what_their_caller_may_not() {
        let callees = |kind: MethodKind| -> Vec<&str> {
            let callees = KINDS.into_iter().filter(|callee| kind.may_call(*callee));
            callees.map(MethodKind::as_str).collect()
        };
        let all = KINDS.map(MethodKind::as_str);
        assert_eq!(callees(MethodKind::Read), ["read"]);
        assert_eq!(callees(MethodKind::Observe), ["read", "observe"]);
        for kind in &KINDS[2..] {
            assert_eq!(callees(*kind), all, "{}", kind.as_str());
        }
    }

    #[test]
    fn checks_run_before_methods_that_change_something() {
        let info = type_with_check(&[]);
        assert_eq!(info.check(|| true), Ok(()));
        let checked = |method: &&MethodSpec| info.checks_of(method).next().is_some();
        let checked: Vec<&str> = info
            .methods
            .iter()
            .filter(checked)
            .map(|method| method.name.as_str())
            .collect();
        assert_eq!(checked, ["create", "update", "delete", "action"]);
    }

    #[test]
    fn check_before_a_method_that_looks_is_refused() {
        for kind in KINDS {
            let found = type_with_check(&["action", kind.as_str()]).check(|| true);
            let is_refused = matches!(
                &found,
                Err(TypeInfoError::CheckWithoutMethod { method, .. })
                    if method.as_str() == kind.as_str()
            );
            assert_eq!(is_refused, !kind.changes_object(), "{found:?}");
        }
    }
}
