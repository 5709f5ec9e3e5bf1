//! Rust sources as a flat list of tokens, which the rules on sources search.
//!
//! Comments are not tokens, and a string is one token, so that a rule ignores code that a text only
//! mentions. Groups are flattened, so that a pattern also matches within macros.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One token, with the number of its first line, counted from 1.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Returns the tokens of a Rust source.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let stream: TokenStream = source
        .parse()
        .map_err(|error: proc_macro2::LexError| error.to_string())?;
    let mut flat = Vec::new();
    flatten(stream, &mut flat);
    Ok(flat)
}

/// Returns the indices in `tokens` at which `pattern` begins.
pub(crate) fn find(tokens: &[Token], pattern: &[&str]) -> Vec<usize> {
    let fits = |window: &[Token]| {
        window
            .iter()
            .zip(pattern)
            .all(|(token, text)| token.text == *text)
    };
    tokens
        .windows(pattern.len())
        .enumerate()
        .filter_map(|(at, window)| fits(window).then_some(at))
        .collect()
}

fn flatten(stream: TokenStream, flat: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                let text = open.to_owned();
                flat.push(Token { text, line });
                flatten(group.stream(), flat);
                let (text, line) = (close.to_owned(), group.span_close().start().line);
                flat.push(Token { text, line });
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {
                let text = tree.to_string();
                flat.push(Token { text, line });
            }
        }
    }
}

#[test]
fn comments_and_strings_are_not_searched() {
    let source = "// a::b\n/// a::b\nfn f() { g(\"a::b\", r#\"a::b\"#); }\nx!(a::b);\n";
    let tokens = tokens(source).expect("it is Rust");
    let found: Vec<usize> = find(&tokens, &["a", ":", ":", "b"])
        .into_iter()
        .map(|at| tokens[at].line)
        .collect();
    assert_eq!(found, [4]);
}
