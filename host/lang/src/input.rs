//! Inputs of definitions and workflows: what a file declares, and the values that a run gets.
//!
//! The key `inputs` is a JSON Schema of the type `object`, or only its properties. An input that is
//! not declared is refused, unless the schema has `additionalProperties`.

mod declared;
mod direct;
mod given;
mod items;
mod plain;
mod resolve;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::{Arc, LazyLock, OnceLock};

use sedge_model::violation::Violation;
use serde_json::{Map, Value, json};

pub use self::direct::{DirectInputs, DirectSchemas};
pub use self::given::{GivenInput, GivenInputError, GivenInputs, inputs_given, inputs_merge};
pub use self::items::{
    ITEM_BYTES_MAX, ITEMS_MAX, InputItemError, InputItems, InputsFileError, inputs_file,
};
use crate::diagnostic::SourceFile;
use crate::schema::Schema;
use crate::yaml::Faults;
use crate::yaml::node::Node;

/// Inputs with the places of the sensitive values, as JSON pointers; none is within another.
pub type ResolvedInputs = (Map<String, Value>, Vec<String>);

#[cfg(test)]
pub(crate) use declared::INPUT_KEYS;

/// The inputs that a definition or a workflow declares. Two are equal if their schemas are.
#[derive(Debug, Clone)]
pub struct InputsSchema {
    /// The schemas; `None` if the file has no key `inputs`.
    declared: Option<Arc<DeclaredInputs>>,
}

/// The inputs of a file that has the key `inputs`.
#[derive(Debug)]
struct DeclaredInputs {
    span: Range<usize>,
    /// The JSON Schema of all inputs, with the type `object`.
    json: Value,
    /// The same, compiled: when the file is read, unless the schema is certain to compile, and
    /// otherwise at its first use.
    schema: OnceLock<Schema>,
    /// The schema without the parts that [`resolve`] checks itself, with better messages. It is
    /// compiled at its first use, because most commands read a file and check no inputs.
    values: OnceLock<Schema>,
}

impl DeclaredInputs {
    fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| {
            let schema = Schema::compile_known(&self.json);
            schema.expect("a plain schema compiles, and any other was compiled when it was read")
        })
    }

    fn values(&self) -> &Schema {
        self.values.get_or_init(|| {
            let schema = Schema::compile_known(&resolve::values_schema(&self.json));
            schema.expect("the whole schema was compiled, and these are parts of it")
        })
    }
}

/// The inputs of a file, as far as they have values without a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KnownInputs {
    /// The given inputs, converted to the types of the schema, and the defaults of others.
    pub values: Map<String, Value>,
    /// The names of the inputs that a run needs and that have no value.
    pub missing: Vec<String>,
    /// The names of the inputs that may be missing in a run and that have no value.
    pub absent: Vec<String>,
}

/// The schema of a file that declares no inputs.
// process-wide: a schema takes a while to compile, and most files need this one.
static NO_INPUTS: LazyLock<(Value, Schema)> = LazyLock::new(|| {
    let json = json!({"type": "object", "additionalProperties": false});
    let schema = Schema::compile_known(&json).expect("it is a schema");
    (json, schema)
});

impl InputsSchema {
    /// Reads the value of the key `inputs`: a JSON Schema of the type `object`, or the map of its
    /// properties. The value has `required`, `type`, `enum`, `default` and the other keys that
    /// `docs/reference/yaml.md` lists.
    ///
    /// Each fault is added to `faults`. The result then has the inputs that can be read.
    #[must_use]
    pub fn read(node: &Node, file: &Arc<SourceFile>, faults: &mut Faults) -> Self {
        declared::read(node, file, faults)
    }

    /// Returns the inputs of a file without the key `inputs`: none.
    #[must_use]
    pub fn none() -> Self {
        Self { declared: None }
    }

