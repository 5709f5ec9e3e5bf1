//! Checks a definition against its type.

use std::ops::Range;

use sedge_api::problem::{Argument, Help, UseCase};
use sedge_api::view::validate::FindingSeverity;
use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::DiagnosticCode;
use sedge_lang::expr::{Expr, ModelDataReference};
use sedge_lang::schema::Schema;
use sedge_lang::suggest::nearest;
use sedge_lang::type_info::TypeInfo;
use sedge_lang::written::WrittenValue;
use sedge_lang::written_check::{GivenPart, known_violations, sensitive_literals};
use sedge_lang::yaml::node::Node;
use sedge_model::permission::grants::Grants;
use serde_json::Value;

use super::catalogue::{Catalogue, DescribedType};
use super::{FindingList, fault, references};
use crate::error::{schema_help, type_missing_help};
use crate::repository::near_one;
use crate::run::cx::type_grants;

/// Adds what is wrong with a definition that parses.
pub(super) async fn check(
    definition: &Definition,
    catalogue: &mut Catalogue<'_>,
    findings: &mut FindingList,
) {
    for expr in definition.exprs() {
        references::check(&definition.file, expr, catalogue, findings);
    }
    references::cycles_check(definition, catalogue, findings);
    let data: Vec<ModelDataReference> = definition.exprs().flat_map(Expr::model_data).collect();
    references::specs_check(&definition.file, &data, catalogue, findings).await;
    let stored = definition.method_arguments.values();
    for written in stored.chain([&definition.global_arguments]) {
        references::literals_check(&definition.file, written.source(), catalogue, findings);
    }
    let type_name = &definition.type_name.value;
    if !catalogue.has_type(type_name) {
        return type_missing(definition, catalogue, findings);
    }
    // Why a plugin cannot be used is a finding in `sedge.lock`.
    let Some(described) = catalogue.described(type_name).await else {
        return;
    };
    if version(definition, &described.info, findings) {
        global_arguments(definition, &described, findings);
    }
    stored_arguments(definition, &described, findings);
    specs(definition, &described.info, findings);
    checks(definition, &described.info, findings);
    let of_type = type_grants(catalogue.repository(), type_name);
    grants(definition, &described.info, of_type, findings);
}

fn type_missing(definition: &Definition, catalogue: &Catalogue<'_>, findings: &mut FindingList) {
    let name = &definition.type_name.value;
    let span = definition.type_name.span.clone();
    let message = format!("no plugin provides the type `{name}`");
    let found = fault(&definition.file, DiagnosticCode::UnknownName, span, message);
    let lock = catalogue.repository().plugin_lock();
    let names: Vec<&_> = lock.plugins.keys().collect();
    let help = type_missing_help(name.as_str(), near_one(name.as_str(), &names).as_ref());
    findings.add(FindingSeverity::Error, found, help);
}

/// Compares the version for which a definition was written with that of its type. Returns whether
/// its global arguments are as this version takes them.
fn version(definition: &Definition, info: &TypeInfo, findings: &mut FindingList) -> bool {
    let written_for = definition.type_version.as_ref();
    let name = definition.name.as_str();
    let span = match written_for {
        Some(_) => definition.place("/typeVersion"),
        None => definition.type_name.span.clone(),
    };
    let found = |message: String| {
        fault(
            &definition.file,
            DiagnosticCode::TypeVersion,
            span.clone(),
            message,
        )
    };
    if let Some(written_for) = written_for.filter(|it| info.version.is_older_than(it)) {
        let found = found(format!(
            "it was written for version {written_for} of `{}`, and the plugin provides {}",
            info.name, info.version
        ));
        let add = Help::command("add the newer version of the plugin", UseCase::PluginAdd)
            .with("file", Argument::open());
        findings.add(FindingSeverity::Error, found, vec![add]);
        return false;
    }
    if info.upgrades_after(written_for).is_empty() {
        return true;
    }
    // Without a version, only the plugin knows whether the upgrades would change the arguments, and
    // it is not run here.
    if written_for.is_none() {
        return false;
    }
    let found = found(format!(
        "each run upgrades its arguments to version {} of `{}`",
        info.version, info.name
    ));
    let upgrade = Help::command("upgrade the file", UseCase::ModelUpgrade).with("name", name);
    findings.add(FindingSeverity::Note, found, vec![upgrade]);
    false
}

