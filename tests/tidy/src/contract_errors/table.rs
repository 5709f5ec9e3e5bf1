//! The table of errors, joined with the contract.

use std::collections::BTreeMap;
use std::path::Path;

use sedge_model::limits::LIMITS;
use serde_json::{Map, Value};
use wit_parser::{Resolve, Type, TypeDefKind, TypeId, UnresolvedPackageGroup};

use crate::tree::{TreeFile, files};

/// What the contract cannot say about its errors.
pub(super) const TABLE: &str = "wit/errors.json";

/// All errors, and the differences between the contract and the table.
pub(super) struct ErrorTable {
    pub(super) types: Vec<ErrorType>,
    /// The names of limits in errors, each with its explanation.
    pub(super) limits: Vec<(String, String)>,
    pub(super) faults: Vec<String>,
}

/// A type of errors: `CallError`.
pub(super) struct ErrorType {
    pub(super) name: String,
    /// `types.call-error`
    pub(super) variant: String,
    pub(super) doc: String,
    /// Fields that the SDK adds to each case.
    pub(super) with: Vec<ErrorField>,
    pub(super) cases: Vec<ErrorCase>,
}

/// A case of such a type.
pub(super) struct ErrorCase {
    /// The name of the case in the contract. The names in the SDKs are made from it.
    pub(super) name: String,
    pub(super) code: String,
    pub(super) doc: String,
    /// Whether it passes on the failure of a callee, with its code, message and details.
    pub(super) is_failure: bool,
    pub(super) fields: Vec<ErrorField>,
    pub(super) message: Vec<MessagePart>,
    pub(super) details: Vec<ErrorDetail>,
}

/// A field of a case.
#[derive(Clone)]
pub(super) struct ErrorField {
    pub(super) name: String,
    /// The type in the contract: `list<string>`.
    pub(super) kind: String,
    pub(super) doc: String,
}

/// A part of a message.
pub(super) enum MessagePart {
    Text(String),
    /// The value of a field.
    Field(String),
    /// The items of a field, with a separator between them.
    Items(String, String),
    /// The value of a field after a text, or nothing if it has no value.
    Optional(String, String),
}

/// A member of the details.
pub(super) enum ErrorDetail {
    /// The value of a field.
    Field(String),
    /// The value of a field, if it has one.
    Optional(String),
    /// A constant text.
    Constant(String, String),
}

impl ErrorTable {
    pub(super) fn read() -> Self {
        let table = files().iter().find(|file| file.path == TABLE);
        Self::of(files(), &table.expect("the tree has it").text())
    }

    /// Joins a table with the contract in some files.
    pub(super) fn of(tree: &[TreeFile], table: &str) -> Self {
        let resolve = contract(tree);
        let table: Value = serde_json::from_str(table).expect("the table is JSON");
        let mut joined = Joining {
            resolve: &resolve,
            docs: object(&table["fields"]),
            faults: Vec::new(),
        };
        let variants = variants(&resolve);
        let mut types = Vec::new();
        for (name, of) in object(&table["errors"]) {
            types.push(joined.error_type(name, of, &variants));
        }
        let mut faults = joined.faults;
        let is_known = |variant: &str| types.iter().any(|it| it.variant == variant);
        let unknown = variants.keys().filter(|it| !is_known(it));
        faults.extend(unknown.map(|it| format!("{TABLE}: it has no type for `{it}`")));
        Self {
            types,
            limits: limits(),
            faults,
        }
    }
}

/// Returns the names of limits that a guest's errors can have.
fn limits() -> Vec<(String, String)> {
    let rows = LIMITS.iter().filter(|row| row.section != "componentLimits");
    let named = rows.filter_map(|row| {
        let name = row.name?;
        Some((name.to_owned(), row.doc.to_owned()))
    });
    named.collect()
}

fn contract(tree: &[TreeFile]) -> Resolve {
    let mut resolve = Resolve::default();
    let is_wit = |file: &&TreeFile| file.path.starts_with("wit/") && file.path.ends_with(".wit");
    let (deps, own): (Vec<&TreeFile>, Vec<&TreeFile>) = tree
        .iter()
        .filter(is_wit)
        .partition(|file| file.path.starts_with("wit/deps/"));
    let mut sources = wit_parser::SourceMap::new();
    for file in own {
        sources.push(Path::new(&file.path), file.text());
    }
    let main = sources
        .parse()
        .unwrap_or_else(|(_, error)| panic!("{error}"));
    let deps = deps.iter().map(|file| {
        UnresolvedPackageGroup::parse(&file.path, &file.text()).expect("it is valid WIT")
    });
    let pushed = resolve.push_groups(main, deps.collect());
    pushed.expect("the contract is valid");
    resolve
}

