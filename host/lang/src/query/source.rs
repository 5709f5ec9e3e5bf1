//! Parses the text of an expression and checks its syntax tree.
//!
//! A checked tree fits into the stack of any thread, nests loops at most twice, and contains only
//! names that exist.

use std::ops::Range;

use cel::ParseError;
use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, SourceInfo};

use super::functions::{FUNCTIONS, NAMESPACES, environment};
use super::row::VARIABLES;
use super::tree::{call, children, ident, visit};
use super::words;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::suggest::nearest;

/// The maximum length of one expression, in bytes.
///
/// Users write it on a command line. The parser uses up to 500 bytes of stack for each byte.
pub const EXPRESSION_BYTES_MAX: usize = 4 << 10;

/// The maximum number of operators, calls, lists and maps in one expression.
///
/// They may all be nested, and evaluation uses up to two KiB of stack for each. With more of them,
/// the stack of a 2 MiB thread would overflow, which ends the process.
pub const OPERATORS_MAX: usize = 500;

/// The maximum depth of nested brackets.
///
/// The parser uses up to ten KiB of stack for each level, so a deeper expression could overflow the
/// stack.
const BRACKETS_NESTED_MAX: u16 = 48;

/// The maximum depth of nested loops: `map`, `filter`, `all`, `exists` and `exists_one`.
///
/// Each loop goes through a list of any length for every item of the loop around it.
const LOOPS_NESTED_MAX: usize = 2;

/// The parser's names of the language's operators. A user cannot write these names.
const OPERATORS: &[&str] = &[
    "!_",
    "-_",
    "@in",
    "@not_strictly_false",
    "_!=_",
    "_%_",
    "_&&_",
    "_*_",
    "_+_",
    "_-_",
    "_/_",
    "_<=_",
    "_<_",
    "_==_",
    "_>=_",
    "_>_",
    "_?._",
    "_?_:_",
    "_[?_]",
    "_[_]",
    "_||_",
    "math.@max",
    "math.@min",
];

/// The names of the language's types.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "uint",
];

/// A parsed and checked expression.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: SourceFile,
    pub(super) expr: IdedExpr,
    info: SourceInfo,
}

impl Source {
    /// Parses and checks an expression. `name` is its name in messages.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, Diagnostic> {
        let file = SourceFile {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        if text.trim().is_empty() {
            return Err(Diagnostic::new(&file, 0..0, format!("the {name} is empty")));
        }
        if text.len() > EXPRESSION_BYTES_MAX {
            let n_bytes = text.len();
            let message =
                format!("the {name} has {n_bytes} bytes, more than {EXPRESSION_BYTES_MAX}");
            return Err(Diagnostic::new(&file, 0..0, message));
        }
        let parser = environment().parser();
        let parser = parser.max_recursion_depth(BRACKETS_NESTED_MAX);
        let parsed = parser.error_recovery_limit(1).parse_with_source_info(text);
        let (expr, info) = parsed.map_err(|errors| syntax_fault(&file, &errors.errors))?;
        let source = Self { file, expr, info };
        source.check_size()?;
        source.check_names()?;
        Ok(source)
    }

    /// Returns a fault at a node.
    pub(super) fn fault(&self, at: &IdedExpr, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(&self.file, self.span(at), message)
    }

    /// Returns the place of a node and everything below it.
    pub(super) fn span(&self, at: &IdedExpr) -> Range<usize> {
        let (mut start, mut stop) = (usize::MAX, 0);
        visit(at, |node| {
            if let Some((from, to)) = self.info.offset_for(node.id) {
                start = start.min(from as usize);
                stop = stop.max(to as usize + 1);
            }
        });
        // A node that the parser generated has no place.
        let end = self.file.text.len();
        let floor = |at: usize| self.file.text.floor_char_boundary(at.min(end));
        let stop = floor(stop);
        let span = floor(start).min(stop)..stop;
        // The place of a call is its bracket. The result includes the name before it.
        let before = &self.file.text[..span.start];
        let name = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let is_call = self.file.text[span.start..].starts_with('(');
        let start = if is_call { name.len() } else { span.start };
        // The place of a member is its point. The result includes the name after it.
        let after = &self.file.text[span.end..];
        let is_member = self.file.text[start..span.end].ends_with('.');
        let n_name = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let n_name = n_name.unwrap_or(after.len());
        start..span.end + if is_member { n_name } else { 0 }
    }

    fn check_size(&self) -> Result<(), Diagnostic> {
        let mut n_operators = 0;
        visit(&self.expr, |node| {
            n_operators += usize::from(!matches!(node.expr, Expr::Ident(_) | Expr::Literal(_)));
        });
        if n_operators > OPERATORS_MAX {
            let message = format!("it has more than {OPERATORS_MAX} operators and calls");
            return Err(Diagnostic::new(&self.file, 0..0, message));
        }
        Ok(())
    }

