//! Views of data.

use sedge_api::view::data::{
    DataKindView, DataVersionView, DataWriterView, DeletedName, ModelDataView, RestoredFromView,
};
use sedge_model::call::DataKind;
use sedge_store::{DataDeleted, DataRecord, ModelData};

use crate::views::time;

/// Returns the view of a version.
pub(crate) fn version_view(record: &DataRecord) -> DataVersionView {
    DataVersionView {
        model: record.model.to_string(),
        name: record.name.to_string(),
        version: record.version,
        latest: record.is_latest,
        kind: kind_view(record.kind),
        spec: record.spec.to_string(),
        media_type: record.media_type().to_owned(),
        size: record.size,
        digest: record.digest.to_string(),
        tags: record.tags.clone(),
        lifetime: record.lifetime.to_string(),
        created_at: time(record.created_at),
        written_by: writer_view(record),
        restored_from: record.restored.as_ref().map(|from| RestoredFromView {
            version: from.version,
            by: from.by.clone(),
        }),
    }
}

fn kind_view(kind: DataKind) -> DataKindView {
    match kind {
        DataKind::Resource => DataKindView::Resource,
        DataKind::File => DataKindView::File,
    }
}

fn writer_view(record: &DataRecord) -> DataWriterView {
    let step = record.step.as_deref().and_then(|it| it.split_once('/'));
    let origin = &record.origin;
    DataWriterView {
        run: record.by.run().to_string(),
        job: step.map(|(job, _)| job.to_owned()),
        step: step.map(|(_, step)| step.to_owned()),
        call: record.by.to_string(),
        method: origin.method.to_string(),
        type_name: origin.type_name.as_ref().map(ToString::to_string),
        plugin: origin.plugin.clone(),
        definition: origin.definition.map(|digest| digest.to_string()),
        environment: origin.environment.iter().map(ToString::to_string).collect(),
    }
}

/// Returns the views of data that was, or would be, deleted.
pub(crate) fn deleted_views(deleted: &[DataDeleted]) -> Vec<DeletedName> {
    let view = |it: &DataDeleted| DeletedName {
        model: it.model.to_string(),
        name: it.name.to_string(),
        versions: it.n_versions,
        bytes: it.n_bytes,
    };
    deleted.iter().map(view).collect()
}

/// Returns the view of the amount of a model's data.
pub(crate) fn model_data_view(data: &ModelData) -> ModelDataView {
    ModelDataView {
        model: data.model.to_string(),
        names: data.n_names,
        versions: data.n_versions,
        bytes: data.n_bytes,
    }
}
