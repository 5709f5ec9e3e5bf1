//! Where the nodes of a graph are in a picture, and how its edges run around them. Layers are
//! columns, from left to right.
//!
//! An edge crosses from one column to the next one in the gap between them, where no node is. In each
//! layer that it skips, it passes a *bend*: a place in the column that no node takes, as in the layout
//! of Sugiyama, Tagawa and Toda. The edges of one node share their bends. An edge that skips more than
//! [`LAYERS_BENT_MAX`] layers runs below all nodes instead, in a lane, so that the number of bends is
//! linear in the number of nodes. The layout depends on the graph alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use sedge_api::view::graph::GraphPlace;

use super::index;

/// The space between columns, in pixels. Conditions stand there.
pub(super) const GAP_X: u64 = 90;

/// The space between rows, in pixels.
const GAP_Y: u64 = 24;

/// The height of a bend with the space below it, in pixels.
const BEND_HEIGHT: u64 = 14;

/// The height of a lane, in pixels.
const LANE_HEIGHT: u64 = 10;

/// The largest number of layers that an edge skips by bends.
const LAYERS_BENT_MAX: usize = 8;

/// How many lanes turn at different places of a gap. Others turn where one of these does.
const LANE_TURNS: u64 = 8;

/// A rectangle in the picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeArea {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) width: u64,
    pub(super) height: u64,
}

impl NodeArea {
    pub(super) fn right(self) -> u64 {
        self.x + self.width
    }

    pub(super) fn bottom(self) -> u64 {
        self.y + self.height
    }

    pub(super) fn middle_y(self) -> u64 {
        self.y + self.height / 2
    }
}

/// A part of an edge. Each begins where the one before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EdgeLeg {
    /// A horizontal line to this x.
    Across(u64),
    /// A vertical line to this y.
    Along(u64),
    /// A curve through the gap between two columns, to this point. It begins and ends horizontally.
    Curve(u64, u64),
}

/// The course of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EdgeRoute {
    pub(super) start: (u64, u64),
    pub(super) legs: Vec<EdgeLeg>,
    /// The point in the last gap where the condition stands.
    pub(super) label: (u64, u64),
}

/// The nodes and edges of a graph with their places.
#[derive(Debug, Default)]
pub(super) struct GraphLayout {
    pub(super) areas: Vec<NodeArea>,
    pub(super) routes: Vec<EdgeRoute>,
    /// The right end and the bottom of all that is drawn.
    pub(super) end: (u64, u64),
}

/// Returns the layout of nodes with their places and sizes. An edge leads from a node to one in a
/// later layer. A column is as wide as its widest node, and the rows of a column follow each other.
pub(super) fn layout(
    nodes: &[(GraphPlace, (u64, u64))],
    edges: &[(usize, usize)],
    (left, top): (u64, u64),
) -> GraphLayout {
    let columns = Columns::new(nodes, left);
    let bent = bends_needed(nodes, edges);
    let (areas, bends, bottom) = stacked(nodes, &columns, &bent, top);
    let lanes = lanes(nodes, edges);
    let n_lanes = lanes.values().map(|lane| lane + 1).max().unwrap_or(0);
    let routing = Routing {
        nodes,
        areas: &areas,
        columns: &columns,
        bends: &bends,
        lanes: &lanes,
        lanes_top: bottom + LANE_HEIGHT,
    };
    let routes = edges.iter().map(|edge| routing.route(*edge)).collect();
    let right = areas.iter().map(|area| area.right()).max();
    let bottom = match n_lanes {
        0 => bottom,
        n => bottom + (n + 1) * LANE_HEIGHT,
    };
    GraphLayout {
        routes,
        end: (right.unwrap_or(left), bottom),
        areas,
    }
}

/// The columns of a picture, each with its left end and its right end.
struct Columns(Vec<(u64, u64)>);