    /// Checks every name, without recursion, because a stack frame that can return a fault is
    /// large.
    fn check_names(&self) -> Result<(), Diagnostic> {
        // The variables that loops declare. Each node is in one of these scopes.
        let mut scopes: Vec<Vec<&str>> = vec![Vec::new()];
        let mut open = vec![(&self.expr, 0, 0)];
        while let Some((at, scope, n_loops)) = open.pop() {
            let Expr::Comprehension(it) = &at.expr else {
                let below = self.checked(at, &scopes[scope])?.into_iter();
                open.extend(below.rev().map(|below| (below, scope, n_loops)));
                continue;
            };
            self.check_loop(at, it, n_loops)?;
            let mut bound = scopes[scope].clone();
            bound.extend([it.iter_var.as_str(), it.accu_var.as_str()]);
            bound.extend(it.iter_var2.as_deref());
            let inside = [&it.result, &it.loop_step, &it.loop_cond, &it.accu_init];
            open.extend(inside.map(|below| (below, scopes.len(), n_loops + 1)));
            open.push((&it.iter_range, scope, n_loops));
            scopes.push(bound);
        }
        Ok(())
    }

    /// Checks a node that is not a loop, and returns the nodes below it that must be checked.
    fn checked<'e>(
        &self,
        at: &'e IdedExpr,
        bound: &[&str],
    ) -> Result<Vec<&'e IdedExpr>, Diagnostic> {
        match &at.expr {
            Expr::Ident(name) => self.check_variable(at, name, bound)?,
            Expr::Struct(_) => return Err(self.fault(at, "there are no struct types")),
            Expr::Unspecified => return Err(self.fault(at, "it cannot be understood")),
            Expr::Call(call) => {
                if self.check_function(at)? {
                    // The target is a namespace, not a variable.
                    return Ok(call.args.iter().collect());
                }
            }
            Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Select(_) => {}
        }
        Ok(children(&at.expr))
    }

    fn check_loop(
        &self,
        at: &IdedExpr,
        it: &ComprehensionExpr,
        n_loops: usize,
    ) -> Result<(), Diagnostic> {
        if n_loops == LOOPS_NESTED_MAX {
            let message = format!("loops are nested more than {LOOPS_NESTED_MAX} deep");
            return Err(self.fault(at, message));
        }
        for name in [Some(&it.iter_var), it.iter_var2.as_ref()] {
            if name.is_some_and(|name| VARIABLES.contains(&name.as_str())) {
                let message = format!("`{}` is already the name of a variable", it.iter_var);
                let hint = "give the variable of the loop another name";
                return Err(self.fault(at, message).with_hint(hint));
            }
        }
        Ok(())
    }

    fn check_variable(&self, at: &IdedExpr, name: &str, bound: &[&str]) -> Result<(), Diagnostic> {
        if bound.contains(&name) || VARIABLES.contains(&name) || TYPES.contains(&name) {
            return Ok(());
        }
        let fault = self.fault(at, format!("there is no variable `{name}`"));
        let candidates = VARIABLES.iter().chain(bound).copied();
        let hint = match nearest(name, candidates.filter(|it| !it.starts_with('@'))) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", listed(VARIABLES)),
        };
        Err(fault.with_hint(hint))
    }

    /// Checks the name of a function, and returns whether its target is part of the name.
    fn check_function(&self, at: &IdedExpr) -> Result<bool, Diagnostic> {
        let (name, target, _) = call(at).expect("it is a call");
        let namespace = target.and_then(ident);
        let namespace = namespace.filter(|it| NAMESPACES.contains(it));
        let full = namespace.map_or(name.to_owned(), |it| format!("{it}.{name}"));
        let is_known = FUNCTIONS.contains(&full.as_str());
        let is_macro = ["all", "exists", "exists_one", "filter", "has", "map"].contains(&name);
        if is_known && is_macro {
            // The parser turns correct calls of these names into loops.
            let message = format!("`{name}` is not called like this");
            let hint = match name {
                "has" => "it takes a member: `has(attributes.size)`".to_owned(),
                _ => format!("it takes a name and an expression: `list.{name}(item, item > 1)`"),
            };
            return Err(self.fault(at, message).with_hint(hint));
        }
        if is_known || OPERATORS.contains(&name) {
            return Ok(namespace.is_some());
        }
        let fault = self.fault(at, format!("there is no function `{full}`"));
        Err(match nearest(&full, FUNCTIONS.iter().copied()) {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None => fault,
        })
    }
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn syntax_fault(file: &SourceFile, errors: &[ParseError]) -> Diagnostic {
    let Some(first) = errors.first() else {
        return Diagnostic::new(file, 0..0, "it cannot be understood");
    };
    let (line, column) = first.pos;
    let start = place(&file.text, line, column);
    let rewritten = words::syntax(&first.msg, &file.text[start..]);
    let mut fault = Diagnostic::new(file, start..start + rewritten.n_bytes, rewritten.message);
    fault.hint = rewritten.hint;
    fault
}

/// Returns the byte offset of a line and a column. Both count from 1, and columns count characters.
fn place(text: &str, line: isize, column: isize) -> usize {
    let (Ok(line), Ok(column)) = (usize::try_from(line - 1), usize::try_from(column - 1)) else {
        return 0;
    };
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines.by_ref().take(line).map(str::len).sum();
    before + byte_of(&text[before..], column)
}

/// Returns the byte offset of a character, or the end of the text after the last character.
fn byte_of(text: &str, n_chars: usize) -> usize {
    let mut places = text.char_indices().map(|(at, _)| at);
    places.nth(n_chars).unwrap_or(text.len())
}
