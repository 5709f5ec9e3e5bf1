//! A graph as a picture. Jobs are frames around their steps.

use sedge_api::view::graph::{
    GraphEdge, GraphEnd, GraphGroup, GraphJob, GraphStep, GraphTask, WorkflowGraph,
};

use super::layout::{EdgeLeg, EdgeRoute, GAP_X, GraphLayout, NodeArea, layout};
use super::{condition, index, job_lines, step_lines};
use crate::svg::{CHAR_WIDTH, escaped, fitted, picture};

/// The width of a step, in pixels.
const STEP_WIDTH: u64 = 200;

/// The height of a step with its name alone, in pixels.
const STEP_HEIGHT: u64 = 44;

/// The height of a line of text, in pixels.
const LINE_HEIGHT: u64 = 15;

/// The space at the borders of a job and of the picture, in pixels.
const PADDING: u64 = 16;

/// The radius of a group, in pixels.
const GROUP_RADIUS: u64 = 14;

/// Returns the picture.
pub(super) fn drawn(graph: &WorkflowGraph) -> String {
    let jobs: Vec<JobDrawing> = graph.jobs.iter().map(JobDrawing::new).collect();
    let sizes = jobs.iter().zip(&graph.jobs);
    let sizes = sizes.map(|(drawing, job)| (job.place, drawing.size));
    let groups = graph.groups.iter().map(|it| (it.place, group_size()));
    let nodes: Vec<_> = sizes.chain(groups).collect();
    let edges = pairs(&graph.edges, jobs.len());
    let placed = layout(&nodes, &edges, (PADDING, PADDING));
    let (right, bottom) = placed.end;
    let mut content = "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
                       markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path class=\"tip\" \
                       d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
        .to_owned();
    edges_drawn(&mut content, &graph.edges, &placed.routes, (0, 0));
    groups_drawn(&mut content, &graph.groups, &placed.areas[jobs.len()..]);
    for ((job, drawing), area) in graph.jobs.iter().zip(&jobs).zip(&placed.areas) {
        drawing.draw(&mut content, job, *area);
    }
    picture(
        &format!("workflow {}", graph.workflow),
        right + PADDING,
        bottom + PADDING,
        &content,
    )
}

/// Returns the numbers of the nodes of edges. The groups have those behind the other nodes.
fn pairs(edges: &[GraphEdge], n_nodes: usize) -> Vec<(usize, usize)> {
    let number = |end: &GraphEnd| match end {
        GraphEnd::Job(at) | GraphEnd::Step(at) => index(*at),
        GraphEnd::Group(at) => n_nodes + index(*at),
    };
    let edges = edges.iter();
    edges
        .map(|edge| (number(&edge.from), number(&edge.to)))
        .collect()
}

/// A job whose steps have places in it.
struct JobDrawing {
    size: (u64, u64),
    /// The steps and then the groups, in the job.
    placed: GraphLayout,
}

impl JobDrawing {
    fn new(job: &GraphJob) -> Self {
        let head = PADDING + job_lines(job).len() as u64 * LINE_HEIGHT;
        let steps = job.steps.iter().map(|step| (step.place, step_size(step)));
        let groups = job.groups.iter().map(|it| (it.place, group_size()));
        let nodes: Vec<_> = steps.chain(groups).collect();
        let edges = pairs(&job.edges, job.steps.len());
        let placed = layout(&nodes, &edges, (PADDING, head + PADDING));
        let (right, bottom) = placed.end;
        Self {
            size: (right + PADDING, bottom + PADDING),
            placed,
        }
    }

    fn draw(&self, content: &mut String, job: &GraphJob, area: NodeArea) {
        let guarded = if job.guard.is_some() { " guarded" } else { "" };
        rectangle(content, &format!("cluster{guarded}"), area);
        for (line, n) in job_lines(job).iter().zip(0_u64..) {
            let class = if n == 0 { "" } else { "dim" };
            let y = area.y + PADDING + n * LINE_HEIGHT;
            let width = area.width.saturating_sub(2 * PADDING);
            text(content, class, (area.x + PADDING, y), line, width);
        }
        let moved = |it: &NodeArea| NodeArea {
            x: it.x + area.x,
            y: it.y + area.y,
            ..*it
        };
        let areas: Vec<NodeArea> = self.placed.areas.iter().map(moved).collect();
        edges_drawn(content, &job.edges, &self.placed.routes, (area.x, area.y));
        groups_drawn(content, &job.groups, &areas[job.steps.len()..]);
        for (step, area) in job.steps.iter().zip(areas) {
            step_drawn(content, step, area);
        }
    }
}

