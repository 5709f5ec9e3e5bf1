//! A model's definition: a file in `models/`.

mod grants;
mod limits;
mod new_file;
mod retention;
mod selection;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use sedge_model::lifetime::Retention;
use sedge_model::limits::ModelLimitsFile;
use sedge_model::names::{FileId, MethodName, ModelName, SpecName, TypeName, TypeVersion};
use sedge_model::permission::grants::Grants;
use serde_json::Value;

use crate::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};
use crate::expr::template::Template;
use crate::expr::{Expr, Shape, Variables};
use crate::input::InputsSchema;
use crate::scope::definition_scope;
use crate::written::WrittenValue;
use crate::yaml::node::Node;
use crate::yaml::{self, Faults, KeySet, Keys, Located, Outline, OutlineKeys, read};

use retention::RetentionReader;

pub use new_file::NewDefinition;
pub use selection::{CheckSelection, ReportChoice, ReportSelection};

pub(crate) use grants::{
    FOLDER_GRANT_KEYS, GRANT_KEYS, HTTP_GRANT_KEYS, SECRET_GRANT_KEYS, SOCKET_GRANT_KEYS,
};
pub(crate) use limits::{HTTP_LIMIT_KEYS, LIMIT_KEYS};
pub(crate) use retention::{OVERRIDE_KEYS, RESOURCE_KEYS, retention_of_keys};
pub(crate) use selection::{CHECKS_KEYS, REPORT_KEYS, REPORTS_KEYS};

/// The folder of definitions, relative to the repository.
pub const MODELS_FOLDER: &str = "models";

/// The keys of a definition.
pub(crate) const DEFINITION_KEYS: KeySet = KeySet {
    of: "a definition",
    keys: &[
        "type",
        "typeVersion",
        "name",
        "id",
        "version",
        "description",
        "tags",
        "globalArguments",
        "methods",
        "inputs",
        "checks",
        "resources",
        "dataOutputOverrides",
        "reports",
        "grants",
        "limits",
    ],
    foreign: &[
        (
            "arguments",
            "write `globalArguments: {…}`, or `methods: {METHOD: {arguments: {…}}}`",
        ),
        (
            "args",
            "write `globalArguments: {…}`, or `methods: {METHOD: {arguments: {…}}}`",
        ),
        (
            "with",
            "write `globalArguments: {…}`, or `methods: {METHOD: {arguments: {…}}}`",
        ),
        ("globalArgs", "write `globalArguments: {…}`"),
        ("attributes", "write `globalArguments: {…}`"),
        ("parameters", "write `inputs: {…}`"),
        ("uses", "write `type: \"@SCOPE/NAME\"`"),
        ("model", "write `type: \"@SCOPE/NAME\"`"),
        ("modelType", "write `type: \"@SCOPE/NAME\"`"),
        ("labels", "write `tags: {KEY: VALUE}`"),
        (
            "env",
            "write `grants: {env: [NAME]}`: it allows the model to read a variable of the environment",
        ),
        (
            "secrets",
            "write `grants: {secrets: [{name: NAME, hosts: [\"https://HOST\"]}]}`",
        ),
        ("permissions", "write `grants: {…}`"),
        ("timeout", "write `limits: {wallTimeSeconds: 300}`"),
        ("lifetime", "write `resources: {SPEC: {lifetime: 30d}}`"),
        (
            "garbageCollection",
            "write `resources: {SPEC: {garbageCollection: 10}}`",
        ),
        ("jobs", "`jobs` belongs to a workflow, a file in workflows/"),
        (
            "steps",
            "`steps` belongs to a job of a workflow, a file in workflows/",
        ),
        (
            "needs",
            "`needs` is a key of other tools; a workflow, a file in workflows/, has `dependsOn: [{job: NAME}]`",
        ),
        (
            "dependsOn",
            "`dependsOn` belongs to a job or a step of a workflow, a file in workflows/",
        ),
        (
            "if",
            "`if` is a key of other tools; a step of a workflow, a file in workflows/, has `guard`",
        ),
        (
            "guard",
            "`guard` belongs to a job or a step of a workflow, a file in workflows/",
        ),
        (
            "run",
            "`run` is a key of other tools; a step of a workflow, a file in workflows/, has `task`",
        ),
        (
            "task",
            "`task` belongs to a step of a workflow, a file in workflows/",
        ),
    ],
};

