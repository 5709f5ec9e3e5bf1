//! The page of the contract with plugins, which is made from the comments in `wit`.

use std::fmt::Write as _;

use crate::page::hold_current;
use crate::tree::{TreeFile, files};

/// The page, and the folder of the contract.
const PAGE: &str = "docs/reference/contract.md";
const FOLDER: &str = "wit/";

/// The order of the files on the page, by their stem. Others follow.
const ORDER: [&str; 12] = [
    "world",
    "model",
    "context",
    "data",
    "models",
    "calls",
    "workflows",
    "log",
    "secrets",
    "commands",
    "reports",
    "types",
];

/// A comment, and the declaration that follows it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Item {
    comment: Vec<String>,
    code: Vec<String>,
}

/// Plugin authors in languages without an SDK look up functions on this page.
#[test]
fn contract_page_is_current() {
    hold_current(PAGE, "the files in wit", &page(files()));
}

fn page(files: &[TreeFile]) -> String {
    let mut text = String::from(
        "<!-- Generated from the files in wit. Do not edit. -->\n\
         # The contract with plugins\n\n\
         The interfaces between Sedge and its plugins, in WIT. The files are in the folder `wit` of the\n\
         source tree, and [its page](../../wit/README.md) says how their version changes.\n",
    );
    let is_current = |file: &&TreeFile| {
        let name = file.path.strip_prefix(FOLDER).unwrap_or_default();
        name.ends_with(".wit") && !name.contains('/')
    };
    let mut contract: Vec<&TreeFile> = files.iter().filter(is_current).collect();
    contract.sort_by_key(|file| {
        let place = ORDER
            .iter()
            .position(|stem| file.path == format!("{FOLDER}{stem}.wit"));
        (place.unwrap_or(ORDER.len()), &file.path)
    });
    for file in contract {
        file_section(&mut text, &file.text());
    }
    text
}

/// Adds the section of one file: its world or interface, and what it declares.
fn file_section(text: &mut String, source: &str) {
    for item in items(source) {
        let first = item.code.first().map_or("", String::as_str);
        if let Some(package) = first.strip_prefix("package ") {
            if !item.comment.is_empty() {
                let package = package.trim_end_matches(';');
                section(text, &format!("## Package `{package}`"), &item.comment);
            }
        } else if let Some(name) = first.strip_prefix("interface ") {
            let name = name.trim_end_matches([' ', '{']);
            section(text, &format!("## Interface `{name}`"), &item.comment);
            let inner = inner(&item.code);
            for declared in items(&inner) {
                declaration(text, &declared);
            }
        } else {
            let words: Vec<&str> = first.split([' ', '{']).collect();
            section(
                text,
                &format!("## {} `{}`", words[0], words[1]),
                &item.comment,
            );
            code(text, &item.code);
        }
    }
}

/// Adds a function or a type of an interface.
fn declaration(text: &mut String, item: &Item) {
    let first = item.code.first().map_or("", String::as_str);
    if first.starts_with("use ") {
        return;
    }
    let words: Vec<&str> = first.split([' ', ':', '{', ';', '(']).collect();
    let kinds = ["enum", "flags", "record", "resource", "type", "variant"];
    let name = match kinds.contains(&words[0]) {
        true => format!("{} `{}`", words[0], words[1].trim_start_matches('%')),
        false => format!("`{}`", words[0].trim_start_matches('%')),
    };
    section(text, &format!("### {name}"), &item.comment);
    code(text, &item.code);
}

fn section(text: &mut String, title: &str, comment: &[String]) {
    writeln!(text, "\n{title}").expect("a string takes all text");
    if !comment.is_empty() {
        writeln!(text, "\n{}", comment.join("\n")).expect("a string takes all text");
    }
}

fn code(text: &mut String, code: &[String]) {
    writeln!(text, "\n```wit\n{}\n```", code.join("\n")).expect("a string takes all text");
}

/// Returns what is between the first line and the last line of a declaration, without its indent.
fn inner(code: &[String]) -> String {
    let lines = code
        .get(1..code.len().saturating_sub(1))
        .unwrap_or_default();
    let lines = lines
        .iter()
        .map(|line| line.strip_prefix("    ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the items of a source: each ends with the line on which its braces are closed.
fn items(source: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut item = Item::default();
    let mut depth = 0;
    for line in source.lines() {
        let comment = line.strip_prefix("///");
        match comment {
            Some(comment) if item.code.is_empty() => {
                let comment = comment.strip_prefix(' ').unwrap_or(comment);
                item.comment.push(comment.to_owned());
                continue;
            }
            None if item.code.is_empty() && line.trim().is_empty() => continue,
            Some(_) | None => item.code.push(line.to_owned()),
        }
        let is_comment = line.trim_start().starts_with("//");
        if is_comment {
            continue;
        }
        depth += line.matches('{').count();
        depth -= line.matches('}').count();
        let is_end = line.ends_with('}') || line.ends_with(';');
        if depth == 0 && is_end {
            items.push(std::mem::take(&mut item));
        }
    }
    items
}

#[test]
fn page_has_each_declaration_with_its_comment() {
    let source = "package a:b@1.0.0;\n\n/// About it.\ninterface c {\n    use d.{e};\n\n    /// A record.\n    record f {\n        /// A field.\n        g: u8,\n    }\n\n    /// Does it.\n    %list: func(h: u8) -> f;\n}\n";
    let mut text = String::new();
    file_section(&mut text, source);
    let expect = "\n## Interface `c`\n\nAbout it.\n\n### record `f`\n\nA record.\n\n```wit\nrecord f {\n    /// A field.\n    g: u8,\n}\n```\n\n### `list`\n\nDoes it.\n\n```wit\n%list: func(h: u8) -> f;\n```\n";
    assert_eq!(text, expect);
}

#[test]
fn world_is_shown_whole() {
    let mut text = String::new();
    let source =
        "/// The contract.\npackage a:b@1.0.0;\n\n/// A world.\nworld c {\n    import d;\n}\n";
    file_section(&mut text, source);
    let expect = "\n## Package `a:b@1.0.0`\n\nThe contract.\n\n## world `c`\n\nA world.\n\n```wit\nworld c {\n    import d;\n}\n```\n";
    assert_eq!(text, expect);
}