fn global_arguments(
    definition: &Definition,
    described: &DescribedType,
    findings: &mut FindingList,
) {
    let global = ArgumentsPart {
        definition,
        key: "globalArguments".to_owned(),
        pointer: "/globalArguments".to_owned(),
        given: GivenPart::Whole,
    };
    let (schema, json) = (
        described.global_arguments(),
        &described.info.global_arguments,
    );
    global.check(&definition.global_arguments, schema, json, findings);
}

/// Checks the stored arguments of methods, and the names of the methods.
fn stored_arguments(
    definition: &Definition,
    described: &DescribedType,
    findings: &mut FindingList,
) {
    for (method, written) in &definition.method_arguments {
        let Some((schema, json)) = described.arguments(method) else {
            method_missing(definition, described, method.as_str(), findings);
            continue;
        };
        let stored = ArgumentsPart {
            definition,
            key: format!("the arguments of `{method}`"),
            pointer: format!("/methods/{method}/arguments"),
            given: GivenPart::Part,
        };
        stored.check(written, schema, json, findings);
    }
}

/// Arguments that a definition gives.
struct ArgumentsPart<'a> {
    definition: &'a Definition,
    key: String,
    pointer: String,
    given: GivenPart,
}

impl ArgumentsPart<'_> {
    fn check(
        &self,
        written: &WrittenValue,
        schema: &Schema,
        json: &Value,
        findings: &mut FindingList,
    ) {
        let file = &self.definition.file;
        let help = || vec![schema_help(&self.definition.type_name.value)];
        for known in known_violations(written.source(), schema, json, self.given) {
            let violation = &known.violation;
            let shown = match violation.path.strip_prefix('/') {
                Some(path) => format!("`{}`: {}", path.replace('/', "."), violation.message),
                None => violation.message.clone(),
            };
            let message = format!(
                "{} of {}: {shown}",
                self.key, self.definition.type_name.value
            );
            let key = known.unknown_key.as_ref();
            let key = key.and_then(|_| known.place_in(written.source()));
            let span = key.unwrap_or_else(|| self.span(written, &violation.path));
            let found = fault(file, DiagnosticCode::Schema, span, message);
            findings.add(FindingSeverity::Error, found, help());
        }
        let literals = match sensitive_literals(written.source(), schema) {
            Ok(literals) => literals,
            Err(error) => {
                let message = format!(
                    "{} of {}: {error}",
                    self.key, self.definition.type_name.value
                );
                let span = self.span(written, "");
                findings.error(fault(file, DiagnosticCode::Schema, span, message));
                Vec::new()
            }
        };
        for path in literals {
            let key = path.trim_start_matches('/').replace('/', ".");
            let message = format!("`{key}` is sensitive, and its value is written in the file");
            let found = fault(
                file,
                DiagnosticCode::Schema,
                self.span(written, &path),
                message,
            );
            findings.error(found.with_hint(format!(
                "keep the value as a secret, and write `{key}: {{secret: NAME}}`"
            )));
        }
    }

    /// Returns the place of a part of the arguments. If they are absent, it is that of the type.
    fn span(&self, written: &WrittenValue, path: &str) -> Range<usize> {
        let whole = &written.source().span;
        if whole.is_empty() {
            return self.definition.type_name.span.clone();
        }
        if path.is_empty() {
            return key_place(self.definition, &self.pointer);
        }
        self.definition.place(&format!("{}{path}", self.pointer))
    }
}

