//! Workflows: running them, and starting them.

use serde::{Deserialize, Serialize};

use super::{KindRules, alone};
use crate::permission::Permission;
use crate::permission::effective::{Denial, Permissions, Use};
use crate::permission::grants::Grants;
use crate::permission::pattern::WorkflowPattern;

/// Run a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowPermission {
    /// The workflow.
    pub workflow: WorkflowPattern,
}

impl KindRules for WorkflowPermission {
    fn subject(&self) -> String {
        self.workflow.to_string()
    }

    fn of_words(subject: &str, details: &[&str]) -> Option<Self> {
        alone(subject, details).map(|workflow| Self { workflow })
    }

    fn has_part(&self, granted: &Grants) -> bool {
        let meets = |one: &WorkflowPattern| one.covers(&self.workflow) || self.workflow.covers(one);
        granted.workflows.iter().any(meets)
    }

    fn has_all(&self, granted: &Grants) -> bool {
        granted
            .workflows
            .iter()
            .any(|one| one.covers(&self.workflow))
    }

    fn grant(&self, grants: &mut Grants, _path: Option<&str>) {
        grants.workflows.push(self.workflow.clone());
    }

    fn effective(&self, granted: &Grants) -> Vec<String> {
        let granted = &granted.workflows;
        if granted.contains(&WorkflowPattern::Any) {
            return vec![self.workflow.to_string()];
        }
        let both = granted.iter().filter(|grant| self.workflow.covers(grant));
        both.map(ToString::to_string).collect()
    }

    fn narrowed(&self, subject: &str) -> Option<Permission> {
        let wanted: WorkflowPattern = subject.parse().ok()?;
        self.workflow
            .covers(&wanted)
            .then_some(Permission::Workflows(Self { workflow: wanted }))
    }

    fn narrowest(&self) -> Vec<String> {
        vec![match &self.workflow {
            WorkflowPattern::Any => "workflows: [NAME]".to_owned(),
            workflow @ WorkflowPattern::One(_) => format!("workflows: [{workflow}]"),
        }]
    }

    fn permits(&self, used: &Use<'_>) -> bool {
        matches!(used, Use::Workflow(name) if self.workflow.matches(name))
    }
}

impl Permissions {
    /// Checks that a workflow may be run.
    ///
    /// # Errors
    /// A check makes the attempt, the plugin does not request the workflow, or no grant allows it.
    pub fn workflow(&self, name: &str) -> Result<(), Denial> {
        let attempt = || format!("run the workflow `{}`", name.escape_debug());
        self.change_check(attempt)?;
        let asks = |asked: &Permission| matches!(asked, Permission::Workflows(WorkflowPermission { workflow }) if workflow.matches(name));
        if !self.asks().any(asks) {
            return Err(self.not_asked(attempt()));
        }
        if self.granted.workflows.iter().any(|it| it.matches(name)) {
            return Ok(());
        }
        // A text that is not a name of a workflow is covered by `*` only.
        let workflow = name.parse().unwrap_or(WorkflowPattern::Any);
        let lacking = Permission::Workflows(WorkflowPermission { workflow });
        Err(self.not_granted(attempt(), &lacking, None))
    }
}
