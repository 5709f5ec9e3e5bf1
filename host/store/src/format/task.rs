//! What started steps run: column `task` of `step_tasks`, or a file of content.

use std::borrow::Cow;

use sedge_model::names::NameError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::environment::StoredEnvironment;
use crate::tasks::{DirectModel, StartedTask};

/// What a started step runs, with its evaluated inputs, which may be large.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredTask<'a> {
    Method {
        model: Cow<'a, str>,
        method: Cow<'a, str>,
        arguments: Cow<'a, Value>,
        /// Of a step that runs a method directly on a type.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direct: Option<StoredDirect<'a>>,
        #[serde(default, skip_serializing_if = "StoredEnvironment::is_empty")]
        environment: StoredEnvironment,
    },
    Workflow {
        workflow: Cow<'a, str>,
        inputs: Cow<'a, Value>,
        #[serde(default, skip_serializing_if = "StoredEnvironment::is_empty")]
        environment: StoredEnvironment,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredDirect<'a> {
    #[serde(rename = "type")]
    type_name: Cow<'a, str>,
    global_arguments: Cow<'a, Value>,
}

impl<'a> From<&'a StartedTask> for StoredTask<'a> {
    fn from(task: &'a StartedTask) -> Self {
        match task {
            StartedTask::Method {
                model,
                method,
                arguments,
                direct,
                environment,
            } => Self::Method {
                environment: environment.into(),
                model: Cow::Borrowed(model),
                method: Cow::Borrowed(method.as_str()),
                arguments: Cow::Borrowed(arguments),
                direct: direct.as_ref().map(|direct| StoredDirect {
                    type_name: Cow::Borrowed(direct.type_name.as_str()),
                    global_arguments: Cow::Borrowed(&direct.global_arguments),
                }),
            },
            StartedTask::Workflow {
                workflow,
                inputs,
                environment,
            } => Self::Workflow {
                environment: environment.into(),
                workflow: Cow::Borrowed(workflow),
                inputs: Cow::Borrowed(inputs),
            },
        }
    }
}

impl TryFrom<StoredTask<'_>> for StartedTask {
    type Error = NameError;

    fn try_from(stored: StoredTask<'_>) -> Result<Self, NameError> {
        Ok(match stored {
            StoredTask::Method {
                model,
                method,
                arguments,
                direct,
                environment,
            } => Self::Method {
                environment: environment.try_into()?,
                model: model.into_owned(),
                method: method.parse()?,
                arguments: arguments.into_owned(),
                direct: direct.map(DirectModel::try_from).transpose()?,
            },
            StoredTask::Workflow {
                workflow,
                inputs,
                environment,
            } => Self::Workflow {
                environment: environment.try_into()?,
                workflow: workflow.into_owned(),
                inputs: inputs.into_owned(),
            },
        })
    }
}

impl TryFrom<StoredDirect<'_>> for DirectModel {
    type Error = NameError;

    fn try_from(stored: StoredDirect<'_>) -> Result<Self, NameError> {
        let StoredDirect {
            type_name,
            global_arguments,
        } = stored;
        Ok(Self {
            type_name: type_name.parse()?,
            global_arguments: global_arguments.into_owned(),
        })
    }
}
