//! A graph in the language of Mermaid, which many hosts of repositories draw.

use sedge_api::view::graph::{GraphEdge, GraphEnd, GraphGroup, GraphTask, WorkflowGraph};

use super::{condition, end_id, job_lines, line, step_lines};

/// Returns a flowchart.
pub(super) fn drawn(graph: &WorkflowGraph) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (at, job) in graph.jobs.iter().enumerate() {
        line(
            &mut text,
            &format!("  subgraph j{at}[{}]", label(&job_lines(job))),
        );
        line(&mut text, "    direction LR");
        for (n, step) in job.steps.iter().enumerate() {
            let label = label(&step_lines(step));
            let (open, close) = shape(step.task);
            line(&mut text, &format!("    j{at}s{n}{open}{label}{close}"));
        }
        for group in &job.groups {
            group_line(&mut text, "    ", group, Some(at));
        }
        for edge in &job.edges {
            edge_line(&mut text, "    ", edge, Some(at));
        }
        line(&mut text, "  end");
    }
    for group in &graph.groups {
        group_line(&mut text, "  ", group, None);
    }
    for edge in &graph.edges {
        edge_line(&mut text, "  ", edge, None);
    }
    text
}

fn shape(task: GraphTask) -> (&'static str, &'static str) {
    match task {
        GraphTask::Method => ("[", "]"),
        GraphTask::Workflow => ("[[", "]]"),
        GraphTask::Gate => ("{{", "}}"),
        GraphTask::Assert => ("{", "}"),
    }
}

fn group_line(text: &mut String, indent: &str, group: &GraphGroup, job: Option<usize>) {
    let id = end_id(&GraphEnd::Group(group.group), job);
    line(text, &format!("{indent}{id}((\"{}\"))", group.holds.word()));
}

fn edge_line(text: &mut String, indent: &str, edge: &GraphEdge, job: Option<usize>) {
    let condition = condition(edge).map_or_else(String::new, |it| format!("|{}|", label(&[it])));
    let (from, to) = (end_id(&edge.from, job), end_id(&edge.to, job));
    line(text, &format!("{indent}{from} -->{condition} {to}"));
}

/// Returns lines as a label in quotes. Mermaid has codes between `#` and `;` for characters that
/// would end the label or be markup in it.
fn label(lines: &[String]) -> String {
    let mut label = "\"".to_owned();
    for (at, text) in lines.iter().enumerate() {
        if at > 0 {
            label.push_str("<br/>");
        }
        for c in text.chars() {
            match c {
                '"' | '#' | '<' | '>' | '&' | '`' | '\\' | ';' | '*' | '_' => {
                    label.push_str(&format!("#{};", u32::from(c)));
                }
                c => label.push(c),
            }
        }
    }
    label.push('"');
    label
}
