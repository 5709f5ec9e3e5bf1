//! `@test/seeker`: finds data and definitions as its arguments say, and writes data with a retention
//! of its own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use sedge_sdk::__private::bindings::sedge::model::{data, models};
use sedge_sdk::{
    CheckScope, CheckedCall, Context, DataError, DataFilter, Failure, MethodKind, Model,
    ModelDefinition, ModelFilter, ModelsError, NoArguments, Value, VersionInfo, json,
};
use serde::{Deserialize, Serialize};

/// The global arguments.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Globals {
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    #[schemars(extend("sensitive" = true))]
    password: Option<String>,
    #[serde(default)]
    more: Value,
}

/// What `fill` writes.
#[derive(Serialize, JsonSchema)]
struct Note {
    items: Vec<u32>,
    text: String,
}

/// A resource with a sealed field.
#[derive(Serialize, JsonSchema)]
struct Login {
    user: String,
    #[schemars(extend("sensitive" = true))]
    password: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FindArguments {
    predicate: String,
    #[serde(default)]
    select: Option<String>,
    #[serde(default)]
    all_versions: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PageArguments {
    predicate: String,
    #[serde(default)]
    select: Option<String>,
    #[serde(default)]
    all_versions: bool,
    #[serde(default)]
    after: Option<(String, String, u64)>,
    count_max: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListArguments {
    /// The model [default: this one]
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    spec: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default = "many")]
    count_max: u32,
    /// The names to write before
    #[serde(default)]
    stage: Vec<String>,
    /// The versions to delete before; 0 for all versions of the name
    #[serde(default)]
    delete: Vec<(String, u64)>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FillArguments {
    name: String,
    /// How many names are written: `NAME`, or `NAME0`, `NAME1` and so on
    #[serde(default)]
    names: Option<u32>,
    /// The number of items in each
    #[serde(default)]
    items: u32,
    /// The size of the text in each
    #[serde(default)]
    bytes: usize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KeepArguments {
    name: String,
    #[serde(default)]
    lifetime: Option<String>,
    #[serde(default)]
    keep: Option<String>,
    /// Whether a file is written, and not a resource
    #[serde(default)]
    file: bool,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ModelsArguments {
    prefix: String,
    of_type: Option<String>,
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ModelsPageArguments {
    #[serde(default)]
    after: Option<String>,
    count_max: u32,
    #[serde(default)]
    more_pages: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ModelArguments {
    name: String,
}

fn many() -> u32 {
    1000
}

fn model() -> Model {
    use MethodKind::{Action, Delete, Read};

    Model::new("@test/seeker", "2026.12.01.1", "Finds data and definitions")
        .global_arguments::<Globals>()
        .asks_for_models("*", "to find their data and definitions")
        .resource::<Note>("note", "Numbers and a text")
        .resource::<Login>("login", "A resource with a sealed field")
        .file("file", "text/plain", "A file")
        .method("find", Read, "Query data", find)
        .method(
            "find_for_ever",
            Read,
            "Query data again and again",
            find_for_ever,
        )
        .method("page", Read, "Return one page of a query", page)
        .method("list", Delete, "Change data, and list names", list)
        .method("fill", Action, "Write data", fill)
        .method("seal", Action, "Write a sealed field", seal)
        .method("keep", Action, "Write data with a retention", keep)
        .method("models", Read, "List definitions", models_list)
        .method(
            "models_page",
            Read,
            "Return one page of a list of definitions",
            models_page,
        )
        .method("model", Read, "Return a definition", model_get)
        .method(
            "checked",
            Action,
            "Return what the check has found",
            checked,
        )
        .check_with(
            "looks",
            "Definitions and data can be read",
            CheckScope::new().method("checked"),
            looks,
        )
}

/// Returns `[[model, name, version, value]]`. Without `select`, the values are null.
fn find(cx: &Context, arguments: FindArguments) -> Result<Vec<Value>, Failure> {
    let mut query = cx.find(&arguments.predicate);
    if arguments.all_versions {
        query = query.all_versions();
    }
    let one = |info: VersionInfo, value: Value| json!([info.model, info.name, info.version, value]);
    let found: Result<Vec<Value>, DataError> = match &arguments.select {
        Some(select) => query
            .select::<Value>(select)
            .map(|found| found.map(|found| one(found.info, found.value)))
            .collect(),
        None => query
            .versions()
            .map(|info| info.map(|info| one(info, Value::Null)))
            .collect(),
    };
    Ok(found?)
}

/// Never returns.
fn find_for_ever(cx: &Context, arguments: FindArguments) -> Result<(), Failure> {
    loop {
        for found in cx.find(&arguments.predicate).versions() {
            // Only the host ends this loop.
            drop(found);
        }
    }
}

/// Returns `{matches: [[model, name, version, size of the value]], looked, faults, next}`.
fn page(_: &Context, arguments: PageArguments) -> Result<Value, Failure> {
    let options = data::QueryOptions {
        select: arguments.select,
        all_versions: arguments.all_versions,
        after: arguments
            .after
            .map(|(model, name, version)| data::VersionId {
                model,
                name,
                version,
            }),
        count_max: arguments.count_max,
    };
    let page = data::query(&arguments.predicate, &options).map_err(DataError::from)?;
    let id = |it: &data::VersionId| json!([it.model, it.name, it.version]);
    let matches = page.matches.iter().map(|it| {
        let size = it.value.as_ref().map(String::len);
        json!([it.info.model, it.info.name, it.info.version, size])
    });
    Ok(json!({
        "matches": matches.collect::<Vec<Value>>(),
        "looked": page.looked,
        "faults": page.faults.as_ref().map(|it| json!({
            "count": it.count,
            "version": id(&it.version),
            "message": it.fault.message,
        })),
        "next": page.next.as_ref().map(id),
    }))
}

/// Returns `{pages: [[[name, version]]], listed: [name], found: [name]}`: the pages of the list, all
/// names of it as the SDK lists them, and all names that a query finds.
fn list(cx: &Context, arguments: ListArguments) -> Result<Value, Failure> {
    for name in &arguments.stage {
        note_write(cx, name, 0, 0)?;
    }
    for (name, version) in &arguments.delete {
        match version {
            0 => cx.delete(name)?,
            version => cx.delete_version(name, *version)?,
        }
    }
    let model = arguments
        .model
        .unwrap_or_else(|| cx.identity().model.clone());
    let tags = arguments.tags.iter().map(|(key, value)| data::Tag {
        key: key.clone(),
        value: value.clone(),
    });
    let mut wire = data::ListFilter {
        prefix: arguments.prefix.clone(),
        spec: arguments.spec.clone(),
        tags: tags.collect(),
        after: None,
        count_max: arguments.count_max,
    };
    let mut pages = Vec::new();
    loop {
        let page = data::list(&model, &wire).map_err(DataError::from)?;
        let versions = page.versions.iter().map(|it| json!([it.name, it.version]));
        pages.push(versions.collect::<Vec<Value>>());
        wire.after = page.next;
        if wire.after.is_none() {
            break;
        }
    }
    let mut filter = DataFilter::new().prefix(&arguments.prefix);
    if let Some(spec) = &arguments.spec {
        filter = filter.spec(spec);
    }
    for (key, value) in &arguments.tags {
        filter = filter.tag(key, value);
    }
    let listed = cx
        .list_matching(&model, &filter)
        .map(|it| it.map(|it| it.name));
    let found = cx.find("true").versions().map(|it| it.map(|it| it.name));
    Ok(json!({
        "pages": pages,
        "listed": listed.collect::<Result<Vec<_>, _>>()?,
        "found": found.collect::<Result<Vec<_>, _>>()?,
    }))
}

fn fill(cx: &Context, arguments: FillArguments) -> Result<(), Failure> {
    let FillArguments {
        name,
        names,
        items,
        bytes,
    } = arguments;
    match names {
        None => note_write(cx, &name, items, bytes)?,
        Some(names) => {
            for n in 0..names {
                note_write(cx, &format!("{name}{n}"), items, bytes)?;
            }
        }
    }
    Ok(())
}

fn note_write(cx: &Context, name: &str, n_items: u32, n_bytes: usize) -> Result<(), DataError> {
    let note = Note {
        items: (0..n_items).collect(),
        text: "x".repeat(n_bytes),
    };
    cx.resource("note")
        .named(name)
        .tag("by", "seeker")
        .write(&note)
}

fn seal(cx: &Context, _: NoArguments) -> Result<(), Failure> {
    let login = Login {
        user: "ada".to_owned(),
        password: "xyzzy".to_owned(),
    };
    Ok(cx.write("login", &login)?)
}

/// Returns the error's code, or `written`.
fn keep(cx: &Context, arguments: KeepArguments) -> Result<&'static str, Failure> {
    let KeepArguments {
        name,
        lifetime,
        keep,
        file,
    } = arguments;
    let written = if file {
        let mut draft = cx.file("file").named(&name);
        if let Some(lifetime) = lifetime {
            draft = draft.lifetime(lifetime);
        }
        if let Some(keep) = keep {
            draft = draft.keep_for(keep);
        }
        draft.create().and_then(|file| file.finish())
    } else {
        let mut draft = cx.resource("note").named(&name);
        if let Some(lifetime) = lifetime {
            draft = draft.lifetime(lifetime);
        }
        if let Some(keep) = keep {
            draft = match keep.parse() {
                Ok(n_versions) => draft.keep_versions(n_versions),
                Err(_) => draft.keep_for(keep),
            };
        }
        let (items, text) = (Vec::new(), String::new());
        draft.write(&Note { items, text })
    };
    Ok(written.map_or_else(|error| error.code(), |()| "written"))
}

/// Returns the definitions; for one that cannot be read, the error's code and text.
fn models_list(cx: &Context, arguments: ModelsArguments) -> Result<Vec<Value>, Failure> {
    let mut filter = ModelFilter::new().prefix(arguments.prefix);
    if let Some(of_type) = arguments.of_type {
        filter = filter.of_type(of_type);
    }
    for (key, value) in arguments.tags {
        filter = filter.tag(key, value);
    }
    let shown = cx.models_matching(&filter).map(|it| match it {
        Ok(definition) => definition_to_json(definition),
        Err(ModelsError::Unreadable { name, reason }) => {
            json!({"unreadable": name, "reason": reason})
        }
        Err(other) => json!({"code": other.code(), "message": other.to_string()}),
    });
    Ok(shown.collect())
}

/// Returns `{models: [name], next}` of one page, and of those that follow if more are wanted.
fn models_page(_: &Context, arguments: ModelsPageArguments) -> Result<Value, Failure> {
    let mut filter = models::ModelFilter {
        prefix: String::new(),
        type_: None,
        tags: Vec::new(),
        after: arguments.after,
        count_max: arguments.count_max,
    };
    let mut names = Vec::new();
    for _ in 0..=arguments.more_pages {
        let page = models::list(&filter).map_err(ModelsError::from)?;
        names.extend(page.models.into_iter().map(|it| match it {
            Ok(definition) => definition.name,
            Err(unreadable) => unreadable.name,
        }));
        filter.after = page.next;
        if filter.after.is_none() {
            break;
        }
    }
    Ok(json!({"models": names, "next": filter.after}))
}

fn model_get(cx: &Context, arguments: ModelArguments) -> Result<Value, Failure> {
    Ok(definition_to_json(cx.model(&arguments.name)?))
}

fn definition_to_json(definition: ModelDefinition) -> Value {
    json!({
        "name": definition.name,
        "id": definition.id,
        "type": definition.type_name,
        "type_version": definition.type_version,
        "description": definition.description,
        "tags": definition.tags,
        "global_arguments": definition.global_arguments,
    })
}

fn checked(_: &Context, _: NoArguments) -> Result<(), Failure> {
    Ok(())
}

/// Fails with what it has found, so that a test sees it.
fn looks(cx: &Context, _: &CheckedCall) -> Result<(), Failure> {
    let own = cx.model(&cx.identity().model)?;
    let n_models = cx.models().count();
    let found = cx.find("true").versions().collect::<Result<Vec<_>, _>>()?;
    let message = format!(
        "{} is one of {n_models}, with {} names",
        own.name,
        found.len()
    );
    Err(Failure::new("looked", message))
}

sedge_sdk::export!(model);
