//! The definitions and workflows: text files in a language that this program reads as it is.

use std::sync::Arc;

use sedge_api::view::swamp::ImportedFileView;
use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::workflow::Workflow;
use sedge_lang::yaml;
use sedge_model::audit::AuditWord;
use sedge_model::names::WorkflowName;
use sedge_sys::folder::read_named_text;
use sedge_sys::source_tree;

use super::SwampImport;
use crate::audit::audit_note;
use crate::error::AppError;
use crate::repository::{MODELS_FOLDER, WORKFLOWS_FOLDER};

/// The maximum size of a file, in bytes: what a file of this repository may have.
const FILE_BYTES_MAX: u64 = yaml::FILE_BYTES_MAX as u64;

/// What happens to a file.
enum Placed {
    /// It was written.
    Written,
    /// It is there already, with the same text.
    Kept,
    /// Something else has its place.
    Refused(String),
}

impl SwampImport<'_> {
    /// Takes over the definitions. Returns them, and their files.
    pub(super) fn definitions(
        &mut self,
    ) -> Result<(Vec<Definition>, Vec<ImportedFileView>), AppError> {
        let (mut taken, mut views) = (Vec::new(), Vec::new());
        for file in self.yaml_files(MODELS_FOLDER)? {
            let definition = match Definition::parse(&file) {
                Ok(definition) => definition,
                Err(faults) => {
                    let fault = faults.first().map_or_else(String::new, ToString::to_string);
                    self.leave(format!("definition `{}`", file.name), fault);
                    continue;
                }
            };
            let name = definition.name.to_string();
            let is_there = self.cx.repository.model_file(&name)?;
            let other = is_there.filter(|found| found.file.text != file.text);
            let placed = match other {
                Some(other) => Placed::Refused(format!(
                    "the repository has a model `{name}` with another definition, in `{}`",
                    other.file.name
                )),
                None => self.file_place(&file)?,
            };
            let is_kept = match placed {
                Placed::Written => {
                    let detail = Some(format!("of the type {}", definition.type_name.value));
                    audit_note(self.cx, AuditWord::ModelCreated, &name, detail)?;
                    false
                }
                Placed::Kept => true,
                Placed::Refused(why) => {
                    self.leave(format!("definition `{}`", file.name), why);
                    continue;
                }
            };
            views.push(ImportedFileView {
                name,
                file: file.name.clone(),
                is_kept,
            });
            taken.push(definition);
        }
        self.direct_runs_leave()?;
        Ok((taken, views))
    }

    /// Takes over the workflows.
    pub(super) fn workflows(&mut self) -> Result<Vec<ImportedFileView>, AppError> {
        let mut views = Vec::new();
        for file in self.yaml_files(WORKFLOWS_FOLDER)? {
            let what = format!("workflow `{}`", file.name);
            let workflow = match Workflow::parse(&file) {
                Ok(workflow) => workflow,
                Err(faults) => {
                    let fault = faults.first().map_or_else(String::new, ToString::to_string);
                    self.leave(what, fault);
                    continue;
                }
            };
            let name: &WorkflowName = &workflow.name;
            let repository = &self.cx.repository;
            let names = repository.workflow_names()?;
            let has_other =
                names.contains(name) && !repository.has_workflow_text(name.as_str(), &file.text)?;
            let placed = match has_other {
                true => Placed::Refused(format!(
                    "the repository has a workflow `{name}` with another text"
                )),
                false => self.file_place(&file)?,
            };
            match placed {
                Placed::Written | Placed::Kept => views.push(ImportedFileView {
                    name: name.to_string(),
                    file: file.name.clone(),
                    is_kept: matches!(placed, Placed::Kept),
                }),
                Placed::Refused(why) => self.leave(what, why),
            }
        }
        Ok(views)
    }

    /// Reads the YAML files in a folder of the other repository, in the order of their paths.
    fn yaml_files(&mut self, folder: &str) -> Result<Vec<Arc<SourceFile>>, AppError> {
        let mut files = Vec::new();
        for name in source_tree::names(&self.folder.join(folder))? {
            if !name.ends_with(".yaml") && !name.ends_with(".yml") {
                continue;
            }
            let path = format!("{folder}/{name}");
            match read_named_text(&self.folder.join(&path), FILE_BYTES_MAX) {
                Ok(Some(text)) => files.push(SourceFile::new(path, text)),
                // It was removed meanwhile.
                Ok(None) => {}
                Err(error) => self.leave(format!("file `{path}`"), error.source.to_string()),
            }
        }
        Ok(files)
    }

    /// Writes a file to the same path in this repository.
    fn file_place(&self, file: &SourceFile) -> Result<Placed, AppError> {
        let folder = self.cx.repository.folder();
        let name = file.name.as_str();
        if let Some(now) = folder.read(name, FILE_BYTES_MAX)? {
            return Ok(match now == file.text.as_bytes() {
                true => Placed::Kept,
                false => Placed::Refused("the repository has another file of this name".to_owned()),
            });
        }
        if let Some((above, _)) = name.rsplit_once('/') {
            folder.create_folder(above)?;
        }
        folder.write_new(name, file.text.as_bytes())?;
        Ok(Placed::Written)
    }

    /// Notes the models that swamp has made for direct runs of a type.
    fn direct_runs_leave(&mut self) -> Result<(), AppError> {
        for name in source_tree::names(&self.folder.join(".swamp/auto-definitions"))? {
            let why = "swamp made it for a direct run: run the type directly again, with \
                       `sedge model @SCOPE/TYPE method run METHOD NAME`";
            self.leave(format!("definition `.swamp/auto-definitions/{name}`"), why);
        }
        Ok(())
    }
}
