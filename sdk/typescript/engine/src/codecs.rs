//! Compression and decompression piece by piece: gzip, zlib ("deflate" on the web) and raw deflate.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::{
    DeflateDecoder, DeflateEncoder, GzEncoder, MultiGzDecoder, ZlibDecoder, ZlibEncoder,
};

/// A stream of bytes that is compressed or decompressed.
pub enum Codec {
    /// Compresses to gzip (RFC 1952).
    ToGzip(GzEncoder<Vec<u8>>),
    /// Compresses to zlib (RFC 1950).
    ToZlib(ZlibEncoder<Vec<u8>>),
    /// Compresses to raw deflate (RFC 1951).
    ToDeflate(DeflateEncoder<Vec<u8>>),
    /// Decompresses gzip, of one member or several.
    FromGzip(MultiGzDecoder<Vec<u8>>),
    /// Decompresses zlib.
    FromZlib(ZlibDecoder<Vec<u8>>),
    /// Decompresses raw deflate.
    FromDeflate(DeflateDecoder<Vec<u8>>),
}

impl Codec {
    /// Returns the codec of this format, in the names of `CompressionStream`: `gzip`, `deflate`
    /// (which is zlib) or `deflate-raw`. Returns `None` for other names.
    #[must_use]
    pub fn named(format: &str, is_compressing: bool) -> Option<Self> {
        let level = Compression::default();
        Some(match (format, is_compressing) {
            ("gzip", true) => Self::ToGzip(GzEncoder::new(Vec::new(), level)),
            ("gzip", false) => Self::FromGzip(MultiGzDecoder::new(Vec::new())),
            ("deflate", true) => Self::ToZlib(ZlibEncoder::new(Vec::new(), level)),
            ("deflate", false) => Self::FromZlib(ZlibDecoder::new(Vec::new())),
            ("deflate-raw", true) => Self::ToDeflate(DeflateEncoder::new(Vec::new(), level)),
            ("deflate-raw", false) => Self::FromDeflate(DeflateDecoder::new(Vec::new())),
            (_, _) => return None,
        })
    }

    /// Takes the next bytes, and returns what has come out of them so far.
    ///
    /// # Errors
    ///
    /// If the bytes are not of the format.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::ToGzip(codec) => {
                codec.write_all(bytes)?;
                Ok(std::mem::take(codec.get_mut()))
            }
            Self::ToZlib(codec) => {
                codec.write_all(bytes)?;
                Ok(std::mem::take(codec.get_mut()))
            }
            Self::ToDeflate(codec) => {
                codec.write_all(bytes)?;
                Ok(std::mem::take(codec.get_mut()))
            }
            Self::FromGzip(codec) => {
                codec.write_all(bytes)?;
                codec.flush()?;
                Ok(std::mem::take(codec.get_mut()))
            }
            Self::FromZlib(codec) => {
                codec.write_all(bytes)?;
                codec.flush()?;
                Ok(std::mem::take(codec.get_mut()))
            }
            Self::FromDeflate(codec) => {
                codec.write_all(bytes)?;
                codec.flush()?;
                Ok(std::mem::take(codec.get_mut()))
            }
        }
    }

    /// Ends the stream, and returns the rest.
    ///
    /// # Errors
    ///
    /// If the compressed bytes end too early.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::ToGzip(codec) => codec.finish(),
            Self::ToZlib(codec) => codec.finish(),
            Self::ToDeflate(codec) => codec.finish(),
            Self::FromGzip(codec) => codec.finish(),
            Self::FromZlib(codec) => codec.finish(),
            Self::FromDeflate(codec) => codec.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: [&str; 3] = ["gzip", "deflate", "deflate-raw"];

    fn compressed(format: &str, bytes: &[u8]) -> Vec<u8> {
        let mut codec = Codec::named(format, true).expect("the format is known");
        let mut out = codec.push(bytes).expect("compressing does not fail");
        out.extend(codec.finish().expect("compressing does not fail"));
        out
    }

    fn decompressed(format: &str, bytes: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let mut codec = Codec::named(format, false).expect("the format is known");
        let mut out = Vec::new();
        for piece in bytes.chunks(piece) {
            out.extend(codec.push(piece)?);
        }
        out.extend(codec.finish()?);
        Ok(out)
    }

    #[test]
    fn bytes_survive_in_pieces_of_any_size() {
        let bytes: Vec<u8> = (0..100_000u32)
            .flat_map(|it| (it / 7).to_le_bytes())
            .collect();
        for format in FORMATS {
            let small = compressed(format, &bytes);
            assert!(small.len() < bytes.len() / 2, "{format}: {}", small.len());
            for piece in [1, 1000, usize::MAX] {
                let back = decompressed(format, &small, piece).expect("the bytes are valid");
                assert!(back == bytes, "{format} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn cut_or_invalid_bytes_are_refused() {
        for format in FORMATS {
            let small = compressed(format, &[7; 1000]);
            let cut = &small[..small.len() - 5];
            assert!(decompressed(format, cut, 4).is_err(), "{format}: cut");
            assert!(
                decompressed(format, b"\x06 no such thing at all", 4).is_err(),
                "{format}"
            );
        }
        assert!(Codec::named("br", false).is_none());
    }

    #[test]
    fn gzip_may_have_several_members() {
        let mut bytes = compressed("gzip", b"one ");
        bytes.extend(compressed("gzip", b"two"));
        assert_eq!(decompressed("gzip", &bytes, 3).expect("valid"), b"one two");
    }
}
