//! The sealed fields of data that a call may see: the check of the right, and the opening.

use sedge_model::call::StagedWrite;
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName, SpecName, TypeName};
use sedge_model::permission::effective::{Denial, Use};
use sedge_model::sealed::{SealedParts, sealed_parts};
use sedge_runtime::CallIdentity;
use sedge_secrets::{FieldKeys, FieldPlace, FieldSealError, OpenedField, SealedField};
use sedge_store::DataRecord;
use serde_json::Value;

use crate::error::AppError;
use crate::run::cx::{ReadyModel, RunCx};
use crate::secret::argument::FieldMark;
use crate::secret::run_values::keys_known;

/// A resource whose sealed fields are opened.
pub(super) struct SealedSource<'a> {
    model: &'a ModelName,
    name: &'a DataName,
    spec: &'a SpecName,
    /// The type of the model that wrote it; `None` if it is the type that the model has now.
    type_name: Option<&'a TypeName>,
    /// The calls that may have written it.
    calls: Vec<Lineage>,
}

impl<'a> SealedSource<'a> {
    /// A version in the datastore.
    pub(super) fn committed(record: &'a DataRecord) -> Self {
        Self {
            model: &record.model,
            name: &record.name,
            spec: &record.spec,
            type_name: record.origin.type_name.as_ref(),
            calls: vec![record.by.clone()],
        }
    }

    /// A resource of `model` that the call or one of its callers has staged.
    pub(super) fn staged(
        identity: &CallIdentity,
        model: &'a ModelName,
        write: &'a StagedWrite,
    ) -> Self {
        let above = std::iter::successors(Some(identity.lineage.clone()), Lineage::parent);
        Self {
            model,
            name: &write.name,
            spec: &write.spec,
            type_name: None,
            calls: above.collect(),
        }
    }
}

/// Why a call does not get the value of a sealed field.
#[derive(Debug)]
pub(super) enum FieldFault {
    /// It may not see it, or the field cannot be opened. The text says why.
    Closed(String),
    /// The store or the machine failed.
    App(AppError),
}

impl<E: Into<AppError>> From<E> for FieldFault {
    fn from(error: E) -> Self {
        Self::App(error.into())
    }
}

/// The access of one call to sealed fields.
pub(super) struct FieldAccess<'a> {
    pub(super) cx: &'a RunCx,
    pub(super) model: &'a ReadyModel,
    pub(super) identity: &'a CallIdentity,
}

impl FieldAccess<'_> {
    /// Checks that the call may see a sealed field: it is of the same model, or may reveal it.
    ///
    /// # Errors
    /// The plugin does not request it, or no grant allows it.
    pub(super) fn allowed(&self, source: &SealedSource<'_>, pointer: &str) -> Result<(), Denial> {
        let own_type = &self.model.plugin.type_info().name;
        // A model of another type may have had this name, and its secrets are not for this one.
        let is_own = *source.model == self.identity.model
            && source.type_name.is_none_or(|it| it == own_type);
        if is_own {
            return Ok(());
        }
        let permissions = &self.identity.permissions;
        permissions.field_reveal(source.model.as_str(), pointer)
    }

    /// Records that the call has seen a field, if it needed a permission for that.
    pub(super) fn use_mark(&self, source: &SealedSource<'_>, pointer: &str) {
        if *source.model != self.identity.model {
            let model = source.model.as_str();
            self.identity.uses.mark(&Use::FieldShown { model, pointer });
        }
    }

    /// Returns the keys of sealed fields; `None` if this machine has none.
    pub(super) fn keys(&self) -> Result<Option<FieldKeys>, AppError> {
        keys_known(&self.cx.repository)
    }

    /// Returns the value of a field, which the call is known to be allowed to see.
    pub(super) fn open(
        &self,
        source: &SealedSource<'_>,
        keys: Option<&FieldKeys>,
        pointer: &str,
        parts: SealedParts<'_>,
    ) -> Result<Value, FieldFault> {
        let closed = |error: FieldSealError| {
            let (model, name) = (source.model, source.name);
            FieldFault::Closed(format!(
                "the field `{pointer}` of `{name}` of `{model}` cannot be opened: {error}"
            ))
        };
        let Some(keys) = keys else {
            return Err(closed(FieldSealError::KeyOther));
        };
        let sealed = SealedField {
            key: parts.key.to_owned(),
            value: parts.value.to_owned(),
        };
        let mut opened = Err(FieldSealError::Damaged);
        for call in &source.calls {
            let call = call.to_string();
            let place = FieldPlace {
                model: source.model.as_str(),
                spec: source.spec.as_str(),
                pointer,
                call: &call,
            };
            opened = keys.open(&place, &sealed);
            if opened.is_ok() {
                break;
            }
        }
        let opened = opened.map_err(closed)?;
        if !self.is_its_name(source, &opened)? {
            return Err(closed(FieldSealError::Damaged));
        }
        serde_json::from_slice(&opened.json).map_err(|_| closed(FieldSealError::Damaged))
    }

    /// Returns the value of the field that a mark in the arguments of the call stands for.
    pub(super) fn marked(&self, mark: &FieldMark) -> Result<Value, FieldFault> {
        let FieldMark {
            model,
            name,
            version,
            pointer,
        } = mark;
        let gone = || {
            let text = format!("version {version} of `{name}` of `{model}` was deleted meanwhile");
            FieldFault::Closed(text)
        };
        let store = self.cx.repository.store()?;
        let found = store.data_open(model, name, Some(*version))?;
        let (record, content) = found.ok_or_else(gone)?;
        let source = SealedSource::committed(&record);
        if let Err(denial) = self.allowed(&source, pointer) {
            return Err(FieldFault::Closed(denial.to_string()));
        }
        let content: Value = serde_json::from_slice(&content.read_all()?).map_err(|_| gone())?;
        let parts = content.pointer(pointer).and_then(sealed_parts);
        let keys = self.keys()?;
        let opened = self.open(&source, keys.as_ref(), pointer, parts.ok_or_else(gone)?)?;
        self.use_mark(&source, pointer);
        Ok(opened)
    }

    /// Returns whether a value was written under the name of the data that it is in, or under a
    /// former name of that data.
    ///
    /// The store does not record former names that lead nowhere. But if the name of then belongs to
    /// other data that the same call has written, the value was copied from there.
    fn is_its_name(
        &self,
        source: &SealedSource<'_>,
        opened: &OpenedField,
    ) -> Result<bool, AppError> {
        if opened.name == *source.name {
            return Ok(true);
        }
        let store = self.cx.repository.store()?;
        let versions = store.data_versions(source.model, &opened.name)?;
        Ok(versions
            .iter()
            .all(|it| it.name == *source.name || !source.calls.contains(&it.by)))
    }
}