fn method_missing(
    definition: &Definition,
    described: &DescribedType,
    method: &str,
    findings: &mut FindingList,
) {
    let message = format!(
        "the type `{}` has no method named `{method}`",
        described.info.name
    );
    let span = key_place(definition, &format!("/methods/{method}"));
    let found = fault(&definition.file, DiagnosticCode::UnknownName, span, message);
    let names = described.method_names();
    findings.error(match nearest(method, names.iter().copied()) {
        Some(near) => found.with_hint(format!("did you mean `{near}`?")),
        None => found.with_hint(format!("its methods are `{}`", names.join("`, `"))),
    });
}

/// Checks the names of resource and file specs whose retention the definition overrides.
fn specs(definition: &Definition, info: &TypeInfo, findings: &mut FindingList) {
    for spec in definition.retention.keys() {
        let name = spec.as_str();
        if info.resource(name).is_some() || info.file(name).is_some() {
            continue;
        }
        let span = spec_place(definition, name);
        let file = &definition.file;
        findings.error(references::spec_missing(file, info, name, span));
    }
}

/// Checks the names of the checks that the definition requires or skips.
fn checks(definition: &Definition, info: &TypeInfo, findings: &mut FindingList) {
    let chosen = &definition.checks;
    for named in chosen.require.iter().chain(&chosen.skip) {
        let name = named.value.as_str();
        if info.check_spec(name).is_some() {
            continue;
        }
        let message = format!("the type `{}` has no check named `{name}`", info.name);
        let found = fault(
            &definition.file,
            DiagnosticCode::UnknownName,
            named.span.clone(),
            message,
        );
        let names = info.checks.iter().map(|it| it.name.as_str());
        findings.error(found.with_near(nearest(name, names)));
    }
}

/// Reports grants that the plugin does not request, and requests that nothing grants.
fn grants(definition: &Definition, info: &TypeInfo, of_type: Grants, findings: &mut FindingList) {
    for unused in definition.grants.unused(&info.permissions) {
        let span = definition.place(&format!("/grants/{}/{}", unused.kind.as_str(), unused.at));
        let message = format!(
            "the grant `{}` has no effect: `{}` does not request it",
            unused.shown, info.name
        );
        let found = fault(&definition.file, DiagnosticCode::UnusedGrant, span, message);
        let revoke = Help::command("remove it", UseCase::ModelRevoke)
            .with("name", definition.name.as_str())
            .with("grant", unused.shown.as_str());
        findings.add(FindingSeverity::Warning, found, vec![revoke]);
    }
    let mut granted = of_type;
    granted.extend(&definition.grants);
    for request in &info.permissions {
        let permission = &request.permission;
        if granted.has_part_of(permission) {
            continue;
        }
        let span = definition.type_name.span.clone();
        let message = format!(
            "`{}` requests `{permission}`, and nothing grants it",
            info.name
        );
        let found = fault(&definition.file, DiagnosticCode::NotGranted, span, message);
        let show = Help::command("see what it may do", UseCase::ModelPermissions)
            .with("name", definition.name.as_str());
        findings.add(FindingSeverity::Note, found, vec![show]);
    }
}

/// Returns the place of a key: `/methods/run`.
pub(crate) fn key_place(definition: &Definition, pointer: &str) -> Range<usize> {
    let member = definition.tree().member_at(pointer);
    member.map_or_else(|| definition.place(pointer), |it| it.key.span.clone())
}

/// Returns the place where a definition names a spec whose retention it overrides.
pub(crate) fn spec_place(definition: &Definition, spec: &str) -> Range<usize> {
    let tree = definition.tree();
    let resource = tree.get("resources").and_then(|it| it.member(spec));
    if let Some(member) = resource {
        return member.key.span.clone();
    }
    let overrides = tree.get("dataOutputOverrides");
    let items = overrides.and_then(Node::items).unwrap_or(&[]);
    let mut names = items.iter().filter_map(|it| it.get("specName"));
    let named = names.find(|it| it.text() == Some(spec));
    named.map_or_else(
        || definition.place("/dataOutputOverrides"),
        |it| it.span.clone(),
    )
}
