//! Reads the definitions that a call may read, without the values that are secret.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use sedge_api::problem::Explain as _;
use sedge_lang::definition::Definition;
use sedge_lang::schema::Schema;
use sedge_lang::type_info::TypeInfo;
use sedge_lang::written_check::sensitive_literals;
use sedge_model::call::LimitName;
use sedge_model::names::TypeName;
use sedge_model::permission::effective::{Denial, Use};
use sedge_runtime::{
    GuestDefinition, ModelReadError, ModelsFilter, ModelsListed, ModelsPort, PageLimits,
    RequestFault, UnreadableDefinition,
};
use serde_json::Value;

use super::CallPorts;
use super::page::PageMeter;
use crate::call::fault::carried;
use crate::call::record::SENSITIVE_SHOWN;
use crate::call::redactor::CallRedactor;
use crate::error::{AppError, ModelError};
use crate::model::view::as_written;
use crate::repository::faulty::UnreadableFiles;
use crate::repository::listed_models::ListedModel;
use crate::secret::argument::{marks_hide, references_mark};

/// Why a definition is not returned: an error for the guest, or of the host.
type Fault = RequestFault<ModelReadError>;

impl ModelsPort for CallPorts {
    fn list(&self, filter: &ModelsFilter, limits: &PageLimits) -> Result<ModelsListed, Fault> {
        let readable = self.identity().permissions.models_readable();
        let is_wanted = |name: &str| {
            name.starts_with(&filter.prefix)
                && filter.after.as_deref().is_none_or(|after| name > after)
                && readable.contains(name)
        };
        let mut listed = match self.models_ahead.rest(filter) {
            Some(rest) => rest,
            None => {
                let listed = self.cx.repository.models_listed(is_wanted);
                listed.map_err(lookup_failed)?.into()
            }
        };
        // The walk through the folder is not part of the time of the page: otherwise each page of a
        // large repository would have one definition.
        let mut meter = PageMeter::new(limits);
        let mut shown = ShownDefinitions::new(self);
        let (mut models, mut last) = (Vec::new(), None);
        while let Some(model) = listed.front() {
            if meter.is_full() {
                break;
            }
            meter.look();
            let entry = match self.cx.repository.listed_definition(model) {
                Ok(None) => None,
                Ok(Some(definition)) if !admits(filter, &definition) => None,
                Ok(Some(definition)) => {
                    let definition = shown.definition(&definition)?;
                    match definition.n_bytes() {
                        n if n <= limits.n_bytes => Some(Ok(definition)),
                        n => Some(Err(shown.too_large(definition.name, n, limits))),
                    }
                }
                Err(error) => Some(Err(shown.fault(model, error)?)),
            };
            if let Some(entry) = entry {
                let n_bytes = match &entry {
                    Ok(definition) => definition.n_bytes(),
                    Err(fault) => fault.name.len() + fault.reason.len(),
                };
                if !meter.fits(n_bytes) && !meter.is_empty() {
                    // It begins the next page.
                    break;
                }
                meter.add(n_bytes);
                self.identity().uses.mark(&Use::Model(model.name()));
                models.push(entry);
            }
            last = Some(model.name().to_owned());
            listed.pop_front();
        }
        let next = last.filter(|_| !listed.is_empty());
        self.models_ahead.keep(filter, next.as_deref(), listed);
        Ok(ModelsListed { models, next })
    }

    fn get(&self, name: &str, limits: &PageLimits) -> Result<GuestDefinition, Fault> {
        let denied = |denial: Denial| guest(ModelReadError::Denied(denial.to_string()));
        self.touched(name, "read").map_err(denied)?;
        let definition = match self.cx.repository.definition(name) {
            Ok(definition) => definition,
            Err(AppError::Model(ModelError::Missing { .. })) => {
                return Err(guest(ModelReadError::NotFound(name.to_owned())));
            }
            Err(error) => return Err(lookup_failed(error)),
        };
        if definition.name.as_str() != name {
            // It was named by its id, and the grant of an id does not cover the model.
            let touched = self.touched(definition.name.as_str(), "read");
            touched.map_err(denied)?;
        }
        let definition = ShownDefinitions::new(self).definition(&definition)?;
        if definition.n_bytes() > limits.n_bytes {
            let most = limits.n_bytes as u64;
            return Err(guest(ModelReadError::Limit(LimitName::JsonBytes, most)));
        }
        Ok(definition)
    }
}

/// The models that follow a page, so that the next page of the call does not look at all files again.
///
/// A model that is created meanwhile is not among them. A definition is read for its page.
#[derive(Default)]
pub(in crate::call) struct ModelsAhead(Mutex<Option<Ahead>>);

/// See [`ModelsAhead`].
struct Ahead {
    prefix: String,
    /// The name after which they follow.
    after: String,
    models: VecDeque<ListedModel>,
}

impl ModelsAhead {
    /// Takes the models of the next page and the pages after it, if the page before was the last one
    /// that the call has listed.
    fn rest(&self, filter: &ModelsFilter) -> Option<VecDeque<ListedModel>> {
        let mut ahead = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_next =
            |it: &mut Ahead| it.prefix == filter.prefix && filter.after.as_ref() == Some(&it.after);
        ahead.take_if(is_next).map(|it| it.models)
    }

