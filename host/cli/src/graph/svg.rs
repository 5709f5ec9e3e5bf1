//! A graph as a picture. Layers are columns, from left to right.

use sedge_api::view::graph::{
    GraphEdge, GraphEnd, GraphGroup, GraphJob, GraphPlace, GraphStep, GraphTask, WorkflowGraph,
};

use super::{condition, index, job_lines, step_lines};
use crate::svg::{CHAR_WIDTH, escaped, fitted, picture};

/// The width of a step, in pixels.
const STEP_WIDTH: u64 = 200;

/// The height of a step with its name alone, in pixels.
const STEP_HEIGHT: u64 = 44;

/// The height of a line of text, in pixels.
const LINE_HEIGHT: u64 = 15;

/// The space between the columns of a job and between jobs, in pixels. Conditions stand there.
const GAP_X: u64 = 90;

/// The space between rows, in pixels.
const GAP_Y: u64 = 24;

/// The space at the borders of a job and of the picture, in pixels.
const PADDING: u64 = 16;

/// The radius of a group, in pixels.
const GROUP_RADIUS: u64 = 14;

/// A rectangle in the picture, in pixels.
#[derive(Debug, Clone, Copy)]
struct Area {
    x: u64,
    y: u64,
    width: u64,
    height: u64,
}

impl Area {
    fn middle_y(self) -> u64 {
        self.y + self.height / 2
    }
}

/// Returns the picture.
pub(super) fn drawn(graph: &WorkflowGraph) -> String {
    let jobs: Vec<JobDrawing> = graph.jobs.iter().map(JobDrawing::new).collect();
    let sizes = jobs.iter().zip(&graph.jobs);
    let sizes = sizes.map(|(drawing, job)| (job.place, drawing.size));
    let groups = graph.groups.iter().map(|it| (it.place, group_size()));
    let mut areas = placed(sizes.chain(groups), (PADDING, PADDING), GAP_X);
    let of_groups = areas.split_off(jobs.len());
    let width = areas.iter().chain(&of_groups).map(|it| it.x + it.width);
    let width = width.max().unwrap_or(0) + PADDING;
    let height = areas.iter().chain(&of_groups).map(|it| it.y + it.height);
    let height = height.max().unwrap_or(0) + PADDING;
    let mut content = "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
                       markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path class=\"tip\" \
                       d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
        .to_owned();
    edges(&mut content, &graph.edges, &areas, &of_groups);
    groups_drawn(&mut content, &graph.groups, &of_groups);
    for ((job, drawing), area) in graph.jobs.iter().zip(&jobs).zip(&areas) {
        drawing.draw(&mut content, job, *area);
    }
    picture(
        &format!("workflow {}", graph.workflow),
        width,
        height,
        &content,
    )
}

/// A job whose steps have places in it.
struct JobDrawing {
    size: (u64, u64),
    /// The areas of the steps, in the job.
    steps: Vec<Area>,
    /// The areas of the groups, in the job.
    groups: Vec<Area>,
}

impl JobDrawing {
    fn new(job: &GraphJob) -> Self {
        let head = PADDING + job_lines(job).len() as u64 * LINE_HEIGHT;
        let steps = job.steps.iter().map(|step| (step.place, step_size(step)));
        let groups = job.groups.iter().map(|it| (it.place, group_size()));
        let mut steps = placed(steps.chain(groups), (PADDING, head + PADDING), GAP_X);
        let groups = steps.split_off(job.steps.len());
        let right = steps.iter().chain(&groups).map(|it| it.x + it.width);
        let bottom = steps.iter().chain(&groups).map(|it| it.y + it.height);
        let size = (
            right.max().unwrap_or(0) + PADDING,
            bottom.max().unwrap_or(0) + PADDING,
        );
        Self {
            size,
            steps,
            groups,
        }
    }

