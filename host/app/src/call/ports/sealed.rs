//! Seals the sensitive fields that a call writes, and opens those that it may see.

use sedge_model::call::LimitName;
use sedge_model::permission::effective::{Denial, DenialReason};
use sedge_model::sealed::{SEALED_SHOWN, SealedParts, may_be_sealed, sealed_replace, sealed_value};
use sedge_runtime::{DataAccessError, RequestFault, SealDraft, ShownContent};
use sedge_secrets::FieldPlace;
use serde_json::Value;

use super::CallPorts;
use crate::call::fault::carried;
use crate::call::field_access::{FieldAccess, FieldFault, SealedSource};
use crate::call::sealed::{SEALED_BYTES_MAX, SealedFull};
use crate::error::AppError;

/// A failure to seal or open: for the guest, or of the host.
type Fault = RequestFault<DataAccessError>;

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
        let fields = self.fields();
        let mut keys = None;
        sealed_replace(&mut value, &mut |pointer, parts| {
            if let Err(denial) = fields.allowed(source, pointer) {
                shown.hidden = shown.hidden.take().or(requested(denial));
                return Ok(Value::String(SEALED_SHOWN.to_owned()));
            }
            if keys.is_none() {
                keys = fields.keys().map_err(failed)?;
            }
            let opened = fields.open(source, keys.as_ref(), pointer, parts);
            let opened = opened.map_err(field_failed)?;
            self.sealed.add(&opened).map_err(full)?;
            fields.use_mark(source, pointer);
            Ok(opened)
        })?;
        shown.text = value.to_string();
        Ok(shown)
    }

    fn fields(&self) -> FieldAccess<'_> {
        FieldAccess {
            cx: &self.cx,
            model: &self.model,
            identity: self.identity(),
        }
    }
}

/// Returns a denial that the log of the call shows: the plugin requests to see the field.
fn requested(denial: Denial) -> Option<Denial> {
    match denial.why {
        DenialReason::NotRequested(_) => None,
        DenialReason::NotGranted { .. } | DenialReason::InCheck => Some(denial),
    }
}

fn field_failed(fault: FieldFault) -> Fault {
    match fault {
        FieldFault::Closed(reason) => RequestFault::Guest(DataAccessError::Denied(reason)),
        FieldFault::App(error) => failed(error),
    }
}

fn failed(error: impl Into<AppError>) -> Fault {
    RequestFault::Host(carried(error))
}

fn full(_: SealedFull) -> Fault {
    let value = SEALED_BYTES_MAX as u64;
    RequestFault::Guest(DataAccessError::Limit(LimitName::SealedBytes, value))
}
