//! Errors of the contract as values that a script catches: `{type, tag, val}`.

use rquickjs::{Ctx, Error, Object, Result, Value};
use serde::Serialize;

use super::write;
use crate::names;

/// Throws an error of the contract or of WASI. `kind` is the name of its type.
pub(super) fn contract(cx: &Ctx<'_>, kind: &str, error: &impl Serialize) -> Error {
    write::value(cx, error)
        .and_then(|value| of_value(cx, kind, value))
        .map_or_else(|error| error, |fault| cx.throw(fault.into_value()))
}

/// Throws an error with a tag and a text.
pub(super) fn tagged(cx: &Ctx<'_>, kind: &str, tag: &str, text: Option<&str>) -> Error {
    object(cx, kind, tag, text).map_or_else(|error| error, |fault| cx.throw(fault.into_value()))
}

/// Returns an error with a tag and a text.
pub(super) fn object<'js>(
    cx: &Ctx<'js>,
    kind: &str,
    tag: &str,
    text: Option<&str>,
) -> Result<Object<'js>> {
    let fault = Object::new(cx.clone())?;
    fault.set("type", kind)?;
    fault.set("tag", tag)?;
    if let Some(text) = text {
        fault.set("val", text)?;
    }
    Ok(fault)
}

/// Throws an error of `wasi:http`, whose tags have a spelling of their own.
pub(super) fn http(cx: &Ctx<'_>, error: &impl Serialize) -> Error {
    let fault = write::value(cx, error).and_then(|value| {
        let fault = of_value(cx, "http-error", value)?;
        let tag: String = fault.get("tag")?;
        fault.set("tag", names::http_tag(&tag))?;
        Ok(fault)
    });
    fault.map_or_else(|error| error, |fault| cx.throw(fault.into_value()))
}

fn of_value<'js>(cx: &Ctx<'js>, kind: &str, value: Value<'js>) -> Result<Object<'js>> {
    let fault = match value.into_object() {
        Some(object) => object,
        None => Object::new(cx.clone())?,
    };
    fault.set("type", kind)?;
    Ok(fault)
}
