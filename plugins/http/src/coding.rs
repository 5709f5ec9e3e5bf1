//! Decodes bodies as their `content-encoding` says (RFC 9110, section 8.4).
//!
//! A server may compress a body without being asked to. Bodies are decoded while they are read, so
//! that a highly compressed one does not take more memory. A body with an unknown coding is not
//! decoded, and the coding is stored beside it.

use std::io::{self, BufReader, Chain, Cursor, Read};

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use sedge_sdk::{Failure, Response};

/// The maximum number of codings of one body. The server chooses it, and each takes memory.
const CODINGS_MAX: usize = 4;

/// The size of the decoder's buffer, in bytes.
const PIECE_BYTES: usize = 16 << 10;

/// A body, decoded if all its codings are known.
pub(crate) struct Decoded {
    body: Box<dyn Read>,
    left: Option<String>,
}

impl Decoded {
    /// Returns the codings that were not decoded, as in the header.
    pub(crate) fn left(&self) -> Option<&str> {
        self.left.as_deref()
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
}

/// Returns the decoded body of a response. Returns it unchanged if one of its codings is not
/// known.
///
/// # Errors
/// The body ends early, or has too many codings.
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
    // The last coding was applied last, so it is decoded first.
    for coding in codings.iter().rev() {
        body = decode_one(body, coding)?;
    }
    Ok(Decoded { body, left: None })
}

fn decode_one(mut body: Box<dyn Read>, coding: &str) -> Result<Box<dyn Read>, Failure> {
    let mut first = Vec::new();
    // A response to `HEAD` has the header and no body. That is not an error.
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
        // Some servers send deflate data without the zlib header.
        "deflate" => Box::new(DeflateDecoder::new(body)),
        _ => Box::new(MultiGzDecoder::new(body)),
    })
}

/// Returns whether a body begins with a zlib header (RFC 1950, section 2.2).
fn is_zlib(first: &[u8]) -> bool {
    let [one, two] = first else {
        return false;
    };
    one & 0x0f == 8 && u16::from_be_bytes([*one, *two]).is_multiple_of(31)
}