/// Returns the variants of errors: `types.call-error`.
fn variants(resolve: &Resolve) -> BTreeMap<String, TypeId> {
    let mut found = BTreeMap::new();
    for (_, interface) in &resolve.interfaces {
        let Some(of) = &interface.name else {
            continue;
        };
        let is_own = interface.package.is_some_and(|it| {
            let name = &resolve.packages[it].name;
            name.namespace != "wasi"
        });
        for (name, id) in interface.types.iter().filter(|_| is_own) {
            let is_variant = matches!(resolve.types[*id].kind, TypeDefKind::Variant(_));
            if is_variant && name.ends_with("-error") {
                found.insert(format!("{of}.{name}"), *id);
            }
        }
    }
    found
}

struct Joining<'a> {
    resolve: &'a Resolve,
    /// What fields mean, if the contract does not say it.
    docs: &'a Map<String, Value>,
    faults: Vec<String>,
}

impl Joining<'_> {
    fn error_type(
        &mut self,
        name: &str,
        of: &Value,
        variants: &BTreeMap<String, TypeId>,
    ) -> ErrorType {
        let variant = text(&of["variant"]);
        let mut known = object(&of["cases"]).clone();
        let mut cases = Vec::new();
        match variants
            .get(&variant)
            .map(|id| &self.resolve.types[*id].kind)
        {
            Some(TypeDefKind::Variant(found)) => {
                for case in &found.cases {
                    match known.remove(&case.name) {
                        Some(of) => cases.push(self.case(case, &of)),
                        None => self.fault(&format!("{variant} `{}`", case.name), "is missing"),
                    }
                }
            }
            _ => self.fault(&variant, "is not in the contract"),
        }
        for case in known.keys() {
            self.fault(&format!("{variant} `{case}`"), "is not in the contract");
        }
        if let Some(more) = of["of_sdk"].as_object() {
            cases.extend(more.iter().map(|(name, of)| case_of_sdk(name, of)));
        }
        let with = of["with"].as_object().into_iter().flatten();
        let with: Vec<ErrorField> = with.map(text_field).collect();
        for case in &cases {
            self.check_fields(name, case, &with);
        }
        ErrorType {
            name: name.to_owned(),
            variant,
            doc: text(&of["doc"]),
            with,
            cases,
        }
    }

    fn case(&mut self, case: &wit_parser::Case, of: &Value) -> ErrorCase {
        let is_failure = of["is"] == "failure";
        let more = of["more"].as_object().into_iter().flatten();
        let mut fields: Vec<ErrorField> = more.map(text_field).collect();
        if let Some(found) = case.ty.filter(|_| !is_failure) {
            fields.extend(self.fields(&case.name, found, &of["field"]));
        }
        let doc = case.docs.contents.clone().unwrap_or_default();
        ErrorCase {
            name: case.name.clone(),
            code: of["code"].as_str().unwrap_or(&case.name).to_owned(),
            doc,
            is_failure,
            fields,
            message: message(of["message"].as_str().unwrap_or_default()),
            details: details(&of["details"]),
        }
    }

    /// Returns the members of a record, or the only field.
    fn fields(&mut self, case: &str, found: Type, name: &Value) -> Vec<ErrorField> {
        if let Type::Id(id) = found
            && let TypeDefKind::Record(record) = &self.resolve.types[base(self.resolve, id)].kind
        {
            let field = |field: &wit_parser::Field| ErrorField {
                name: field.name.replace('-', "_"),
                kind: kind(self.resolve, field.ty),
                doc: match &field.docs.contents {
                    Some(doc) => doc.trim().to_owned(),
                    None => self.doc(&field.name),
                },
            };
            return record.fields.iter().map(field).collect();
        }
        let Some(name) = name.as_str() else {
            self.fault(case, "has a payload and no `field`");
            return Vec::new();
        };
        vec![ErrorField {
            name: name.to_owned(),
            kind: kind(self.resolve, found),
            doc: self.doc(name),
        }]
    }

    fn doc(&self, field: &str) -> String {
        let doc = self.docs.get(field).and_then(Value::as_str);
        doc.unwrap_or_default().to_owned()
    }

    fn check_fields(&mut self, of: &str, case: &ErrorCase, with: &[ErrorField]) {
        let has = |name: &str| {
            let mut fields = case.fields.iter().chain(with);
            fields.any(|it| it.name == name)
        };
        let in_message = case.message.iter().filter_map(|part| match part {
            MessagePart::Text(_) => None,
            MessagePart::Field(name)
            | MessagePart::Items(name, _)
            | MessagePart::Optional(name, _) => Some(name),
        });
        let in_details = case.details.iter().filter_map(|it| match it {
            ErrorDetail::Field(name) | ErrorDetail::Optional(name) => Some(name),
            ErrorDetail::Constant(..) => None,
        });
        let unknown: Vec<String> = in_message
            .chain(in_details)
            .filter(|name| !has(name))
            .cloned()
            .collect();
        for name in unknown {
            self.fault(
                &format!("{of} `{}`", case.name),
                &format!("has no `{name}`"),
            );
        }
        for field in case.fields.iter().filter(|it| it.doc.is_empty()) {
            let of = format!("{of} `{}`", case.name);
            self.faults
                .push(format!("{TABLE}: {of}: nothing explains `{}`", field.name));
        }
    }

    fn fault(&mut self, of: &str, what: &str) {
        self.faults.push(format!("{TABLE}: {of} {what}"));
    }
}

