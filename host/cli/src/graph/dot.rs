//! A graph in the language of Graphviz.

use sedge_api::view::graph::{GraphEdge, GraphEnd, GraphGroup, GraphJob, GraphTask, WorkflowGraph};

use super::{condition, end_id, index, job_lines, line, step_lines};
use crate::guest_text;

/// Returns a directed graph in which each job is a cluster.
pub(super) fn drawn(graph: &WorkflowGraph) -> String {
    let name = quoted(&[guest_text::cell(&graph.workflow)]);
    let mut text = format!("digraph {name} {{\n");
    line(&mut text, "  rankdir=LR;");
    line(&mut text, "  compound=true;");
    line(&mut text, "  node [shape=box, fontname=\"monospace\"];");
    line(&mut text, "  edge [fontname=\"monospace\"];");
    for (at, job) in graph.jobs.iter().enumerate() {
        cluster(&mut text, at, job);
    }
    for group in &graph.groups {
        group_line(&mut text, "  ", group, None);
    }
    for edge in &graph.edges {
        job_edge(&mut text, graph, edge);
    }
    line(&mut text, "}");
    text
}

fn cluster(text: &mut String, at: usize, job: &GraphJob) {
    line(text, &format!("  subgraph cluster_{at} {{"));
    line(text, &format!("    label={};", quoted(&job_lines(job))));
    for (n, step) in job.steps.iter().enumerate() {
        let label = quoted(&step_lines(step));
        let shape = shape(step.task);
        let style = match (step.for_each.is_some(), step.guard.is_some()) {
            (_, true) => ", style=dashed",
            (true, false) => ", peripheries=2",
            (false, false) => "",
        };
        line(
            text,
            &format!("    j{at}s{n} [label={label}, shape={shape}{style}];"),
        );
    }
    for group in &job.groups {
        group_line(text, "    ", group, Some(at));
    }
    for edge in &job.edges {
        let (from, to) = (end_id(&edge.from, Some(at)), end_id(&edge.to, Some(at)));
        let label =
            condition(edge).map_or_else(String::new, |it| format!(" [label={}]", quoted(&[it])));
        line(text, &format!("    {from} -> {to}{label};"));
    }
    line(text, "  }");
}

fn shape(task: GraphTask) -> &'static str {
    match task {
        GraphTask::Method => "box",
        GraphTask::Workflow => "component",
        GraphTask::Gate => "hexagon",
        GraphTask::Assert => "diamond",
    }
}

fn group_line(text: &mut String, indent: &str, group: &GraphGroup, job: Option<usize>) {
    let id = end_id(&GraphEnd::Group(group.group), job);
    let word = group.holds.word();
    line(
        text,
        &format!("{indent}{id} [label=\"{word}\", shape=circle];"),
    );
}

/// Adds an edge between jobs. Graphviz knows edges between nodes only, which are cut off at the
/// borders of clusters: here from a last step to a first one.
fn job_edge(text: &mut String, graph: &WorkflowGraph, edge: &GraphEdge) {
    let mut attributes = Vec::new();
    let from = match edge.from {
        GraphEnd::Job(at) => {
            attributes.push(format!("ltail=cluster_{at}"));
            let steps = graph.jobs[index(at)].steps.iter().zip(0_u64..);
            let last = steps.max_by_key(|(step, _)| step.place.layer);
            format!("j{at}s{}", last.map_or(0, |(_, n)| n))
        }
        GraphEnd::Step(_) | GraphEnd::Group(_) => end_id(&edge.from, None),
    };
    let to = match edge.to {
        GraphEnd::Job(at) => {
            attributes.push(format!("lhead=cluster_{at}"));
            let steps = graph.jobs[index(at)].steps.iter().zip(0_u64..);
            let first = steps.min_by_key(|(step, _)| step.place.layer);
            format!("j{at}s{}", first.map_or(0, |(_, n)| n))
        }
        GraphEnd::Step(_) | GraphEnd::Group(_) => end_id(&edge.to, None),
    };
    attributes.extend(condition(edge).map(|it| format!("label={}", quoted(&[it]))));
    let attributes = attributes.join(", ");
    line(text, &format!("  {from} -> {to} [{attributes}];"));
}

/// Returns lines as a text in quotes.
fn quoted(lines: &[String]) -> String {
    let escaped = |text: &String| text.replace('\\', "\\\\").replace('"', "\\\"");
    let lines: Vec<String> = lines.iter().map(escaped).collect();
    format!("\"{}\"", lines.join("\\n"))
}
