//! One version of data as expressions see it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, OnceLock};

use cel::common::types::{CelBool, CelList, CelMap, CelMapKey, CelNull, CelString, CelTimestamp};
use cel::common::value::CowVal;
use cel::context::VariableResolver;

use sedge_model::sealed::sealed_hidden;

use crate::expr::{
    BUDGET_NAME, Boxed, Budget, Shape, TIME_MS_MAX, Variables, from_json, from_u64, timestamp,
};

/// The variables that an expression can use, in the order of the help.
pub const VARIABLES: &[&str] = &[
    "model",
    "name",
    "kind",
    "spec",
    "type",
    "version",
    "latest",
    "mediaType",
    "size",
    "digest",
    "tags",
    "lifetime",
    "createdAt",
    "run",
    "job",
    "step",
    "call",
    "method",
    "plugin",
    "definition",
    "environment",
    "workflow",
    "attributes",
    "content",
    "now",
];

/// Other names of the variables, each with the variable that it stands for.
///
/// They are the words of the tool `swamp`, so that a query that was written for it works as it is.
pub const ALIASES: &[(&str, &str)] = &[
    ("contentType", "mediaType"),
    ("dataType", "kind"),
    ("isLatest", "latest"),
    ("jobName", "job"),
    ("methodName", "method"),
    ("modelName", "model"),
    ("modelType", "type"),
    ("specName", "spec"),
    ("stepName", "step"),
    ("workflowName", "workflow"),
    ("workflowRunId", "run"),
];

/// The number of content bytes that cost as much as one value, each time an expression uses the
/// content.
const CONTENT_BYTES_PER_UNIT: usize = 64;

/// One version of data.
#[derive(Debug, Clone, Copy)]
pub struct DataRow<'a> {
    /// The model.
    pub model: &'a str,
    /// The name of the data.
    pub name: &'a str,
    /// `resource` or `file`.
    pub kind: &'a str,
    /// The spec that it was written under.
    pub spec: &'a str,
    /// The type of the model: variable `type`.
    pub type_name: &'a str,
    /// The number of the version.
    pub version: u64,
    /// Whether it is the latest version: variable `latest`.
    pub is_latest: bool,
    /// The media type: variable `mediaType`.
    pub media_type: &'a str,
    /// The size of the content in bytes.
    pub size: u64,
    /// The digest of the content.
    pub digest: &'a str,
    /// The tags.
    pub tags: &'a BTreeMap<String, String>,
    /// How long it is retained, as text.
    pub lifetime: &'a str,
    /// When it was written, in milliseconds since 1970: variable `createdAt`, a timestamp. Times
    /// after the year 9999 are cut to its end.
    pub created_at_ms: u64,
    /// The run that wrote it.
    pub run: &'a str,
    /// The job that wrote it: null outside of workflows.
    pub job: Option<&'a str>,
    /// The step that wrote it: null outside of workflows.
    pub step: Option<&'a str>,
    /// The call that wrote it.
    pub call: &'a str,
    /// The method that wrote it.
    pub method: &'a str,
    /// The plugin that wrote it.
    pub plugin: &'a str,
    /// The digest of the model's definition at that time.
    pub definition: &'a str,
    /// The names of the variables of the environment that expressions have read for the call.
    pub environment: &'a [String],
    /// The workflow whose step wrote it: null outside of workflows. It is read only if
    /// [`Query::reads_workflow`](super::Query::reads_workflow).
    pub workflow: Option<&'a str>,
    /// The content as JSON text: variables `attributes` and `content`. Without it, `attributes` is
    /// `{}` and `content` is null.
    pub content: Option<&'a str>,
}

impl DataRow<'_> {
    /// Returns when it was written, in milliseconds since 1970, up to the year 9999.
    pub(super) fn created_at_ms(&self) -> u64 {
        self.created_at_ms.min(TIME_MS_MAX)
    }
}

/// Returns the variables of an expression.
pub(super) fn variables() -> &'static Variables {
    // process-wide: a constant, which cannot be computed at compile time.
    static KNOWN: LazyLock<Variables> = LazyLock::new(|| {
        let names = VARIABLES.iter();
        let known = names.fold(Variables::new(), |known, name| {
            known.with(*name, Shape::Any)
        });
        let aliases = ALIASES.iter();
        aliases.fold(known, |known, (alias, name)| {
            known.with_alias(*alias, *name)
        })
    });
    &KNOWN
}

