//! Parses the text of an expression and checks its syntax tree.
//!
//! A checked tree fits into the stack, nests loops to a limit, and contains only names that exist.

use std::ops::Range;
use std::sync::Arc;

use cel::ParseError;
use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};

use super::Limits;
use super::functions::{FUNCTIONS, MACROS, NAMESPACES, PATTERNED, environment};
use super::lex::{ENTRIES_MAX, NON_ASCII_MAX, Rewritten, TooLarge, check_size};
use super::path::member_path;
use super::tree::{binary, call, children, children_mut, ident, is_binding, member, text, visit};
use super::variables::{Shape, Variables};
use super::words;
use crate::diagnostic::{Diagnostic, DiagnosticCode, SourceFile};
use crate::suggest::nearest;

/// The parser's names of the language's operators. A user cannot write these names.
const OPERATORS: &[&str] = &[
    "!_",
    "-_",
    "@entries",
    "@in",
    "@merge",
    "@not_strictly_false",
    "@pairs",
    "@sortByAssociatedKeys",
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

/// The names of the language's types. Those of times are `google.protobuf.Timestamp` and
/// `google.protobuf.Duration`.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "google",
    "int",
    "list",
    "map",
    "null_type",
    "optional_type",
    "string",
    "type",
    "uint",
];

/// The depth to which the members of variables are checked.
///
/// The path to each member is walked, so a long path would take quadratic time.
const SHAPE_DEPTH_MAX: usize = 16;

/// What an expression of one kind may contain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect<'d> {
    /// The name of the expression in messages.
    pub(crate) name: &'static str,
    pub(crate) limits: &'static Limits,
    pub(crate) variables: &'d Variables,
}

/// A parsed and checked expression.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) file: Arc<SourceFile>,
    pub(crate) expr: IdedExpr,
    info: SourceInfo,
    rewritten: Rewritten,
}

impl Source {
    /// Parses and checks an expression.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub(crate) fn parse(dialect: Dialect<'_>, text: &str) -> Result<Self, Diagnostic> {
        let (name, limits) = (dialect.name, dialect.limits);
        let file = SourceFile::new(name, text);
        if text.trim().is_empty() {
            return Err(whole_fault(&file, format!("the {name} is empty")));
        }
        if text.len() > limits.text_bytes {
            let (n_bytes, max) = (text.len(), limits.text_bytes);
            let message = format!("the {name} has {n_bytes} bytes, more than {max}");
            return Err(whole_fault(&file, message));
        }
        check_size(text, limits).map_err(|reason| match reason {
            TooLarge::Operators => too_many(&file, limits),
            TooLarge::Nesting => whole_fault(&file, "it is nested too deep"),
            TooLarge::Entries => {
                let message =
                    format!("it has more than {ENTRIES_MAX} items, members and arguments");
                whole_fault(&file, message)
            }
            TooLarge::NonAscii => {
                let message =
                    format!("it has more than {NON_ASCII_MAX} characters that are not ASCII");
                whole_fault(&file, message)
            }
        })?;
        let rewritten = if dialect.variables.has_hyphens() {
            Rewritten::of(text)
        } else {
            Rewritten::unchanged(text)
        };
        let (mut expr, info) = match member_path(&rewritten.text) {
            Some(parsed) => parsed,
            None => {
                let parser = environment().parser().enable_ident_escape_syntax(true);
                let parser = parser.max_recursion_depth(limits.brackets as u16);
                let parser = parser.error_recovery_limit(1);
                let parsed = parser.parse_with_source_info(&rewritten.text);
                parsed.map_err(|errors| syntax_fault(&file, &rewritten, &errors.errors))?
            }
        };
        if rewritten.has_names() {
            restore_names(&mut expr, &rewritten);
        }
        if dialect.variables.has_aliases() {
            replace_aliases(&mut expr, dialect.variables, &mut Vec::new());
        }
        let source = Self {
            file,
            expr,
            info,
            rewritten,
        };
        source.check_operators(limits)?;
        Checker {
            source: &source,
            dialect,
        }
        .check_names()?;
        Ok(source)
    }

    /// Returns a fault at a node.
    pub(crate) fn fault(&self, at: &IdedExpr, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(&self.file, self.span(at), message).with_code(DiagnosticCode::Expression)
    }

    /// Returns a fault at the name of a member: `b` of `a.b` and `"b"` of `a["b"]`.
    pub(crate) fn member_fault(&self, at: &IdedExpr, message: impl Into<String>) -> Diagnostic {
        let span = match (&at.expr, binary(at, operators::INDEX)) {
            (Expr::Select(_), _) => self.info.offset_for(at.id).map(|(point, _)| {
                let text = &self.rewritten.text;
                let after = text.get(point as usize + 1..).unwrap_or_default();
                let start = point as usize + 1 + (after.len() - after.trim_start().len());
                let name = text.get(start..).unwrap_or_default();
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let n_name = match name.strip_prefix('`').and_then(|it| it.find('`')) {
                    Some(n_quoted) => n_quoted + 2,
                    None => name.find(|c| !is_name(c)).unwrap_or(name.len()),
                };
                let end = start + n_name;
                self.rewritten.original(start)..self.rewritten.original(end)
            }),
            (_, Some([_, key])) => Some(self.span(key)),
            (_, None) => None,
        };
        let span = span.unwrap_or_else(|| self.span(at));
        Diagnostic::new(&self.file, span, message).with_code(DiagnosticCode::Expression)
    }

    /// Returns the place of a node and everything below it.
    pub(crate) fn span(&self, at: &IdedExpr) -> Range<usize> {
        let text = &self.rewritten.text;
        let (mut start, mut stop) = (usize::MAX, 0);
        visit(at, |node| {
            if let Some((from, to)) = self.info.offset_for(node.id) {
                start = start.min(from as usize);
                stop = stop.max(to as usize + 1);
            }
        });
        // A node that the parser generated has no place.
        let end = text.len();
        let floor = |at: usize| text.floor_char_boundary(at.min(end));
        let stop = floor(stop);
        let span = floor(start).min(stop)..stop;
        // The place of a call is its bracket. The result includes the name before it.
        let before = &text[..span.start];
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let name = &before[before.trim_end_matches(is_name).len()..];
        let n_name = name.trim_start_matches('.').len();
        let is_call = text[span.start..].starts_with('(');
        let start = span.start - if is_call { n_name } else { 0 };
        // The place of a member is its point. The result includes the name after it.
        let is_member = text[start..span.end].ends_with('.');
        let after = &text[span.end..];
        let name = after.strip_prefix('?').unwrap_or(after);
        let n_mark = after.len() - name.len();
        let n_name = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let n_name = n_mark + n_name.unwrap_or(name.len());
        let end = span.end + if is_member { n_name } else { 0 };
        self.rewritten.original(start)..self.rewritten.original(end)
    }

    fn check_operators(&self, limits: &Limits) -> Result<(), Diagnostic> {
        let mut n_operators = 0;
        visit(&self.expr, |node| {
            n_operators += usize::from(!matches!(node.expr, Expr::Ident(_) | Expr::Literal(_)));
        });
        if n_operators > limits.operators {
            return Err(too_many(&self.file, limits));
        }
        Ok(())
    }
}

