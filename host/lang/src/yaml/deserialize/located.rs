//! A value with its place, [`Located`], as a type of serde.

use std::marker::PhantomData;
use std::ops::Range;

use serde::de::value::{StrDeserializer, UsizeDeserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{FillError, NodeDeserializer};
use crate::yaml::Located;

/// The name by which [`Located`] asks for the place of a value, and its fields.
pub(super) const LOCATED: &str = "$sedge::Located";
pub(super) const LOCATED_FIELDS: &[&str] = &["start", "end", "value"];

/// The fields of a [`Located`]: the place of a node, and its value.
pub(super) struct LocatedParts<'n> {
    pub(super) of: NodeDeserializer<'n>,
    pub(super) fields: std::slice::Iter<'static, &'static str>,
    pub(super) field: &'static str,
}

impl<'de> MapAccess<'de> for LocatedParts<'_> {
    type Error = FillError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, FillError> {
        let Some(field) = self.fields.next() else {
            return Ok(None);
        };
        self.field = field;
        let text: StrDeserializer<'_, FillError> = (*field).into_deserializer();
        seed.deserialize(text).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, FillError> {
        let span = &self.of.node.span;
        let number = |at: usize| -> UsizeDeserializer<FillError> { at.into_deserializer() };
        match self.field {
            "start" => seed.deserialize(number(span.start)),
            "end" => seed.deserialize(number(span.end)),
            _ => self.of.fill(seed),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(LOCATED, LOCATED_FIELDS, LocatedVisitor(PhantomData))
    }
}

struct LocatedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LocatedVisitor<T> {
    type Value = Located<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value with its place")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Located<T>, A::Error> {
        let (mut span, mut value): (Range<usize>, _) = (0..0, None);
        while let Some(field) = parts.next_key::<String>()? {
            match &*field {
                "start" => span.start = parts.next_value()?,
                "end" => span.end = parts.next_value()?,
                _ => value = Some(parts.next_value()?),
            }
        }
        let value = value.ok_or_else(|| de::Error::missing_field("value"))?;
        Ok(Located { value, span })
    }
}
