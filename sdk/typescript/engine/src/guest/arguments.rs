//! The arguments of a native function, and the values that it returns.

use rquickjs::function::This;
use rquickjs::{Ctx, Error, Exception, Function, IntoJs, Object, Result, TypedArray, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{read, write};

/// The arguments of one call of a native function.
pub(super) struct Arguments<'js> {
    pub(super) cx: Ctx<'js>,
    pub(super) values: Vec<Value<'js>>,
}

impl<'js> Arguments<'js> {
    /// Returns an argument; `undefined` if it is missing.
    pub(super) fn value(&self, index: usize) -> Value<'js> {
        let value = self.values.get(index).cloned();
        value.unwrap_or_else(|| Value::new_undefined(self.cx.clone()))
    }

    fn is_missing(&self, index: usize) -> bool {
        let value = self.values.get(index);
        value.is_none_or(|value| value.is_undefined() || value.is_null())
    }

    /// Returns an error that says which argument is wrong.
    pub(super) fn wrong(&self, index: usize, expected: &str) -> Error {
        let text = format!("argument {}: expected {expected}", index + 1);
        Exception::throw_type(&self.cx, &text)
    }

    pub(super) fn text(&self, index: usize) -> Result<String> {
        match self.value(index).as_string() {
            Some(string) => text(string),
            None => Err(self.wrong(index, "a string")),
        }
    }

    pub(super) fn text_or_none(&self, index: usize) -> Result<Option<String>> {
        (!self.is_missing(index))
            .then(|| self.text(index))
            .transpose()
    }

    pub(super) fn bytes(&self, index: usize) -> Result<Vec<u8>> {
        match bytes(&self.value(index)) {
            Some(bytes) => Ok(bytes),
            None => Err(self.wrong(index, "a Uint8Array")),
        }
    }

    pub(super) fn bytes_or_none(&self, index: usize) -> Result<Option<Vec<u8>>> {
        (!self.is_missing(index))
            .then(|| self.bytes(index))
            .transpose()
    }

    pub(super) fn number(&self, index: usize) -> Result<f64> {
        match self.value(index).as_number() {
            Some(number) => Ok(number),
            None => Err(self.wrong(index, "a number")),
        }
    }

    /// Returns an integer that is not negative.
    pub(super) fn integer(&self, index: usize) -> Result<u64> {
        let number = self.number(index)?;
        match number >= 0.0 && number.fract() == 0.0 && number < 9.1e15 {
            true => Ok(number as u64),
            false => Err(self.wrong(index, "an integer that is not negative")),
        }
    }

    pub(super) fn integer_or_none(&self, index: usize) -> Result<Option<u64>> {
        (!self.is_missing(index))
            .then(|| self.integer(index))
            .transpose()
    }

    /// Returns a number of bytes for one read; a greater one than `u32` can hold is cut.
    pub(super) fn size(&self, index: usize) -> Result<u32> {
        Ok(u32::try_from(self.integer(index)?).unwrap_or(u32::MAX))
    }

    /// Returns a handle. A value that cannot be one becomes one that does not exist.
    pub(super) fn handle(&self, index: usize) -> u32 {
        let number = self.value(index).as_number().unwrap_or_default();
        number as u32
    }

    pub(super) fn flag(&self, index: usize) -> bool {
        self.value(index).as_bool().unwrap_or_default()
    }

    pub(super) fn function(&self, index: usize) -> Result<Function<'js>> {
        match self.value(index).into_function() {
            Some(function) => Ok(function),
            None => Err(self.wrong(index, "a function")),
        }
    }

    /// Returns a value of the contract.
    pub(super) fn record<T: DeserializeOwned>(&self, index: usize) -> Result<T> {
        read::value(self.value(index)).map_err(|problem| {
            let text = format!("argument {}: {problem}", index + 1);
            Exception::throw_type(&self.cx, &text)
        })
    }

    /// Returns what a native function returns.
    pub(super) fn returns(&self, value: impl IntoJs<'js>) -> Result<Value<'js>> {
        value.into_js(&self.cx)
    }

    pub(super) fn returns_nothing(&self) -> Result<Value<'js>> {
        Ok(Value::new_undefined(self.cx.clone()))
    }

    pub(super) fn returns_null(&self) -> Result<Value<'js>> {
        Ok(Value::new_null(self.cx.clone()))
    }

    pub(super) fn returns_bytes(&self, bytes: Vec<u8>) -> Result<Value<'js>> {
        Ok(TypedArray::new(self.cx.clone(), bytes)?.into_value())
    }

    /// Returns a value of the contract.
    pub(super) fn returns_record(&self, value: &impl Serialize) -> Result<Value<'js>> {
        write::value(&self.cx, value)
    }
}

/// Returns the text of a string. A surrogate without its other half becomes U+FFFD.
pub(super) fn text(string: &rquickjs::String<'_>) -> Result<String> {
    match string.to_string() {
        Err(Error::Utf8(_)) => {
            let globals = string.ctx().globals();
            let strings: Object<'_> = globals.get("String")?;
            let methods: Object<'_> = strings.get("prototype")?;
            let well_formed: Function<'_> = methods.get("toWellFormed")?;
            well_formed.call((This(string.clone()),))
        }
        text => text,
    }
}

/// Returns a copy of the bytes of a `Uint8Array`, or `None` if the value is something else.
pub(super) fn bytes(value: &Value<'_>) -> Option<Vec<u8>> {
    let array = value.as_object()?.as_typed_array::<u8>()?;
    // An empty array has no memory of its own.
    if array.is_empty() {
        return Some(Vec::new());
    }
    #[expect(
        unsafe_code,
        reason = "no script runs while the bytes are copied, so their memory stays as it is"
    )]
    // SAFETY: nothing resizes or detaches the array before the slice is dropped.
    let bytes = unsafe { array.as_bytes() };
    bytes.map(<[u8]>::to_vec)
}
