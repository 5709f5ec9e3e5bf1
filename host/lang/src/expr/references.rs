//! Answers what an expression refers to, and what it can yield.

use std::ops::Range;

use cel::common::ast::Expr as Node;
use cel::common::ast::{IdedExpr, LiteralValue, operators};

use super::Expr;
use super::tree::{call, ident, key_of, member, text, visit};

/// A member of a variable that an expression uses: `steps.build`, `steps["build"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The name of the member.
    pub name: String,
    /// Its place in the file.
    pub span: Range<usize>,
    /// The member of the member, as in `steps.build.status`, and its place.
    pub member: Option<(String, Range<usize>)>,
}

/// A secret that an expression names: `secret("NAME")`, `vault.get("VAULT", "KEY")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    /// The name of the secret, which is `VAULT.KEY` for a key of a vault. It need not be valid.
    pub name: String,
    /// The place of the name, or of the key, in the file.
    pub span: Range<usize>,
}

/// The data of a model that an expression names: `data.latest("MODEL", …)`,
/// `data.findBySpec("MODEL", "SPEC")`, `file.contents("MODEL", …)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDataReference {
    /// The name or the id of the model.
    pub model: String,
    /// The place of the model in the file.
    pub span: Range<usize>,
    /// The spec, and its place in the file; only of `data.findBySpec`.
    pub spec: Option<(String, Range<usize>)>,
}

/// A method that an expression runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodReference {
    /// The name or the id of the model.
    pub model: String,
    /// The name of the method.
    pub method: String,
    /// The place of the model in the file.
    pub model_span: Range<usize>,
    /// The place of the method in the file.
    pub method_span: Range<usize>,
}

impl Expr {
    /// Returns the place of the expression in the file.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.place.span(0..self.text().len())
    }

    /// Returns the members of a variable that the expression names. A member whose name is computed
    /// is not among them.
    #[must_use]
    pub fn references(&self, variable: &str) -> Vec<Reference> {
        let mut found: Vec<Reference> = Vec::new();
        visit(&self.source.expr, |node| {
            if let Some((name, _)) = key_of(node, variable) {
                let span = self.member_span(node);
                // A node is visited before those below it, so the member is known already.
                if !found.iter().any(|it| it.span == span) {
                    found.push(Reference {
                        name: name.to_owned(),
                        span,
                        member: None,
                    });
                }
            } else if let Some((operand, field)) = member(node)
                && let Some((name, _)) = key_of(operand, variable)
            {
                found.push(Reference {
                    name: name.to_owned(),
                    span: self.member_span(operand),
                    member: Some((field.to_owned(), self.member_span(node))),
                });
            }
        });
        found
    }

    /// Returns the secrets that the expression names. A secret whose name is computed is not among
    /// them.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretReference> {
        let mut found = Vec::new();
        visit(&self.source.expr, |node| {
            if let Some((name, last)) = secret_of(node) {
                let span = self.place.span(self.source.span(last));
                found.push(SecretReference { name, span });
            }
        });
        found.sort_by_key(|it| it.span.start);
        found
    }

    /// Returns the data of models that the expression names. Data of a model whose name is computed
    /// is not among it.
    #[must_use]
    pub fn model_data(&self) -> Vec<ModelDataReference> {
        let mut found = Vec::new();
        visit(&self.source.expr, |node| {
            if let Some((name, spec)) = model_data_of(node)
                && let Some(model) = text(name)
            {
                let place = |node: &IdedExpr| self.place.span(self.source.span(node));
                found.push(ModelDataReference {
                    model: model.to_owned(),
                    span: place(name),
                    spec: spec.and_then(|it| Some((text(it)?.to_owned(), place(it)))),
                });
            }
        });
        found.sort_by_key(|it| it.span.start);
        found
    }

    /// Returns the methods that the expression runs, by `model.method`. A method whose model or name
    /// is computed is not among them.
    #[must_use]
    pub fn method_calls(&self) -> Vec<MethodReference> {
        let mut found = Vec::new();
        visit(&self.source.expr, |node| {
            if let Some((model, method)) = method_of(node)
                && let (Some(model_name), Some(method_name)) = (text(model), text(method))
            {
                found.push(MethodReference {
                    model: model_name.to_owned(),
                    method: method_name.to_owned(),
                    model_span: self.place.span(self.source.span(model)),
                    method_span: self.place.span(self.source.span(method)),
                });
            }
        });
        found.sort_by_key(|it| it.model_span.start);
        found
    }

    /// Returns whether the expression uses a variable only by members that it names, so that
    /// [`references`](Self::references) returns all of its uses.
    #[must_use]
    pub fn names_all_members(&self, variable: &str) -> bool {
        let (mut n_uses, mut n_named) = (0_usize, 0_usize);
        visit(&self.source.expr, |node| {
            n_uses += usize::from(ident(node) == Some(variable));
            n_named += usize::from(key_of(node, variable).is_some());
        });
        n_uses == n_named
    }

    /// Returns what the expression yields, if that is no boolean for any value of its variables:
    /// "a text".
    #[must_use]
    pub fn never_boolean(&self) -> Option<&'static str> {
        match &self.source.expr.expr {
            Node::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => None,
                LiteralValue::String(_) => Some("a text"),
                LiteralValue::Null => Some("null"),
                LiteralValue::Bytes(_) => Some("bytes"),
                LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => {
                    Some("a number")
                }
            },
            Node::List(_) => Some("a list"),
            Node::Map(_) | Node::Struct(_) => Some("a map"),
            Node::Call(_) => never_boolean_call(&self.source.expr),
            Node::Unspecified | Node::Comprehension(_) | Node::Ident(_) | Node::Select(_) => None,
        }
    }

    fn member_span(&self, node: &IdedExpr) -> Range<usize> {
        self.place.span(self.source.member_fault(node, "").span)
    }
}

