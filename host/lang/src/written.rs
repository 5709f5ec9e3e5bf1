//! Values that a user wrote, in which texts can contain expressions.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::diagnostic::SourceFile;
use crate::expr::template::Template;
use crate::expr::{Env, Evaluated, Expr, Need, Variables};
use crate::yaml::Faults;
use crate::yaml::node::{Node, NodeKind};

/// A value in which each text is a template; keys are not. Two are equal if they have the same
/// values and texts, also in different places.
#[derive(Debug, Clone)]
pub struct WrittenValue {
    file: Arc<SourceFile>,
    source: Arc<Node>,
    compiled: Arc<Compiled>,
}

/// What a node becomes when it is evaluated.
#[derive(Debug)]
enum Compiled {
    /// The value of the node as it is written: no text in it has an expression or `$${{`.
    AsWritten,
    /// This text.
    Text(String),
    /// The value of these expressions.
    Template(Box<Template>),
    /// A list: what each item of the node becomes.
    List(Vec<Compiled>),
    /// An object with the keys of the node: what the value of each becomes.
    Map(Vec<Compiled>),
}

impl WrittenValue {
    /// Compiles the expressions in a value. A text with a fault becomes a literal, so that the
    /// other texts are compiled as well.
    #[must_use]
    pub fn compile(
        node: &Node,
        file: &Arc<SourceFile>,
        variables: &Variables,
        faults: &mut Faults,
    ) -> Self {
        Self {
            file: Arc::clone(file),
            source: Arc::new(node.clone()),
            compiled: Arc::new(compiled(node, file, variables, faults)),
        }
    }

    /// Returns an object without members. Its place is the beginning of the file.
    #[must_use]
    pub fn empty_object(file: &Arc<SourceFile>) -> Self {
        Self::from_literal(&Value::Object(Map::new()), file)
    }

    /// Makes a value whose texts are not templates. Its place is the beginning of the file.
    #[must_use]
    pub fn from_literal(value: &Value, file: &Arc<SourceFile>) -> Self {
        Self {
            file: Arc::clone(file),
            source: Arc::new(Node::from_value(value, 0..0)),
            compiled: Arc::new(Compiled::AsWritten),
        }
    }

    /// Returns the value, if no text has an expression.
    #[must_use]
    pub fn literal(&self) -> Option<Value> {
        if self.exprs().next().is_some() {
            return None;
        }
        let mut outcome = Outcome::new(&self.file);
        Some(self.compiled.eval(&self.source, &Env::new(0), &mut outcome))
    }

    /// Returns the expressions in the order of the file.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        let mut templates = Vec::new();
        self.compiled.templates(&mut templates);
        templates.into_iter().flat_map(Template::exprs)
    }

    /// Evaluates all expressions. The needs are those of all of them, each once.
    ///
    /// # Errors
    /// Expressions have no value: the faults of all of them.
    pub fn eval(&self, env: &Env<'_>) -> Result<Evaluated, Faults> {
        let mut outcome = Outcome::new(&self.file);
        let value = self.compiled.eval(&self.source, env, &mut outcome);
        outcome.faults.result(match outcome.needs.is_empty() {
            true => Evaluated::Value(value),
            false => Evaluated::Needs(outcome.needs),
        })
    }

    /// Returns the value as it is written.
    #[must_use]
    pub fn source(&self) -> &Node {
        &self.source
    }

    /// Returns the file.
    #[must_use]
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }
}

impl PartialEq for WrittenValue {
    fn eq(&self, other: &Self) -> bool {
        self.source.value() == other.source.value()
    }
}

/// The needs and faults that an evaluation collects.
struct Outcome {
    needs: Vec<Need>,
    faults: Faults,
}

impl Outcome {
    fn new(file: &Arc<SourceFile>) -> Self {
        Self {
            needs: Vec::new(),
            faults: Faults::new(file),
        }
    }
}

impl Compiled {
    fn is_as_written(&self) -> bool {
        matches!(self, Self::AsWritten)
    }

    fn templates<'c>(&'c self, found: &mut Vec<&'c Template>) {
        match self {
            Self::AsWritten | Self::Text(_) => {}
            Self::Template(template) => found.push(template),
            Self::List(parts) | Self::Map(parts) => {
                parts.iter().for_each(|it| it.templates(found));
            }
        }
    }

    /// Returns the value of the node that this was compiled from. Parts without a value yet are
    /// null.
    fn eval(&self, node: &Node, env: &Env<'_>, outcome: &mut Outcome) -> Value {
        match self {
            Self::AsWritten => node.value(),
            Self::Text(text) => text.as_str().into(),
            Self::List(parts) => {
                let items = node.items().unwrap_or_default().iter().zip(parts);
                items
                    .map(|(it, part)| part.eval(it, env, outcome))
                    .collect()
            }
            Self::Map(parts) => {
                let members = node.members().unwrap_or_default().iter().zip(parts);
                let members = members.map(|(it, part)| {
                    let value = part.eval(&it.value, env, outcome);
                    (it.key.value.to_string(), value)
                });
                Value::Object(members.collect())
            }
            Self::Template(template) => match template.eval(env) {
                Ok(Evaluated::Value(value)) => value,
                Ok(Evaluated::Needs(needs)) => {
                    for need in needs {
                        if !outcome.needs.contains(&need) {
                            outcome.needs.push(need);
                        }
                    }
                    Value::Null
                }
                Err(fault) => {
                    outcome.faults.push(fault);
                    Value::Null
                }
            },
        }
    }
}