/// The keys of one method of a definition.
pub(crate) const METHOD_KEYS: KeySet = KeySet {
    of: "a method",
    keys: &["arguments"],
    foreign: &[
        ("inputs", "write `arguments: {…}`"),
        ("args", "write `arguments: {…}`"),
        ("with", "write `arguments: {…}`"),
        (
            "globalArguments",
            "`globalArguments` belongs to the definition itself",
        ),
    ],
};

/// Where a definition can have many values.
const DEFINITION_OUTLINE: Outline = Outline::Keys(&OutlineKeys {
    keys: &[],
    free: &[
        "globalArguments",
        "methods",
        "inputs",
        "resources",
        "dataOutputOverrides",
        "grants",
    ],
});

/// A named, configured instance of a type.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The file that it was read from, for messages about its parts.
    pub file: Arc<SourceFile>,
    /// Its name.
    pub name: ModelName,
    /// Its id, if it has one.
    pub id: Option<FileId>,
    /// Its type. If the file does not name it, it follows from the folder, and has the place of the
    /// name.
    pub type_name: Located<TypeName>,
    /// The version of the type that it was written for, if it names one.
    pub type_version: Option<TypeVersion>,
    /// The number that its author gives to this version of the file.
    pub version: Option<u64>,
    /// Its purpose.
    pub description: Option<String>,
    /// The labels of all data that the model writes, as they are written in the file.
    pub tags: BTreeMap<String, String>,
    /// The same labels, with their expressions: an object.
    pub tags_written: WrittenValue,
    /// The global arguments, which every method receives: an object.
    pub global_arguments: WrittenValue,
    /// The stored arguments of each method's calls: objects.
    pub method_arguments: BTreeMap<MethodName, WrittenValue>,
    /// The inputs that its expressions use.
    pub inputs: InputsSchema,
    /// The checks that are required or skipped before its methods.
    pub checks: CheckSelection,
    /// The reports that are required or skipped.
    pub reports: ReportSelection,
    /// Its own limits.
    pub limits: ModelLimitsFile,
    /// The grants of this model, in addition to those of all models of its type.
    pub grants: Grants,
    /// The retention of each spec that the operator overrides.
    pub retention: BTreeMap<SpecName, Retention>,
    /// The file as it was parsed.
    tree: Arc<Node>,
}

impl Definition {
    /// Returns the id of the model, which stays the same when the model gets another name: the `id`
    /// of the definition in lower case, or its name if it has no `id`.
    #[must_use]
    pub fn stable_id(&self) -> String {
        match &self.id {
            Some(id) => id.as_str().to_ascii_lowercase(),
            None => self.name.to_string(),
        }
    }

    /// Parses a definition.
    ///
    /// # Errors
    /// All faults of the file, each with its place.
    pub fn parse(file: &Arc<SourceFile>) -> Result<Self, Faults> {
        let tree = Arc::new(yaml::parse_outlined(file, &DEFINITION_OUTLINE)?);
        let mut faults = Faults::new(file);
        let definition = Keys::read(&tree, &DEFINITION_KEYS, &mut faults)
            .and_then(|keys| Self::of_keys(keys, file, &tree, &mut faults));
        faults.result_of(definition)
    }

