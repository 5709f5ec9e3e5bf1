//! Which parts of an expression do not depend on variables, so that they are evaluated once.

use cel::common::ast::{Expr, IdedExpr};

use super::budget::BUDGET_NAME;
use super::functions::NAMESPACES;
use super::tree::{children, ident};

/// What is known of a node.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    /// Whether it does not depend on variables.
    pub(super) is_constant: bool,
    /// The number of nodes below it.
    n_below: usize,
}

/// The marks of a tree in the order in which it is walked: a node before those below it.
pub(super) struct Marks {
    marks: Vec<Mark>,
    at: usize,
}

impl Marks {
    /// Marks a tree. `has_now` says whether the time is known now.
    pub(super) fn of(expr: &IdedExpr, has_now: bool) -> Self {
        let mut marks = Vec::new();
        mark(expr, has_now, &mut Vec::new(), &mut marks);
        Self { marks, at: 0 }
    }

    /// Returns the mark of the next node.
    pub(super) fn next(&mut self) -> Mark {
        let mark = self.marks.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        mark
    }

    /// Skips the nodes below the one that was visited last.
    pub(super) fn skip_below(&mut self, mark: Mark) {
        self.at += mark.n_below;
    }
}

/// Marks every node that does not depend on variables. `bound` contains the names of the loops
/// around the part.
///
/// Returns what it depends on: 0 for a variable, or one more than the number of the outermost
/// loop's name in `bound`.
fn mark<'e>(
    part: &'e IdedExpr,
    has_now: bool,
    bound: &mut Vec<&'e str>,
    marks: &mut Vec<Mark>,
) -> usize {
    let at = marks.len();
    marks.push(Mark::default());
    let mut outermost = match &part.expr {
        Expr::Ident(name) => dependence(name, has_now, bound),
        Expr::Unspecified => 0,
        // Compilation replaces a type by its name.
        Expr::Call(call) if call.func_name == "type" => 0,
        Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => usize::MAX,
    };
    let n_bound = bound.len();
    for (n, below) in children(&part.expr).into_iter().enumerate() {
        // The range of a loop does not see its variables.
        if let (Expr::Comprehension(it), 1) = (&part.expr, n) {
            bound.extend([it.iter_var.as_str(), it.accu_var.as_str()]);
            bound.extend(it.iter_var2.as_deref());
        }
        let dependence = mark(below, has_now, bound, marks);
        let is_namespace = ident(below).is_some_and(|it| NAMESPACES.contains(&it));
        if !is_namespace {
            outermost = outermost.min(dependence);
        }
    }
    bound.truncate(n_bound);
    marks[at] = Mark {
        is_constant: outermost > n_bound,
        n_below: marks.len() - at - 1,
    };
    outermost
}

/// Returns what a name depends on: see [`mark`].
fn dependence(name: &str, has_now: bool, bound: &[&str]) -> usize {
    if let Some(at) = bound.iter().rposition(|it| *it == name) {
        return at + 1;
    }
    let is_number = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    let is_internal = name == BUDGET_NAME || name.strip_prefix('@').is_some_and(is_number);
    let is_now = name == "now" && has_now;
    if is_internal || is_now { usize::MAX } else { 0 }
}
