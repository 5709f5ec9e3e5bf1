//! Texts and conditions with expressions.

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::expr::template::Template;
use crate::expr::{Env, Evaluated, Expr};

/// A text in which expressions may stand. Two are equal if they are written equally.
#[derive(Debug, Clone)]
pub struct WrittenText {
    text: Arc<str>,
    span: Range<usize>,
    /// The compiled text, unless the text stands for itself.
    template: Option<Arc<Template>>,
}

/// An expression that yields a boolean: of a guard or an assert. Two are equal if they are written
/// equally.
#[derive(Debug, Clone)]
pub struct WrittenCondition {
    span: Range<usize>,
    expr: Arc<Expr>,
}

impl WrittenText {
    pub(super) fn new(text: Arc<str>, span: Range<usize>, template: Template) -> Self {
        Self {
            text,
            span,
            template: Some(Arc::new(template)),
        }
    }

    /// Makes a text that stands for itself.
    pub(super) fn plain(text: Arc<str>, span: Range<usize>) -> Self {
        Self {
            text,
            span,
            template: None,
        }
    }

    /// Returns the text as it is written, with its expressions.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the text, if it has no expressions.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match &self.template {
            Some(template) => template.literal(),
            None => Some(&self.text),
        }
    }

    /// Returns the place of the text.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Returns the compiled text. Returns `None` if the text stands for itself.
    #[must_use]
    pub fn template(&self) -> Option<&Template> {
        self.template.as_deref()
    }

    /// Returns the expressions in the order of the text.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.template.iter().flat_map(|it| it.exprs())
    }

    /// Evaluates the expressions.
    ///
    /// # Errors
    /// An expression has no value.
    pub fn eval(&self, env: &Env<'_>) -> Result<Evaluated, Diagnostic> {
        match &self.template {
            Some(template) => template.eval(env),
            None => Ok(Evaluated::Value((*self.text).into())),
        }
    }
}

impl PartialEq for WrittenText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for WrittenText {}

impl WrittenCondition {
    pub(super) fn new(span: Range<usize>, expr: Expr) -> Self {
        Self {
            span,
            expr: Arc::new(expr),
        }
    }

    /// Returns the expression.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Returns the place of the expression.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

impl PartialEq for WrittenCondition {
    fn eq(&self, other: &Self) -> bool {
        self.expr.text() == other.expr.text()
    }
}

impl Eq for WrittenCondition {}
