//! Fills types of serde from a tree. A fault has the place of the value that it is about.

mod located;

use std::fmt::Display;
use std::sync::Arc;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::{Deserialize, Deserializer};

use self::located::{LOCATED, LOCATED_FIELDS, LocatedParts};
use super::keys::{KEYS_FORM, missing_key, unknown_key};
use super::node::{Member, Node, NodeKind};
use super::{LIST_FORM, Located, first_line, one_of, wrong_type};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::suggest::nearest;

/// The name by which [`TextOrList`] asks for either of its forms.
const TEXT_OR_LIST: &str = "$sedge::TextOrList";

/// A text, or a list of texts.
#[derive(Debug)]
pub(crate) enum TextOrList {
    Text(String),
    List(Vec<Located<String>>),
}

impl<'de> Deserialize<'de> for TextOrList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;

        impl<'de> Visitor<'de> for Forms {
            type Value = TextOrList;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TextOrList, E> {
                Ok(TextOrList::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<TextOrList, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(TextOrList::List(list))
            }
        }

        deserializer.deserialize_newtype_struct(TEXT_OR_LIST, Forms)
    }
}

/// Fills a type from a tree.
///
/// # Errors
/// The first fault, with its place.
pub(super) fn fill<T: DeserializeOwned>(
    node: &Node,
    file: &Arc<SourceFile>,
) -> Result<T, Diagnostic> {
    T::deserialize(NodeDeserializer { node, file }).map_err(|error| error.placed(node, file))
}

/// A fault that may not have a place yet.
#[derive(Debug)]
enum FillError {
    Placed(Box<Diagnostic>),
    Unknown {
        key: String,
        keys: &'static [&'static str],
    },
    Missing(&'static str),
    Other {
        message: String,
        hint: Option<String>,
    },
    /// The value does not have this form.
    Form(&'static str),
}

impl FillError {
    /// Returns the fault. If it has no place, it gets the one of a node.
    fn placed(self, node: &Node, file: &Arc<SourceFile>) -> Diagnostic {
        let at = |message: String| Diagnostic::new(file, node.span.clone(), message);
        match self {
            Self::Placed(fault) => *fault,
            Self::Unknown { key, keys } => {
                let fault = at(format!("unknown key `{key}`"));
                unknown_key(fault, &key, keys)
            }
            Self::Missing(key) => {
                let span = first_line(file, node.span.clone());
                missing_key(Diagnostic::new(file, span, ""), key)
            }
            Self::Other { message, hint } => {
                let mut fault = at(message);
                fault.hint = hint;
                fault
            }
            Self::Form(expected) => wrong_type(node, file, expected),
        }
    }

    fn other(message: String) -> Self {
        let hint = None;
        Self::Other { message, hint }
    }
}

impl Display for FillError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Placed(fault) => f.write_str(&fault.message),
            Self::Unknown { key, .. } => write!(f, "unknown key `{key}`"),
            Self::Missing(key) => write!(f, "the key `{key}` is missing"),
            Self::Other { message, .. } => f.write_str(message),
            Self::Form(expected) => write!(f, "expected {expected}"),
        }
    }
}

impl std::error::Error for FillError {}

impl de::Error for FillError {
    fn custom<T: Display>(message: T) -> Self {
        let message = message.to_string();
        // The message of serde for a type that takes several forms does not list them.
        if message.starts_with("data did not match any variant") {
            return Self::other("the value has none of the possible forms".to_owned());
        }
        Self::other(message)
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match form(&expected.to_string()) {
            Some(known) => Self::Form(known),
            None => Self::other(format!("expected {expected}")),
        }
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn invalid_length(n_items: usize, expected: &dyn Expected) -> Self {
        Self::other(format!("expected {expected}, found {n_items} items"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let near = nearest(variant, expected.iter().copied());
        Self::Other {
            message: format!("`{variant}` is not one of {}", one_of(expected)),
            hint: near.map(|near| format!("did you mean `{near}`?")),
        }
    }

    fn unknown_field(key: &str, keys: &'static [&'static str]) -> Self {
        let key = key.to_owned();
        Self::Unknown { key, keys }
    }

    fn missing_field(key: &'static str) -> Self {
        Self::Missing(key)
    }

    fn duplicate_field(key: &'static str) -> Self {
        Self::other(format!("the key `{key}` is given twice"))
    }
}

/// Returns the plain name of what a type of serde expects.
fn form(expected: &str) -> Option<&'static str> {
    Some(match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" | "a borrowed string" | "a character" | "string or bytes" => "a text",
        "a sequence" | "a tuple" => LIST_FORM,
        "a map" => KEYS_FORM,
        "unit" | "option" => "nothing",
        other if other.starts_with("a nonzero u") => "a whole number, 1 or more",
        other if other.starts_with("a nonzero i") => "a whole number other than 0",
        other if other.starts_with("struct ") || other.starts_with("map") => KEYS_FORM,
        other if other.starts_with("tuple ") || other.starts_with("sequence") => LIST_FORM,
        other if other.starts_with("enum ") => "a text, or one key with a value",
        _ => return None,
    })
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'n> {
    node: &'n Node,
    file: &'n Arc<SourceFile>,
}

