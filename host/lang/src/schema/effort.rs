//! Bounds the work of checking a value against a schema before the check starts.
//!
//! Schemas and values come from plugins, and the check of a value cannot be interrupted. A short
//! schema can cause any amount of work: an `allOf` of the same schema twice, at each of fifty
//! levels, takes years. The bound is, per depth, the maximum number of visits to one part of a
//! value at that depth. Subschemas that apply to different parts of a value are not added up, so
//! large schemas and recursive ones are accepted.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// The maximum depth that is followed, which is also the maximum nesting of a plugin's JSON.
const DEPTH_MAX: usize = 100;

/// The number of visits that one regular expression counts as.
const PATTERN_CHECKS: u64 = 100;

/// The maximum number of regular expressions in one schema. Compiling one may take milliseconds.
const PATTERNS_MAX: usize = 200;

/// The maximum number of visits to a value as a whole. A schema beyond it grows exponentially.
const CHECKS_MAX: u64 = 1_000_000;

/// The number of text bytes that count as one more part of a value.
const TEXT_BYTES_OF_PART: usize = 16;

/// The maximum number of visits to one part of a value, by depth.
#[derive(Debug, Clone)]
pub(super) struct Effort {
    by_depth: Vec<u64>,
}

impl Effort {
    /// Computes the bound of a schema.
    ///
    /// # Errors
    /// The work has no bound, exceeds the maximum, or cannot be determined.
    pub(super) fn of(schema: &Value) -> Result<Self, String> {
        let graph = Graph::of(schema)?;
        let order = graph.order()?;
        let mut by_depth = Vec::new();
        let mut above = vec![0; graph.nodes.len()];
        for depth in 0..=DEPTH_MAX {
            let mut here = vec![0_u64; graph.nodes.len()];
            for at in &order {
                here[*at] = graph.nodes[*at].checks(depth, &here, &above);
            }
            by_depth.push(here[0]);
            if depth > 0 && here.iter().all(|it| *it == 0) {
                break;
            }
            above = here;
        }
        if by_depth[0] > CHECKS_MAX {
            return Err(format!("it checks one value more than {CHECKS_MAX} times"));
        }
        Ok(Self { by_depth })
    }

    /// Returns the maximum number of visits to the parts of a value during its check.
    pub(super) fn n_visits(&self, value: &Value) -> u64 {
        let mut n_parts = [0; DEPTH_MAX + 1];
        count(value, 0, &mut n_parts);
        let looks = n_parts.iter().zip(&self.by_depth);
        looks.fold(0, |sum, (n_parts, checks)| {
            sum.saturating_add(checks.saturating_mul(*n_parts))
        })
    }
}

