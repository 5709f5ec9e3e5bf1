//! Converts JSON text to values of the expression language, and such values to JSON.
//!
//! Texts of the content are borrowed, not copied. Members that no expression uses are skipped.

use std::collections::HashMap;
use std::fmt;

use cel::common::types::{
    CelBool, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull, CelOptional,
    CelString, CelTimestamp, CelType, CelUInt,
};
use cel::common::value::{BuiltinRef, Val};
use cel::objects::{Map, OptionalValue};
use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta, Utc};
use sedge_model::sealed::{SEALED_KEY, SEALED_SHOWN, sealed_parts};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::hidden::is_hidden;
use super::shared::Shared;

/// The maximum nesting of content, which is also the limit for guests that write it.
///
/// Plugins choose the depth, and values are parsed, shown and dropped by recursion.
const NESTING_MAX: u32 = 100;

/// The number of text bytes that weigh as much as one value: see [`weight`].
pub(super) const BYTES_PER_UNIT: usize = 16;

/// A value that borrows from its source.
pub(crate) type Boxed<'a> = Box<dyn Val + 'a>;

/// Parses the content of a version. If `keys` is given and the content is an object, only these
/// members are kept.
pub(crate) fn from_json<'a>(text: &'a str, keys: Option<&[String]>) -> Result<Boxed<'a>, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let seed = ContentSeed { depth: 0, keys };
    let parsed = seed.deserialize(&mut json);
    let parsed = parsed.and_then(|value| json.end().map(|()| value));
    parsed.map_err(|error| format!("the content cannot be read as JSON: {error}"))
}

#[derive(Clone, Copy)]
struct ContentSeed<'k> {
    depth: u32,
    keys: Option<&'k [String]>,
}

impl ContentSeed<'_> {
    fn below<E: de::Error>(self) -> Result<ContentSeed<'static>, E> {
        let depth = self.depth + 1;
        if depth > NESTING_MAX {
            return Err(E::custom(format_args!(
                "it is nested more than {NESTING_MAX} deep"
            )));
        }
        Ok(ContentSeed { depth, keys: None })
    }

    fn keeps(self, key: &CelMapKey<'_>) -> bool {
        let (Some(keys), CelMapKey::String(key)) = (self.keys, key) else {
            return true;
        };
        keys.iter().any(|it| it == key.inner())
    }
}