impl<'n> NodeDeserializer<'n> {
    fn wrong<T>(&self, expected: &str) -> Result<T, FillError> {
        let fault = wrong_type(self.node, self.file, expected);
        Err(FillError::Placed(Box::new(fault)))
    }

    /// Gives a fault of a visitor the place of this value.
    fn place<T>(&self, result: Result<T, FillError>) -> Result<T, FillError> {
        result.map_err(|error| match error {
            placed @ FillError::Placed(_) => placed,
            error @ (FillError::Unknown { .. }
            | FillError::Missing(_)
            | FillError::Other { .. }
            | FillError::Form(_)) => {
                FillError::Placed(Box::new(error.placed(self.node, self.file)))
            }
        })
    }

    /// Fills a type. A fault that it finds in the value that it got has the place of this value.
    fn fill<'de, T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, FillError> {
        self.place(seed.deserialize(self))
    }

    fn visit_number<'de, V: Visitor<'de>>(
        &self,
        visitor: V,
        expected: &str,
    ) -> Result<V::Value, FillError> {
        let NodeKind::Number(number) = &self.node.kind else {
            return self.wrong(expected);
        };
        self.place(match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => visitor.visit_u64(value),
            (None, Some(value)) => visitor.visit_i64(value),
            (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
        })
    }

    fn visit_list<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, FillError> {
        let Some(items) = self.node.items() else {
            return self.wrong(LIST_FORM);
        };
        let file = self.file;
        self.place(visitor.visit_seq(Items {
            items: items.iter(),
            file,
        }))
    }

    fn visit_keys<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, FillError> {
        let Some(members) = self.node.members() else {
            return self.wrong(KEYS_FORM);
        };
        self.place(visitor.visit_map(Members {
            members: members.iter(),
            value: None,
            file: self.file,
        }))
    }
}

