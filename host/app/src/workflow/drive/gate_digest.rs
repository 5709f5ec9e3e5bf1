//! The digest of what users decide on at the gates of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sedge_api::problem::{ErrorCode, Explain};
use sedge_lang::workflow::{ModelTarget, Step, Task, Workflow};
use sedge_model::digest::Digest;
use sedge_runtime::BoxFuture;
use serde_json::Value;

use super::Drive;
use super::child::nested_names;
use crate::error::AppError;

impl Drive {
    /// Returns the digest of what a user decides on. It is computed once for each driver.
    pub(super) async fn digest(self: &Arc<Self>) -> Result<String, AppError> {
        let digest = self.digest.get_or_try_init(|| self.digest_with_nested());
        digest.await.cloned()
    }

    /// Returns the digest of the run without the workflows that its steps run: a child run has its own
    /// text, so the file of its workflow does not matter any more.
    fn digest_own(self: &Arc<Self>) -> BoxFuture<Result<String, AppError>> {
        let drive = Arc::clone(self);
        Box::pin(async move {
            let digest = drive.digest_own.get_or_try_init(|| drive.digest_of_run());
            digest.await.cloned()
        })
    }

    /// Adds the workflows that the steps run to the digest of the run.
    async fn digest_with_nested(self: &Arc<Self>) -> Result<String, AppError> {
        let mut parts = vec![self.digest_own().await?];
        for (name, nested) in self.nested_workflows()? {
            parts.push(name);
            match nested {
                Some(nested) => {
                    parts.push(nested.file.text.clone());
                    self.models_add(&nested, &mut parts).await;
                }
                None => parts.push("it cannot be read".to_owned()),
            }
        }
        Ok(digest_of(&parts))
    }

    /// Returns the digest of the text of the workflow and the inputs, as they are stored with the run,
    /// the definitions and plugins of the models whose names are known before the run, and the same of
    /// the run whose step runs this one. Sensitive inputs are stored sealed, so the digest tells nothing
    /// about their values, and changes with them.
    async fn digest_of_run(self: &Arc<Self>) -> Result<String, AppError> {
        let store = self.cx.repository.store()?;
        // ignored: no error is dropped; a run without inputs has none.
        let inputs = Value::Object(store.run_inputs(self.cx.run())?.unwrap_or_default());
        // ignored: no error is dropped; each run of a workflow has its text.
        let text = store.run_source(self.cx.run())?.unwrap_or_default();
        let mut parts = vec![text, inputs.to_string()];
        if let Some(above) = &self.above {
            parts.push(above.drive.digest_own().await?);
        }
        self.models_add(&self.workflow, &mut parts).await;
        Ok(digest_of(&parts))
    }

    /// Adds the definitions and plugins of the models that the steps of a workflow call.
    async fn models_add(&self, workflow: &Workflow, parts: &mut Vec<String>) {
        let names = workflow.steps().filter_map(|step| step.task.model_named());
        let mut names: BTreeSet<&str> = names.collect();
        // A model that a step of the workflow creates may change while the run is executed.
        for created in workflow.steps().filter_map(model_created) {
            names.remove(created);
        }
        for name in names {
            parts.push(name.to_owned());
            match self.cx.model(name).await {
                Ok(model) => {
                    parts.push(model.digest.to_string());
                    parts.push(model.plugin.description().sha256.clone());
                }
                // The model was removed after the run began. A user can decide nevertheless.
                Err(error) => {
                    tracing::warn!(name, %error, "a model of a run cannot be read");
                    parts.push("it cannot be read".to_owned());
                }
            }
        }
    }

    /// Returns the workflows that the steps run, and those that their steps run, by their names;
    /// `None` for one that is missing or has faults. Names with expressions are left out.
    fn nested_workflows(&self) -> Result<BTreeMap<String, Option<Workflow>>, AppError> {
        let mut found = BTreeMap::new();
        let mut pending = nested_names(&self.workflow);
        while let Some(name) = pending.pop() {
            if found.contains_key(&name) {
                continue;
            }
            let nested = match self.cx.repository.workflow(&name) {
                Ok(nested) => {
                    pending.extend(nested_names(&nested));
                    Some(nested)
                }
                Err(error)
                    if matches!(
                        error.code(),
                        ErrorCode::WorkflowMissing | ErrorCode::BadFile
                    ) =>
                {
                    None
                }
                Err(error) => return Err(error),
            };
            found.insert(name, nested);
        }
        Ok(found)
    }
}

/// Returns the digest of texts. Their lengths separate them.
fn digest_of(parts: &[String]) -> String {
    let text = parts.iter().map(|part| format!("{}\n{part}\n", part.len()));
    Digest::of(text.collect::<String>().as_bytes()).to_string()
}

/// Returns the name of the model that a step with `modelType` creates or changes, if it has no
/// expressions.
fn model_created(step: &Step) -> Option<&str> {
    match &step.task {
        Task::ModelMethod {
            model: model @ ModelTarget::Typed { .. },
            ..
        } => model.name().literal(),
        Task::ModelMethod {
            model: ModelTarget::Named(_),
            ..
        }
        | Task::Workflow { .. }
        | Task::ManualApproval { .. }
        | Task::Assert { .. } => None,
    }
}