    /// Reads all keys. Every key is read even if another one has a fault.
    fn of_keys(
        keys: Keys<'_>,
        file: &Arc<SourceFile>,
        tree: &Arc<Node>,
        faults: &mut Faults,
    ) -> Option<Self> {
        let name = keys.required("name", faults);
        let name = name.and_then(|it| read::parsed::<ModelName>(it, faults));
        let type_name = type_name(keys, file, name.as_ref(), faults);
        let id = keys.get("id").and_then(|it| read::parsed(it, faults));
        let type_version = keys.get("typeVersion");
        let type_version = type_version.and_then(|it| read::parsed(it, faults));
        let version = keys.get("version");
        let version = version.and_then(|it| read::whole_number(it, faults));
        let description = keys.get("description");
        let description = description.and_then(|it| read::text(it, faults));
        let inputs = match keys.get("inputs") {
            Some(node) => InputsSchema::read(node, file, faults),
            None => InputsSchema::none(),
        };
        let scope = definition_scope(inputs_shape(&inputs));
        let tags = keys.get("tags").and_then(|it| read::tags(it, faults));
        // Tags that are wrong are a fault already.
        let tags_node = keys.get("tags").filter(|_| tags.is_some());
        let tags_written = object(tags_node, file, &scope, faults);
        let global_arguments = object(keys.get("globalArguments"), file, &scope, faults);
        let methods = keys.get("methods");
        let method_arguments = methods.map(|it| methods_read(it, file, &scope, faults));
        let checks = keys.get("checks");
        let reports = keys.get("reports");
        let checks = checks.map(|it| CheckSelection::read(it, faults));
        let reports = reports.map(|it| ReportSelection::read(it, faults));
        let limits = keys.get("limits").map(|it| limits::limits(it, faults));
        let grants = keys.get("grants").map(|it| grants::grants(it, faults));
        let retention = retention_read(keys, faults);
        Some(Self {
            file: Arc::clone(file),
            name: name?.value,
            id: id.map(|it| it.value),
            type_name: type_name?,
            type_version: type_version.map(|it| it.value),
            version: version.map(|it| it.value),
            description: description.map(|it| it.value),
            tags: tags.map(|it| it.value).unwrap_or_default(),
            tags_written,
            global_arguments,
            method_arguments: method_arguments.unwrap_or_default(),
            inputs,
            checks: checks.unwrap_or_default(),
            reports: reports.unwrap_or_default(),
            limits: limits.unwrap_or_default(),
            grants: grants.unwrap_or_default(),
            retention,
            tree: Arc::clone(tree),
        })
    }

    /// Returns the labels that have no expression.
    #[must_use]
    pub fn literal_tags(&self) -> BTreeMap<String, String> {
        let tags = self.tags.iter();
        let literal = tags.filter(|(_, text)| !Template::has_expression(text));
        let tag = |(key, text): (&String, &String)| (key.clone(), Template::unescaped(text));
        literal.map(tag).collect()
    }

    /// Returns all expressions of the file.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        let of_methods = self.method_arguments.values();
        let written = of_methods.chain([&self.global_arguments, &self.tags_written]);
        written.flat_map(WrittenValue::exprs)
    }

    /// Returns the file as it was parsed.
    #[must_use]
    pub fn tree(&self) -> &Node {
        &self.tree
    }

    /// Returns the place of a part of the file: `/methods/run/arguments`. If there is no such part,
    /// it is the place of the nearest one around it that is not the whole file, or of the name.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Range<usize> {
        let found = self.tree.at(pointer);
        if found.span != self.tree.span {
            return found.span.clone();
        }
        let name = self.tree.get("name");
        name.map_or(0..0, |it| it.span.clone())
    }

    /// Returns a note about each key that this version accepts, and that has no effect yet.
    #[must_use]
    pub fn notes(&self) -> Vec<Diagnostic> {
        let mut notes = Vec::new();
        if let Some(reports) = self.tree.member("reports").filter(|it| !it.value.is_null()) {
            let message = "`reports` has no effect yet: this version makes no reports";
            let note = Diagnostic::new(&self.file, reports.key.span.clone(), message);
            notes.push(
                note.with_code(DiagnosticCode::NotSupported).with_hint(
                    "the methods of the model run in the same way with it and without it",
                ),
            );
        }
        notes
    }

    /// Returns whether another definition is the same, except for its layout, its comments and its
    /// grants.
    pub(crate) fn differs_only_in_grants(&self, other: &Self) -> bool {
        let without_grants = |definition: &Self| {
            let members = definition.tree.members().unwrap_or_default().iter();
            let others = members.filter(|it| &*it.key.value != "grants");
            let values = others.map(|it| (it.key.value.to_string(), it.value.value()));
            values.collect::<BTreeMap<_, _>>()
        };
        self.type_name.value == other.type_name.value
            && without_grants(self) == without_grants(other)
    }
}