/// Methods for the types of numbers.
macro_rules! numbers {
    ($expected:literal: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
            self.visit_number(visitor, $expected)
        })*
    };
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = FillError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        match &self.node.kind {
            NodeKind::Null => self.place(visitor.visit_unit()),
            NodeKind::Bool(value) => self.place(visitor.visit_bool(*value)),
            NodeKind::Number(_) => self.visit_number(visitor, "a number"),
            NodeKind::Text(text) => self.place(visitor.visit_str(&text.value)),
            NodeKind::List(_) => self.visit_list(visitor),
            NodeKind::Map(_) => self.visit_keys(visitor),
        }
    }

    numbers! {"a whole number, 0 or more": deserialize_u8 deserialize_u16 deserialize_u32
    deserialize_u64 deserialize_u128}
    numbers! {"a whole number": deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    deserialize_i128}
    numbers! {"a number": deserialize_f32 deserialize_f64}

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        match self.node.kind {
            NodeKind::Bool(value) => self.place(visitor.visit_bool(value)),
            NodeKind::Null
            | NodeKind::Number(_)
            | NodeKind::Text(_)
            | NodeKind::List(_)
            | NodeKind::Map(_) => self.wrong("`true` or `false`"),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        match &self.node.kind {
            NodeKind::Text(text) => self.place(visitor.visit_str(&text.value)),
            NodeKind::Bool(_) | NodeKind::Number(_) => {
                self.place(visitor.visit_string(self.node.written(self.file)))
            }
            NodeKind::Null | NodeKind::List(_) | NodeKind::Map(_) => self.wrong("a text"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        if self.node.is_null() {
            return self.place(visitor.visit_none());
        }
        self.place(visitor.visit_some(self))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        if self.node.is_null() {
            return self.place(visitor.visit_unit());
        }
        self.wrong("nothing")
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, FillError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, FillError> {
        if name == TEXT_OR_LIST {
            return match self.node.items() {
                Some(_) => self.visit_list(visitor),
                None => self.deserialize_str(visitor),
            };
        }
        self.place(visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        self.visit_list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, FillError> {
        self.visit_list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, FillError> {
        self.visit_list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        self.visit_keys(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FillError> {
        if name != LOCATED {
            return self.visit_keys(visitor);
        }
        let fields = LOCATED_FIELDS.iter();
        let parts = LocatedParts {
            of: self,
            fields,
            field: "",
        };
        self.place(visitor.visit_map(parts))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FillError> {
        let variant = match &self.node.kind {
            NodeKind::Text(_) => Variant {
                name: self.node,
                key: None,
                value: None,
                file: self.file,
            },
            NodeKind::Map(members) if members.len() == 1 => Variant {
                name: self.node,
                key: Some(&members[0]),
                value: Some(&members[0].value),
                file: self.file,
            },
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Number(_)
            | NodeKind::List(_)
            | NodeKind::Map(_) => return self.wrong("a text, or one key with a value"),
        };
        self.place(visitor.visit_enum(variant))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FillError> {
        visitor.visit_unit()
    }
}

struct Items<'n> {
    items: std::slice::Iter<'n, Node>,
    file: &'n Arc<SourceFile>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = FillError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, FillError> {
        let file = self.file;
        let next = self.items.next();
        next.map(|node| NodeDeserializer { node, file }.fill(seed))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Members<'n> {
    members: std::slice::Iter<'n, Member>,
    value: Option<&'n Node>,
    file: &'n Arc<SourceFile>,
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = FillError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, FillError> {
        let Some(member) = self.members.next() else {
            return Ok(None);
        };
        self.value = Some(&member.value);
        key(member, self.file, seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, FillError> {
        let node = self.value.take().expect("a key was read before its value");
        let file = self.file;
        NodeDeserializer { node, file }.fill(seed)
    }
}

/// Reads a key. Its faults have its place.
fn key<'de, K: DeserializeSeed<'de>>(
    member: &Member,
    file: &Arc<SourceFile>,
    seed: K,
) -> Result<K::Value, FillError> {
    let text: StrDeserializer<'_, FillError> = (*member.key.value).into_deserializer();
    let read = seed.deserialize(text);
    read.map_err(|error| {
        let at = Node::from_value(&serde_json::Value::Null, member.key.span.clone());
        FillError::Placed(Box::new(error.placed(&at, file)))
    })
}

/// A variant of an enum: a text, or one key with a value.
struct Variant<'n> {
    name: &'n Node,
    key: Option<&'n Member>,
    value: Option<&'n Node>,
    file: &'n Arc<SourceFile>,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = FillError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), FillError> {
        let (node, file) = (self.name, self.file);
        let name = match self.key {
            Some(member) => key(member, file, seed)?,
            None => seed.deserialize(NodeDeserializer { node, file })?,
        };
        Ok((name, self))
    }
}

impl Variant<'_> {
    fn content(&self) -> Result<NodeDeserializer<'_>, FillError> {
        let file = self.file;
        match self.value {
            Some(node) => Ok(NodeDeserializer { node, file }),
            None => Err(FillError::other(format!(
                "{} needs a value: `name: value`",
                self.name.described(file)
            ))),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = FillError;

    fn unit_variant(self) -> Result<(), FillError> {
        match self.value {
            None => Ok(()),
            Some(node) if node.is_null() => Ok(()),
            Some(node) => {
                let file = self.file;
                NodeDeserializer { node, file }.wrong("nothing")
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, FillError> {
        self.content()?.fill(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, FillError> {
        self.content()?.visit_list(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FillError> {
        self.content()?.visit_keys(visitor)
    }
}