fn compiled(
    node: &Node,
    file: &Arc<SourceFile>,
    variables: &Variables,
    faults: &mut Faults,
) -> Compiled {
    match &node.kind {
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => Compiled::AsWritten,
        NodeKind::Text(text) if !Template::is_plain(&text.value) => {
            let place = node.text_place(file).expect("the node is a text");
            let template = Template::parse(&text.value, &place, variables);
            match faults.keep(template) {
                Some(template) => match template.literal() {
                    Some(literal) => Compiled::Text(literal.to_owned()),
                    None => Compiled::Template(Box::new(template)),
                },
                None => Compiled::AsWritten,
            }
        }
        NodeKind::Text(_) => Compiled::AsWritten,
        NodeKind::List(items) => {
            let items = items.iter();
            parts(
                items.map(|it| compiled(it, file, variables, faults)),
                Compiled::List,
            )
        }
        NodeKind::Map(members) => {
            let values = members.iter().map(|it| &it.value);
            parts(
                values.map(|it| compiled(it, file, variables, faults)),
                Compiled::Map,
            )
        }
    }
}

/// Returns a list or an object of compiled parts. If all of them are as they are written, so is the
/// whole, and no memory is taken for the parts.
fn parts(
    parts: impl ExactSizeIterator<Item = Compiled>,
    whole: fn(Vec<Compiled>) -> Compiled,
) -> Compiled {
    let n_parts = parts.len();
    let mut kept: Vec<Compiled> = Vec::new();
    for (n_before, part) in parts.enumerate() {
        if kept.is_empty() {
            if part.is_as_written() {
                continue;
            }
            kept.reserve_exact(n_parts);
            kept.extend((0..n_before).map(|_| Compiled::AsWritten));
        }
        kept.push(part);
    }
    match kept.is_empty() {
        true => Compiled::AsWritten,
        false => whole(kept),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expr::{NeedAnswer, Shape};
    use crate::yaml::parse_tree;

    fn variables() -> Variables {
        Variables::new()
            .with("inputs", Shape::Any)
            .with_lookup("env")
    }

    fn compile(text: &str) -> (WrittenValue, Faults) {
        let file = SourceFile::new("f.yaml", text);
        let node = parse_tree(&file).expect(text);
        let mut faults = Faults::new(&file);
        let value = WrittenValue::compile(&node, &file, &variables(), &mut faults);
        (value, faults)
    }

    #[test]
    fn value_without_expressions_is_a_literal() {
        let (value, faults) = compile("a: [1, b, 'x $${{ y']\nc: {d: null}\n");
        assert!(faults.is_empty());
        let expect = json!({"a": [1, "b", "x ${{ y"], "c": {"d": null}});
        assert_eq!(value.literal(), Some(expect));
        assert_eq!(value.exprs().count(), 0);
    }

    #[test]
    fn expressions_are_evaluated_and_keep_their_types() {
        let text = "list: [\"${{ inputs.n }}\", 2]\ntext: n is ${{ inputs.n }}\n\"${{ k }}\": 1\n";
        let (value, faults) = compile(text);
        assert!(faults.is_empty());
        assert_eq!(value.literal(), None);
        assert_eq!(value.exprs().count(), 2);
        let inputs = json!({"n": 7});
        let env = Env::new(0).with("inputs", &inputs);
        let expect = json!({"list": [7, 2], "text": "n is 7", "${{ k }}": 1});
        assert_eq!(value.eval(&env), Ok(Evaluated::Value(expect)));
    }

    #[test]
    fn needs_and_faults_of_all_expressions_are_collected() {
        let text = "a: ${{ env.A }}\nb: ${{ env.B }}-${{ env.A }}\n";
        let (value, _) = compile(text);
        let mut env = Env::new(0);
        let Ok(Evaluated::Needs(needs)) = value.eval(&env) else {
            panic!("it needs two values");
        };
        assert_eq!(needs.len(), 2);
        for need in &needs {
            env.answer(need, NeedAnswer::Value(json!("x")));
        }
        let expect = json!({"a": "x", "b": "x-x"});
        assert_eq!(value.eval(&env), Ok(Evaluated::Value(expect)));

        let (value, _) = compile("a: ${{ inputs.x }}\nb:\n  - ok ${{ inputs.y }}\n");
        let inputs = json!({});
        let env = Env::new(0).with("inputs", &inputs);
        let faults = value.eval(&env).expect_err("two members are missing");
        let places: Vec<_> = faults.iter().map(|it| it.line_column()).collect();
        assert_eq!(places.len(), 2);
        assert_eq!((places[0].0, places[1].0), (1, 3));
    }

    #[test]
    fn each_wrong_expression_is_a_fault_at_its_place() {
        let (value, faults) = compile("a: ${{ inpts.x }}\nb: ${{ 1 +  }}\nc: ok\n");
        let lines: Vec<usize> = faults.iter().map(|it| it.line_column().0).collect();
        assert_eq!(lines, [1, 2]);
        assert_eq!(value.exprs().count(), 0);
    }

    #[test]
    fn values_are_equal_by_their_texts() {
        let (one, _) = compile("a: ${{ inputs.x }}\n");
        let (same, _) = compile("# moved\n\n\"a\":   '${{ inputs.x }}'\n");
        let (other, _) = compile("a: ${{ inputs.y }}\n");
        assert_eq!(one, same);
        assert_ne!(one, other);
    }
}
