//! Functions without a resource of the host: text, URLs, digests, compression, clocks and random bytes.

use std::io;

use rquickjs::{Error, Exception, Object, Result, TypedArray, Value};

use super::waiting::{room, unknown};
use super::{Availability, Group, Native};
use crate::addresses::{self, Part, Parts};
use crate::ciphers::{self, Cipher, Hash, Hasher, NONCE_LENGTH, ROUNDS_MAX};
use crate::codecs::Codec;
use crate::encodings;
use crate::guest::arguments::Arguments;
use crate::guest::bindings::wasi::clocks::monotonic_clock;
use crate::guest::bindings::wasi::random::random::get_random_bytes;
use crate::guest::state;
use crate::guest::state::{Phase, Resource, State};

/// The maximum number of random bytes of one request, as in Web Crypto.
const RANDOM_MAX: u64 = 65_536;

/// How many random bytes for `Math.random` are fetched at once.
const RANDOM_STEP: u64 = 256;

/// The maximum length of a derived key, in bytes.
const KEY_MAX: u64 = 1 << 20;

pub(super) const GROUPS: [Group; 4] = [
    ("text", Availability::Always, TEXT),
    ("url", Availability::Always, URL),
    ("base64", Availability::Always, BASE64),
    ("crypto", Availability::Always, CRYPTO),
];

const TEXT: &[(&str, Native)] = &[
    ("encode", |args| {
        args.returns_bytes(args.text(0)?.into_bytes())
    }),
    ("encodeInto", encode_into),
    ("decode", |args| {
        let bytes = args.bytes(0)?;
        if !args.flag(1) {
            return args.returns(encodings::decode(bytes));
        }
        match encodings::decode_strictly(bytes) {
            Some(text) => args.returns(text),
            None => Err(Exception::throw_type(&args.cx, "the bytes are not UTF-8")),
        }
    }),
    ("complete", |args| {
        args.returns(encodings::complete(&args.bytes(0)?) as f64)
    }),
];

const URL: &[(&str, Native)] = &[
    ("parse", |args| {
        let base = args.text_or_none(1)?;
        parts(args, addresses::parse(&args.text(0)?, base.as_deref()))
    }),
    ("set", |args| {
        let Some(part) = Part::named(&args.text(1)?) else {
            return Err(args.wrong(1, "the name of a part"));
        };
        parts(args, addresses::set(&args.text(0)?, part, &args.text(2)?))
    }),
];

const BASE64: &[(&str, Native)] = &[
    ("encode", |args| {
        args.returns(encodings::to_base64(&args.bytes(0)?, args.flag(1)))
    }),
    ("decode", |args| {
        bytes_or_null(args, encodings::from_base64(&args.text(0)?, args.flag(1)))
    }),
];

const CRYPTO: &[(&str, Native)] = &[
    ("digest", |args| {
        args.returns_bytes(ciphers::digest(hash(args)?, &args.bytes(1)?))
    }),
    ("start", |args| {
        room(args)?;
        let hasher = Resource::Hasher(Hasher::new(hash(args)?));
        args.returns(state::with(|state| state.add(hasher)))
    }),
    ("push", |args| {
        let bytes = args.bytes(1)?;
        let is_hasher = state::with(|state| match state.resource(args.handle(0)) {
            Some(Resource::Hasher(hasher)) => {
                hasher.push(&bytes);
                true
            }
            Some(_) | None => false,
        });
        if !is_hasher {
            return Err(unknown(args));
        }
        args.returns_nothing()
    }),
    ("finish", |args| {
        let handle = args.handle(0);
        let taken = state::with(|state| match state.resource(handle) {
            Some(Resource::Hasher(_)) => state.take(handle).0,
            Some(_) | None => None,
        });
        match taken {
            Some(Resource::Hasher(hasher)) => args.returns_bytes(hasher.finish()),
            Some(_) | None => Err(unknown(args)),
        }
    }),
    ("hmac", |args| {
        args.returns_bytes(ciphers::hmac(hash(args)?, &args.bytes(1)?, &args.bytes(2)?))
    }),
    ("equal", |args| {
        args.returns(ciphers::equal(&args.bytes(0)?, &args.bytes(1)?))
    }),
    ("pbkdf2", pbkdf2),
    ("aesGcm", aes_gcm),
];

pub(super) const CODEC: &[(&str, Native)] = &[
    ("start", |args| {
        room(args)?;
        match Codec::named(&args.text(0)?, args.flag(1)) {
            Some(codec) => args.returns(state::with(|state| state.add(Resource::Codec(codec)))),
            None => Err(args.wrong(0, "`gzip`, `deflate` or `deflate-raw`")),
        }
    }),
    ("push", codec_push),
    ("finish", codec_finish),
];

pub(super) const CLOCK: &[(&str, Native)] = &[("monotonicMs", |args| {
    args.returns(monotonic_clock::now() as f64 / 1e6)
})];

pub(super) const RANDOM: &[(&str, Native)] = &[("random", |args| match args.integer(0)? {
    size @ ..=RANDOM_MAX => args.returns_bytes(get_random_bytes(size)),
    _ => Err(args.wrong(0, "at most 65536 bytes")),
})];