impl<'de> DeserializeSeed<'de> for ContentSeed<'_> {
    type Value = Boxed<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Boxed<'de>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ContentSeed<'_> {
    type Value = Boxed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Boxed<'de>, E> {
        Ok(Box::new(CelBool::from(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Boxed<'de>, E> {
        Ok(Box::new(CelInt::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Boxed<'de>, E> {
        Ok(from_u64(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Boxed<'de>, E> {
        Ok(Box::new(CelDouble::from(value)))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Boxed<'de>, E> {
        Ok(Box::new(CelString::from(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Boxed<'de>, E> {
        Ok(Box::new(CelString::from(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Boxed<'de>, E> {
        Ok(Box::new(CelNull))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Boxed<'de>, A::Error> {
        let below = self.below()?;
        let mut items: Vec<Boxed<'de>> = Vec::new();
        while let Some(item) = seq.next_element_seed(below)? {
            items.push(item);
        }
        Ok(Box::new(CelList::from(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Boxed<'de>, A::Error> {
        let below = self.below()?;
        let mut members: HashMap<CelMapKey<'de>, Boxed<'de>> = HashMap::new();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if self.keeps(&key) {
                members.insert(key, map.next_value_seed(below)?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let is_sealed = members.len() == 1 && members.keys().all(is_sealed_key);
        if is_sealed {
            return Ok(sealed());
        }
        Ok(Box::new(CelMap::from(members)))
    }
}

fn is_sealed_key(key: &CelMapKey<'_>) -> bool {
    let key = key.inner().downcast_ref::<CelString<'_>>();
    key.is_some_and(|key| key.inner() == SEALED_KEY)
}

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = CelMapKey<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<CelMapKey<'de>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = CelMapKey<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<CelMapKey<'de>, E> {
        Ok(CelMapKey::from(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<CelMapKey<'de>, E> {
        Ok(CelMapKey::from(key.to_owned()))
    }
}

/// Returns a whole number as an `int`, or as a `uint` if it is too large for an `int`. The two
/// types compare with each other but do not calculate with each other.
pub(crate) fn from_u64<'a>(value: u64) -> Boxed<'a> {
    match i64::try_from(value) {
        Ok(value) => Box::new(CelInt::from(value)),
        Err(_) => Box::new(CelUInt::from(value)),
    }
}

/// Returns the cost of copying a value with all its parts: the number of values in it. Long texts
/// count as several values.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other types of the library have no parts"
)]
pub(super) fn weight(value: &dyn Val) -> u64 {
    match value.as_builtin() {
        BuiltinRef::String(text) => 1 + (text.inner().len() / BYTES_PER_UNIT) as u64,
        BuiltinRef::Bytes(bytes) => 1 + (bytes.inner().len() / BYTES_PER_UNIT) as u64,
        BuiltinRef::List(list) => 1 + list.inner().iter().map(|it| weight(&**it)).sum::<u64>(),
        BuiltinRef::Map(map) => {
            let members = map.inner().iter();
            1 + members
                .map(|(key, it)| weight(key.inner()) + weight(&**it))
                .sum::<u64>()
        }
        BuiltinRef::Optional(optional) => 1 + optional.inner().map_or(0, weight),
        _ => 1,
    }
}

/// Returns the cost of copying each item of a list, or each key of a map, once. Items that share
/// their parts with their copies cost as much as a number.
#[expect(clippy::wildcard_enum_match_arm, reason = "other types have no items")]
pub(super) fn weight_of_items(value: &dyn Val) -> u64 {
    match value.as_builtin() {
        BuiltinRef::List(list) => {
            let items = list.inner().iter();
            let weights = items.map(|it| if Shared::is(&**it) { 1 } else { weight(&**it) });
            1 + weights.sum::<u64>()
        }
        BuiltinRef::Map(map) => 1 + map.inner().keys().map(|it| weight(it.inner())).sum::<u64>(),
        _ => weight(value),
    }
}

/// Returns a value as JSON. Members of objects are sorted by name.
pub(crate) fn to_json(value: &cel::Value) -> Result<Value, String> {
    match value {
        cel::Value::Null => Ok(Value::Null),
        cel::Value::Bool(it) => Ok((*it).into()),
        cel::Value::Int(it) => Ok((*it).into()),
        cel::Value::UInt(it) => Ok((*it).into()),
        // A value that is not a number in JSON (infinite or NaN) becomes null.
        cel::Value::Float(it) => Ok((*it).into()),
        cel::Value::String(it) => Ok(it.as_str().into()),
        cel::Value::Timestamp(it) => Ok(time_text(it).into()),
        cel::Value::Duration(it) => Ok(seconds(it).into()),
        cel::Value::List(items) => items.iter().map(to_json).collect(),
        cel::Value::Map(map) => object(map),
        cel::Value::Opaque(it) => match it.downcast_ref::<OptionalValue>() {
            Some(optional) => optional.value().map_or(Ok(Value::Null), to_json),
            None => Err(no_json(value)),
        },
        cel::Value::Bytes(_) | cel::Value::Function(..) | cel::Value::Struct(_) => {
            Err(no_json(value))
        }
    }
}

fn no_json(value: &cel::Value) -> String {
    no_json_of(&value.type_of().to_string())
}

fn no_json_of(name: &str) -> String {
    format!("a value of type `{name}` cannot be written as JSON")
}

/// Returns a value that no result was made of yet as JSON.
///
/// # Errors
/// JSON has no such value. The text is a lower-case fragment without a period.
pub(super) fn val_to_json(value: &dyn Val) -> Result<Value, String> {
    if value.downcast_ref::<CelNull>().is_some() {
        Ok(Value::Null)
    } else if let Some(it) = value.downcast_ref::<CelBool>() {
        Ok((*it.inner()).into())
    } else if let Some(it) = value.downcast_ref::<CelInt>() {
        Ok((*it.inner()).into())
    } else if let Some(it) = value.downcast_ref::<CelUInt>() {
        Ok((*it.inner()).into())
    } else if let Some(it) = value.downcast_ref::<CelDouble>() {
        Ok((*it.inner()).into())
    } else if let Some(it) = value.downcast_ref::<CelString<'_>>() {
        Ok(it.inner().into())
    } else if let Some(it) = value.downcast_ref::<CelTimestamp>() {
        Ok(time_text(it.inner()).into())
    } else if let Some(it) = value.downcast_ref::<CelDuration>() {
        Ok(seconds(it.inner()).into())
    } else if let Some(it) = value.downcast_ref::<CelType>() {
        Ok(it.name().into())
    } else if let Some(it) = value.downcast_ref::<CelList<'_>>() {
        it.inner().iter().map(|item| val_to_json(&**item)).collect()
    } else if let Some(it) = value.downcast_ref::<CelMap<'_>>() {
        if is_hidden(value) {
            return match it.inner().keys().all(is_sealed_key) {
                true => Ok(SEALED_SHOWN.into()),
                false => Err("a secret cannot be written as JSON".to_owned()),
            };
        }
        let mut members = Vec::new();
        for (key, value) in it.inner() {
            let key = match key.inner().downcast_ref::<CelString<'_>>() {
                Some(text) => text.inner().to_owned(),
                None => val_to_json(key.inner())?.to_string(),
            };
            members.push((key, val_to_json(&**value)?));
        }
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Value::Object(members.into_iter().collect()))
    } else if let Some(it) = value.downcast_ref::<CelOptional<'_>>() {
        it.inner().map_or(Ok(Value::Null), val_to_json)
    } else {
        Err(no_json_of(value.get_type().name()))
    }
}

/// Returns a value that borrows the texts of a JSON value.
pub(super) fn from_value(value: &Value) -> Boxed<'_> {
    match value {
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => {
            let items: Vec<Boxed<'_>> = items.iter().map(from_value).collect();
            Shared::boxed(CelList::from(items))
        }
        Value::Object(_) if sealed_parts(value).is_some() => sealed(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(key, it)| (CelMapKey::from(key.as_str()), from_value(it)));
            Shared::boxed(CelMap::from(members.collect::<HashMap<_, _>>()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => scalar(value),
    }
}

/// Returns what stands for a sealed value. The sealed bytes are of no use to an expression.
fn sealed<'v>() -> Boxed<'v> {
    let shown: Boxed<'v> = Box::new(CelString::from(SEALED_SHOWN));
    let members = [(CelMapKey::from(SEALED_KEY), shown)];
    Box::new(CelMap::from(HashMap::from(members)))
}

/// Returns a value with its own texts.
pub(super) fn from_value_owned<'v>(value: Value) -> Boxed<'v> {
    if sealed_parts(&value).is_some() {
        return sealed();
    }
    match value {
        Value::String(text) => Box::new(CelString::from(text)),
        Value::Array(items) => {
            let items: Vec<Boxed<'v>> = items.into_iter().map(from_value_owned).collect();
            Shared::boxed(CelList::from(items))
        }
        Value::Object(members) => {
            let members = members.into_iter();
            let members = members.map(|(key, it)| (CelMapKey::from(key), from_value_owned(it)));
            Shared::boxed(CelMap::from(members.collect::<HashMap<_, _>>()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => scalar(&value),
    }
}

/// Returns a value without parts. Whole numbers are `int` where they fit.
fn scalar<'v>(value: &Value) -> Boxed<'v> {
    match value {
        Value::Bool(it) => Box::new(CelBool::from(*it)),
        Value::Number(it) => match (it.as_i64(), it.as_u64(), it.as_f64()) {
            (Some(whole), _, _) => Box::new(CelInt::from(whole)),
            (None, Some(whole), _) => from_u64(whole),
            (None, None, Some(fraction)) => Box::new(CelDouble::from(fraction)),
            (None, None, None) => Box::new(CelNull),
        },
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => Box::new(CelNull),
    }
}

fn time_text(time: &DateTime<FixedOffset>) -> String {
    let time = time.with_timezone(&Utc);
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn object(map: &Map) -> Result<Value, String> {
    if map.map.len() == 1 && map.map.keys().all(|key| key.to_string() == SEALED_KEY) {
        return Ok(SEALED_SHOWN.into());
    }
    let mut members: Vec<(String, Value)> = Vec::with_capacity(map.map.len());
    for (key, value) in map.map.iter() {
        members.push((key.to_string(), to_json(value)?));
    }
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(Value::Object(members.into_iter().collect()))
}

/// Writes a duration as the expression language does: `5400s`, `0.25s`.
fn seconds(span: &TimeDelta) -> String {
    let sign = if *span < TimeDelta::zero() { "-" } else { "" };
    let (whole, nanos) = (span.num_seconds(), span.subsec_nanos());
    let text = format!("{sign}{}.{:09}", whole.unsigned_abs(), nanos.unsigned_abs());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}s")
}