/// Counts the parts of a value by depth.
fn count(value: &Value, depth: usize, n_parts: &mut [u64; DEPTH_MAX + 1]) {
    let (here, below) = (depth.min(DEPTH_MAX), depth + 1);
    n_parts[here] += 1;
    match value {
        Value::Array(items) => items.iter().for_each(|it| count(it, below, n_parts)),
        Value::Object(members) => {
            for (key, it) in members {
                n_parts[here] += text(key);
                count(it, below, n_parts);
            }
        }
        Value::String(it) => n_parts[here] += text(it),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns the number of parts of a value.
fn parts(value: &Value) -> u64 {
    let mut n_parts = [0; DEPTH_MAX + 1];
    count(value, 0, &mut n_parts);
    n_parts.iter().sum()
}

fn text(text: &str) -> u64 {
    (text.len() / TEXT_BYTES_OF_PART) as u64
}

/// A schema and the subschemas that it applies.
#[derive(Debug, Default)]
struct Node {
    /// The cost of its own checks.
    own: u64,
    /// The subschemas that check the same part.
    same: Vec<usize>,
    /// The subschemas that each check a different part below it.
    apart: Vec<usize>,
    /// The subschemas that may all check the same part below it.
    together: Vec<usize>,
}

impl Node {
    /// Returns the number of visits to a part that is `depth` levels below the part of this node.
    /// `here` contains the results of all nodes for this depth, `above` for one level less.
    fn checks(&self, depth: usize, here: &[u64], above: &[u64]) -> u64 {
        let sum = |nodes: &[usize], of: &[u64]| {
            nodes
                .iter()
                .fold(0_u64, |sum, at| sum.saturating_add(of[*at]))
        };
        let same = sum(&self.same, here);
        if depth == 0 {
            return same.saturating_add(self.own);
        }
        let apart = self.apart.iter().map(|at| above[*at]).max().unwrap_or(0);
        same.saturating_add(apart)
            .saturating_add(sum(&self.together, above))
    }
}

/// All schemas that are reachable from a schema, which is the first.
struct Graph<'s> {
    root: &'s Value,
    nodes: Vec<Node>,
    known: HashMap<*const Value, usize>,
    waiting: Vec<(usize, &'s Value)>,
    n_patterns: usize,
}

impl<'s> Graph<'s> {
    fn of(root: &'s Value) -> Result<Self, String> {
        let mut graph = Self {
            root,
            nodes: Vec::new(),
            known: HashMap::new(),
            waiting: Vec::new(),
            n_patterns: 0,
        };
        graph.node(root);
        while let Some((at, schema)) = graph.waiting.pop() {
            if let Value::Object(schema) = schema {
                graph.nodes[at] = graph.read(at, schema)?;
            }
        }
        if graph.n_patterns > PATTERNS_MAX {
            return Err(format!(
                "it has {} patterns, more than {PATTERNS_MAX}",
                graph.n_patterns
            ));
        }
        Ok(graph)
    }

    fn node(&mut self, schema: &'s Value) -> usize {
        let n_known = self.nodes.len();
        let at = *self.known.entry(schema).or_insert(n_known);
        if at == n_known {
            self.nodes.push(Node {
                own: 1,
                ..Node::default()
            });
            self.waiting.push((at, schema));
        }
        at
    }

    fn read(&mut self, at: usize, schema: &'s Map<String, Value>) -> Result<Node, String> {
        let mut node = Node {
            own: 1,
            ..Node::default()
        };
        for (keyword, value) in schema {
            node.own += 1;
            match keyword.as_str() {
                "$ref" => {
                    let target = self.target(value)?;
                    node.same.push(self.node(target));
                }
                "$dynamicRef" | "$recursiveRef" => return Err(elsewhere(keyword)),
                "$id" if at != 0 => return Err("a part of it has an `$id` of its own".to_owned()),
                "allOf" | "anyOf" | "oneOf" => self.each_of(value, &mut node.same),
                "not" | "if" | "then" | "else" => node.same.push(self.node(value)),
                "dependentSchemas" | "dependencies" => self.each_of(value, &mut node.same),
                "properties" | "prefixItems" => self.each_of(value, &mut node.apart),
                "items" if value.is_array() => self.each_of(value, &mut node.apart),
                "patternProperties" => {
                    let n_patterns = value.as_object().map_or(0, Map::len);
                    self.patterns(n_patterns, &mut node);
                    self.each_of(value, &mut node.together);
                }
                "additionalProperties"
                | "additionalItems"
                | "items"
                | "contains"
                | "propertyNames"
                | "unevaluatedProperties"
                | "unevaluatedItems"
                | "contentSchema" => node.together.push(self.node(value)),
                "pattern" => self.patterns(1, &mut node),
                "enum" | "const" | "required" | "dependentRequired" => node.own += parts(value),
                // The keyword checks a number, is an annotation, or is unknown.
                _ => {}
            }
        }
        // To find unevaluated parts, the validator checks the schemas of the same part once more.
        if schema.keys().any(|it| it.starts_with("unevaluated")) {
            node.same.extend_from_within(..);
        }
        Ok(node)
    }

    fn patterns(&mut self, n_patterns: usize, node: &mut Node) {
        self.n_patterns += n_patterns;
        node.own += PATTERN_CHECKS * n_patterns as u64;
    }

    /// Adds all schemas of a list, or of the members of an object.
    fn each_of(&mut self, value: &'s Value, to: &mut Vec<usize>) {
        match value {
            Value::Array(items) => to.extend(items.iter().map(|it| self.node(it))),
            Value::Object(members) => to.extend(members.values().map(|it| self.node(it))),
            // A schema with this value does not compile.
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn target(&self, reference: &Value) -> Result<&'s Value, String> {
        let text = reference.as_str().unwrap_or_default();
        let pointer = text.strip_prefix('#');
        let pointer = pointer.filter(|it| it.is_empty() || it.starts_with('/'));
        let pointer = pointer.ok_or_else(|| elsewhere(text))?;
        let found = self
            .root
            .pointer(&pointer.replace("%25", "%").replace("%24", "$"));
        found.ok_or_else(|| format!("it refers to `{text}`, which does not exist"))
    }

    /// Returns all nodes. Each comes after the nodes that check the same part.
    fn order(&self) -> Result<Vec<usize>, String> {
        #[derive(Clone, Copy, PartialEq, Eq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; self.nodes.len()];
        let mut order = Vec::with_capacity(self.nodes.len());
        // A node, and how many of its subschemas were visited.
        let mut path: Vec<(usize, usize)> = Vec::new();
        for begin in 0..self.nodes.len() {
            path.push((begin, 0));
            while let Some((at, n_seen)) = path.pop() {
                if n_seen == 0 && marks[at] != Mark::New {
                    continue;
                }
                marks[at] = Mark::Open;
                let Some(next) = self.nodes[at].same.get(n_seen) else {
                    marks[at] = Mark::Done;
                    order.push(at);
                    continue;
                };
                path.push((at, n_seen + 1));
                match marks[*next] {
                    Mark::New => path.push((*next, 0)),
                    Mark::Open => return Err("it refers to itself in an endless loop".to_owned()),
                    Mark::Done => {}
                }
            }
        }
        Ok(order)
    }
}

fn elsewhere(reference: &str) -> String {
    format!(
        "it refers to `{reference}`: a schema may refer only to its own parts, as in `#/$defs/NAME`"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns the number of visits to a part at a depth.
    fn checks(schema: &Value, depth: usize) -> u64 {
        let effort = Effort::of(schema).expect("it has a bound");
        effort.by_depth.get(depth).copied().unwrap_or(0)
    }

    #[test]
    fn subschemas_of_different_parts_are_not_added_up() {
        let one = json!({"type": "string"});
        let wide: Map<String, Value> = (0..1000).map(|n| (format!("p{n}"), one.clone())).collect();
        assert_eq!(checks(&one, 0), 2);
        assert_eq!(checks(&json!({"properties": wide}), 1), 2);
        assert_eq!(checks(&json!({"properties": wide}), 2), 0);
        assert_eq!(checks(&json!({"allOf": [one, one]}), 0), 6);
        let tree = json!({"$ref": "#/$defs/t", "$defs": {"t": {"properties": {
            "left": {"$ref": "#/$defs/t"}, "right": {"$ref": "#/$defs/t"}}}}});
        assert!(checks(&tree, DEPTH_MAX) < 10);
    }

    #[test]
    fn exponential_schema_is_accepted_for_flat_values() {
        let twice = json!({"properties": {"a": {"$ref": "#"}}});
        let effort = Effort::of(&json!({"allOf": [twice, twice]})).expect("it has a bound");
        let nested = |n| (0..n).fold(json!({}), |inner, _| json!({"a": inner}));
        assert!(
            effort.n_visits(&nested(3)) < 1000,
            "{}",
            effort.n_visits(&nested(3))
        );
        assert!(effort.n_visits(&nested(60)) > 1 << 60);
    }

    #[test]
    fn schema_without_a_bound_is_refused() {
        let refused = |schema: Value, expect: &str| {
            let error = Effort::of(&schema).expect_err("it has no bound");
            assert!(error.contains(expect), "{schema}: {error}");
        };
        let itself = "refers to itself in an endless loop";
        refused(json!({"$ref": "#"}), itself);
        refused(
            json!({"anyOf": [{"not": {"$ref": "#/$defs/a"}}], "$defs": {"a": {"$ref": "#"}}}),
            itself,
        );
        let mut defs = Map::new();
        for n in 0..40 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            defs.insert(format!("d{n}"), json!({"allOf": [next, next]}));
        }
        defs.insert("d40".to_owned(), json!({}));
        refused(
            json!({"$ref": "#/$defs/d0", "$defs": defs}),
            "more than 1000000 times",
        );
        refused(json!({"$ref": "http://127.0.0.1/x"}), "to its own parts");
        refused(json!({"$dynamicRef": "#x"}), "to its own parts");
        refused(json!({"$ref": "#/$defs/x"}), "does not exist");
        let patterns: Vec<Value> = (0..=PATTERNS_MAX)
            .map(|_| json!({"pattern": "a"}))
            .collect();
        refused(json!({"anyOf": patterns}), "201 patterns");
    }

    #[test]
    fn long_texts_have_many_parts() {
        assert_eq!(parts(&json!(null)), 1);
        assert_eq!(parts(&json!([1, {"a": 2}])), 4);
        assert_eq!(parts(&json!("x".repeat(1600))), 101);
    }
}
