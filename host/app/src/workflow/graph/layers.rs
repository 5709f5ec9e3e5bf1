//! A layered layout of a directed acyclic graph, after Sugiyama, Tagawa and Toda ("Methods for
//! visual understanding of hierarchical system structures", 1981).
//!
//! Each node gets the first layer behind those of its predecessors. Within a layer, nodes are
//! ordered by the mean row of their neighbours, in a fixed number of passes. The result depends on
//! the graph and the order of its nodes alone. The time is linear in the number of nodes and edges,
//! except that each layer is sorted.

use sedge_api::view::graph::GraphPlace;

/// How often the layers are ordered, once forwards and once backwards each time. Further passes
/// hardly change a graph.
const ORDER_PASSES: usize = 4;

/// A directed acyclic graph. Its nodes are numbers from 0.
pub(super) struct Dag {
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
}

impl Dag {
    /// Returns the graph with these edges, each from the first node to the second.
    pub(super) fn new(n_nodes: usize, edges: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut dag = Self {
            before: vec![Vec::new(); n_nodes],
            after: vec![Vec::new(); n_nodes],
        };
        for (from, to) in edges {
            dag.before[to].push(from);
            dag.after[from].push(to);
        }
        dag
    }
}

/// Returns the place of each node.
pub(super) fn places(dag: &Dag) -> Vec<GraphPlace> {
    let layer_of = layers(dag);
    let n_layers = layer_of.iter().max().map_or(0, |last| last + 1);
    let mut layers = vec![Vec::new(); n_layers];
    for (node, layer) in layer_of.iter().enumerate() {
        layers[*layer].push(node);
    }
    let mut row_of = vec![0; layer_of.len()];
    for layer in &layers {
        rows_set(layer, &mut row_of);
    }
    for _ in 0..ORDER_PASSES {
        for layer in &mut layers {
            order(layer, &dag.before, &mut row_of);
        }
        for layer in layers.iter_mut().rev() {
            order(layer, &dag.after, &mut row_of);
        }
    }
    let places = layer_of.into_iter().zip(row_of);
    let place = |(layer, row)| GraphPlace {
        layer: layer as u64,
        row: row as u64,
    };
    places.map(place).collect()
}

/// Returns the layer of each node: the length of the longest path that leads to it.
fn layers(dag: &Dag) -> Vec<usize> {
    let mut layers = vec![0; dag.before.len()];
    let mut n_open: Vec<usize> = dag.before.iter().map(Vec::len).collect();
    let mut ready: Vec<usize> = (0..n_open.len())
        .filter(|node| n_open[*node] == 0)
        .collect();
    while let Some(node) = ready.pop() {
        for &next in &dag.after[node] {
            layers[next] = layers[next].max(layers[node] + 1);
            n_open[next] -= 1;
            if n_open[next] == 0 {
                ready.push(next);
            }
        }
    }
    layers
}

/// Orders a layer by the mean rows of its neighbours. A node without neighbours keeps its row, and
/// so do nodes whose means are equal.
fn order(layer: &mut [usize], neighbours: &[Vec<usize>], row_of: &mut [usize]) {
    // Twice the mean would not be a whole number either, so the means are compared as fractions.
    let mean = |node: usize| match neighbours[node].len() {
        0 => (row_of[node] as u128, 1),
        n => {
            let rows = neighbours[node].iter().map(|it| row_of[*it] as u128);
            (rows.sum(), n as u128)
        }
    };
    let mut means: Vec<((u128, u128), usize)> =
        layer.iter().map(|&node| (mean(node), node)).collect();
    means.sort_by(|((a, n), _), ((b, m), _)| (a * m).cmp(&(b * n)));
    for (place, (_, node)) in layer.iter_mut().zip(means) {
        *place = node;
    }
    rows_set(layer, row_of);
}

fn rows_set(layer: &[usize], row_of: &mut [usize]) {
    for (row, node) in layer.iter().enumerate() {
        row_of[*node] = row;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(n_nodes: usize, edges: &[(usize, usize)], expect: &[(u64, u64)]) {
        let places = places(&Dag::new(n_nodes, edges.iter().copied()));
        let found: Vec<(u64, u64)> = places.iter().map(|it| (it.layer, it.row)).collect();
        assert_eq!(found, expect, "{edges:?}");
    }

    #[test]
    fn node_is_behind_all_that_it_waits_for() {
        check(0, &[], &[]);
        check(2, &[], &[(0, 0), (0, 1)]);
        check(
            4,
            &[(0, 1), (1, 2), (0, 2), (2, 3)],
            &[(0, 0), (1, 0), (2, 0), (3, 0)],
        );
        // The author wrote the first step last.
        check(3, &[(2, 1), (1, 0)], &[(2, 0), (1, 0), (0, 0)]);
    }

    #[test]
    fn edges_do_not_cross_without_need() {
        // In the author's order, both edges would cross.
        check(4, &[(0, 3), (1, 2)], &[(0, 0), (0, 1), (1, 1), (1, 0)]);
    }

    #[test]
    fn wide_and_deep_graphs_are_placed() {
        const N: usize = 10_000;
        let fan = (1..N).map(|node| (0, node));
        let placed = places(&Dag::new(N, fan));
        assert!(placed[1..].iter().map(|it| it.row).eq(0..N as u64 - 1));
        let chain = (1..N).map(|node| (node - 1, node));
        let placed = places(&Dag::new(N, chain));
        assert!(placed.iter().map(|it| it.layer).eq(0..N as u64));
    }
}
