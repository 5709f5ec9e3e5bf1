//! JSON and Base64.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cel::common::types::{CelBytes, CelString};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};
use serde_json::Value;

use super::{FunctionArgs, Returned, function, mismatch, text};
use crate::expr::budget::pay;
use crate::expr::values::{BYTES_PER_UNIT, from_value_owned, val_to_json, weight};

/// Base64 as RFC 4648 defines it. Padding is written, and may be missing where it is read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    function(env, "@base64.encode", &[2], base64_encode)?;
    function(env, "@base64.decode", &[2], base64_decode)?;
    function(env, "@json.encode", &[2], json_encode)?;
    function(env, "@json.decode", &[2], json_decode)
}

fn base64_encode<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let Some(bytes) = args[1].downcast_ref::<CelBytes<'_>>() else {
        return Err(mismatch("base64.encode", &args[1..]));
    };
    let n_units = bytes.inner().len() * 3 / BYTES_PER_UNIT;
    pay(&*args[0], 1 + n_units as u64)?;
    Ok(CowVal::owned(CelString::from(BASE64.encode(bytes.inner()))))
}

fn base64_decode<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let text = text(&args[1..], 0, "base64.decode")?;
    pay(&*args[0], 1 + (text.len() / BYTES_PER_UNIT) as u64)?;
    let bytes = BASE64.decode(text);
    let bytes = bytes.map_err(|_| {
        ExecutionError::function_error("base64.decode", "the text is not valid Base64")
    })?;
    Ok(CowVal::owned(CelBytes::from(bytes)))
}

fn json_encode<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let fails = |message: String| ExecutionError::function_error("json.encode", message);
    pay(&*args[0], weight(&*args[1]).saturating_mul(2))?;
    let value = val_to_json(&*args[1]).map_err(fails)?;
    Ok(CowVal::owned(CelString::from(value.to_string())))
}

fn json_decode<'b, 'v>(args: FunctionArgs<'b, 'v>) -> Returned<'b, 'v> {
    let text = text(&args[1..], 0, "json.decode")?;
    // A value takes two bytes of text or more.
    pay(&*args[0], 1 + (text.len() / 2) as u64)?;
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let message = format!("the text is not valid JSON: {error}");
        ExecutionError::function_error("json.decode", message)
    })?;
    Ok(CowVal::Owned(from_value_owned(value)))
}
