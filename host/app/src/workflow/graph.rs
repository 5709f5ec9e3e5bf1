//! The graph of a workflow, with a place for each job and step.

use std::collections::HashMap;

use sedge_api::view::graph::{
    GraphEdge, GraphEnd, GraphGroup, GraphHolds, GraphJob, GraphPlace, GraphStep, GraphTask,
    WorkflowGraph,
};
use sedge_lang::workflow::{Condition, DependencyPart, ForEach, Job, Step, Task, Workflow};

use crate::cx::Cx;
use crate::error::AppError;
use crate::workflow::graph::layers::{Dag, places};

mod layers;

/// Returns the graph of a workflow. This checks its file, but not the models that it names.
///
/// # Errors
/// Returns an error if there is no workflow of that name, or if its file is invalid.
pub fn workflow_graph(cx: &Cx, name: &str) -> Result<WorkflowGraph, AppError> {
    Ok(graph_of(&cx.repository.workflow(name)?))
}

/// Returns the graph of a workflow. The time is nearly linear in the number of steps and
/// dependencies.
pub(crate) fn graph_of(workflow: &Workflow) -> WorkflowGraph {
    let names: Vec<&str> = workflow.jobs.iter().map(|it| it.name.as_str()).collect();
    let mut parts = GraphParts::new(&names, GraphEnd::Job);
    for (at, job) in workflow.jobs.iter().enumerate() {
        parts.depends(at, &job.depends_on, |it| it.as_str());
    }
    let (places, groups, edges) = parts.placed();
    let jobs = workflow.jobs.iter().zip(places);
    WorkflowGraph {
        workflow: workflow.name.to_string(),
        jobs: jobs.map(|(job, place)| job_of(job, place)).collect(),
        groups,
        edges,
    }
}

fn job_of(job: &Job, place: GraphPlace) -> GraphJob {
    let names: Vec<&str> = job.steps.iter().map(|it| it.path.step.as_str()).collect();
    let mut parts = GraphParts::new(&names, GraphEnd::Step);
    for (at, step) in job.steps.iter().enumerate() {
        parts.depends(at, &step.depends_on, |it| it.as_str());
    }
    let (places, groups, edges) = parts.placed();
    let steps = job.steps.iter().zip(places);
    GraphJob {
        name: job.name.to_string(),
        guard: job.guard.as_ref().map(|it| it.expr().text().to_owned()),
        place,
        steps: steps.map(|(step, place)| step_of(step, place)).collect(),
        groups,
        edges,
    }
}

fn step_of(step: &Step, place: GraphPlace) -> GraphStep {
    let (task, about) = task_of(&step.task);
    let retry = step.retry.as_ref().map(|it| it.value.attempts);
    GraphStep {
        name: step.path.step.to_string(),
        task,
        about,
        for_each: step.for_each.as_ref().map(|it| items_text(&it.value)),
        guard: step.guard.as_ref().map(|it| it.expr().text().to_owned()),
        allow_failure: step.allow_failure,
        attempts: retry.filter(|attempts| *attempts > 1),
        place,
    }
}

fn task_of(task: &Task) -> (GraphTask, String) {
    match task {
        Task::ModelMethod { model, method, .. } => (
            GraphTask::Method,
            format!("{}.{}", model.name().as_str(), method.value),
        ),
        Task::Workflow { workflow, .. } => (GraphTask::Workflow, workflow.as_str().to_owned()),
        Task::ManualApproval { prompt, .. } => {
            let prompt = prompt.as_ref().map_or("", |it| it.as_str());
            (GraphTask::Gate, prompt.to_owned())
        }
        Task::Assert { expr, .. } => (GraphTask::Assert, expr.expr().text().to_owned()),
    }
}

fn items_text(for_each: &ForEach) -> String {
    let values = for_each.values.source().value();
    let values = match values.as_str() {
        Some(expression) => expression.to_owned(),
        None => values.to_string(),
    };
    format!("{} in {values}", for_each.item)
}

/// The jobs of a workflow, or the steps of a job, with their groups and edges.
struct GraphParts<'n> {
    by_name: HashMap<&'n str, usize>,
    n_nodes: usize,
    end: fn(u64) -> GraphEnd,
    groups: Vec<GraphHolds>,
    edges: Vec<(PartEnd, PartEnd, Option<String>)>,
}

/// One end of an edge while the graph is made.
#[derive(Debug, Clone, Copy)]
enum PartEnd {
    Node(usize),
    Group(usize),
}