fn too_many(file: &Arc<SourceFile>, limits: &Limits) -> Diagnostic {
    let message = format!("it has more than {} operators and calls", limits.operators);
    whole_fault(file, message)
}

/// Returns a fault of a whole expression.
fn whole_fault(file: &Arc<SourceFile>, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(file, 0..0, message).with_code(DiagnosticCode::Expression)
}

/// Puts the names with hyphens back.
fn restore_names(expr: &mut IdedExpr, rewritten: &Rewritten) {
    match &mut expr.expr {
        Expr::Select(select) => {
            if let Some(name) = rewritten.name_of(&select.field) {
                name.clone_into(&mut select.field);
            }
        }
        Expr::Call(call) if call.func_name == operators::OPT_SELECT => {
            let field = call.args.get_mut(1);
            let name = field.as_deref().and_then(text);
            let name = name.and_then(|it| rewritten.name_of(it)).map(str::to_owned);
            if let (Some(field), Some(name)) = (field, name) {
                field.expr = Expr::Literal(LiteralValue::String(name.into()));
            }
        }
        Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Struct(_) => {}
    }
    for below in children_mut(&mut expr.expr) {
        restore_names(below, rewritten);
    }
}

/// Replaces other names of variables by the names that they stand for. `bound` are the variables of
/// the loops around.
fn replace_aliases(expr: &mut IdedExpr, variables: &Variables, bound: &mut Vec<String>) {
    if let Expr::Ident(name) = &mut expr.expr {
        if let Some(known) = variables.aliased(name).filter(|_| !bound.contains(name)) {
            known.clone_into(name);
        }
        return;
    }
    let Expr::Comprehension(it) = &mut expr.expr else {
        for below in children_mut(&mut expr.expr) {
            replace_aliases(below, variables, bound);
        }
        return;
    };
    replace_aliases(&mut it.iter_range, variables, bound);
    replace_aliases(&mut it.accu_init, variables, bound);
    let n_around = bound.len();
    bound.extend([it.iter_var.clone(), it.accu_var.clone()]);
    bound.extend(it.iter_var2.clone());
    replace_aliases(&mut it.loop_cond, variables, bound);
    replace_aliases(&mut it.loop_step, variables, bound);
    replace_aliases(&mut it.result, variables, bound);
    bound.truncate(n_around);
}

