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

/// A value whose expressions are compiled. Parts without expressions are literals.
#[derive(Debug)]
enum Compiled {
    Literal(Value),
    Template(Box<Template>),
    List(Vec<Compiled>),
    Map(Vec<(String, Compiled)>),
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
            compiled: Arc::new(Compiled::Literal(value.clone())),
        }
    }

    /// Returns the value, if no text has an expression.
    #[must_use]
    pub fn literal(&self) -> Option<Value> {
        match &*self.compiled {
            Compiled::Literal(value) => Some(value.clone()),
            Compiled::Template(_) | Compiled::List(_) | Compiled::Map(_) => None,
        }
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
        let mut outcome = Outcome {
            needs: Vec::new(),
            faults: Faults::new(&self.file),
        };
        let value = self.compiled.eval(env, &mut outcome);
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

impl Compiled {
    fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    fn into_literal(self) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Template(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    fn templates<'c>(&'c self, found: &mut Vec<&'c Template>) {
        match self {
            Self::Literal(_) => {}
            Self::Template(template) => found.push(template),
            Self::List(items) => items.iter().for_each(|it| it.templates(found)),
            Self::Map(members) => members.iter().for_each(|(_, it)| it.templates(found)),
        }
    }

    /// Returns the value. Parts without a value yet are null.
    fn eval(&self, env: &Env<'_>, outcome: &mut Outcome) -> Value {
        match self {
            Self::Literal(value) => value.clone(),
            Self::List(items) => items.iter().map(|it| it.eval(env, outcome)).collect(),
            Self::Map(members) => {
                let members = members.iter();
                let members = members.map(|(key, it)| (key.clone(), it.eval(env, outcome)));
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
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => Compiled::Literal(node.value()),
        NodeKind::Text(text) if !Template::is_plain(&text.value) => {
            let place = node.text_place(file).expect("the node is a text");
            let template = Template::parse(&text.value, &place, variables);
            match faults.keep(template) {
                Some(template) => match template.literal() {
                    Some(literal) => Compiled::Literal(literal.into()),
                    None => Compiled::Template(Box::new(template)),
                },
                None => Compiled::Literal(node.value()),
            }
        }
        NodeKind::Text(_) => Compiled::Literal(node.value()),
        NodeKind::List(items) => {
            let items = items.iter();
            let items = items.map(|it| compiled(it, file, variables, faults));
            list(items.collect())
        }
        NodeKind::Map(members) => {
            let members = members.iter().map(|it| {
                let value = compiled(&it.value, file, variables, faults);
                (it.key.value.clone(), value)
            });
            map(members.collect())
        }
    }
}

/// Returns a list, as a literal if all its items are literals.
fn list(items: Vec<Compiled>) -> Compiled {
    if !items.iter().all(Compiled::is_literal) {
        return Compiled::List(items);
    }
    let values = items.into_iter().filter_map(Compiled::into_literal);
    Compiled::Literal(values.collect())
}

/// Returns an object, as a literal if all its members are literals.
fn map(members: Vec<(String, Compiled)>) -> Compiled {
    if !members.iter().all(|(_, it)| it.is_literal()) {
        return Compiled::Map(members);
    }
    let values = members.into_iter();
    let values = values.filter_map(|(key, it)| Some((key, it.into_literal()?)));
    Compiled::Literal(Value::Object(values.collect()))
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
