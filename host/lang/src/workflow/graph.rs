//! Checks a set of jobs, or the steps of one job: names are unique, dependencies exist, and there
//! are no cycles.
//!
//! The time is nearly linear in the number of jobs, steps and dependencies, and nothing here is
//! recursive.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::condition::DependencyPart;
use crate::diagnostic::DiagnosticCode;
use crate::suggest::Candidates;
use crate::yaml::faults::FAULTS_MAX;
use crate::yaml::{Faults, Located};

/// The maximum number of names of a cycle that a message shows.
const CYCLE_SHOWN_MAX: usize = 12;

/// The maximum number of faults of one file for which a similar name is looked for.
///
/// The author of the file chooses the number of wrong names, and each is compared with up to 2 000
/// others. A user repairs the first faults and checks again.
const SUGGESTIONS_MAX: usize = 100;

/// A job or a step as the graph sees it.
pub(super) struct GraphNode {
    pub(super) name: String,
    pub(super) span: Range<usize>,
    pub(super) depends_on: Vec<Located<String>>,
}

/// How the messages about a set of jobs or steps describe it.
pub(super) struct GraphRules<'r> {
    /// The word for one of them.
    pub(super) what: &'static str,
    /// Whether all of them could be read. Otherwise, an unknown name is no fault.
    pub(super) is_complete: bool,
    /// Returns a hint for a name that something else in the workflow has.
    pub(super) elsewhere: &'r dyn Fn(&str) -> Option<String>,
}

impl GraphNode {
    pub(super) fn new<N, D>(
        name: &Located<N>,
        depends_on: &[DependencyPart<D>],
        text: impl Fn(&D) -> &str,
    ) -> Self
    where
        N: ToString,
    {
        let all = depends_on.iter().flat_map(DependencyPart::dependencies);
        let all = all.map(|it| Located {
            value: text(&it.on).to_owned(),
            span: it.span.clone(),
        });
        Self {
            name: name.value.to_string(),
            span: name.span.clone(),
            depends_on: all.collect(),
        }
    }
}

/// Checks a set of jobs or steps.
pub(super) fn check(nodes: &[GraphNode], rules: &GraphRules<'_>, faults: &mut Faults) {
    let what = rules.what;
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        if let Some(first) = by_name.get(node.name.as_str()) {
            let line = faults.file().line_column(nodes[*first].span.start).0;
            let message = format!("there are two {what}s named `{}`", node.name);
            let fault = faults.fault(node.span.clone(), message);
            let fault = fault.with_code(DiagnosticCode::DuplicateName);
            faults.push(fault.with_hint(format!(
                "the other one is in line {line}; rename one of them"
            )));
        } else {
            by_name.insert(&node.name, at);
        }
    }
    let mut near = None;
    for on in nodes.iter().flat_map(|node| &node.depends_on) {
        if faults.len() >= FAULTS_MAX {
            return;
        }
        if rules.is_complete && !by_name.contains_key(on.value.as_str()) {
            let near = near.get_or_insert_with(|| Candidates::new(by_name.keys().copied()));
            unknown(on, near, rules, faults);
        }
    }
    if let Some(cycle) = cycle(nodes, &by_name) {
        let mut names: Vec<&str> = cycle.iter().map(|at| nodes[*at].name.as_str()).collect();
        let first = names[0];
        if names.len() > CYCLE_SHOWN_MAX {
            names.truncate(CYCLE_SHOWN_MAX);
            names.push("…");
        }
        names.push(first);
        let message = match &cycle[..] {
            [_] => format!("the {what} `{first}` waits for itself"),
            [..] => format!("{what}s wait for each other: {}", names.join(" -> ")),
        };
        let node = &nodes[cycle[0]];
        let mut on = node.depends_on.iter();
        // One that waits for itself has the dependency to remove; a longer cycle has several.
        let own = on.find(|on| cycle.len() == 1 && on.value == node.name);
        let span = own.map_or(&node.span, |on| &on.span);
        let fault = faults.fault(span.clone(), message);
        let fault = fault.with_code(DiagnosticCode::Cycle);
        faults.push(fault.with_hint("remove one of these dependencies"));
    }
}

fn unknown(
    on: &Located<String>,
    names: &Candidates<'_>,
    rules: &GraphRules<'_>,
    faults: &mut Faults,
) {
    let what = rules.what;
    let message = format!("there is no {what} named `{}`", on.value);
    let fault = faults.fault(on.span.clone(), message);
    let fault = fault.with_code(DiagnosticCode::UnknownName);
    let is_compared = faults.len() < SUGGESTIONS_MAX;
    let near = is_compared.then(|| names.nearest(&on.value)).flatten();
    faults.push(match ((rules.elsewhere)(&on.value), near) {
        (Some(elsewhere), _) => fault.with_hint(elsewhere),
        (None, Some(near)) => fault.with_hint(format!("did you mean `{near}`?")),
        (None, None) => fault,
    });
}

/// The state of a node during the search for a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    OnPath,
    Clear,
}

/// Returns the nodes of a cycle, each of which waits for the next one.
fn cycle(nodes: &[GraphNode], by_name: &BTreeMap<&str, usize>) -> Option<Vec<usize>> {
    // One look-up for each name is much faster here than one in a tree.
    let at: HashMap<&str, usize> = by_name.iter().map(|(name, at)| (*name, *at)).collect();
    let mut marks = vec![Mark::New; nodes.len()];
    for start in 0..nodes.len() {
        if marks[start] != Mark::New {
            continue;
        }
        // The nodes of the path, each with the number of its dependencies that were followed.
        let mut path = vec![(start, 0)];
        marks[start] = Mark::OnPath;
        while let Some((node, n_followed)) = path.last_mut() {
            let Some(on) = nodes[*node].depends_on.get(*n_followed) else {
                marks[*node] = Mark::Clear;
                path.pop();
                continue;
            };
            *n_followed += 1;
            let Some(next) = at.get(on.value.as_str()).copied() else {
                continue;
            };
            match marks[next] {
                Mark::Clear => {}
                Mark::New => {
                    marks[next] = Mark::OnPath;
                    path.push((next, 0));
                }
                Mark::OnPath => {
                    let nodes = path.iter().map(|(node, _)| *node);
                    return Some(nodes.skip_while(|node| *node != next).collect());
                }
            }
        }
    }
    None
}