    fn draw(&self, content: &mut String, job: &GraphJob, area: Area) {
        let guarded = if job.guard.is_some() { " guarded" } else { "" };
        rectangle(content, &format!("cluster{guarded}"), area);
        for (line, n) in job_lines(job).iter().zip(0_u64..) {
            let class = if n == 0 { "" } else { "dim" };
            let y = area.y + PADDING + n * LINE_HEIGHT;
            let width = area.width.saturating_sub(2 * PADDING);
            text(content, class, (area.x + PADDING, y), line, width);
        }
        let moved = |it: &Area| Area {
            x: it.x + area.x,
            y: it.y + area.y,
            ..*it
        };
        let steps: Vec<Area> = self.steps.iter().map(moved).collect();
        let groups: Vec<Area> = self.groups.iter().map(moved).collect();
        edges(content, &job.edges, &steps, &groups);
        groups_drawn(content, &job.groups, &groups);
        for (step, area) in job.steps.iter().zip(steps) {
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

/// Returns the areas of nodes, given their places and sizes. A column is as wide as its widest
/// node, and the rows of a column follow each other.
fn placed(
    nodes: impl Iterator<Item = (GraphPlace, (u64, u64))>,
    (left, top): (u64, u64),
    gap_x: u64,
) -> Vec<Area> {
    let nodes: Vec<(GraphPlace, (u64, u64))> = nodes.collect();
    let n_layers = nodes.iter().map(|(place, _)| index(place.layer) + 1).max();
    let n_layers = n_layers.unwrap_or(0);
    let mut widths = vec![0; n_layers];
    for (place, (width, _)) in &nodes {
        let widest = &mut widths[index(place.layer)];
        *widest = (*widest).max(*width);
    }
    let mut lefts = Vec::with_capacity(n_layers);
    let mut x = left;
    for width in &widths {
        lefts.push(x);
        x += width + gap_x;
    }
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|at| (nodes[*at].0.layer, nodes[*at].0.row));
    let mut bottoms = vec![top; n_layers];
    let nothing = Area {
        x: 0,
        y: 0,
        width: 0,
        height: 0,
    };
    let mut areas = vec![nothing; nodes.len()];
    for at in order {
        let (place, (width, height)) = nodes[at];
        let layer = index(place.layer);
        let y = bottoms[layer];
        bottoms[layer] = y + height + GAP_Y;
        let x = lefts[layer] + (widths[layer] - width) / 2;
        areas[at] = Area {
            x,
            y,
            width,
            height,
        };
    }
    areas
}

fn step_drawn(content: &mut String, step: &GraphStep, area: Area) {
    let class = match step.task {
        GraphTask::Method | GraphTask::Workflow => "box",
        GraphTask::Gate => "box gate",
        GraphTask::Assert => "box assert",
    };
    let guarded = if step.guard.is_some() { " guarded" } else { "" };
    if step.for_each.is_some() {
        // A second sheet below the first one.
        let below = Area {
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

fn groups_drawn(content: &mut String, groups: &[GraphGroup], areas: &[Area]) {
    for (group, area) in groups.iter().zip(areas) {
        let (x, y) = (area.x + GROUP_RADIUS, area.y + GROUP_RADIUS);
        content.push_str(&format!(
            "<circle class=\"box\" cx=\"{x}\" cy=\"{y}\" r=\"{GROUP_RADIUS}\"/>\n"
        ));
        let at = (x - 3 * CHAR_WIDTH / 2, y + 4);
        text(content, "", at, group.holds.word(), 3 * CHAR_WIDTH);
    }
}

fn edges(content: &mut String, edges: &[GraphEdge], nodes: &[Area], groups: &[Area]) {
    let area = |end: &GraphEnd| match end {
        GraphEnd::Job(at) | GraphEnd::Step(at) => nodes[index(*at)],
        GraphEnd::Group(at) => groups[index(*at)],
    };
    for edge in edges {
        let (from, to) = (area(&edge.from), area(&edge.to));
        let (x1, y1) = (from.x + from.width, from.middle_y());
        let (x2, y2) = (to.x, to.middle_y());
        let bend = GAP_X / 2;
        content.push_str(&format!(
            "<path class=\"edge\" marker-end=\"url(#tip)\" d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\"/>\n",
            x1 + bend,
            x2.saturating_sub(bend)
        ));
        if let Some(condition) = condition(edge) {
            // Each label is near the node that waits, so that those of one node stand apart.
            let at = (x1 + 6, (y1 + y1 + y2) / 3 - 4);
            text(content, "dim", at, &condition, GAP_X - 12);
        }
    }
}

fn rectangle(content: &mut String, class: &str, area: Area) {
    let Area {
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
