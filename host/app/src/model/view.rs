//! Views of models.

use sedge_api::view::model::{HttpLimitsView, LimitsView, ModelView};
use sedge_model::definition::{Definition, HttpLimits, Limits};

/// Returns the view of a model's definition.
pub(crate) fn model_view(definition: &Definition) -> ModelView {
    ModelView {
        name: definition.name.to_string(),
        type_name: definition.type_name.value.to_string(),
        type_version: definition.type_version.as_ref().map(ToString::to_string),
        description: definition.description.clone(),
        tags: definition.tags.clone(),
        global_arguments: definition.global_arguments.value.clone(),
        limits: limits_view(&definition.limits),
        file: definition.file.name.clone(),
    }
}

fn limits_view(limits: &Limits) -> LimitsView {
    LimitsView {
        wall_time_seconds: limits.wall_time_seconds,
        cpu_seconds: limits.cpu_seconds,
        memory_mebibytes: limits.memory_mebibytes,
        call_depth: limits.call_depth,
        calls_per_run: limits.calls_per_run,
        calls_per_call: limits.calls_per_call,
        parallel_calls: limits.parallel_calls,
        host_calls: limits.host_calls,
        host_mebibytes: limits.host_mebibytes,
        staged_mebibytes: limits.staged_mebibytes,
        file_mebibytes: limits.file_mebibytes,
        open_files: limits.open_files,
        log_lines: limits.log_lines,
        log_kibibytes: limits.log_kibibytes,
        http: (limits.http != HttpLimits::default()).then(|| http_limits_view(&limits.http)),
    }
}

fn http_limits_view(limits: &HttpLimits) -> HttpLimitsView {
    HttpLimitsView {
        requests: limits.requests,
        request_mebibytes: limits.request_mebibytes,
        response_mebibytes: limits.response_mebibytes,
        header_kibibytes: limits.header_kibibytes,
        connect_seconds: limits.connect_seconds,
        first_byte_seconds: limits.first_byte_seconds,
        between_bytes_seconds: limits.between_bytes_seconds,
        total_seconds: limits.total_seconds,
    }
}