impl<'n> GraphParts<'n> {
    fn new(names: &[&'n str], end: fn(u64) -> GraphEnd) -> Self {
        Self {
            by_name: names.iter().enumerate().map(|(at, it)| (*it, at)).collect(),
            n_nodes: names.len(),
            end,
            groups: Vec::new(),
            edges: Vec::new(),
        }
    }

    /// Adds what the node with a number waits for. A group with one part is the same as this part.
    fn depends<N>(&mut self, node: usize, parts: &[DependencyPart<N>], text: fn(&N) -> &str) {
        let to = PartEnd::Node(node);
        let mut open: Vec<(&DependencyPart<N>, PartEnd)> =
            parts.iter().rev().map(|part| (part, to)).collect();
        while let Some((part, to)) = open.pop() {
            let (holds, parts) = match part {
                DependencyPart::One(one) => {
                    let from = self.by_name.get(text(&one.on));
                    let from = *from.expect("a parsed workflow has no unknown dependency");
                    let condition = match &one.condition {
                        Condition::Succeeded => None,
                        Condition::Failed
                        | Condition::Completed
                        | Condition::Always
                        | Condition::Skipped
                        | Condition::And(_)
                        | Condition::Or(_)
                        | Condition::Not(_) => Some(one.condition.to_string()),
                    };
                    self.edges.push((PartEnd::Node(from), to, condition));
                    continue;
                }
                DependencyPart::AnyOf(parts) => (GraphHolds::AnyOf, parts),
                DependencyPart::AllOf(parts) => (GraphHolds::AllOf, parts),
            };
            let to = match parts.len() {
                1 => to,
                _ => {
                    let group = PartEnd::Group(self.groups.len());
                    self.groups.push(holds);
                    self.edges.push((group, to, None));
                    group
                }
            };
            open.extend(parts.iter().rev().map(|part| (part, to)));
        }
    }

    /// Returns the places of the nodes, the groups with theirs, and the edges.
    fn placed(self) -> (Vec<GraphPlace>, Vec<GraphGroup>, Vec<GraphEdge>) {
        let number = |end: PartEnd| match end {
            PartEnd::Node(at) => at,
            PartEnd::Group(at) => self.n_nodes + at,
        };
        let pairs = self.edges.iter();
        let dag = Dag::new(
            self.n_nodes + self.groups.len(),
            pairs.map(|(from, to, _)| (number(*from), number(*to))),
        );
        let mut places = places(&dag);
        let of_groups = places.split_off(self.n_nodes);
        let groups = self.groups.iter().zip(of_groups).zip(0_u64..);
        let groups = groups.map(|((holds, place), group)| GraphGroup {
            group,
            holds: *holds,
            place,
        });
        let end = |end: PartEnd| match end {
            PartEnd::Node(at) => (self.end)(at as u64),
            PartEnd::Group(at) => GraphEnd::Group(at as u64),
        };
        let edges = self.edges.iter().map(|(from, to, condition)| GraphEdge {
            from: end(*from),
            to: end(*to),
            condition: condition.clone(),
        });
        (places, groups.collect(), edges.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use sedge_lang::diagnostic::SourceFile;

    use super::*;

    fn graph(text: &str) -> WorkflowGraph {
        graph_of(&Workflow::parse(&SourceFile::new("w.yaml", text)).expect("it is valid"))
    }

    /// Returns a job's graph: `name@layer.row` for each step and group, and its edges.
    fn shown(job: &GraphJob) -> String {
        let mut text = String::new();
        let place = |it: GraphPlace| format!("{}.{}", it.layer, it.row);
        for step in &job.steps {
            write!(text, "{}@{} ", step.name, place(step.place)).expect("a text takes any text");
        }
        for it in &job.groups {
            let shown = format!("{}{}@{} ", it.holds.word(), it.group, place(it.place));
            text.push_str(&shown);
        }
        let end = |end: &GraphEnd| match end {
            GraphEnd::Step(at) | GraphEnd::Job(at) => {
                let at = usize::try_from(*at).expect("it is small");
                job.steps[at].name.clone()
            }
            GraphEnd::Group(at) => format!("#{at}"),
        };
        for edge in &job.edges {
            let condition = edge.condition.as_deref().unwrap_or("");
            let (from, to) = (end(&edge.from), end(&edge.to));
            write!(text, "{from}>{condition}>{to} ").expect("a text takes any text");
        }
        text.trim_end().to_owned()
    }

    #[test]
    fn groups_are_nodes_of_their_own() {
        let graph = graph(
            "name: w
jobs:
  - name: main
    steps:
      - {name: a, task: {type: manual_approval}}
      - {name: b, task: {type: manual_approval}, dependsOn: [{step: a}]}
      - {name: c, task: {type: manual_approval}}
      - name: d
        task: {type: manual_approval}
        dependsOn:
          - anyOf: [{step: b, condition: {type: failed}}, {allOf: [{step: a}, {step: c}]}]
          - anyOf: [{step: c}]
",
        );
        assert_eq!(
            shown(&graph.jobs[0]),
            "a@0.0 b@1.0 c@0.1 d@3.0 any0@2.0 all1@1.1 a>>b #0>>d b>failed>#0 #1>>#0 a>>#1 c>>#1 \
             c>>d"
        );
    }

    #[test]
    fn graph_of_many_steps_is_made_in_linear_steps() {
        const N: usize = 10_000;
        let mut text = "name: w\njobs:\n  - name: main\n    steps:\n".to_owned();
        for n in 0..N {
            let after = match n {
                0 => String::new(),
                1..4 => format!(", dependsOn: [{{step: s{}}}]", n - 1),
                4.. => format!(", dependsOn: [{{step: s{}}}, {{step: s{}}}]", n - 1, n / 2),
            };
            writeln!(
                text,
                "      - {{name: s{n}, task: {{type: manual_approval}}{after}}}"
            )
            .expect("a text takes any text");
        }
        let graph = graph(&text);
        let steps = &graph.jobs[0].steps;
        assert_eq!(steps.len(), N);
        let layers = steps.iter().map(|step| step.place.layer);
        assert!(layers.eq(0..N as u64));
    }
}
