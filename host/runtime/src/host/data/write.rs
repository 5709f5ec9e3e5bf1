//! Writes of resources: their checks, before they are staged.

use sedge_lang::schema::TooManySecrets;
use sedge_lang::type_info::OnViolation;
use sedge_model::call::{
    DataKind, LimitName, LogLevel, LogLine, StagedChange, StagedContent, StagedWrite,
};
use sedge_model::lifetime::{Keep, Lifetime, LifetimeError};
use sedge_model::names::DataName;
use sedge_model::sealed::{SEALED_KEY, sealed_forgery};
use sedge_model::violation::Violation;
use serde_json::Value;

use super::{GuestResult, SealDraft, data_name, limit, tags_from_guest};
use crate::bindings::sedge::model::data::{self, DataError};
use crate::call::CallState;
use crate::convert;
use crate::host::JSON_BYTES_MAX;
use crate::json;

impl CallState {
    pub(super) fn resource_write(
        &self,
        spec: &str,
        name: String,
        content: String,
        options: data::ResourceOptions,
    ) -> GuestResult<()> {
        let (mut draft, mut value) = match self.resource_draft(spec, name, content, options) {
            Ok(draft) => draft,
            Err(error) => return Ok(Err(error)),
        };
        if !draft.places.is_empty() {
            let write = &draft.write;
            let fields = SealDraft {
                spec: &write.spec,
                name: &write.name,
                places: &draft.places,
            };
            if let Err(error) =
                self.guest_result(self.data_port()?.fields_seal(&fields, &mut value))?
            {
                return Ok(Err(error));
            }
            draft.write.content = StagedContent::Text(value.to_string());
        }
        self.stage(StagedChange::Write(draft.write))
    }

    /// Checks a resource that the guest writes, and returns it with its content as a value.
    fn resource_draft(
        &self,
        spec: &str,
        name: String,
        content: String,
        options: data::ResourceOptions,
    ) -> Result<(ResourceDraft, Value), DataError> {
        let running = self.writing()?;
        if content.len() > JSON_BYTES_MAX {
            return Err(limit(running, LimitName::JsonBytes, JSON_BYTES_MAX as u64));
        }
        let plugin = &running.plugin;
        let declared = plugin.type_info().resource(spec);
        let Some((declared, schema)) = declared.zip(plugin.resource_schema(spec)) else {
            return Err(DataError::Undeclared(spec.to_owned()));
        };
        let name = data_name(name)?;
        let tags = tags_from_guest(options.tags)?;
        let (lifetime, keep) = retention_from_guest(options.retention)?;
        let violation = |path, message| invalid(vec![Violation { path, message }]);
        let value = json::parse(&content).map_err(|message| violation(String::new(), message))?;
        if let Some(path) = sealed_forgery(&value) {
            let message = format!("the key `{SEALED_KEY}` is reserved for values that Sedge seals");
            return Err(violation(path, message));
        }
        let violations = schema.violations(&value);
        match declared.on_violation {
            OnViolation::Refuse if !violations.is_empty() => return Err(invalid(violations)),
            OnViolation::Warn if !violations.is_empty() => self.warn(spec, &name, &violations),
            OnViolation::Refuse | OnViolation::Warn => {}
        }
        let places = schema
            .secrets(&value)
            .map_err(|error: TooManySecrets| violation(String::new(), error.to_string()))?;
        let write = StagedWrite {
            name,
            kind: DataKind::Resource,
            spec: declared.name.clone(),
            media_type: None,
            tags,
            lifetime,
            keep,
            content: StagedContent::Text(content),
        };
        Ok((ResourceDraft { write, places }, value))
    }

    fn warn(&self, spec: &str, name: &DataName, violations: &[Violation]) {
        let texts: Vec<String> = violations.iter().map(ToString::to_string).collect();
        self.log.push(LogLine {
            level: LogLevel::Warn,
            message: format!(
                "`{name}` does not fit the schema of `{spec}`: {}",
                texts.join("; ")
            ),
            fields: vec![("name".to_owned(), Value::String(name.to_string()))],
        });
    }
}

/// A resource that a guest writes, before its sensitive fields are sealed.
struct ResourceDraft {
    write: StagedWrite,
    /// The JSON Pointers of its sensitive fields.
    places: Vec<String>,
}

/// Checks the retention of one version.
pub(super) fn retention_from_guest(
    retention: data::WriteRetention,
) -> Result<(Option<Lifetime>, Option<Keep>), DataError> {
    let invalid = |error: LifetimeError| DataError::InvalidRetention(error.to_string());
    let lifetime = retention.lifetime.map(|text| text.parse()).transpose();
    let keep = retention.keep.map(|text| text.parse()).transpose();
    Ok((lifetime.map_err(invalid)?, keep.map_err(invalid)?))
}

fn invalid(violations: Vec<Violation>) -> DataError {
    DataError::InvalidContent(convert::violations_to_guest(violations))
}