/// Returns the name of the secret that a call stands for, and the argument that ends the name.
fn secret_of(node: &IdedExpr) -> Option<(String, &IdedExpr)> {
    let (function, target, arguments) = call(node)?;
    match (function, target, arguments) {
        ("secret", None, [name]) => Some((text(name)?.to_owned(), name)),
        ("get", Some(vault), [prefix, key]) if ident(vault) == Some("vault") => {
            Some((format!("{}.{}", text(prefix)?, text(key)?), key))
        }
        _ => None,
    }
}

/// Returns the argument of a call that is a model, and the one that is a spec.
fn model_data_of(node: &IdedExpr) -> Option<(&IdedExpr, Option<&IdedExpr>)> {
    let (function, target, arguments) = call(node)?;
    match (target.and_then(ident)?, function, arguments) {
        ("data", "latest" | "version" | "listVersions", [model, ..]) => Some((model, None)),
        ("data", "findBySpec", [model, spec]) => Some((model, Some(spec))),
        ("file", "contents", [model, ..]) => Some((model, None)),
        _ => None,
    }
}

fn method_of(node: &IdedExpr) -> Option<(&IdedExpr, &IdedExpr)> {
    let (function, target, arguments) = call(node)?;
    match (target.and_then(ident)?, function, arguments) {
        ("model", "method", [model, method, ..]) => Some((model, method)),
        _ => None,
    }
}

