//! Rust as a flat row of tokens: what the rules on sources look at.
//!
//! Comments are no tokens and a string is one, so no rule stumbles over what is merely
//! written about. Groups are flattened: a pattern reaches into macros as well.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One token, with the line that it begins on, from 1.
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

/// Returns where `pattern` occurs in `tokens`: indices of the first token of each.
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
fn what_is_written_about_is_no_token() {
    let source = "// a::b\n/// a::b\nfn f() { g(\"a::b\", r#\"a::b\"#); }\nx!(a::b);\n";
    let tokens = tokens(source).expect("it is Rust");
    let found: Vec<usize> = find(&tokens, &["a", ":", ":", "b"])
        .into_iter()
        .map(|at| tokens[at].line)
        .collect();
    assert_eq!(found, [4]);
}
