//! Which models need each other's definitions, and which workflows run each other.

use std::collections::HashMap;

/// The cycles of a graph of names, and how deep it is. Finding both takes linear time, so that ten
/// thousand files that lead to each other are checked in one pass.
#[derive(Debug)]
pub(super) struct NameCycles {
    numbers: HashMap<String, usize>,
    /// For each name, the number of the group of names that lead to each other.
    groups: Vec<usize>,
    /// For each group, the number of groups on the longest way that begins with it.
    depths: Vec<usize>,
}

/// A name whose group is not known yet.
struct Visit {
    name: usize,
    n_followed: usize,
}

/// The search for groups (R. Tarjan, *Depth-First Search and Linear Graph Algorithms*, 1972),
/// without recursion. A group is complete after all groups that it leads to.
struct GroupSearch<'g> {
    edges: &'g [Vec<usize>],
    /// When each name was first visited, from 1 on; 0 if it was not.
    visited: Vec<usize>,
    /// The earliest visit that each name leads back to.
    lowest: Vec<usize>,
    /// The names whose groups are not complete.
    open: Vec<usize>,
    groups: Vec<Option<usize>>,
    depths: Vec<usize>,
    n_visits: usize,
}

impl NameCycles {
    /// Finds the groups of names. Each name comes with those that it leads to; others are ignored.
    pub(super) fn of<'n, N>(names: impl Iterator<Item = (&'n str, N)> + Clone) -> Self
    where
        N: Iterator<Item = &'n str>,
    {
        let numbered = names.clone().enumerate();
        let numbers: HashMap<String, usize> = numbered
            .map(|(at, (name, _))| (name.to_owned(), at))
            .collect();
        let edges: Vec<Vec<usize>> = names
            .map(|(_, next)| next.filter_map(|it| numbers.get(it).copied()).collect())
            .collect();
        let mut search = GroupSearch {
            edges: &edges,
            visited: vec![0; edges.len()],
            lowest: vec![0; edges.len()],
            open: Vec::new(),
            groups: vec![None; edges.len()],
            depths: Vec::new(),
            n_visits: 0,
        };
        for name in 0..edges.len() {
            if search.visited[name] == 0 {
                search.from(name);
            }
        }
        let (groups, depths) = (search.groups, search.depths);
        Self {
            numbers,
            groups: groups.into_iter().flatten().collect(),
            depths,
        }
    }

    /// Returns whether two names lead to each other, or are the same.
    pub(super) fn are_one(&self, name: &str, other: &str) -> bool {
        match (self.group(name), self.group(other)) {
            (Some(one), Some(other)) => one == other,
            (Some(_) | None, None) | (None, Some(_)) => false,
        }
    }

    /// Returns the number of names on the longest way that begins with a name, where names that
    /// lead to each other count once.
    pub(super) fn depth(&self, name: &str) -> usize {
        self.group(name).map_or(0, |group| self.depths[group])
    }

    fn group(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).map(|at| self.groups[*at])
    }
}

impl GroupSearch<'_> {
    fn from(&mut self, name: usize) {
        let mut path = vec![self.visit(name)];
        while let Some(at) = path.last_mut() {
            let name = at.name;
            if let Some(&next) = self.edges[name].get(at.n_followed) {
                at.n_followed += 1;
                if self.visited[next] == 0 {
                    let visit = self.visit(next);
                    path.push(visit);
                } else if self.groups[next].is_none() {
                    self.lowest[name] = self.lowest[name].min(self.visited[next]);
                }
                continue;
            }
            path.pop();
            if let Some(before) = path.last() {
                self.lowest[before.name] = self.lowest[before.name].min(self.lowest[name]);
            }
            if self.lowest[name] == self.visited[name] {
                self.complete(name);
            }
        }
    }

    fn visit(&mut self, name: usize) -> Visit {
        self.n_visits += 1;
        self.visited[name] = self.n_visits;
        self.lowest[name] = self.n_visits;
        self.open.push(name);
        Visit {
            name,
            n_followed: 0,
        }
    }

    /// Completes the group whose first visited name is `first`.
    fn complete(&mut self, first: usize) {
        let start = self.open.iter().rposition(|it| *it == first);
        let members = self
            .open
            .split_off(start.expect("it is open until its group is complete"));
        let group = self.depths.len();
        for &name in &members {
            self.groups[name] = Some(group);
        }
        let next = members.iter().flat_map(|name| &self.edges[*name]);
        let next = next.filter_map(|next| self.groups[*next]);
        let below = next.filter(|it| *it != group).map(|it| self.depths[it]);
        self.depths.push(1 + below.max().unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(edges: &[(&str, &[&str])]) -> NameCycles {
        let names = edges
            .iter()
            .map(|(name, next)| (*name, next.iter().copied()));
        NameCycles::of(names)
    }

    #[test]
    fn names_that_lead_to_each_other_are_one() {
        let found = cycles(&[
            ("a", &["b", "unknown"]),
            ("b", &["c", "d"]),
            ("c", &["a"]),
            ("d", &["e"]),
            ("e", &[]),
        ]);
        for (one, other) in [("a", "b"), ("c", "a"), ("e", "e")] {
            assert!(found.are_one(one, other), "{one} {other}");
        }
        for (one, other) in [("a", "d"), ("d", "e"), ("a", "unknown"), ("x", "x")] {
            assert!(!found.are_one(one, other), "{one} {other}");
        }
    }

    #[test]
    fn depth_is_that_of_the_longest_way() {
        let found = cycles(&[
            ("a", &["d", "b"]),
            ("b", &["c"]),
            ("c", &["d", "b"]),
            ("d", &[]),
        ]);
        let depths = ["a", "b", "c", "d", "x"].map(|name| found.depth(name));
        assert_eq!(depths, [3, 2, 2, 1, 0]);
    }

    #[test]
    fn long_chains_need_no_stack() {
        let names: Vec<String> = (0..100_000).map(|n| format!("m{n}")).collect();
        let next = |n: usize| names.get(n + 1).map(String::as_str).into_iter();
        let found = NameCycles::of(
            names
                .iter()
                .enumerate()
                .map(|(n, it)| (it.as_str(), next(n))),
        );
        assert_eq!(found.depth("m0"), 100_000);
        let ring = |n: usize| std::iter::once(names[(n + 1) % names.len()].as_str());
        let found = NameCycles::of(
            names
                .iter()
                .enumerate()
                .map(|(n, it)| (it.as_str(), ring(n))),
        );
        assert!(found.are_one("m0", "m99999"));
    }
}