/// Checks the names of an expression.
struct Checker<'s> {
    source: &'s Source,
    dialect: Dialect<'s>,
}

impl<'s> Checker<'s> {
    fn fault(&self, at: &IdedExpr, message: impl Into<String>) -> Diagnostic {
        self.source.fault(at, message)
    }

    /// Checks every name, without recursion, because a stack frame that can return a fault is
    /// large.
    fn check_names(&self) -> Result<(), Diagnostic> {
        // The variables that loops declare. Each node is in one of these scopes.
        let mut scopes: Vec<Vec<&str>> = vec![Vec::new()];
        let mut open = vec![(&self.source.expr, 0, 0)];
        while let Some((at, scope, n_loops)) = open.pop() {
            let Expr::Comprehension(it) = &at.expr else {
                let below = self.checked(at, &scopes[scope])?.into_iter();
                open.extend(below.rev().map(|below| (below, scope, n_loops)));
                continue;
            };
            self.check_loop(at, it, n_loops)?;
            let n_inside = n_loops + usize::from(!is_binding(it));
            let mut bound = scopes[scope].clone();
            bound.extend([it.iter_var.as_str(), it.accu_var.as_str()]);
            bound.extend(it.iter_var2.as_deref());
            let inside = [&it.result, &it.loop_step, &it.loop_cond];
            open.extend(inside.map(|below| (below, scopes.len(), n_inside)));
            open.push((&it.accu_init, scope, n_loops));
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
                if self.check_function(at, bound)? {
                    // The target is a namespace, not a variable.
                    return Ok(call.args.iter().collect());
                }
            }
            Expr::Select(select) if self.is_lookup(&select.operand, bound) => {
                return Ok(Vec::new());
            }
            Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Select(_) => {}
        }
        if let Some((operand, name)) = member(at) {
            self.check_member(at, operand, name, bound)?;
        }
        let mut below = children(&at.expr);
        if below.first().is_some_and(|it| self.is_lookup(it, bound)) && is_access(at) {
            below.remove(0);
        }
        Ok(below)
    }

    /// Returns whether a part is a variable each of whose members is looked up.
    fn is_lookup(&self, part: &IdedExpr, bound: &[&str]) -> bool {
        let root = ident(part).filter(|it| !bound.contains(it));
        root.is_some_and(|it| self.dialect.variables.is_lookup(it))
    }

    fn check_loop(
        &self,
        at: &IdedExpr,
        it: &ComprehensionExpr,
        n_loops: usize,
    ) -> Result<(), Diagnostic> {
        let loops_max = self.dialect.limits.loops;
        if n_loops == loops_max && !is_binding(it) {
            let message = format!("loops are nested more than {loops_max} deep");
            return Err(self.fault(at, message));
        }
        for name in [&it.iter_var, &it.accu_var] {
            if self.dialect.variables.has(name) {
                let message = format!("`{name}` is already the name of a variable");
                let hint = if is_binding(it) {
                    "give it another name"
                } else {
                    "give the variable of the loop another name"
                };
                return Err(self.fault(at, message).with_hint(hint));
            }
        }
        Ok(())
    }

    fn check_variable(&self, at: &IdedExpr, name: &str, bound: &[&str]) -> Result<(), Diagnostic> {
        let variables = self.dialect.variables;
        // A leading point means a variable, not the variable of a loop.
        let name = name.strip_prefix('.').unwrap_or(name);
        if bound.contains(&name) || variables.has(name) || TYPES.contains(&name) {
            return Ok(());
        }
        if let Some(example) = variables.lookup_example(name) {
            let fault = self.fault(at, format!("`{name}` is not a value by itself"));
            return Err(fault.with_hint(format!("write `{example}`")));
        }
        let fault = self.fault(at, format!("there is no variable `{name}`"));
        let known = variables.names();
        let candidates = known.iter().chain(bound).copied();
        let candidates = candidates.chain(variables.alias_names());
        let hint = match nearest(name, candidates.filter(|it| !it.starts_with('@'))) {
            _ if name == "secrets" => "write `secret(\"NAME\")`".to_owned(),
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => return Err(fault),
            None => format!("there are {}", listed(&known)),
        };
        Err(fault.with_hint(hint))
    }

    /// Checks that a variable whose members are known has a member.
    fn check_member(
        &self,
        at: &IdedExpr,
        operand: &IdedExpr,
        name: &str,
        bound: &[&str],
    ) -> Result<(), Diagnostic> {
        let Some((path, Shape::Object(members))) = self.shape(operand, bound) else {
            return Ok(());
        };
        if members.contains_key(name) {
            return Ok(());
        }
        let message = format!("`{path}` has no member `{name}`");
        let fault = self.source.member_fault(at, message);
        let known: Vec<&str> = members.keys().map(String::as_str).collect();
        Err(match nearest(name, known.iter().copied()) {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None if known.is_empty() => fault.with_hint("it has no members"),
            None => fault.with_hint(format!("there are {}", listed(&known))),
        })
    }

    /// Returns the path and the known shape of a part.
    fn shape(&self, part: &IdedExpr, bound: &[&str]) -> Option<(String, &'s Shape)> {
        let mut names = Vec::new();
        let mut at = part;
        while let Some((operand, name)) = member(at) {
            if names.len() == SHAPE_DEPTH_MAX {
                return None;
            }
            names.push(name);
            at = operand;
        }
        let root = ident(at).filter(|root| !bound.contains(root))?;
        let mut shape = self.dialect.variables.shape(root)?;
        let mut path = root.to_owned();
        for name in names.iter().rev() {
            let Shape::Object(members) = shape else {
                return None;
            };
            shape = members.get(*name)?;
            path = format!("{path}.{name}");
        }
        Some((path, shape))
    }

    /// Checks the name of a function, and returns whether its target is part of the name.
    fn check_function(&self, at: &IdedExpr, bound: &[&str]) -> Result<bool, Diagnostic> {
        let (name, target, args) = call(at).expect("it is a call");
        let variables = self.dialect.variables;
        let root = target.and_then(ident).filter(|it| !bound.contains(it));
        let is_global = target.is_none();
        let function = variables.function(root, name);
        if let Some(function) = function.filter(|_| is_global || root.is_some()) {
            if !function.n_args.contains(&args.len()) {
                let message = format!(
                    "`{}` takes {}, not {}",
                    function.name,
                    function.wanted(),
                    args.len()
                );
                return Err(self.fault(at, message));
            }
            return Ok(root.is_some());
        }
        let namespace = root.filter(|it| {
            NAMESPACES.contains(it) || (variables.is_namespace(it) && !variables.has(it))
        });
        let full = namespace.map_or(name.to_owned(), |it| format!("{it}.{name}"));
        let is_known = FUNCTIONS.contains(&full.as_str());
        if is_known && MACROS.contains(&full.as_str()) {
            // The parser turns correct calls of these names into loops.
            let message = format!("`{full}` has the wrong arguments");
            return Err(self.fault(at, message).with_hint(usage(&full)));
        }
        let n_args = args.len() + usize::from(target.is_some() && namespace.is_none());
        let patterned = PATTERNED.iter().find(|it| it.name == full);
        if let Some(patterned) = patterned.filter(|it| !it.n_args.contains(&n_args)) {
            return Err(self.fault(at, format!("`{full}` takes {}", patterned.wanted)));
        }
        if is_known || OPERATORS.contains(&name) {
            return Ok(namespace.is_some());
        }
        let fault = self.fault(at, format!("there is no function `{full}`"));
        let known = variables.function_names();
        let known = FUNCTIONS.iter().copied().chain(known);
        Err(match nearest(&full, known) {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None => fault,
        })
    }
}