/// The values of the variables while an expression is evaluated for one row.
pub(super) struct RowScope<'r> {
    row: &'r DataRow<'r>,
    keys: Option<&'r [String]>,
    constants: &'r [Boxed<'static>],
    now: &'r CelTimestamp,
    pub(super) budget: Budget,
    content: OnceLock<Result<Boxed<'r>, String>>,
}

impl<'r> RowScope<'r> {
    /// Makes the scope of one row. If `keys` is given, only these members of its content are
    /// parsed.
    pub(super) fn new(
        row: &'r DataRow<'r>,
        keys: Option<&'r [String]>,
        constants: &'r [Boxed<'static>],
        now: &'r CelTimestamp,
        budget: Budget,
    ) -> Self {
        Self {
            row,
            keys,
            constants,
            now,
            budget,
            content: OnceLock::new(),
        }
    }

    /// Returns the error of the content, if an expression used the content.
    pub(super) fn content_error(&self) -> Option<&str> {
        self.content.get()?.as_ref().err().map(String::as_str)
    }

    fn attributes<'b>(&'b self) -> Option<CowVal<'b, 'b>> {
        let text = self.row.content.unwrap_or("{}");
        let cost = 1 + text.len() / CONTENT_BYTES_PER_UNIT;
        if !self.budget.pays(cost as u64) {
            return None;
        }
        let content = self.content.get_or_init(|| from_json(text, self.keys));
        content.as_ref().ok().map(|it| CowVal::Borrowed(&**it))
    }

    fn content<'b>(&self) -> Option<CowVal<'b, 'r>> {
        let Some(text) = self.row.content else {
            return Some(CowVal::owned(CelNull));
        };
        let cost = 1 + text.len() / CONTENT_BYTES_PER_UNIT;
        let is_paid = self.budget.pays(cost as u64);
        is_paid.then(|| match sealed_hidden(text) {
            Some(hidden) => CowVal::owned(CelString::from(hidden)),
            None => CowVal::owned(CelString::from(text)),
        })
    }

    fn tags<'b>(&self) -> CowVal<'b, 'r> {
        let tags = self.row.tags.iter();
        let tags = tags.map(|(key, value)| {
            let value: Boxed<'r> = Box::new(CelString::from(value.as_str()));
            (CelMapKey::from(key.as_str()), value)
        });
        CowVal::owned(CelMap::from(tags.collect::<HashMap<_, _>>()))
    }
}

impl VariableResolver for RowScope<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let row = self.row;
        let text = |it: &'b str| CowVal::owned(CelString::from(it));
        let value = match variable {
            "attributes" => return self.attributes(),
            "content" => return self.content(),
            BUDGET_NAME => CowVal::Borrowed(&self.budget),
            "model" => text(row.model),
            "name" => text(row.name),
            "kind" => text(row.kind),
            "spec" => text(row.spec),
            "type" => text(row.type_name),
            "version" => CowVal::Owned(from_u64(row.version)),
            "latest" => CowVal::owned(CelBool::from(row.is_latest)),
            "mediaType" => text(row.media_type),
            "size" => CowVal::Owned(from_u64(row.size)),
            "digest" => text(row.digest),
            "tags" => self.tags(),
            "lifetime" => text(row.lifetime),
            "createdAt" => CowVal::owned(timestamp(row.created_at_ms)),
            "run" => text(row.run),
            "job" => row.job.map_or(CowVal::owned(CelNull), text),
            "step" => row.step.map_or(CowVal::owned(CelNull), text),
            "call" => text(row.call),
            "method" => text(row.method),
            "plugin" => text(row.plugin),
            "definition" => text(row.definition),
            "environment" => {
                let names = row.environment.iter();
                let names =
                    names.map(|name| -> Boxed<'_> { Box::new(CelString::from(name.as_str())) });
                CowVal::owned(CelList::from(names.collect::<Vec<_>>()))
            }
            "workflow" => row.workflow.map_or(CowVal::owned(CelNull), text),
            "now" => CowVal::Borrowed(self.now),
            constant => {
                let at: usize = constant.strip_prefix('@')?.parse().ok()?;
                CowVal::Borrowed(&**self.constants.get(at)?)
            }
        };
        Some(value)
    }
}