fn step_size(step: &GraphStep) -> (u64, u64) {
    let n_more = step_lines(step).len().saturating_sub(2) as u64;
    (STEP_WIDTH, STEP_HEIGHT + n_more * LINE_HEIGHT)
}

fn group_size() -> (u64, u64) {
    (2 * GROUP_RADIUS, 2 * GROUP_RADIUS)
}

fn step_drawn(content: &mut String, step: &GraphStep, area: NodeArea) {
    let class = match step.task {
        GraphTask::Method | GraphTask::Workflow => "box",
        GraphTask::Gate => "box gate",
        GraphTask::Assert => "box assert",
    };
    let guarded = if step.guard.is_some() { " guarded" } else { "" };
    if step.for_each.is_some() {
        // A second sheet below the first one.
        let below = NodeArea {
            x: area.x + 4,
            y: area.y + 4,
            ..area
        };
        rectangle(content, class, below);
    }
    let lines = step_lines(step);
    content.push_str(&format!(
        "<g><title>{}</title>\n",
        escaped(&lines.join(", "))
    ));
    rectangle(content, &format!("{class}{guarded}"), area);
    for (line, n) in lines.iter().zip(0_u64..) {
        let class = if n == 0 { "" } else { "dim" };
        let at = (area.x + 8, area.y + 18 + n * LINE_HEIGHT);
        text(content, class, at, line, area.width - 16);
    }
    content.push_str("</g>\n");
}

fn groups_drawn(content: &mut String, groups: &[GraphGroup], areas: &[NodeArea]) {
    for (group, area) in groups.iter().zip(areas) {
        let (x, y) = (area.x + GROUP_RADIUS, area.y + GROUP_RADIUS);
        content.push_str(&format!(
            "<circle class=\"box\" cx=\"{x}\" cy=\"{y}\" r=\"{GROUP_RADIUS}\"/>\n"
        ));
        let at = (x - 3 * CHAR_WIDTH / 2, y + 4);
        text(content, "", at, group.holds.word(), 3 * CHAR_WIDTH);
    }
}

/// Draws edges that are moved by an offset.
fn edges_drawn(
    content: &mut String,
    edges: &[GraphEdge],
    routes: &[EdgeRoute],
    offset: (u64, u64),
) {
    for (edge, route) in edges.iter().zip(routes) {
        content.push_str(&format!(
            "<path class=\"edge\" marker-end=\"url(#tip)\" d=\"{}\"/>\n",
            path(route, offset)
        ));
        if let Some(condition) = condition(edge) {
            let at = (route.label.0 + offset.0, route.label.1 + offset.1);
            text(content, "dim", at, &condition, GAP_X - 12);
        }
    }
}

/// Returns a course in the language of SVG paths.
fn path(route: &EdgeRoute, (dx, dy): (u64, u64)) -> String {
    let (mut x, mut y) = (route.start.0 + dx, route.start.1 + dy);
    let mut path = format!("M{x} {y}");
    for leg in &route.legs {
        match *leg {
            EdgeLeg::Across(to) => {
                let to = to + dx;
                if to != x {
                    path.push_str(&format!("H{to}"));
                }
                x = to;
            }
            EdgeLeg::Along(to) => {
                y = to + dy;
                path.push_str(&format!("V{y}"));
            }
            EdgeLeg::Curve(to_x, to_y) => {
                let (from, (to_x, to_y)) = (x, (to_x + dx, to_y + dy));
                let middle = u64::midpoint(from, to_x);
                path.push_str(&format!("C{middle} {y} {middle} {to_y} {to_x} {to_y}"));
                (x, y) = (to_x, to_y);
            }
        }
    }
    path
}

fn rectangle(content: &mut String, class: &str, area: NodeArea) {
    let NodeArea {
        x,
        y,
        width,
        height,
    } = area;
    content.push_str(&format!(
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"4\"/>\n"
    ));
}

/// Draws a text that is cut to a width. Its whole is its title.
fn text(content: &mut String, class: &str, (x, y): (u64, u64), text: &str, width: u64) {
    let shown = fitted(text, width);
    let class = match class {
        "" => String::new(),
        class => format!(" class=\"{class}\""),
    };
    let title = match shown == text {
        true => String::new(),
        false => format!("<title>{}</title>", escaped(text)),
    };
    content.push_str(&format!(
        "<text{class} x=\"{x}\" y=\"{y}\">{title}{}</text>\n",
        escaped(&shown)
    ));
}
