//! The function `http-error-code`, by which a guest gets the error code of a broken body.
//!
//! The library's own function knows only the library's errors. Without this one, guests would not
//! learn why a response ended early.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::Error as WasiError;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use crate::call::CallState;
use crate::guards::GuardedInterface;

/// The interface, in the version that the library provides.
const TYPES: &str = "wasi:http/types@0.2.12";

/// Replaces the library's `http-error-code`.
pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    GuardedInterface::open(linker, TYPES)?.func_wrap(
        "http-error-code",
        |store: StoreContextMut<'_, CallState>, (error,): (Resource<wasmtime::Error>,)| {
            let error = store.data().table.get(&error)?;
            Ok((error.downcast_ref::<WasiError>().and_then(code),))
        },
    )
}

/// Returns the error code of a body's error.
fn code(error: &WasiError) -> Option<ErrorCode> {
    if let WasiError::HttpRequestBodySize(size) = error {
        Some(ErrorCode::HttpRequestBodySize(*size))
    } else if let WasiError::HttpResponseBodySize(size) = error {
        Some(ErrorCode::HttpResponseBodySize(*size))
    } else if let WasiError::HttpResponseHeaderSectionSize(size) = error {
        Some(ErrorCode::HttpResponseHeaderSectionSize(*size))
    } else if let WasiError::ConnectionReadTimeout = error {
        Some(ErrorCode::ConnectionReadTimeout)
    } else if let WasiError::HttpResponseTimeout = error {
        Some(ErrorCode::HttpResponseTimeout)
    } else if let WasiError::HttpResponseIncomplete = error {
        Some(ErrorCode::HttpResponseIncomplete)
    } else if let WasiError::HttpProtocolError = error {
        Some(ErrorCode::HttpProtocolError)
    } else {
        None
    }
}
