//! The attributes `arguments` and `resource` of `sedge-sdk`, which derive what a type needs by the
//! copies of `serde` and `schemars` that the SDK has, so that a plugin depends on the SDK alone.
//!
//! They put attributes above the item and leave it as it is, so they need no parser.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// Derives `Deserialize` and `JsonSchema` for the arguments of a method, or for global arguments.
/// Arguments that the type does not have are refused.
#[proc_macro_attribute]
pub fn arguments(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let derives = ["serde::Deserialize", "schemars::JsonSchema"];
    with_derives("arguments", attribute, (&derives, true), item)
}

/// Derives `Serialize`, `Deserialize` and `JsonSchema` for a resource, or for a part of arguments or of
/// a resource.
#[proc_macro_attribute]
pub fn resource(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let derives = [
        "serde::Serialize",
        "serde::Deserialize",
        "schemars::JsonSchema",
    ];
    with_derives("resource", attribute, (&derives, false), item)
}

fn with_derives(
    name: &str,
    attribute: TokenStream,
    (derives, is_closed): (&[&str], bool),
    item: TokenStream,
) -> TokenStream {
    if let Some(first) = attribute.into_iter().next() {
        return error(
            &format!("`#[sedge_sdk::{name}]` takes no arguments"),
            first.span(),
        );
    }
    let is_enum = item
        .clone()
        .into_iter()
        .any(|token| matches!(&token, TokenTree::Ident(word) if word.to_string() == "enum"));
    let derives: String = derives
        .iter()
        .map(|path| format!("::sedge_sdk::{path},"))
        .collect();
    // An enum without fields has no unknown ones, and serde refuses the attribute there.
    let closed = match is_closed && !is_enum {
        true => ", deny_unknown_fields",
        false => "",
    };
    let attributes = format!(
        "#[derive({derives})] \
         #[serde(crate = \"::sedge_sdk::serde\"{closed})] \
         #[schemars(crate = \"::sedge_sdk::schemars\")]"
    );
    let attributes: TokenStream = attributes
        .parse()
        .expect("the attributes above are tokens of Rust");
    attributes.into_iter().chain(item).collect()
}

/// Returns a compiler error at a place.
fn error(message: &str, at: Span) -> TokenStream {
    let mut bang = Punct::new('!', Spacing::Alone);
    bang.set_span(at);
    let mut text = Literal::string(message);
    text.set_span(at);
    let mut group = Group::new(Delimiter::Brace, TokenTree::from(text).into());
    group.set_span(at);
    let name = Ident::new("compile_error", at);
    [
        TokenTree::from(name),
        TokenTree::from(bang),
        TokenTree::from(group),
    ]
    .into_iter()
    .collect()
}
