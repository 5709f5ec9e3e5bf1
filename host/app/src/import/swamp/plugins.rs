//! The models in TypeScript whose types the definitions use.

use std::collections::BTreeMap;
use std::path::Path;

use sedge_api::view::swamp::SwampModelView;
use sedge_lang::definition::Definition;
use sedge_model::names::TypeName;
use sedge_model::permission::choice::Choice;
use sedge_sys::folder::read_named_text;

use super::{COMPONENTS_FOLDER, SwampImport};
use crate::error::AppError;
use crate::plugin::add::{AddOptions, AddRequest, plugin_add};
use crate::plugin::author::bundler::{Bundler, sdk_check};
use crate::plugin::author::script::ScriptBuilder;
use crate::plugin::component::ComponentSource;
use crate::plugin::import_swamp::{ModelSource, SwampModels, model_sources, sdk_of};
use crate::plugin::new::InstalledSdks;

/// The folders with models of the repository itself, and of the extensions that it has installed.
const SOURCE_FOLDERS: [&str; 2] = ["extensions/models", ".swamp/pulled-extensions"];

/// The maximum size of a source file, in bytes. The largest known one, which is generated, has 1 MB.
const SOURCE_BYTES_MAX: u64 = 16 << 20;

impl SwampImport<'_> {
    /// Builds the models whose types the definitions use, and adds them without any grant.
    pub(super) async fn plugins(
        &mut self,
        definitions: &[Definition],
        sdks: &InstalledSdks,
    ) -> Result<Vec<SwampModelView>, AppError> {
        let mut wanted: BTreeMap<TypeName, Vec<ModelSource>> = BTreeMap::new();
        for definition in definitions {
            wanted.insert(definition.type_name.value.clone(), Vec::new());
        }
        self.sources_find(&mut wanted)?;
        let has_sources = wanted.values().any(|it| !it.is_empty());
        for (type_name, source) in &wanted {
            if source.is_empty()
                && self
                    .cx
                    .repository
                    .snapshot()?
                    .plugin_pinned(type_name.as_str())
                    .is_err()
            {
                let why = "no file of the repository provides it; add a plugin that does, or build the \
                           extension: `sedge plugin import-swamp`";
                self.leave(format!("type `{type_name}`"), why);
            }
        }
        if !has_sources {
            return Ok(Vec::new());
        }
        let sdk = sdk_of(sdks)?;
        sdk_check(&sdk, self.folder)?;
        let bundler = Bundler::find(sdk, self.folder).await?;
        let out = self.cx.repository.folder().path_of(COMPONENTS_FOLDER);
        let snapshot = self.cx.repository.snapshot()?;
        let models = SwampModels {
            bundler: &bundler,
            builder: ScriptBuilder {
                runtime: snapshot.runtime()?,
                notices: snapshot.notices(),
            },
            settings: snapshot.settings(),
            root: self.folder,
            out: &out,
            description: None,
            files: Vec::new(),
        };
        let sources: Vec<ModelSource> = wanted.into_values().flatten().collect();
        let build = models.build_all(&sources);
        let mut views = self.cx.cancel.unless_cancelled(build).await?;
        for view in &mut views {
            if view.built.is_some() {
                self.added(view).await?;
            }
        }
        Ok(views)
    }

    /// Finds the files that provide the types: those that have the name of the type in quotes.
    fn sources_find(
        &self,
        wanted: &mut BTreeMap<TypeName, Vec<ModelSource>>,
    ) -> Result<(), AppError> {
        for folder in SOURCE_FOLDERS {
            for source in model_sources(self.folder, folder)? {
                let Some(path) = &source.path else {
                    continue;
                };
                let text = read_named_text(&self.folder.join(path), SOURCE_BYTES_MAX)?;
                // ignored: no error is dropped, because this is an `Option`; the file is gone.
                let text = text.unwrap_or_default();
                for (type_name, found) in &mut *wanted {
                    let is_provider = ['"', '\'', '`']
                        .iter()
                        .any(|quote| text.contains(&format!("type: {quote}{type_name}{quote}")));
                    if is_provider {
                        found.push(source.clone());
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds a component without any grant, because only the operator can decide on those.
    async fn added(&self, view: &mut SwampModelView) -> Result<(), AppError> {
        let Some(built) = &mut view.built else {
            return Ok(());
        };
        let request = AddRequest {
            source: ComponentSource::File(Path::new(&built.file).to_owned()),
            options: AddOptions {
                // The permissions in the file beside it may have been edited since.
                may_replace: true,
                ..AddOptions::default()
            },
            private_addresses: Vec::new(),
        };
        let checked = plugin_add(self.cx, request);
        let checked = self.cx.cancel.unless_cancelled(checked).await?;
        let choices = match checked.undecided.is_empty() {
            true => Vec::new(),
            false => vec![Choice::None],
        };
        built.added = Some(checked.pin(&choices)?.change);
        Ok(())
    }
}