    /// Keeps the models that follow a page; none follow the last one.
    fn keep(&self, filter: &ModelsFilter, next: Option<&str>, models: VecDeque<ListedModel>) {
        let ahead = next.map(|next| Ahead {
            prefix: filter.prefix.clone(),
            after: next.to_owned(),
            models,
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
    }
}

fn admits(filter: &ModelsFilter, definition: &Definition) -> bool {
    let type_name = definition.type_name.value.as_str();
    let mut tags = filter.tags.iter();
    filter.type_name.as_deref().is_none_or(|it| it == type_name)
        && tags.all(|(key, value)| definition.tags.get(key) == Some(value))
}

fn guest(error: ModelReadError) -> Fault {
    RequestFault::Guest(error)
}

/// Returns the fault of a look-up. A guest receives it if it is that of a file.
fn lookup_failed(error: AppError) -> Fault {
    if let AppError::Repository(_) | AppError::Path(_) = error {
        return guest(ModelReadError::Unreadable(words(&error)));
    }
    RequestFault::Host(carried(error))
}

/// Returns an error with its place and its causes.
fn words(error: &AppError) -> String {
    let place = error
        .place()
        .map(|it| format!("{}:{}:{}", it.file, it.line, it.column));
    let parts = place.into_iter().chain([error.message()]);
    parts.chain(error.causes()).collect::<Vec<_>>().join(": ")
}

/// A type, as far as it is known which global arguments are sensitive.
struct KnownType {
    info: TypeInfo,
    global_arguments: Schema,
}

/// Makes definitions ready to be shown to a guest.
struct ShownDefinitions<'p> {
    ports: &'p CallPorts,
    redactor: CallRedactor,
    /// The types that were met; `None` if the plugin of one is not on this machine.
    types: HashMap<TypeName, Option<KnownType>>,
}

impl<'p> ShownDefinitions<'p> {
    fn new(ports: &'p CallPorts) -> Self {
        Self {
            ports,
            redactor: ports.redactor(),
            types: HashMap::new(),
        }
    }

    fn definition(&mut self, definition: &Definition) -> Result<GuestDefinition, Fault> {
        let arguments = self.global_arguments(definition)?;
        let arguments = arguments.map(|mut arguments| {
            self.redactor.value_strong(&mut arguments);
            arguments.to_string()
        });
        let text = |text: &String| self.redactor.text_strong(text);
        let tags = definition.tags.iter();
        Ok(GuestDefinition {
            name: definition.name.to_string(),
            id: definition.id.as_ref().map(ToString::to_string),
            type_name: definition.type_name.value.to_string(),
            type_version: definition.type_version.as_ref().map(ToString::to_string),
            description: definition.description.as_ref().map(text),
            tags: tags.map(|(key, value)| (text(key), text(value))).collect(),
            global_arguments: arguments,
        })
    }

    /// Returns the global arguments as they are written, without secrets. Returns `None` if it is not
    /// known which of them are secret.
    fn global_arguments(&mut self, definition: &Definition) -> Result<Option<Value>, Fault> {
        let Some(known) = self.known_type(&definition.type_name.value)? else {
            return Ok(None);
        };
        // The schema is that of the arguments after the upgrades.
        if !known
            .info
            .upgrades_after(definition.type_version.as_ref())
            .is_empty()
        {
            return Ok(None);
        }
        let written = definition.global_arguments.source();
        let Ok(places) = sensitive_literals(written, &known.global_arguments) else {
            return Ok(None);
        };
        let mut arguments = Value::Object(as_written(definition));
        references_mark(written, &mut arguments);
        marks_hide(&mut arguments);
        for place in places {
            match arguments.pointer_mut(&place) {
                Some(value) if !place.is_empty() => {
                    *value = Value::String(SENSITIVE_SHOWN.to_owned());
                }
                // All of them are sensitive, or it is unknown which of them are.
                Some(_) | None => return Ok(None),
            }
        }
        Ok(Some(arguments))
    }

    fn known_type(&mut self, name: &TypeName) -> Result<Option<&KnownType>, Fault> {
        if !self.types.contains_key(name) {
            let known = self.type_find(name)?;
            self.types.insert(name.clone(), known);
        }
        // ignored: no error is dropped, because this is an `Option`.
        Ok(self.types.get(name).and_then(Option::as_ref))
    }

    fn type_find(&self, name: &TypeName) -> Result<Option<KnownType>, Fault> {
        let own = self.ports.model.plugin.type_info();
        let info = if own.name == *name {
            own.clone()
        } else {
            let repository = &self.ports.cx.repository;
            let Some(pinned) = repository.plugin_lock().plugins.get(name) else {
                return Ok(None);
            };
            let described = repository.plugin_description(&pinned.sha256);
            match described.map_err(|error| RequestFault::Host(carried(error)))? {
                Some(described) => described.type_info,
                None => return Ok(None),
            }
        };
        let schema = Schema::compile_known(&info.global_arguments);
        Ok(Some(KnownType {
            global_arguments: schema.expect("it was compiled when the plugin was described"),
            info,
        }))
    }

    /// Returns the entry of a definition that cannot be read.
    fn fault(&self, model: &ListedModel, error: AppError) -> Result<UnreadableDefinition, Fault> {
        let fault = UnreadableFiles::default().entry(&model.file(), error);
        let fault = fault.map_err(|error| RequestFault::Host(carried(error)))?;
        let place = &fault.place;
        let (file, line, column) = (&place.file, place.line, place.column);
        let reason = format!("{file}:{line}:{column}: {}", fault.error);
        Ok(UnreadableDefinition {
            name: fault.name,
            reason: self.redactor.text_strong(&reason),
        })
    }

    fn too_large(&self, name: String, n_bytes: usize, limits: &PageLimits) -> UnreadableDefinition {
        let most = limits.n_bytes;
        UnreadableDefinition {
            name,
            reason: format!("the definition has {n_bytes} bytes, more than {most}"),
        }
    }
}
