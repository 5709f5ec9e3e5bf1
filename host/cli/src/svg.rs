//! Parts of SVG pictures. A picture contains no script and refers to nothing outside of it.

use crate::guest_text;

/// The width of a character in pixels, at the size of the pictures' texts.
pub(crate) const CHAR_WIDTH: u64 = 7;

/// The style of all pictures. Colours follow the theme of the reader.
const STYLE: &str = "\
svg{background:#fff}\
text{font:12px monospace;fill:#1f2328}\
.dim{fill:#59636e}\
.box{fill:#f6f8fa;stroke:#8c959f}\
.cluster{fill:none;stroke:#8c959f;stroke-dasharray:2 3}\
.guarded{stroke-dasharray:5 3}\
.gate{fill:#fff8c5;stroke:#bf8700}\
.assert{fill:#ddf4ff;stroke:#0969da}\
.edge{fill:none;stroke:#59636e}\
.tip{fill:#59636e}\
.succeeded{fill:#2da44e}\
.failed{fill:#cf222e}\
.open{fill:#0969da}\
.waiting{fill:#d4a72c}\
.other{fill:#8c959f}\
.idle{fill:#eaeef2}\
@media (prefers-color-scheme:dark){\
svg{background:#0d1117}\
text{fill:#e6edf3}\
.dim{fill:#9198a1}\
.box{fill:#161b22;stroke:#6e7681}\
.cluster{stroke:#6e7681}\
.edge{stroke:#9198a1}\
.tip{fill:#9198a1}\
.gate{fill:#3b2e00;stroke:#bf8700}\
.assert{fill:#0c2d6b;stroke:#4493f8}\
.idle{fill:#21262d}}";

/// Returns a picture of a size in pixels, with a title.
pub(crate) fn picture(title: &str, width: u64, height: u64, content: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         {content}</svg>\n",
        escaped(title)
    )
}

/// Returns a text as the content of an element, or as the value of an attribute. Characters that
/// XML does not allow are shown as marks.
pub(crate) fn escaped(text: &str) -> String {
    let text = guest_text::line(text);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns the beginning of a text that fits into a width in pixels. If that is not all, it ends
/// with `…`.
pub(crate) fn fitted(text: &str, width: u64) -> String {
    let text = guest_text::unbroken(text);
    let columns = usize::try_from(width / CHAR_WIDTH).unwrap_or(usize::MAX);
    guest_text::shortened(&text, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_end_its_element() {
        let shown = escaped("</text><script>alert('1')&\u{1b}\u{ffff}\"");
        assert_eq!(
            shown,
            "&lt;/text&gt;&lt;script&gt;alert(&#39;1&#39;)&amp;␛\u{fffd}&quot;"
        );
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(fitted("abcdefgh", 5 * CHAR_WIDTH), "abcd…");
        assert_eq!(fitted("abcde", 5 * CHAR_WIDTH), "abcde");
    }
}
