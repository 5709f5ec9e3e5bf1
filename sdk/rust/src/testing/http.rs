//! HTTP requests of a test: which reply the test has prepared, and secrets in place of their
//! placeholders.

use fluent_uri::Uri;

use super::millis;
use super::origin::Origin;
use super::permissions::Attempt;
use super::script::{HttpReply, SentRequest};
use super::world::{LogEntry, World, current};

/// The answer of a test to a request.
pub(crate) enum HttpAnswer {
    /// The prepared reply.
    Reply(HttpReply),
    /// The type does not request it, or the test denies it.
    Denied,
    /// The test has prepared no reply. The text says which ones it has.
    Unprepared(String),
}

/// Passes a request to the running test, with its secrets in place of their placeholders.
pub(crate) fn http_reply(mut sent: SentRequest, url: &Uri<String>) -> HttpAnswer {
    let Some(to) = Origin::of(url) else {
        return HttpAnswer::Denied;
    };
    let prepared = current(|world| {
        world.permitted(&Attempt::Http(&sent.method, &to))?;
        world.secrets_insert(&mut sent, &to)?;
        let handler = world.scripts.http(&sent.method, &sent.url);
        let known = world.scripts.http_known().join(", ");
        world.scripts.sent.push(sent.clone());
        Ok((handler, known))
    });
    let (handler, known) = match prepared {
        Ok(prepared) => prepared,
        Err(reason) => {
            current(|world| world.denial_log(reason));
            return HttpAnswer::Denied;
        }
    };
    // The handler may use the context of the test, so it runs outside of the look-up.
    let Some(handler) = handler else {
        return HttpAnswer::Unprepared(format!(
            "the test has no reply to {} {}: add it by `on_http`; it has replies to: {known}",
            sent.method, sent.url
        ));
    };
    let reply = handler(&sent);
    current(|world| world.now_ms += millis(reply.after));
    HttpAnswer::Reply(reply)
}

impl World {
    /// Logs a denial, as the host does.
    pub(super) fn denial_log(&mut self, message: String) {
        self.log.push(LogEntry {
            level: crate::Level::Warn,
            message,
            fields: Vec::new(),
        });
    }

    /// Replaces the placeholders of a request by the secrets.
    ///
    /// # Errors
    /// A secret may not be sent to the origin.
    fn secrets_insert(&self, sent: &mut SentRequest, to: &Origin) -> Result<(), String> {
        for (text, placeholder) in self.placeholders() {
            let mut headers = sent.headers.iter();
            let is_used = sent.url.contains(&text)
                || headers.any(|(_, value)| value.contains(&text))
                || find(&sent.body, text.as_bytes()).is_some();
            if !is_used {
                continue;
            }
            self.permitted(&Attempt::SecretSent(&placeholder.secret, to))?;
            let secret = self.secrets.get(&placeholder.secret);
            let secret = secret.map(Vec::as_slice).unwrap_or_default(); // an `Option`
            let inserted = match &placeholder.user {
                None => secret.to_vec(),
                Some(user) => {
                    let pair = [user.as_bytes(), b":", secret].concat();
                    base64(&pair).into_bytes()
                }
            };
            let shown = String::from_utf8_lossy(&inserted);
            sent.url = sent.url.replace(&text, &percent_encoded(&inserted));
            for (_, value) in &mut sent.headers {
                *value = value.replace(&text, &shown);
            }
            while let Some(at) = find(&sent.body, text.as_bytes()) {
                let end = at + text.len();
                sent.body.splice(at..end, inserted.iter().copied());
            }
        }
        Ok(())
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|it| it == part)
}

/// Encodes a secret for a URL (RFC 3986, section 2.1).
fn percent_encoded(bytes: &[u8]) -> String {
    let encoded = bytes.iter().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(*byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// Encodes the credentials of HTTP Basic (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for piece in bytes.chunks(3) {
        let bits = piece
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - piece.len()));
        for at in 0..4 {
            let is_padding = at > piece.len();
            let index = (bits >> (18 - 6 * at)) & 63;
            text.push(match is_padding {
                true => '=',
                false => char::from(ALPHABET[index as usize]),
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_base64() {
        assert_eq!(
            base64(b"Aladdin:open sesame"),
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        assert_eq!(base64(b"ab"), "YWI=");
        assert_eq!(base64(b"abc"), "YWJj");
        assert_eq!(base64(b""), "");
    }

    #[test]
    fn secret_is_escaped_in_a_url() {
        assert_eq!(percent_encoded(b"a b/\xff~"), "a%20b%2F%FF~");
    }
}
