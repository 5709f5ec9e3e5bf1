//! Views of models.

use sedge_api::view::model::{HttpLimitsView, LimitsView, ModelView};
use sedge_lang::definition::Definition;
use sedge_model::limits::{HttpLimitsFile, ModelLimitsFile};
use serde_json::{Map, Value};

use crate::repository::unsaved::is_unsaved;

/// Returns the view of a model's definition.
pub(crate) fn model_view(definition: &Definition) -> ModelView {
    ModelView {
        name: definition.name.to_string(),
        id: definition.id.as_ref().map(ToString::to_string),
        type_name: definition.type_name.value.to_string(),
        type_version: definition.type_version.as_ref().map(ToString::to_string),
        description: definition.description.clone(),
        tags: definition.tags.clone(),
        global_arguments: as_written(definition),
        limits: limits_view(&definition.limits),
        file: (!is_unsaved(&definition.file)).then(|| definition.file.name.clone()),
        unsaved: is_unsaved(&definition.file),
    }
}

/// Returns the global arguments as they are written, with their expressions.
pub(crate) fn as_written(definition: &Definition) -> Map<String, Value> {
    match definition.global_arguments.source().value() {
        Value::Object(arguments) => arguments,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

fn limits_view(limits: &ModelLimitsFile) -> LimitsView {
    // A new limit does not compile here until its view has it, too.
    let ModelLimitsFile {
        wall_time_seconds,
        cpu_seconds,
        memory_mebibytes,
        call_depth,
        calls_per_run,
        for_each_items,
        calls_per_call,
        parallel_calls,
        host_calls,
        host_mebibytes,
        staged_mebibytes,
        file_mebibytes,
        open_files,
        log_lines,
        log_kibibytes,
        ref http,
    } = *limits;
    LimitsView {
        wall_time_seconds,
        cpu_seconds,
        memory_mebibytes,
        call_depth,
        calls_per_run,
        for_each_items,
        calls_per_call,
        parallel_calls,
        host_calls,
        host_mebibytes,
        staged_mebibytes,
        file_mebibytes,
        open_files,
        log_lines,
        log_kibibytes,
        http: (*http != HttpLimitsFile::default()).then(|| http_limits_view(http)),
    }
}

fn http_limits_view(limits: &HttpLimitsFile) -> HttpLimitsView {
    let HttpLimitsFile {
        requests,
        request_mebibytes,
        response_mebibytes,
        header_kibibytes,
        connect_seconds,
        first_byte_seconds,
        between_bytes_seconds,
        total_seconds,
    } = *limits;
    HttpLimitsView {
        requests,
        request_mebibytes,
        response_mebibytes,
        header_kibibytes,
        connect_seconds,
        first_byte_seconds,
        between_bytes_seconds,
        total_seconds,
    }
}
