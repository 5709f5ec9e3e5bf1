//! Pages of Markdown, as far as the rules read them: blocks of code, links and headings.

/// A block of code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CodeBlock {
    /// The word after its fence, up to a comma: `yaml`.
    pub(crate) language: String,
    /// Its text, without the indent of its fence.
    pub(crate) text: String,
    /// The number of its first line, counted from 1.
    pub(crate) line: usize,
}

/// A link, with the number of its line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) target: String,
    pub(crate) line: usize,
}

/// Returns the blocks of code of a page.
pub(crate) fn code_blocks(page: &str) -> Vec<CodeBlock> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, CodeBlock)> = None;
    for (line, number) in page.lines().zip(1..) {
        let trimmed = line.trim_start();
        let fence = trimmed.strip_prefix("```");
        open = match (open.take(), fence) {
            (Some((_, block)), Some(_)) => {
                blocks.push(block);
                None
            }
            (Some((indent, mut block)), None) => {
                let n_spaces = line.len() - trimmed.len();
                block.text.push_str(&line[n_spaces.min(indent)..]);
                block.text.push('\n');
                Some((indent, block))
            }
            (None, Some(info)) => {
                let language = info.split([',', ' ']).next().unwrap_or_default();
                let block = CodeBlock {
                    language: language.to_owned(),
                    text: String::new(),
                    line: number + 1,
                };
                Some((line.len() - trimmed.len(), block))
            }
            (None, None) => None,
        };
    }
    blocks
}

/// Returns a page without the text of its blocks of code. It has the same lines.
fn without_blocks(page: &str) -> String {
    let mut is_code = false;
    let lines = page.lines().map(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if is_code || is_fence { "" } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the links of a page in the form `[text](target)`.
pub(crate) fn links(page: &str) -> Vec<Link> {
    let page = without_blocks(page);
    // A code span has no links; only its line ends count.
    let mut prose = String::new();
    for (part, n) in page.split('`').zip(0..) {
        match n % 2 {
            0 => prose.push_str(part),
            _ => prose.extend(part.chars().filter(|char| *char == '\n')),
        }
    }
    let mut links = Vec::new();
    for (at, mark) in prose.match_indices("](") {
        let after = &prose[at + mark.len()..];
        if let Some((target, _)) = after.split_once(')') {
            links.push(Link {
                target: target.to_owned(),
                line: prose[..at].matches('\n').count() + 1,
            });
        }
    }
    links
}

/// Returns the names by which links lead to the headings of a page, as GitHub and mdBook make them.
pub(crate) fn anchors(page: &str) -> Vec<String> {
    let (mut anchors, mut titles) = (Vec::new(), Vec::new());
    for line in without_blocks(page).lines() {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let mut anchor = String::new();
        for char in title.trim().to_lowercase().chars() {
            match char {
                ' ' => anchor.push('-'),
                '-' | '_' => anchor.push(char),
                _ if char.is_alphanumeric() => anchor.push(char),
                _ => {}
            }
        }
        let n_before = titles.iter().filter(|it| **it == anchor).count();
        titles.push(anchor.clone());
        match n_before {
            0 => anchors.push(anchor),
            n => anchors.push(format!("{anchor}-{n}")),
        }
    }
    anchors
}

/// Returns the words of the code of a page, in blocks and in spans.
pub(crate) fn code_words(page: &str) -> Vec<String> {
    let blocks = code_blocks(page).into_iter().map(|block| block.text);
    let prose = without_blocks(page);
    let spans = prose.split('`').skip(1).step_by(2).map(str::to_owned);
    let words = blocks.chain(spans).flat_map(|code| {
        let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.map(str::to_owned).collect::<Vec<_>>()
    });
    words.filter(|word| !word.is_empty()).collect()
}

#[test]
fn page_is_taken_apart() {
    let page = "# A `b` C\n\nA [link\nhere](a.md#b), not `[a](b)`.\n\n  ```yaml,x\n  # d\n    e: [f](g)\n  ```\n## A b-c\n";
    let link = Link {
        target: "a.md#b".to_owned(),
        line: 4,
    };
    assert_eq!(links(page), [link]);
    assert_eq!(anchors(page), ["a-b-c", "a-b-c-1"]);
    let block = CodeBlock {
        language: "yaml".to_owned(),
        text: "# d\n  e: [f](g)\n".to_owned(),
        line: 7,
    };
    assert_eq!(code_blocks(page), [block]);
    assert_eq!(code_words(page), ["d", "e", "f", "g", "b", "a", "b"]);
}
