//! A graph as text for people.
//!
//! Jobs and steps are in the order of their layers. The number before a step is its layer in its
//! job, from 1: steps with one number do not wait for each other.

use std::collections::HashMap;

use sedge_api::view::graph::{
    GraphEdge, GraphEnd, GraphGroup, GraphHolds, GraphJob, GraphPlace, WorkflowGraph,
};

use super::{index, marks};
use crate::{guest_text, show};

/// The indent of the lines about a step.
const STEP_INDENT: &str = "       ";

/// Returns the text. Its lines have at most `columns` columns.
pub(super) fn drawn(graph: &WorkflowGraph, columns: usize) -> String {
    let n_steps: usize = graph.jobs.iter().map(|job| job.steps.len()).sum();
    let mut lines = vec![format!(
        "workflow {}: {}, {}",
        graph.workflow,
        show::count(graph.jobs.len(), "job"),
        show::count(n_steps, "step"),
    )];
    let names: Vec<&str> = graph.jobs.iter().map(|job| job.name.as_str()).collect();
    let waits = Waits::new(&graph.edges, &graph.groups, &names);
    for at in in_order(graph.jobs.iter().map(|job| job.place)) {
        let job = &graph.jobs[at];
        lines.push(String::new());
        lines.push(format!("job {}", job.name));
        let guard = job.guard.iter();
        lines.extend(guard.map(|it| format!("  done already if {it}")));
        let after = waits.of(&GraphEnd::Job(at as u64));
        lines.extend(after.map(|it| format!("  after {it}")));
        lines.extend(step_lines(job));
    }
    let lines = lines.iter().map(|line| {
        let line = guest_text::unbroken(line);
        guest_text::folded(&line, columns + 1, STEP_INDENT)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn step_lines(job: &GraphJob) -> Vec<String> {
    let names: Vec<&str> = job.steps.iter().map(|step| step.name.as_str()).collect();
    let waits = Waits::new(&job.edges, &job.groups, &names);
    let mut lines = Vec::new();
    for at in in_order(job.steps.iter().map(|step| step.place)) {
        let step = &job.steps[at];
        let layer = step.place.layer + 1;
        let about = match step.about.as_str() {
            "" => String::new(),
            about => format!(" {about}"),
        };
        let task = step.task.as_str();
        lines.push(format!("  {layer:>3}  {}: {task}{about}", step.name));
        let after = waits.of(&GraphEnd::Step(at as u64));
        let after = after.map(|it| format!("after {it}"));
        let more = after.into_iter().chain(marks(step));
        lines.extend(more.map(|it| format!("{STEP_INDENT}{it}")));
    }
    lines
}

/// Returns numbers of nodes in the order of their places.
fn in_order(places: impl Iterator<Item = GraphPlace>) -> Vec<usize> {
    let mut order: Vec<(u64, u64, usize)> = places
        .enumerate()
        .map(|(at, place)| (place.layer, place.row, at))
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(_, _, at)| at).collect()
}

/// What nodes wait for.
struct Waits<'g> {
    edges: HashMap<&'g GraphEnd, Vec<&'g GraphEdge>>,
    groups: &'g [GraphGroup],
    names: &'g [&'g str],
}

impl<'g> Waits<'g> {
    fn new(edges: &'g [GraphEdge], groups: &'g [GraphGroup], names: &'g [&'g str]) -> Self {
        let mut by_end: HashMap<&GraphEnd, Vec<&GraphEdge>> = HashMap::new();
        for edge in edges {
            by_end.entry(&edge.to).or_default().push(edge);
        }
        Self {
            edges: by_end,
            groups,
            names,
        }
    }

    /// Returns what a node waits for: `a, any of (b failed, c)`. Returns `None` if it waits for
    /// nothing.
    // The depth of groups is limited when the file is read.
    fn of(&self, end: &GraphEnd) -> Option<String> {
        let edges = self.edges.get(end)?;
        let parts = edges.iter().map(|edge| match &edge.from {
            GraphEnd::Job(at) | GraphEnd::Step(at) => {
                let name = self.names[index(*at)];
                match &edge.condition {
                    Some(condition) => format!("{name} {condition}"),
                    None => name.to_owned(),
                }
            }
            GraphEnd::Group(at) => {
                let holds = match self.groups[index(*at)].holds {
                    GraphHolds::AnyOf => "any of",
                    GraphHolds::AllOf => "all of",
                };
                // ignored: no error is dropped; a group without members waits for nothing.
                let parts = self.of(&edge.from).unwrap_or_default();
                format!("{holds} ({parts})")
            }
        });
        Some(parts.collect::<Vec<_>>().join(", "))
    }
}