    /// Returns whether the file has the key `inputs`.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        self.declared.is_some()
    }

    /// Returns the place of the value of the key `inputs`, if the file has the key.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        self.declared.as_ref().map(|it| it.span.clone())
    }

    /// Returns the schema of all inputs.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        match &self.declared {
            Some(declared) => declared.schema(),
            None => &NO_INPUTS.1,
        }
    }

    /// Returns the schema of all inputs as JSON Schema. Its type is `object`.
    #[must_use]
    pub fn json(&self) -> &Value {
        match &self.declared {
            Some(declared) => &declared.json,
            None => &NO_INPUTS.0,
        }
    }

    /// Returns the names of the declared inputs, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let properties = self.json()["properties"].as_object();
        properties
            .into_iter()
            .flat_map(|it| it.keys().map(String::as_str))
    }

    /// Returns the schema of one declared input as JSON Schema.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.json()["properties"].get(name)
    }

    /// Returns the places of sensitive inputs in `given`, as JSON pointers. Values that are null
    /// are left out.
    #[must_use]
    pub fn sensitive(&self, given: &Map<String, Value>) -> Vec<String> {
        resolve::sensitive(self.json(), given)
    }

    /// Returns the inputs of a run: the given ones, converted to the types of the schema, and the
    /// defaults of the others.
    ///
    /// # Errors
    /// All places at which the inputs violate the schema, at most a hundred. Each is a JSON pointer
    /// with what is wrong, and what was given. A plain value of an input that is marked as
    /// sensitive is such a violation, because a run would store it.
    pub fn resolve(&self, given: Map<String, Value>) -> Result<Map<String, Value>, Vec<Violation>> {
        match &self.declared {
            Some(declared) => resolve::resolve(declared, given),
            None if given.is_empty() => Ok(given),
            None => Err(given.keys().map(|key| resolve::undeclared(key)).collect()),
        }
    }

    /// Returns the inputs as [`InputsSchema::resolve`] does. The values of `hidden` are returned as
    /// they are: what stands in them for a secret fits no schema. They are known to be declared.
    ///
    /// # Errors
    /// The same as for [`InputsSchema::resolve`], except for places in a hidden value.
    pub fn resolve_hidden(
        &self,
        given: Map<String, Value>,
        hidden: Map<String, Value>,
    ) -> Result<Map<String, Value>, Vec<Violation>> {
        if hidden.is_empty() {
            return self.resolve(given);
        }
        match &self.declared {
            Some(declared) => resolve::resolve_hidden(declared, given, hidden),
            None => Err(hidden.keys().map(|key| resolve::undeclared(key)).collect()),
        }
    }

    /// Returns the inputs as [`InputsSchema::resolve`] does, for a caller that keeps sensitive values
    /// sealed: they are accepted. Also returns their places, as JSON pointers; none is within
    /// another.
    ///
    /// # Errors
    /// The same as for [`InputsSchema::resolve`], except for sensitive values. No message repeats a
    /// sensitive value.
    pub fn resolve_sensitive(
        &self,
        given: Map<String, Value>,
    ) -> Result<ResolvedInputs, Vec<Violation>> {
        match &self.declared {
            Some(declared) => resolve::resolve_sensitive(declared, given),
            None => self.resolve(given).map(|inputs| (inputs, Vec::new())),
        }
    }

    /// Returns the inputs as far as they have values: the given ones and the defaults, without
    /// those that a run needs and that are not given.
    ///
    /// # Errors
    /// The same as for [`InputsSchema::resolve`], except for inputs that are missing.
    pub fn resolve_known(&self, given: Map<String, Value>) -> Result<KnownInputs, Vec<Violation>> {
        let required = self.json()["required"].as_array();
        let required = required.into_iter().flatten().filter_map(Value::as_str);
        let missing: Vec<String> = required
            .filter(|name| !given.contains_key(*name))
            .filter(|name| {
                let property = self.property(name);
                property.is_none_or(|it| it.get("default").is_none())
            })
            .map(str::to_owned)
            .collect();
        let hidden = missing.iter().map(|name| (name.clone(), Value::Null));
        let is_none_given = given.is_empty();
        let mut values = match self.resolve_hidden(given, hidden.collect()) {
            Ok(values) => values,
            // ignored: the schema needs some of the inputs, and does not say which.
            Err(_) if is_none_given => {
                return Ok(KnownInputs {
                    missing: self.names().map(str::to_owned).collect(),
                    ..KnownInputs::default()
                });
            }
            Err(violations) => return Err(violations),
        };
        values.retain(|name, _| !missing.contains(name));
        let absent = self.names().filter(|name| !values.contains_key(*name));
        let absent = absent.filter(|name| !missing.iter().any(|it| it == name));
        Ok(KnownInputs {
            absent: absent.map(str::to_owned).collect(),
            values,
            missing,
        })
    }
}

impl Default for InputsSchema {
    fn default() -> Self {
        Self::none()
    }
}

impl PartialEq for InputsSchema {
    fn eq(&self, other: &Self) -> bool {
        self.is_declared() == other.is_declared() && self.json() == other.json()
    }
}
