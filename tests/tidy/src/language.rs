//! Comments and documents are in plain English.
//!
//! Seven words stand for a way of writing that costs every reader time: sentences without an agent,
//! and words that the field does not use. Where they are frequent, sentences have to be read twice.

use crate::tree::{TreeFile, files, hold};

/// The words that are counted.
const WORDS: [&str; 7] = [
    "nobody", "somebody", "anybody", "whoever", "whom", "anew", "told",
];

/// The most of these words in 10 000 words of comments and documents.
const IN_TEN_THOUSAND_MAX: usize = 3;

/// The page that says which words not to use quotes them.
const STYLE: &str = "docs/contributing/style.md";

/// The interfaces of WASI, whose comments others have written.
const NOT_OURS: &str = "wit/deps/";

/// The rule is about the whole tree, so that a quotation or a rare good use is possible. The failure
/// lists every use.
#[test]
fn comments_and_documents_are_in_plain_english() {
    let count = count_of(files());
    println!("{}", count.summary());
    hold(
        "comments and documents are in plain English",
        &count.faults(),
    );
}

/// How many words there are, and where which of [`WORDS`] are.
#[derive(Debug, Default)]
struct Count {
    n_words: usize,
    uses: Vec<String>,
}

impl Count {
    fn summary(&self) -> String {
        let Self { n_words, uses } = self;
        format!(
            "{n_words} words of comments and documents, {} of the dialect",
            uses.len()
        )
    }

    fn faults(&self) -> Vec<String> {
        if self.uses.len() * 10_000 <= IN_TEN_THOUSAND_MAX * self.n_words {
            return Vec::new();
        }
        let rule = format!(
            "{}: at most {IN_TEN_THOUSAND_MAX} in 10 000 are allowed; name the agent, and use the word of the field ({STYLE})",
            self.summary()
        );
        [vec![rule], self.uses.clone()].concat()
    }
}

fn count_of(files: &[TreeFile]) -> Count {
    let mut count = Count::default();
    let is_ours = |file: &&TreeFile| file.path != STYLE && !file.path.starts_with(NOT_OURS);
    for file in files.iter().filter(is_ours) {
        for (line, text) in prose(file) {
            for word in text.split(|c: char| !c.is_alphabetic() && c != '\'') {
                count.n_words += usize::from(!word.is_empty());
                if WORDS.contains(&word.to_lowercase().as_str()) {
                    count.uses.push(format!("{}:{line}: `{word}`", file.path));
                }
            }
        }
    }
    count
}

/// Returns the prose of a file: the comments of a source or script, and the text of a document
/// without its blocks of code. Each line has its number, and no code spans.
fn prose(file: &TreeFile) -> Vec<(usize, String)> {
    let text = file.text();
    let lines = text.lines().zip(1..);
    let prose = |line: Option<&str>, number: usize| Some((number, without_code_spans(line?)));
    let (_, name) = file
        .path
        .rsplit_once('/')
        .unwrap_or(("", file.path.as_str()));
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    // A script has no extension, but a first line that names its interpreter.
    let extension = extension.or(text.starts_with("#!").then_some("sh"));
    match extension.unwrap_or_default() {
        "rs" | "wit" | "ts" => lines
            .filter_map(|(line, number)| prose(comment(line, "//"), number))
            .collect(),
        "sh" | "toml" | "py" | "yaml" => lines
            .filter_map(|(line, number)| prose(comment(line, "#"), number))
            .collect(),
        "md" => {
            let mut is_code = false;
            lines
                .filter_map(|(line, number)| {
                    let is_fence = line.trim_start().starts_with("```");
                    is_code ^= is_fence;
                    prose((!is_code && !is_fence).then_some(line), number)
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the comment of a line. `mark` begins one at the start of the line or after white space.
fn comment<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let (at, _) = line.match_indices(mark).find(|(at, _)| {
        let before = line[..*at].chars().next_back();
        before.is_none_or(char::is_whitespace)
    })?;
    Some(line[at + mark.len()..].trim_start_matches(['/', '!', '#']))
}

/// Returns a text without what is between backticks.
fn without_code_spans(text: &str) -> String {
    let outside = text.split('`').step_by(2);
    outside.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_rule_on_language_can_fail() {
    let check = |path: &str, text: &str, expect: &[&str]| {
        let count = count_of(&[TreeFile::new(path, text)]);
        assert_eq!(count.uses, expect, "{path}: {text}");
        assert_eq!(count.faults().is_empty(), expect.is_empty(), "{text}");
    };
    check(
        "a.rs",
        "/// Nobody waits.\nfn f() {}",
        &["a.rs:1: `Nobody`"],
    );
    check("a.rs", "f(); // it is told\n", &["a.rs:1: `told`"]);
    check(
        "a.rs",
        "fn told() { g(\"nobody\") }\n// The word `told`.",
        &[],
    );
    check("a.rs", "let url = \"http://anybody\";", &[]);
    check("a.md", "It begins\nanew.\n", &["a.md:2: `anew`"]);
    check("a.md", "```\nwhoever\n```\nThe `whom` of a span.\n", &[]);
    check(
        "a.toml",
        "a = 1 # for somebody\n",
        &["a.toml:1: `somebody`"],
    );
    let script = "#!/bin/sh\n# Nobody waits.\nrun # told\n";
    check(
        "tests/all",
        script,
        &["tests/all:2: `Nobody`", "tests/all:3: `told`"],
    );
    check(
        "a.b/run",
        script,
        &["a.b/run:2: `Nobody`", "a.b/run:3: `told`"],
    );
    check("plugins/digests", "told 1\n", &[]);
    check(STYLE, "Never write nobody.", &[]);
    // A rare use is allowed.
    let many = "word ".repeat(5000);
    let rare = count_of(&[TreeFile::new("a.md", &format!("{many} whom"))]);
    assert_eq!((rare.uses.len(), rare.faults().len()), (1, 0));
}
