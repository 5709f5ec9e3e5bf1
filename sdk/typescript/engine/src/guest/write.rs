//! Makes values of a script out of values of the contract.
//!
//! A record becomes an object, a list or a tuple an array, an enum a string, a variant
//! `{tag, val}`, and an option that is `none` becomes `null`.

use std::fmt;

use rquickjs::{Array, Ctx, Error, IntoJs as _, Object, Value};
use serde::ser::{self, Serialize};

use crate::names;

/// The types of the contract and of WASI that are enums: their cases have no payloads, and a script
/// sees a string instead of an object.
const ENUMS: [&str; 9] = [
    "DataKind",
    "DescriptorType",
    "FileAccess",
    "MethodKind",
    "OnViolation",
    "ReportRunStatus",
    "ReportScope",
    "StdinSource",
    "TargetKind",
];

/// Returns a value of the contract as a value of a script.
pub(super) fn value<'js>(cx: &Ctx<'js>, value: &impl Serialize) -> Result<Value<'js>, Error> {
    value
        .serialize(Writer(cx))
        .map_err(|WriteError(error)| error)
}

/// An error of QuickJS while a value is made, such as exhausted memory.
#[derive(Debug)]
pub(super) struct WriteError(Error);

impl fmt::Display for WriteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for WriteError {}

impl ser::Error for WriteError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Error::new_into_js_message(
            "value",
            "script",
            message.to_string(),
        ))
    }
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

struct Writer<'c, 'js>(&'c Ctx<'js>);

impl<'c, 'js> Writer<'c, 'js> {
    fn list(self) -> Result<List<'c, 'js>, WriteError> {
        let array = Array::new(self.0.clone())?;
        Ok(List {
            cx: self.0,
            array,
            length: 0,
        })
    }

    fn tagged(&self, name: &str) -> Result<Object<'js>, WriteError> {
        let object = Object::new(self.0.clone())?;
        object.set("tag", names::tag(name))?;
        Ok(object)
    }
}

/// Implements the numbers that fit into a number of a script.
macro_rules! numbers {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, value: $type) -> Result<Value<'js>, WriteError> {
            // Sizes, versions and times are below 2^53.
            Ok(Value::new_number(self.0.clone(), value as f64))
        }
    )*};
}

impl<'c, 'js> ser::Serializer for Writer<'c, 'js> {
    type Ok = Value<'js>;
    type Error = WriteError;
    type SerializeSeq = List<'c, 'js>;
    type SerializeTuple = List<'c, 'js>;
    type SerializeTupleStruct = ser::Impossible<Value<'js>, WriteError>;
    type SerializeTupleVariant = ser::Impossible<Value<'js>, WriteError>;
    type SerializeMap = ser::Impossible<Value<'js>, WriteError>;
    type SerializeStruct = Record<'c, 'js>;
    type SerializeStructVariant = ser::Impossible<Value<'js>, WriteError>;

    numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64
    }

    fn serialize_bool(self, value: bool) -> Result<Value<'js>, WriteError> {
        Ok(Value::new_bool(self.0.clone(), value))
    }

    fn serialize_char(self, value: char) -> Result<Value<'js>, WriteError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<Value<'js>, WriteError> {
        Ok(value.into_js(self.0)?)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Value<'js>, WriteError> {
        Ok(rquickjs::TypedArray::<u8>::new_copy(self.0.clone(), value)?.into_value())
    }

    fn serialize_none(self) -> Result<Value<'js>, WriteError> {
        Ok(Value::new_null(self.0.clone()))
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<Value<'js>, WriteError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value<'js>, WriteError> {
        Ok(Value::new_undefined(self.0.clone()))
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value<'js>, WriteError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Value<'js>, WriteError> {
        match ENUMS.contains(&name) {
            true => self.serialize_str(&names::tag(variant)),
            false => Ok(self.tagged(variant)?.into_value()),
        }
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Value<'js>, WriteError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value<'js>, WriteError> {
        let object = self.tagged(variant)?;
        object.set("val", value.serialize(self)?)?;
        Ok(object.into_value())
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Self::SerializeSeq, WriteError> {
        self.list()
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self::SerializeTuple, WriteError> {
        self.list()
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStruct, WriteError> {
        let object = Object::new(self.0.clone())?;
        Ok(Record { cx: self.0, object })
    }

    // The bindings have none of these.

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleStruct, WriteError> {
        Err(ser::Error::custom(name))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, WriteError> {
        Err(ser::Error::custom(name))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Self::SerializeMap, WriteError> {
        Err(ser::Error::custom("map"))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant, WriteError> {
        Err(ser::Error::custom(name))
    }
}

struct List<'c, 'js> {
    cx: &'c Ctx<'js>,
    array: Array<'js>,
    length: usize,
}

impl<'js> ser::SerializeSeq for List<'_, 'js> {
    type Ok = Value<'js>;
    type Error = WriteError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        self.array
            .set(self.length, value.serialize(Writer(self.cx))?)?;
        self.length += 1;
        Ok(())
    }

    fn end(self) -> Result<Value<'js>, WriteError> {
        Ok(self.array.into_value())
    }
}

impl<'js> ser::SerializeTuple for List<'_, 'js> {
    type Ok = Value<'js>;
    type Error = WriteError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        ser::SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<Value<'js>, WriteError> {
        ser::SerializeSeq::end(self)
    }
}

struct Record<'c, 'js> {
    cx: &'c Ctx<'js>,
    object: Object<'js>,
}

impl<'js> ser::SerializeStruct for Record<'_, 'js> {
    type Ok = Value<'js>;
    type Error = WriteError;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        let value = value.serialize(Writer(self.cx))?;
        Ok(self.object.set(names::property(field), value)?)
    }

    fn end(self) -> Result<Value<'js>, WriteError> {
        Ok(self.object.into_value())
    }
}
