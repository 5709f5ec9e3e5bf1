//! Checks a set of jobs, or the steps of one job: names are unique, dependencies exist, and there
//! are no cycles.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::suggest::nearest;
use crate::yaml::Located;

/// A job or a step as the graph sees it.
pub(super) struct GraphNode {
    pub(super) name: Located<String>,
    pub(super) depends_on: Vec<Located<String>>,
}

/// Checks a set of jobs or steps. `what` is the word for one of them.
pub(super) fn check(file: &SourceFile, what: &str, nodes: &[GraphNode]) -> Result<(), Diagnostic> {
    let mut by_name = BTreeMap::new();
    for node in nodes {
        if by_name.insert(node.name.value.as_str(), node).is_some() {
            let message = format!("there are two {what}s named `{}`", node.name.value);
            return Err(Diagnostic::new(file, node.name.span.clone(), message));
        }
    }
    for on in nodes.iter().flat_map(|node| &node.depends_on) {
        if !by_name.contains_key(on.value.as_str()) {
            let fault = Diagnostic::new(
                file,
                on.span.clone(),
                format!("there is no {what} named `{}`", on.value),
            );
            return Err(match nearest(&on.value, by_name.keys().copied()) {
                Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
                None => fault,
            });
        }
    }
    let mut clear = BTreeSet::new();
    for node in nodes {
        if let Some(cycle) = cycle_from(node, &by_name, &mut clear, &mut Vec::new()) {
            let message = format!("{what}s wait for each other: {}", cycle.join(" -> "));
            return Err(Diagnostic::new(file, node.name.span.clone(), message)
                .with_hint("remove one of these dependencies"));
        }
    }
    Ok(())
}

/// Follows the dependencies of `node`, and returns the names of a cycle, with the first name
/// repeated at the end. `clear` contains the nodes that are known to lead to no cycle. The depth is
/// limited by the number of nodes, which the YAML reader's budget limits.
fn cycle_from<'a>(
    node: &'a GraphNode,
    by_name: &BTreeMap<&'a str, &'a GraphNode>,
    clear: &mut BTreeSet<&'a str>,
    path: &mut Vec<&'a str>,
) -> Option<Vec<&'a str>> {
    let name = node.name.value.as_str();
    if clear.contains(name) {
        return None;
    }
    if let Some(at) = path.iter().position(|earlier| *earlier == name) {
        let mut cycle = path[at..].to_vec();
        cycle.push(name);
        return Some(cycle);
    }
    path.push(name);
    for on in &node.depends_on {
        if let Some(cycle) = cycle_from(by_name[on.value.as_str()], by_name, clear, path) {
            return Some(cycle);
        }
    }
    path.pop();
    clear.insert(name);
    None
}