impl Columns {
    fn new(nodes: &[(GraphPlace, (u64, u64))], left: u64) -> Self {
        let n_layers = nodes.iter().map(|(place, _)| index(place.layer) + 1).max();
        let mut widths = vec![0; n_layers.unwrap_or(0)];
        for (place, (width, _)) in nodes {
            let widest: &mut u64 = &mut widths[index(place.layer)];
            *widest = (*widest).max(*width);
        }
        let mut x = left;
        let columns = widths.into_iter().map(|width| {
            let column = (x, x + width);
            x += width + GAP_X;
            column
        });
        Self(columns.collect())
    }

    fn left(&self, layer: usize) -> u64 {
        self.0[layer].0
    }

    fn right(&self, layer: usize) -> u64 {
        self.0[layer].1
    }
}

fn layer(nodes: &[(GraphPlace, (u64, u64))], node: usize) -> usize {
    index(nodes[node].0.layer)
}

/// Returns, for each node with edges that skip layers by bends, the last layer with a bend.
fn bends_needed(
    nodes: &[(GraphPlace, (u64, u64))],
    edges: &[(usize, usize)],
) -> BTreeMap<usize, usize> {
    let mut needed = BTreeMap::new();
    for &(from, to) in edges {
        let (first, last) = (layer(nodes, from) + 1, layer(nodes, to));
        if first < last && last - first <= LAYERS_BENT_MAX {
            let needed = needed.entry(from).or_insert(last - 1);
            *needed = (*needed).max(last - 1);
        }
    }
    needed
}

/// The heights of bends: by the node that the edge comes from, and the layer.
type Bends = BTreeMap<(usize, usize), u64>;

/// Returns the areas of the nodes, the heights of the bends, and the bottom of the picture.
///
/// The nodes of a column keep their order. A bend is put in front of the first node whose middle is
/// below the point that its edge comes from, so that edges are as level as possible.
fn stacked(
    nodes: &[(GraphPlace, (u64, u64))],
    columns: &Columns,
    bent: &BTreeMap<usize, usize>,
    top: u64,
) -> (Vec<NodeArea>, Bends, u64) {
    let nothing = NodeArea {
        x: 0,
        y: 0,
        width: 0,
        height: 0,
    };
    let mut areas = vec![nothing; nodes.len()];
    let mut bends = Bends::new();
    let mut by_layer = vec![Vec::new(); columns.0.len()];
    for (node, (place, _)) in nodes.iter().enumerate() {
        by_layer[index(place.layer)].push((place.row, node));
    }
    let mut bottom = top;
    // The nodes whose edges pass the layer, each with the height at which they come.
    let mut passing: Vec<(u64, usize)> = Vec::new();
    for (at, mut row) in by_layer.into_iter().enumerate() {
        row.sort_unstable();
        passing.sort_unstable();
        let mut column = Column {
            y: top,
            bottom: top,
        };
        let mut open = passing.iter().peekable();
        for (_, node) in row.iter().copied() {
            let (width, height) = nodes[node].1;
            while let Some((_, from)) = open.next_if(|(y, _)| *y < column.y + height / 2) {
                bends.insert((*from, at), column.bend());
            }
            let left = columns.left(at) + (columns.right(at) - columns.left(at) - width) / 2;
            areas[node] = NodeArea {
                x: left,
                y: column.y,
                width,
                height,
            };
            column.bottom = areas[node].bottom();
            column.y = column.bottom + GAP_Y;
        }
        for (_, from) in open {
            bends.insert((*from, at), column.bend());
        }
        bottom = bottom.max(column.bottom);
        let still = passing.iter().map(|(_, from)| *from);
        let still = still.map(|from| (bends[&(from, at)], from));
        let begun = row.iter().map(|(_, node)| (areas[*node].middle_y(), *node));
        passing = still
            .chain(begun)
            .filter(|(_, from)| bent.get(from).is_some_and(|last| *last > at))
            .collect();
    }
    (areas, bends, bottom)
}

/// A column while its rows are put below each other.
struct Column {
    /// Where the next row begins.
    y: u64,
    /// Where the last row ends.
    bottom: u64,
}

