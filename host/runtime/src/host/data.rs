//! The interface `data`: writes this model's data, and reads what the plugin may read.

use sedge_model::call::{LimitName, StagedWrite};
use sedge_model::names::{DataName, ModelName};
use sedge_model::schema::Violation;
use sedge_model::type_info::MethodKind;

use crate::bindings::sedge::model::data::{self, DataError, Host};
use crate::bindings::sedge::model::types;
use crate::call::{CallState, Running};
use crate::convert;
use crate::host::{self, Fault, JSON_BYTES_MAX};
use crate::json;
use crate::staging::STAGED_BYTES_MAX;

impl Host for CallState {
    async fn write_resource(
        &mut self,
        spec: String,
        name: String,
        content: String,
    ) -> wasmtime::Result<Result<(), DataError>> {
        let Some(running) = &self.running else {
            return Ok(Err(DataError::ReadOnly));
        };
        Ok(stage(running, &spec, name, &content))
    }

    async fn read_latest(
        &mut self,
        model: String,
        name: String,
    ) -> wasmtime::Result<Result<Option<data::Resource>, DataError>> {
        let (model, name) = match self.target(&model, name)? {
            Ok(target) => target,
            Err(error) => return Ok(Err(error)),
        };
        let staged = self
            .running
            .as_ref()
            .and_then(|running| running.staging.latest(&model, &name));
        if let Some(write) = staged {
            return Ok(Ok(Some(data::Resource {
                model: model.to_string(),
                name: name.to_string(),
                spec: write.spec.to_string(),
                version: None,
                created_at_ms: None,
                content: write.content,
            })));
        }
        self.committed(&model, &name, None)
    }

    async fn read_version(
        &mut self,
        model: String,
        name: String,
        version: u64,
    ) -> wasmtime::Result<Result<Option<data::Resource>, DataError>> {
        match self.target(&model, name)? {
            Ok((model, name)) => self.committed(&model, &name, Some(version)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn list_versions(
        &mut self,
        model: String,
        name: String,
    ) -> wasmtime::Result<Result<Vec<data::VersionInfo>, DataError>> {
        let (model, name) = match self.target(&model, name)? {
            Ok(target) => target,
            Err(error) => return Ok(Err(error)),
        };
        let versions = self.outside.versions(&model, &name)?;
        Ok(Ok(versions
            .into_iter()
            .map(convert::version_info_to_guest)
            .collect()))
    }
}

impl CallState {
    fn target(
        &self,
        model: &str,
        name: String,
    ) -> wasmtime::Result<Result<(ModelName, DataName), DataError>> {
        let model = match self.outside.readable(model) {
            Ok(model) => model,
            Err(Fault::Guest(host::DataError::Denied(reason))) => {
                return Ok(Err(DataError::Denied(reason)));
            }
            Err(Fault::Guest(host::DataError::ModelNotFound(name))) => {
                return Ok(Err(DataError::ModelNotFound(name)));
            }
            Err(Fault::Host(error)) => return Err(error.into()),
        };
        Ok(match DataName::try_from(name) {
            Ok(name) => Ok((model, name)),
            Err(error) => Err(DataError::InvalidName(error.to_string())),
        })
    }

    fn committed(
        &self,
        model: &ModelName,
        name: &DataName,
        version: Option<u64>,
    ) -> wasmtime::Result<Result<Option<data::Resource>, DataError>> {
        let found = self.outside.resource(model, name, version)?;
        Ok(Ok(found.map(|found| data::Resource {
            model: model.to_string(),
            name: name.to_string(),
            spec: found.spec.to_string(),
            version: Some(found.info.version),
            created_at_ms: Some(found.info.created_at_ms),
            content: found.content,
        })))
    }
}

fn stage(running: &Running, spec: &str, name: String, content: &str) -> Result<(), DataError> {
    if running.kind == MethodKind::Read {
        return Err(DataError::ReadOnly);
    }
    let limit = |name: LimitName, value: usize| {
        DataError::Limit(types::LimitReached {
            name: name.as_str().to_owned(),
            value: value as u64,
        })
    };
    if content.len() > JSON_BYTES_MAX {
        return Err(limit(LimitName::JsonBytes, JSON_BYTES_MAX));
    }
    let declared = running
        .plugin
        .type_info()
        .resource(spec)
        .zip(running.plugin.resource_schema(spec));
    let Some((declared, schema)) = declared else {
        return Err(DataError::Undeclared(spec.to_owned()));
    };
    let name =
        DataName::try_from(name).map_err(|error| DataError::InvalidName(error.to_string()))?;
    let violations = match json::parse(content) {
        Ok(value) => schema.violations(&value),
        Err(message) => vec![Violation {
            path: String::new(),
            message,
        }],
    };
    if !violations.is_empty() {
        return Err(DataError::InvalidContent(convert::violations_to_guest(
            violations,
        )));
    }
    let write = StagedWrite {
        name,
        spec: declared.name.clone(),
        content: content.to_owned(),
    };
    if running.staging.push(write) {
        Ok(())
    } else {
        Err(limit(LimitName::StagedBytes, STAGED_BYTES_MAX))
    }
}
