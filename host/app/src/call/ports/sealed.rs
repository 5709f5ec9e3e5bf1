//! Seals the sensitive fields that a call writes, and opens those that it may see.

use sedge_model::call::{LimitName, StagedWrite};
use sedge_model::lineage::Lineage;
use sedge_model::names::{DataName, ModelName, SpecName, TypeName};
use sedge_model::permission::effective::{Denial, DenialReason, Use};
use sedge_model::sealed::{SEALED_SHOWN, SealedParts, may_be_sealed, sealed_replace, sealed_value};
use sedge_runtime::{CallIdentity, DataAccessError, RequestFault, SealDraft, ShownContent};
use sedge_secrets::{FieldKeys, FieldPlace, FieldSealError, OpenedField, SealedField};
use sedge_store::DataRecord;
use serde_json::Value;

use super::CallPorts;
use crate::call::fault::carried;
use crate::call::sealed::{SEALED_BYTES_MAX, SealedFull};
use crate::error::AppError;

/// A failure to seal or open: for the guest, or of the host.
type Fault = RequestFault<DataAccessError>;

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

impl CallPorts {
    /// Replaces sensitive fields by their sealed values.
    ///
    /// The values are added to what is redacted in this call: it knows them.
    pub(super) fn seal(&self, draft: &SealDraft<'_>, content: &mut Value) -> Result<(), Fault> {
        let identity = self.identity();
        let keys = self.cx.repository.secrets();
        let keys = keys.and_then(|it| Ok(it.field_keys_or_fresh()?));
        let keys = keys.map_err(failed)?;
        let call = identity.lineage.to_string();
        for pointer in draft.places {
            let Some(field) = content.pointer_mut(pointer) else {
                let reason = format!("`{pointer}` of `{}` cannot be sealed", draft.name);
                return Err(RequestFault::Guest(DataAccessError::Denied(reason)));
            };
            self.sealed.add(field).map_err(full)?;
            let place = FieldPlace {
                model: identity.model.as_str(),
                spec: draft.spec.as_str(),
                pointer,
                call: &call,
            };
            let sealed = keys.seal(&place, draft.name, field.to_string().as_bytes());
            *field = sealed_value(SealedParts {
                key: &sealed.key,
                value: &sealed.value,
            });
        }
        Ok(())
    }

    /// Returns the text of a resource as the call may read it: with the values of the sealed fields
    /// that it may see, and `[sealed]` in place of the others.
    pub(super) fn shown(
        &self,
        source: &SealedSource<'_>,
        text: &str,
    ) -> Result<ShownContent, Fault> {
        let mut shown = ShownContent {
            text: text.to_owned(),
            hidden: None,
        };
        if !may_be_sealed(text) {
            return Ok(shown);
        }
        let Ok(mut value) = serde_json::from_str::<Value>(text) else {
            // Content that is not JSON contains no sealed value.
            return Ok(shown);
        };
        let mut keys = None;
        sealed_replace(&mut value, &mut |pointer, parts| {
            if let Err(denial) = self.field_may_be_seen(source, pointer) {
                shown.hidden = shown.hidden.take().or(denial);
                return Ok(Value::String(SEALED_SHOWN.to_owned()));
            }
            if keys.is_none() {
                keys = self.field_keys().map_err(failed)?;
            }
            let opened = self.opened(source, keys.as_ref(), pointer, parts)?;
            self.sealed.add(&opened).map_err(full)?;
            if *source.model != self.identity().model {
                let model = source.model.as_str();
                self.identity()
                    .uses
                    .mark(&Use::FieldShown { model, pointer });
            }
            Ok(opened)
        })?;
        shown.text = value.to_string();
        Ok(shown)
    }

    /// Checks that the call may see a sealed field: it is of the same model, or may reveal it.
    ///
    /// # Errors
    /// It may not. The error has the denial if the plugin requests to see it.
    fn field_may_be_seen(
        &self,
        source: &SealedSource<'_>,
        pointer: &str,
    ) -> Result<(), Option<Denial>> {
        let own_type = &self.model.plugin.type_info().name;
        // A model of another type may have had this name, and its secrets are not for this one.
        let is_own = *source.model == self.identity().model
            && source.type_name.is_none_or(|it| it == own_type);
        if is_own {
            return Ok(());
        }
        let permissions = &self.identity().permissions;
        let allowed = permissions.field_reveal(source.model.as_str(), pointer);
        allowed.map_err(|denial| match denial.why {
            DenialReason::NotRequested(_) => None,
            DenialReason::NotGranted { .. } | DenialReason::InCheck => Some(denial),
        })
    }

    /// Returns the keys of sealed fields; `None` if this machine has none.
    fn field_keys(&self) -> Result<Option<FieldKeys>, AppError> {
        let repository = &self.cx.repository;
        if !repository.has_state_folder("secrets")? {
            return Ok(None);
        }
        Ok(repository.secrets()?.field_keys()?)
    }

    fn opened(
        &self,
        source: &SealedSource<'_>,
        keys: Option<&FieldKeys>,
        pointer: &str,
        parts: SealedParts<'_>,
    ) -> Result<Value, Fault> {
        let refused = |error: FieldSealError| {
            let (model, name) = (source.model, source.name);
            let reason =
                format!("the field `{pointer}` of `{name}` of `{model}` cannot be opened: {error}");
            RequestFault::Guest(DataAccessError::Denied(reason))
        };
        let Some(keys) = keys else {
            return Err(refused(FieldSealError::KeyOther));
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
        let opened = opened.map_err(refused)?;
        if !self.is_its_name(source, &opened)? {
            return Err(refused(FieldSealError::Damaged));
        }
        serde_json::from_slice(&opened.json).map_err(|_| refused(FieldSealError::Damaged))
    }

    /// Returns whether a value was written under the name of the data that it is in, or under a
    /// former name of that data.
    ///
    /// The store does not record former names that lead nowhere. But if the name of then belongs to
    /// other data that the same call has written, the value was copied from there.
    fn is_its_name(&self, source: &SealedSource<'_>, opened: &OpenedField) -> Result<bool, Fault> {
        if opened.name == *source.name {
            return Ok(true);
        }
        let store = self.store().map_err(RequestFault::Host)?;
        let versions = store.data_versions(source.model, &opened.name);
        let versions = versions.map_err(failed)?;
        Ok(versions
            .iter()
            .all(|it| it.name == *source.name || !source.calls.contains(&it.by)))
    }
}

fn failed(error: impl Into<AppError>) -> Fault {
    RequestFault::Host(carried(error))
}

fn full(_: SealedFull) -> Fault {
    let value = SEALED_BYTES_MAX as u64;
    RequestFault::Guest(DataAccessError::Limit(LimitName::SealedBytes, value))
}