impl Column {
    /// Returns the height of a bend at the end of the column so far.
    fn bend(&mut self) -> u64 {
        let y = self.y + BEND_HEIGHT / 2;
        self.bottom = self.y + BEND_HEIGHT;
        self.y = self.bottom + GAP_Y / 2;
        y
    }
}

/// Returns the lane of each node that has edges which skip too many layers for bends. Two nodes have
/// different lanes if their edges are side by side.
fn lanes(nodes: &[(GraphPlace, (u64, u64))], edges: &[(usize, usize)]) -> BTreeMap<usize, u64> {
    let mut last = BTreeMap::new();
    for &(from, to) in edges {
        let end = layer(nodes, to);
        if end - layer(nodes, from) > LAYERS_BENT_MAX + 1 {
            let last = last.entry(from).or_insert(end);
            *last = (*last).max(end);
        }
    }
    let mut by_start: Vec<(usize, usize, usize)> = last
        .into_iter()
        .map(|(from, end)| (layer(nodes, from), end, from))
        .collect();
    by_start.sort_unstable();
    let mut lanes = BTreeMap::new();
    let mut n_lanes = 0;
    let mut free: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
    let mut taken: BinaryHeap<Reverse<(usize, u64)>> = BinaryHeap::new();
    for (start, end, from) in by_start {
        // A lane that ends in this column may not be taken again in it: both turn in gaps beside it.
        while let Some(&Reverse((end, lane))) = taken.peek()
            && end < start
        {
            taken.pop();
            free.push(Reverse(lane));
        }
        let lane = free.pop().map_or_else(
            || {
                n_lanes += 1;
                n_lanes - 1
            },
            |Reverse(lane)| lane,
        );
        taken.push(Reverse((end, lane)));
        lanes.insert(from, lane);
    }
    lanes
}

/// What the courses of edges depend on.
struct Routing<'l> {
    nodes: &'l [(GraphPlace, (u64, u64))],
    areas: &'l [NodeArea],
    columns: &'l Columns,
    bends: &'l Bends,
    lanes: &'l BTreeMap<usize, u64>,
    /// The height of the first lane.
    lanes_top: u64,
}

impl Routing<'_> {
    fn route(&self, (from, to): (usize, usize)) -> EdgeRoute {
        let (first, last) = (layer(self.nodes, from), layer(self.nodes, to));
        let start = (self.areas[from].right(), self.areas[from].middle_y());
        let end = (self.areas[to].x, self.areas[to].middle_y());
        let mut legs = Vec::new();
        let gap_left = self.columns.right(last.saturating_sub(1));
        if let Some(lane) = self
            .lanes
            .get(&from)
            .filter(|_| last - first > LAYERS_BENT_MAX + 1)
        {
            let turn = 8 + lane % LANE_TURNS * 4;
            let y = self.lanes_top + lane * LANE_HEIGHT;
            legs.push(EdgeLeg::Across(self.columns.right(first) + turn));
            legs.push(EdgeLeg::Along(y));
            legs.push(EdgeLeg::Across(self.columns.left(last) - turn - 8));
            legs.push(EdgeLeg::Along(end.1));
            legs.push(EdgeLeg::Across(end.0));
            let label = (gap_left + 6, end.1.saturating_sub(4));
            return EdgeRoute { start, legs, label };
        }
        let mut y = start.1;
        let mut before = y;
        for passed in first + 1..=last {
            legs.push(EdgeLeg::Across(self.columns.right(passed - 1)));
            before = y;
            y = match passed == last {
                true => end.1,
                false => self.bends[&(from, passed)],
            };
            legs.push(EdgeLeg::Curve(self.columns.left(passed), y));
        }
        legs.push(EdgeLeg::Across(end.0));
        // Each label is nearer to the node that the edge comes from, so that those of one node that
        // waits stand apart.
        let label = (gap_left + 6, ((2 * before + y) / 3).saturating_sub(4));
        EdgeRoute { start, legs, label }
    }
}

#[cfg(test)]
mod tests;