/// Returns how a macro is called.
fn usage(name: &str) -> String {
    match name {
        "has" => "it takes a member: `has(attributes.size)`".to_owned(),
        "cel.bind" => {
            "it takes a name, a value and an expression: `cel.bind(x, 1 + 1, x * x)`".to_owned()
        }
        "optMap" | "optFlatMap" => {
            format!("it takes a name and an expression: `a.?b.{name}(it, it)`")
        }
        "transformList" | "transformMap" => {
            format!("it takes two names and an expression: `map.{name}(key, value, value)`")
        }
        "transformMapEntry" => {
            "it takes two names and a map: `list.transformMapEntry(at, item, {item: at})`"
                .to_owned()
        }
        _ => format!("it takes a name and an expression: `list.{name}(item, item > 1)`"),
    }
}

/// Returns whether a node is `a[b]`, `a.?b` or `a[?b]`.
fn is_access(at: &IdedExpr) -> bool {
    let accesses = [
        operators::INDEX,
        operators::OPT_SELECT,
        operators::OPT_INDEX,
    ];
    call(at).is_some_and(|(name, ..)| accesses.contains(&name))
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn syntax_fault(
    file: &Arc<SourceFile>,
    rewritten: &Rewritten,
    errors: &[ParseError],
) -> Diagnostic {
    let Some(first) = errors.first() else {
        return whole_fault(file, "it cannot be understood");
    };
    let (line, column) = first.pos;
    let start = rewritten.original(place(&rewritten.text, line, column));
    let rewritten = words::syntax(&first.msg, &file.text[start..]);
    let mut fault = Diagnostic::new(file, start..start + rewritten.n_bytes, rewritten.message);
    fault.hint = rewritten.hint;
    fault.with_code(DiagnosticCode::Expression)
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
