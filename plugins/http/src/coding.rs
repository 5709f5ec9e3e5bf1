//! What `content-encoding` says was done to a body, undone (RFC 9110, 8.4).
//!
//! A server may compress though it was not asked to. Bodies are decoded as they are read, so that
//! none takes more memory for being compressed well. A coding that is not known here stays, and is
//! named beside the body.

use std::io::{self, BufReader, Chain, Cursor, Read};

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use sedge_sdk::{Failure, Response};

/// How many codings one body may have. A server chooses, and each takes memory.
const CODINGS_MAX: usize = 4;

/// How much is decoded at once, in bytes.
const PIECE_BYTES: usize = 16 << 10;

/// A body without the codings that are known.
pub(crate) struct Decoded {
    body: Box<dyn Read>,
    left: Option<String>,
}

impl Decoded {
    /// Returns the codings that are left, as the header has them.
    pub(crate) fn left(&self) -> Option<&str> {
        self.left.as_deref()
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
}

/// Returns a response's body, decoded; as it came if one of its codings is not known.
///
/// # Errors
/// The body breaks off, or has too many codings.
pub(crate) fn decoded(response: Response, header: Option<&str>) -> Result<Decoded, Failure> {
    let codings = header.unwrap_or_default().split(',').map(str::trim);
    let codings = codings.filter(|it| !it.is_empty() && !it.eq_ignore_ascii_case("identity"));
    let codings: Vec<String> = codings.map(str::to_ascii_lowercase).collect();
    if codings.len() > CODINGS_MAX {
        let message = format!("the body has more than {CODINGS_MAX} codings");
        return Err(Failure::new("too-many-codings", message));
    }
    let is_known = |it: &String| matches!(it.as_str(), "gzip" | "x-gzip" | "deflate" | "br");
    let mut body: Box<dyn Read> = Box::new(response);
    if !codings.iter().all(is_known) {
        let left = Some(codings.join(", "));
        return Ok(Decoded { body, left });
    }
    // What was done last is undone first.
    for coding in codings.iter().rev() {
        body = one_undone(body, coding)?;
    }
    Ok(Decoded { body, left: None })
}

fn one_undone(mut body: Box<dyn Read>, coding: &str) -> Result<Box<dyn Read>, Failure> {
    let mut first = Vec::new();
    // An answer to `HEAD` has the header and no body, which is no broken one.
    body.by_ref().take(2).read_to_end(&mut first)?;
    if first.is_empty() {
        return Ok(body);
    }
    let is_zlib = is_zlib(&first);
    let body: Chain<Cursor<Vec<u8>>, _> = Cursor::new(first).chain(body);
    let body = BufReader::with_capacity(PIECE_BYTES, body);
    Ok(match coding {
        "br" => Box::new(Decompressor::new(body, PIECE_BYTES)),
        "deflate" if is_zlib => Box::new(ZlibDecoder::new(body)),
        // Some servers leave the frame out.
        "deflate" => Box::new(DeflateDecoder::new(body)),
        _ => Box::new(MultiGzDecoder::new(body)),
    })
}

/// Returns whether a body begins as the zlib format does (RFC 1950, 2.2).
fn is_zlib(first: &[u8]) -> bool {
    let [one, two] = first else {
        return false;
    };
    one & 0x0f == 8 && u16::from_be_bytes([*one, *two]).is_multiple_of(31)
}