fn never_boolean_call(node: &IdedExpr) -> Option<&'static str> {
    let (function, target, _) = call(node)?;
    let namespace = target.and_then(ident);
    match (namespace, function) {
        (
            None,
            operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE,
        ) => Some("a number"),
        (None, operators::ADD) => Some("a number, a text or a list"),
        (_, "size") => Some("a number"),
        (Some("data"), "latest" | "version") => Some("a record"),
        (Some("data"), _) => Some("a list of records"),
        (Some("file"), "contents") => Some("a text"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::{Expr, Shape, TextPlace, Variables};

    fn compiled(text: &str) -> Expr {
        let variables = Variables::new()
            .with_hyphens()
            .with("steps", Shape::Any)
            .with("inputs", Shape::Any)
            .with_function("data.latest", 2..=3)
            .with_function("data.findBySpec", 2..=2)
            .with_function("secret", 1..=1)
            .with_function("vault.get", 2..=2)
            .with_function("model.method", 2..=3);
        Expr::compile(text, &TextPlace::of_text("f", text), &variables).expect(text)
    }

    #[test]
    fn methods_are_found_with_their_places() {
        let text = "model.method('m', 'get').ok && model.method(inputs.m, 'get') == 1";
        let found = compiled(text).method_calls();
        let [one] = &found[..] else {
            panic!("one has names: {found:?}")
        };
        assert_eq!((one.model.as_str(), one.method.as_str()), ("m", "get"));
        assert_eq!(&text[one.method_span.clone()], "'get'");
    }

    #[test]
    fn members_are_found_with_their_places() {
        let check = |text: &str, expect: &[(&str, &str, Option<&str>)]| {
            let mut found = compiled(text).references("steps");
            found.sort_by_key(|it| it.span.start);
            let found: Vec<_> = found
                .iter()
                .map(|it| {
                    let member = it.member.as_ref().map(|(name, _)| name.as_str());
                    (it.name.as_str(), &text[it.span.clone()], member)
                })
                .collect();
            assert_eq!(found, expect, "{text}");
        };
        check("steps.a", &[("a", "a", None)]);
        check(
            "steps.a-b.outputs.x + steps['c d'].status",
            &[
                ("a-b", "a-b", Some("outputs")),
                ("c d", "'c d'", Some("status")),
            ],
        );
        check("has(steps.a.outputs.x)", &[("a", "a", Some("outputs"))]);
        check("steps.a[0].outputs", &[("a", "a", None)]);
        check("inputs.steps", &[]);
    }

    #[test]
    fn secrets_are_found_with_their_places() {
        let check = |text: &str, expect: &[(&str, &str)]| {
            let found = compiled(text).secrets();
            let found: Vec<_> = found
                .iter()
                .map(|it| (it.name.as_str(), &text[it.span.clone()]))
                .collect();
            assert_eq!(found, expect, "{text}");
        };
        check("secret('A')", &[("A", "'A'")]);
        check(
            "[secret(\"A\"), vault.get('V', 'K')]",
            &[("A", "\"A\""), ("V.K", "'K'")],
        );
        check("secret(inputs.name)", &[]);
        check("inputs.secret", &[]);
    }

    #[test]
    fn data_of_models_is_found_with_its_places() {
        let check = |text: &str, expect: &[(&str, Option<&str>)]| {
            let found = compiled(text).model_data();
            let found: Vec<_> = found
                .iter()
                .map(|it| {
                    let spec = it.spec.as_ref().map(|(_, span)| &text[span.clone()]);
                    (&text[it.span.clone()], spec)
                })
                .collect();
            assert_eq!(found, expect, "{text}");
        };
        check("data.latest('m', inputs.name).version", &[("'m'", None)]);
        check(
            "[data.findBySpec(\"m\", 'r'), data.findBySpec('n', inputs.spec)]",
            &[("\"m\"", Some("'r'")), ("'n'", None)],
        );
        check("data.latest(inputs.model, 'n')", &[]);
        check("inputs.data", &[]);
    }

    #[test]
    fn value_that_is_never_boolean_is_known() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(compiled(text).never_boolean(), expect, "{text}");
        };
        check("true", None);
        check("inputs.a", None);
        check("'a'", Some("a text"));
        check("1", Some("a number"));
        check("[1]", Some("a list"));
        check("size(inputs.a)", Some("a number"));
        check("1 + 1", Some("a number, a text or a list"));
        check("inputs.a % 2", Some("a number"));
        check("inputs.a + 1 == 2", None);
        check("size(inputs.a) > 0", None);
        check("data.latest('m', 'n')", Some("a record"));
    }
}