/// Returns the type that a definition has by its folder: `models/@acme/sink/main.yaml`.
#[must_use]
pub fn type_of_folder(file_name: &str) -> Option<TypeName> {
    let within = file_name.strip_prefix(MODELS_FOLDER)?.strip_prefix('/')?;
    let (folder, _) = within.rsplit_once('/')?;
    // ignored: a folder whose name is not a type says nothing about the type.
    folder.parse().ok()
}

fn type_name(
    keys: Keys<'_>,
    file: &Arc<SourceFile>,
    name: Option<&Located<ModelName>>,
    faults: &mut Faults,
) -> Option<Located<TypeName>> {
    if keys.get("type").is_none()
        && let Some(value) = type_of_folder(&file.name)
    {
        let span = name.map_or(0..0, |it| it.span.clone());
        return Some(Located { value, span });
    }
    let node = keys.required("type", faults)?;
    read::parsed(node, faults)
}

/// Returns the shape of `inputs` for expressions: the declared inputs, and no others unless the
/// schema allows them.
#[must_use]
pub fn inputs_shape(inputs: &InputsSchema) -> Shape {
    // `false` is the only value with which no other input is admitted.
    if inputs.json()["additionalProperties"] != Value::Bool(false) {
        return Shape::Any;
    }
    let shape = |name: &str| (name.to_owned(), Shape::Any);
    Shape::Object(inputs.names().map(shape).collect())
}

/// Compiles an object of arguments.
fn object(
    node: Option<&Node>,
    file: &Arc<SourceFile>,
    scope: &Variables,
    faults: &mut Faults,
) -> WrittenValue {
    // The members need no check, because the schema of the type decides about them.
    let is_object =
        |node: &Node, faults: &mut Faults| read::map(node, faults, |_, _| Some(())).is_some();
    match node {
        Some(node) if is_object(node, faults) => WrittenValue::compile(node, file, scope, faults),
        Some(_) | None => WrittenValue::empty_object(file),
    }
}

fn methods_read(
    node: &Node,
    file: &Arc<SourceFile>,
    scope: &Variables,
    faults: &mut Faults,
) -> BTreeMap<MethodName, WrittenValue> {
    let methods = read::map(node, faults, |member, faults| {
        let name = member.key.value.parse::<MethodName>().map_err(|error| {
            let span = member.key.span.clone();
            faults.add(DiagnosticCode::InvalidName, span, error.to_string());
        });
        // A method without a value has no stored arguments.
        if member.value.is_null() {
            return Some((name.ok()?, WrittenValue::empty_object(file)));
        }
        let keys = Keys::read(&member.value, &METHOD_KEYS, faults)?;
        let arguments = object(keys.get("arguments"), file, scope, faults);
        Some((name.ok()?, arguments))
    });
    let methods = methods.map(|it| it.value).unwrap_or_default();
    methods.into_iter().collect()
}

fn retention_read(keys: Keys<'_>, faults: &mut Faults) -> BTreeMap<SpecName, Retention> {
    let mut reader = RetentionReader::default();
    if let Some(node) = keys.get("resources") {
        reader.resources(node, faults);
    }
    if let Some(node) = keys.get("dataOutputOverrides") {
        reader.overrides(node, faults);
    }
    reader.finish()
}
