//! The graph of a workflow: as text for people, and in the formats of programs that draw graphs.
//!
//! Each drawing is a function of the graph alone, so the same file always gives the same text. Names
//! and expressions come from a file that another user may have written: control characters are
//! shown as marks, long texts are cut, and each format quotes its own special characters.

use clap::ValueEnum;
use sedge_api::view::graph::{GraphEdge, GraphEnd, GraphJob, GraphStep, WorkflowGraph};

use crate::guest_text;

mod dot;
mod layout;
mod mermaid;
mod svg;
mod text;

/// The format of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Text for people.
    Text,
    /// A flowchart in the language of Mermaid.
    Mermaid,
    /// A graph in the language of Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// Returns a graph as text. Lines for people have at most `columns` columns.
pub(crate) fn drawn(graph: &WorkflowGraph, format: GraphFormat, columns: usize) -> String {
    match format {
        GraphFormat::Text => text::drawn(graph, columns),
        GraphFormat::Mermaid => mermaid::drawn(graph),
        GraphFormat::Dot => dot::drawn(graph),
        GraphFormat::Svg => svg::drawn(graph),
    }
}

/// Returns what a drawing says about a step besides its name and its task.
fn marks(step: &GraphStep) -> Vec<String> {
    let mut marks = Vec::new();
    marks.extend(step.for_each.iter().map(|it| format!("for each {it}")));
    marks.extend(step.guard.iter().map(|it| format!("done already if {it}")));
    if step.allow_failure {
        marks.push("may fail".to_owned());
    }
    marks.extend(step.attempts.map(|n| format!("up to {n} attempts")));
    marks
}

/// Returns the lines of a step's node in a drawing, its name first.
fn step_lines(step: &GraphStep) -> Vec<String> {
    let task = match step.about.is_empty() {
        true => step.task.as_str().to_owned(),
        false => format!("{} {}", step.task.as_str(), step.about),
    };
    let lines = [step.name.clone(), task].into_iter().chain(marks(step));
    lines.map(|line| guest_text::cell(&line)).collect()
}

/// Returns the lines of a job's heading in a drawing.
fn job_lines(job: &GraphJob) -> Vec<String> {
    let guard = job.guard.iter().map(|it| format!("done already if {it}"));
    let lines = [job.name.clone()].into_iter().chain(guard);
    lines.map(|line| guest_text::cell(&line)).collect()
}

/// Returns the number in an end of an edge as an index.
fn index(number: u64) -> usize {
    usize::try_from(number).expect("the graph is in memory")
}

/// Returns the name of an end of an edge in languages of graphs. `job` is the number of the job whose
/// steps these are; `None` for the edges of jobs.
fn end_id(end: &GraphEnd, job: Option<usize>) -> String {
    match (end, job) {
        (GraphEnd::Job(at), _) => format!("j{at}"),
        (GraphEnd::Step(at), Some(job)) => format!("j{job}s{at}"),
        (GraphEnd::Step(at), None) => format!("s{at}"),
        (GraphEnd::Group(at), Some(job)) => format!("j{job}g{at}"),
        (GraphEnd::Group(at), None) => format!("g{at}"),
    }
}

/// Returns the condition of an edge as a drawing has it.
fn condition(edge: &GraphEdge) -> Option<String> {
    edge.condition.as_deref().map(guest_text::cell)
}

/// Adds a line to a text.
fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests;
