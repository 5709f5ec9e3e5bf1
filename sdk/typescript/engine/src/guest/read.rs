//! Makes values of the contract out of values of a script: the reverse of `write`.
//!
//! A property that is missing stands for `none`, an empty list, `false`, or a record of such fields.

use std::fmt;

use rquickjs::{Array, Value};
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, IntoDeserializer as _, Visitor};

use super::arguments;
use crate::names;

/// Returns a value of a script as a value of the contract. The error says what is wrong, and where.
pub(super) fn value<T: DeserializeOwned>(value: Value<'_>) -> Result<T, String> {
    T::deserialize(Reader(value)).map_err(|error| error.to_string())
}

/// What is wrong with a value.
#[derive(Debug)]
struct ReadError {
    /// The properties and indices that lead to it, outermost last.
    path: Vec<String>,
    message: String,
}

impl ReadError {
    fn below(mut self, step: &str) -> Self {
        self.path.push(step.to_owned());
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.path.iter().rev().enumerate() {
            let dot = if index > 0 { "." } else { "" };
            write!(formatter, "{dot}{step}")?;
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(formatter, "{colon}{}", self.message)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            path: Vec::new(),
            message: message.to_string(),
        }
    }
}

impl From<rquickjs::Error> for ReadError {
    fn from(error: rquickjs::Error) -> Self {
        de::Error::custom(error)
    }
}

struct Reader<'js>(Value<'js>);

impl<'js> Reader<'js> {
    fn is_missing(&self) -> bool {
        self.0.is_undefined() || self.0.is_null()
    }

    fn wrong(&self, expected: &dyn de::Expected) -> ReadError {
        let found = de::Unexpected::Other(self.0.type_name());
        de::Error::invalid_type(found, expected)
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Some(number) = self.0.as_number() else {
            return Err(self.wrong(&visitor));
        };
        match number {
            _ if number.fract() != 0.0 || number.abs() > MAX_SAFE => visitor.visit_f64(number),
            _ if number < 0.0 => visitor.visit_i64(number as i64),
            _ => visitor.visit_u64(number as u64),
        }
    }
}

/// The greatest integer up to which a script can tell all integers apart: 2^53 - 1.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.number(visitor)
        }
    )*};
}

impl<'de, 'js> de::Deserializer<'de> for Reader<'js> {
    type Error = ReadError;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        Err(self.wrong(&visitor))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0.as_bool() {
            Some(value) => visitor.visit_bool(value),
            None if self.is_missing() => visitor.visit_bool(false),
            None => Err(self.wrong(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0.as_string() {
            Some(text) => visitor.visit_string(arguments::text(text)?),
            None => Err(self.wrong(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.is_missing() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.is_missing() {
            return visitor.visit_seq(Elements {
                array: None,
                next: 0,
            });
        }
        match self.0.as_array() {
            Some(array) => visitor.visit_seq(Elements {
                array: Some(array.clone()),
                next: 0,
            }),
            None => Err(self.wrong(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let is_record = self.0.is_object() && !self.0.is_array();
        if !is_record && !self.is_missing() {
            return Err(self.wrong(&visitor));
        }
        visitor.visit_map(Fields {
            source: self.0,
            fields,
            value: None,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let (tag, payload) = match self.0.as_object() {
            Some(object) => (object.get::<_, Value<'js>>("tag")?, object.get("val")?),
            None => (self.0.clone(), Value::new_undefined(self.0.ctx().clone())),
        };
        let Some(tag) = tag.as_string() else {
            return Err(self.wrong(&visitor));
        };
        let tag = arguments::text(tag)?;
        match variants.iter().find(|variant| names::tag(variant) == tag) {
            Some(variant) => visitor.visit_enum(Case { variant, payload }),
            None => Err(de::Error::custom(format_args!(
                "expected one of {}, not `{tag}`",
                variants
                    .iter()
                    .map(|it| names::tag(it))
                    .collect::<Vec<_>>()
                    .join(", ")
            ))),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct newtype_struct tuple_struct map
    }
}

struct Elements<'js> {
    array: Option<Array<'js>>,
    next: usize,
}

impl<'de, 'js> de::SeqAccess<'de> for Elements<'js> {
    type Error = ReadError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some(array) = self.array.as_ref().filter(|array| self.next < array.len()) else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        let element = seed.deserialize(Reader(array.get(index)?));
        element
            .map(Some)
            .map_err(|error| error.below(&index.to_string()))
    }
}

struct Fields<'js> {
    /// The object, or a missing one, of which each field is missing, too.
    source: Value<'js>,
    fields: &'static [&'static str],
    value: Option<(String, Value<'js>)>,
}

impl<'de, 'js> de::MapAccess<'de> for Fields<'js> {
    type Error = ReadError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        let Some((field, rest)) = self.fields.split_first() else {
            return Ok(None);
        };
        self.fields = rest;
        let property = names::property(field);
        let value = match self.source.as_object() {
            Some(object) => object.get(property.as_str())?,
            None => self.source.clone(),
        };
        self.value = Some((property, value));
        let name: StrDeserializer<'_, ReadError> = (*field).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ReadError> {
        let Some((property, value)) = self.value.take() else {
            return Err(de::Error::custom("a field without a value"));
        };
        seed.deserialize(Reader(value))
            .map_err(|error| error.below(&property))
    }
}

struct Case<'js> {
    variant: &'static str,
    payload: Value<'js>,
}

impl<'de, 'js> de::EnumAccess<'de> for Case<'js> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: de::DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), ReadError> {
        let name: StrDeserializer<'_, ReadError> = self.variant.into_deserializer();
        let variant = seed.deserialize(name)?;
        Ok((variant, self))
    }
}

impl<'de, 'js> de::VariantAccess<'de> for Case<'js> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Ok(())
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, ReadError> {
        seed.deserialize(Reader(self.payload))
            .map_err(|error| error.below("val"))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        Err(Reader(self.payload).wrong(&visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        Err(Reader(self.payload).wrong(&visitor))
    }
}