/// Returns a number for `Math.random`. During the build the numbers are the same each time, because
/// they become part of the plugin.
pub(super) fn math_random<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let bits = state::with(|state| match state.phase {
        Phase::Build => in_sequence(state),
        Phase::Call => at_random(state),
    });
    // The 53 bits that a number can have below 1.
    args.returns((bits >> 11) as f64 / (1u64 << 53) as f64)
}

/// Returns the next number of a fixed sequence (Marsaglia's xorshift).
fn in_sequence(state: &mut State) -> u64 {
    let mut bits = state.sequence;
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    state.sequence = bits;
    bits
}

fn at_random(state: &mut State) -> u64 {
    if state.random.len() < 8 {
        state.random = get_random_bytes(RANDOM_STEP);
    }
    let start = state.random.len().saturating_sub(8);
    let bytes = state.random.split_off(start);
    bytes
        .iter()
        .fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

fn encode_into<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let text = args.text(0)?;
    let Some(target) = args.value(1).into_object() else {
        return Err(args.wrong(1, "a Uint8Array"));
    };
    let Some(array) = target.as_typed_array::<u8>() else {
        return Err(args.wrong(1, "a Uint8Array"));
    };
    let (fits, read) = encodings::fitting(&text, array.len());
    let bytes = TypedArray::new(args.cx.clone(), fits.as_bytes())?;
    let set: rquickjs::Function<'js> = target.get("set")?;
    set.call::<_, ()>((rquickjs::function::This(target), bytes))?;
    let result = Object::new(args.cx.clone())?;
    result.set("read", read as f64)?;
    result.set("written", fits.len() as f64)?;
    args.returns(result)
}

fn parts<'js>(args: &Arguments<'js>, parts: Option<Parts>) -> Result<Value<'js>> {
    let Some(Parts { parts }) = parts else {
        return args.returns_null();
    };
    let object = Object::new(args.cx.clone())?;
    for (name, value) in parts {
        object.set(name, value)?;
    }
    args.returns(object)
}

fn bytes_or_null<'js>(args: &Arguments<'js>, bytes: Option<Vec<u8>>) -> Result<Value<'js>> {
    match bytes {
        Some(bytes) => args.returns_bytes(bytes),
        None => args.returns_null(),
    }
}

fn hash(args: &Arguments<'_>) -> Result<Hash> {
    Hash::named(&args.text(0)?)
        .ok_or_else(|| args.wrong(0, "`SHA-1`, `SHA-256`, `SHA-384`, `SHA-512` or `MD5`"))
}

fn pbkdf2<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let rounds = args.integer(3)?;
    let Some(rounds) = u32::try_from(rounds)
        .ok()
        .filter(|it| (1..=ROUNDS_MAX).contains(it))
    else {
        return Err(args.wrong(3, "1 to 10 000 000 iterations"));
    };
    let length = args.integer(4)?;
    if length > KEY_MAX {
        return Err(args.wrong(4, "a length of at most 1 MiB"));
    }
    let (password, salt) = (args.bytes(1)?, args.bytes(2)?);
    let key = ciphers::pbkdf2(hash(args)?, &password, &salt, rounds, length as usize);
    args.returns_bytes(key)
}

fn aes_gcm<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let Some(cipher) = Cipher::with_key(&args.bytes(1)?) else {
        return Err(args.wrong(1, "a key of 16 or 32 bytes"));
    };
    let Ok(nonce) = <[u8; NONCE_LENGTH]>::try_from(args.bytes(2)?) else {
        return Err(args.wrong(2, "12 bytes"));
    };
    let (text, additional) = (args.bytes(3)?, args.bytes_or_none(4)?.unwrap_or_default());
    let result = match args.flag(0) {
        true => cipher.encrypt(nonce, &text, &additional),
        false => cipher.decrypt(nonce, &text, &additional),
    };
    bytes_or_null(args, result)
}

fn codec_push<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let bytes = args.bytes(1)?;
    let result = state::with(|state| match state.resource(args.handle(0)) {
        Some(Resource::Codec(codec)) => Some(codec.push(&bytes)),
        Some(_) | None => None,
    });
    uncompressed(args, result.ok_or_else(|| unknown(args))?)
}

fn codec_finish<'js>(args: &Arguments<'js>) -> Result<Value<'js>> {
    let handle = args.handle(0);
    let taken = state::with(|state| match state.resource(handle) {
        Some(Resource::Codec(_)) => state.take(handle).0,
        Some(_) | None => None,
    });
    match taken {
        Some(Resource::Codec(codec)) => uncompressed(args, codec.finish()),
        Some(_) | None => Err(unknown(args)),
    }
}

fn uncompressed<'js>(args: &Arguments<'js>, result: io::Result<Vec<u8>>) -> Result<Value<'js>> {
    let invalid = |_| -> Error {
        Exception::throw_type(
            &args.cx,
            "the compressed data is not valid, or ends too early",
        )
    };
    args.returns_bytes(result.map_err(invalid)?)
}