fn case_of_sdk(name: &str, of: &Value) -> ErrorCase {
    ErrorCase {
        name: name.to_owned(),
        code: name.to_owned(),
        doc: text(&of["doc"]),
        is_failure: false,
        fields: object(&of["fields"]).iter().map(text_field).collect(),
        message: message(&text(&of["message"])),
        details: details(&of["details"]),
    }
}

/// Returns a field with a text, or one that may have none if its name ends with `?`.
fn text_field((name, doc): (&String, &Value)) -> ErrorField {
    let optional = name.strip_suffix('?');
    let kind = match optional {
        Some(_) => "option<string>",
        None => "string",
    };
    ErrorField {
        name: optional.unwrap_or(name).to_owned(),
        kind: kind.to_owned(),
        doc: text(doc),
    }
}

/// Returns the type that a type is another name of.
fn base(resolve: &Resolve, id: TypeId) -> TypeId {
    if let TypeDefKind::Type(Type::Id(other)) = resolve.types[id].kind {
        return base(resolve, other);
    }
    id
}

/// Returns a type as the contract writes it.
fn kind(resolve: &Resolve, of: Type) -> String {
    let id = match of {
        Type::Id(id) => base(resolve, id),
        Type::String => return "string".to_owned(),
        Type::U64 => return "u64".to_owned(),
        Type::U32 => return "u32".to_owned(),
        Type::Bool
        | Type::U8
        | Type::U16
        | Type::S8
        | Type::S16
        | Type::S32
        | Type::S64
        | Type::F32
        | Type::F64
        | Type::Char
        | Type::ErrorContext => panic!("no SDK has an error with {of:?}"),
    };
    let found = &resolve.types[id];
    if let TypeDefKind::List(of) = &found.kind {
        return format!("list<{}>", kind(resolve, *of));
    }
    if let TypeDefKind::Option(of) = &found.kind {
        return format!("option<{}>", kind(resolve, *of));
    }
    let name = &found.name;
    name.clone().expect("a record and an enum have names")
}

/// Parses a message: `{name}`, `{items|; }` with a separator, `{optional?; }` with a text before.
fn message(template: &str) -> Vec<MessagePart> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after.split_once('}').expect("the brace is closed");
        if !before.is_empty() {
            parts.push(MessagePart::Text(before.to_owned()));
        }
        parts.push(if let Some((name, by)) = inside.split_once('|') {
            MessagePart::Items(name.to_owned(), by.to_owned())
        } else if let Some((name, prefix)) = inside.split_once('?') {
            MessagePart::Optional(name.to_owned(), prefix.to_owned())
        } else {
            MessagePart::Field(inside.to_owned())
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(MessagePart::Text(rest.to_owned()));
    }
    parts
}

fn details(of: &Value) -> Vec<ErrorDetail> {
    let names = of.as_array().into_iter().flatten().map(text);
    let detail = |name: String| match (name.split_once('='), name.strip_suffix('?')) {
        (Some((name, value)), _) => ErrorDetail::Constant(name.to_owned(), value.to_owned()),
        (None, Some(name)) => ErrorDetail::Optional(name.to_owned()),
        (None, None) => ErrorDetail::Field(name),
    };
    names.map(detail).collect()
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("it is an object")
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}
