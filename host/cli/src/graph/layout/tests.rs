//! Layouts of random graphs: no edge crosses a node, and the size of a layout is linear.

use super::*;

/// A generator of numbers, after Marsaglia ("Xorshift RNGs", 2003). A test gives the same graphs each
/// time.
struct Numbers(u64);

impl Numbers {
    /// Returns a number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).expect("it is small")
    }
}

type Nodes = Vec<(GraphPlace, (u64, u64))>;

/// Returns nodes in the layers that the edges need.
fn placed(n_nodes: usize, edges: &[(usize, usize)], numbers: &mut Numbers) -> Nodes {
    let mut layers = vec![0_u64; n_nodes];
    for &(from, to) in edges {
        layers[to] = layers[to].max(layers[from] + 1);
    }
    let mut rows: BTreeMap<u64, u64> = BTreeMap::new();
    let place = |layer: u64| {
        let row = rows.entry(layer).or_default();
        *row += 1;
        let sizes = [(200, 44), (28, 28), (200, 90), (640, 300)];
        let place = GraphPlace {
            layer,
            row: *row - 1,
        };
        (place, sizes[numbers.below(sizes.len())])
    };
    layers.into_iter().map(place).collect()
}

/// Returns the parts of a course as rectangles that contain them.
fn covered(route: &EdgeRoute) -> Vec<NodeArea> {
    let between = |(x1, y1): (u64, u64), (x2, y2): (u64, u64)| NodeArea {
        x: x1.min(x2),
        y: y1.min(y2),
        width: x1.abs_diff(x2),
        height: y1.abs_diff(y2),
    };
    let mut at = route.start;
    let parts = route.legs.iter().map(|leg| {
        let next = match *leg {
            EdgeLeg::Across(x) => (x, at.1),
            EdgeLeg::Along(y) => (at.0, y),
            EdgeLeg::Curve(x, y) => (x, y),
        };
        let part = between(at, next);
        at = next;
        part
    });
    parts.collect()
}

/// Returns whether a part of an edge, or a node, has a point inside a node. A point on the border is
/// none.
fn crosses(part: NodeArea, node: NodeArea) -> bool {
    // A line has no width or no height, so its ends are compared as points inside.
    let is_inside = |from: u64, until: u64, low: u64, high: u64| match from == until {
        true => low < from && from < high,
        false => from < high && low < until,
    };
    is_inside(part.x, part.right(), node.x, node.right())
        && is_inside(part.y, part.bottom(), node.y, node.bottom())
}

fn check(nodes: &Nodes, edges: &[(usize, usize)]) -> GraphLayout {
    let layout = layout(nodes, edges, (16, 16));
    for (route, (from, to)) in layout.routes.iter().zip(edges) {
        let (start, end) = (layout.areas[*from], layout.areas[*to]);
        assert_eq!(route.start, (start.right(), start.middle_y()));
        let parts = covered(route);
        let last = parts.last().expect("an edge has parts");
        assert_eq!((last.right(), last.bottom()), (end.x, end.middle_y()));
        for part in parts {
            let crossed = layout.areas.iter().position(|node| crosses(part, *node));
            assert_eq!(
                crossed, None,
                "{from} to {to}: {part:?} in {nodes:?} {edges:?}"
            );
            assert!(part.bottom() <= layout.end.1, "{part:?} is in the picture");
        }
    }
    for (at, one) in layout.areas.iter().enumerate() {
        let overlapping = layout.areas[..at]
            .iter()
            .find(|other| crosses(*one, **other));
        assert_eq!(overlapping, None, "{one:?}");
    }
    layout
}

#[test]
fn no_edge_crosses_a_node() {
    let mut numbers = Numbers(0x5eed_cafe);
    for n_nodes in 2..60 {
        for n_edges in [n_nodes - 1, 2 * n_nodes] {
            let edges: Vec<(usize, usize)> = (0..n_edges)
                .map(|_| {
                    let to = 1 + numbers.below(n_nodes - 1);
                    (numbers.below(to), to)
                })
                .collect();
            // The layers are computed in the order of the nodes.
            let mut edges = edges;
            edges.sort_by_key(|(_, to)| *to);
            let nodes = placed(n_nodes, &edges, &mut numbers);
            check(&nodes, &edges);
        }
    }
}

#[test]
fn long_edge_takes_a_lane_below_all_nodes() {
    let mut edges: Vec<(usize, usize)> = (1..20).map(|n| (n - 1, n)).collect();
    edges.push((0, 19));
    edges.push((0, 15));
    edges.push((3, 18));
    edges.push((4, 7));
    edges.sort_by_key(|(_, to)| *to);
    let nodes = placed(20, &edges, &mut Numbers(1));
    let layout = check(&nodes, &edges);
    let lowest = |edge: (usize, usize)| {
        let at = edges.iter().position(|it| *it == edge).expect("an edge");
        let parts = covered(&layout.routes[at]);
        parts.iter().map(|part| part.bottom()).max().unwrap_or(0)
    };
    let bottom = layout.areas.iter().map(|node| node.bottom()).max();
    let bottom = bottom.unwrap_or(0);
    assert!(lowest((0, 19)) > bottom && lowest((3, 18)) > bottom);
    // The edges of one node share their lane, and other nodes have another one.
    assert_eq!(lowest((0, 19)), lowest((0, 15)));
    assert_ne!(lowest((0, 19)), lowest((3, 18)));
    assert!(lowest((4, 7)) <= bottom);
}

/// Each step depends on the former one and on one far before it, which would be a quadratic number of
/// bends.
#[test]
fn layout_of_many_nodes_has_a_linear_size() {
    let n_legs = |n_nodes: usize| {
        let edges: Vec<(usize, usize)> = (1..n_nodes)
            .flat_map(|n| [(n - 1, n), (n / 2, n)])
            .filter(|(from, to)| from < to)
            .collect();
        let nodes = placed(n_nodes, &edges, &mut Numbers(7));
        let layout = layout(&nodes, &edges, (16, 16));
        layout.routes.iter().map(|it| it.legs.len()).sum::<usize>()
    };
    let (small, large) = (n_legs(1000), n_legs(10_000));
    assert!(large <= 11 * small, "{small} {large}");
}

#[test]
fn nodes_of_one_layer_are_below_each_other() {
    let nodes: Nodes = (0..3)
        .map(|row| (GraphPlace { layer: 0, row }, (200, 44)))
        .collect();
    let layout = check(&nodes, &[]);
    let heights: Vec<u64> = layout.areas.iter().map(|area| area.y).collect();
    assert_eq!(heights, [16, 84, 152]);
    assert_eq!(layout.end, (216, 196));
    assert_eq!(layout.routes, []);
}
