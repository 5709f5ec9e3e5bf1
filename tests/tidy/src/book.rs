//! The documents: each link leads somewhere, each page is in the book, and each example in YAML or
//! JSON can be parsed.

use std::sync::Arc;

use sedge_lang::definition::Definition;
use sedge_lang::diagnostic::{Diagnostic, SourceFile};
use sedge_lang::repository::Config;
use sedge_lang::user_config::UserConfig;
use sedge_lang::workflow::Workflow;
use sedge_lang::yaml;
use sedge_model::names::{ModelName, NameError, WorkflowName};
use serde_json::{Map, Value};

use crate::markdown::{anchors, code_blocks, links};
use crate::tree::{TreeFile, files, hold};

/// The folder of the book, and its table of contents in it.
const BOOK: &str = "docs/";
const SUMMARY: &str = "docs/SUMMARY.md";

/// A file of the repository, in Markdown, is read on screens where links are followed.
#[test]
fn links_lead_to_files_and_headings() {
    hold("a link leads somewhere", &link_faults(files()));
}

/// A page that is not in the table of contents is not in the book.
#[test]
fn every_page_is_in_the_summary() {
    hold("a page is in the summary", &summary_faults(files()));
}

/// A reader copies examples. Those in YAML are files of a repository, or parts of them, and are
/// parsed as strictly as Sedge parses them, so that each key in the documents exists.
#[test]
fn examples_are_parsed() {
    let faults: Vec<String> = pages(files()).flat_map(example_faults).collect();
    hold("an example in YAML or JSON is valid", &faults);
}

fn pages(files: &[TreeFile]) -> impl Iterator<Item = &TreeFile> {
    files.iter().filter(|file| file.path.ends_with(".md"))
}

fn link_faults(files: &[TreeFile]) -> Vec<String> {
    let mut faults = Vec::new();
    for page in pages(files) {
        for link in links(&page.text()) {
            if let Some(fault) = target_fault(files, page, &link.target) {
                faults.push(format!("{}:{}: {fault}", page.path, link.line));
            }
        }
    }
    faults
}

/// Returns what is wrong with the target of a link, unless it leads to another site.
fn target_fault(files: &[TreeFile], page: &TreeFile, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match path {
        "" => page.path.clone(),
        path => resolved(&page.path, path),
    };
    let folder = format!("{path}/");
    let is_folder = path.is_empty() || files.iter().any(|file| file.path.starts_with(&folder));
    match files.iter().find(|file| file.path == path) {
        None if is_folder && anchor.is_empty() => None,
        None => Some(format!("there is no file `{path}`")),
        Some(_) if anchor.is_empty() => None,
        Some(file) => {
            let anchors = anchors(&file.text());
            let is_missing = !anchors.iter().any(|it| it == anchor);
            is_missing.then(|| {
                format!(
                    "`{path}` has no heading `#{anchor}`; its headings are {}",
                    anchors.join(", ")
                )
            })
        }
    }
}

/// Returns the path from the root of the tree that a relative path in a page stands for.
fn resolved(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn summary_faults(files: &[TreeFile]) -> Vec<String> {
    let Some(summary) = files.iter().find(|file| file.path == SUMMARY) else {
        return vec![format!("{SUMMARY}: the book has no table of contents")];
    };
    let listed: Vec<String> = links(&summary.text())
        .iter()
        .map(|link| resolved(SUMMARY, &link.target))
        .collect();
    pages(files)
        .filter(|page| page.path.starts_with(BOOK) && page.path != SUMMARY)
        .filter(|page| !listed.contains(&page.path))
        .map(|page| format!("{}: it is not in {SUMMARY}; add a line there", page.path))
        .collect()
}

fn example_faults(page: &TreeFile) -> Vec<String> {
    let blocks = code_blocks(&page.text()).into_iter();
    let fault = |block: crate::markdown::CodeBlock| {
        let fault = match block.language.as_str() {
            "yaml" => yaml_fault(&block.text)?,
            "json" => json_fault(&block.text)?,
            _ => return None,
        };
        Some(format!("{}:{}: {fault}", page.path, block.line))
    };
    blocks.filter_map(fault).collect()
}

/// Returns what is wrong with one or several JSON documents.
fn json_fault(text: &str) -> Option<String> {
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    documents.find_map(|document| Some(document.err()?.to_string()))
}

/// Returns what is wrong with a file of a repository, or with a part of a definition or of
/// `sedge.yaml`. Its keys tell which file it is.
fn yaml_fault(text: &str) -> Option<String> {
    let keys: Map<String, Value> = match yaml::parse(&source("", text)) {
        Ok(keys) => keys,
        Err(fault) => return Some(fault.to_string()),
    };
    let name = keys.get("name").and_then(Value::as_str);
    let parsed = if keys.contains_key("jobs") {
        workflow_parse(name.unwrap_or_default(), text)
    } else if keys.contains_key("safeDirectories") {
        UserConfig::parse(&source("", text))
            .map(drop)
            .map_err(text_of)
    } else if keys.contains_key("type") {
        definition_parse(name.unwrap_or_default(), text)
    } else if keys.contains_key("version") {
        config_parse(text)
    } else {
        part_parse(text)
    };
    parsed.err()
}

/// Parses a part of a definition or of `sedge.yaml`.
fn part_parse(text: &str) -> Result<(), String> {
    let definition = format!("name: part\ntype: \"@acme/part\"\n{text}");
    let Err(in_definition) = definition_parse("part", &definition) else {
        return Ok(());
    };
    config_parse(&format!("version: 1\n{text}")).map_err(|in_config| {
        format!("as a part of a definition: {in_definition}; as a part of sedge.yaml: {in_config}")
    })
}

fn workflow_parse(name: &str, text: &str) -> Result<(), String> {
    let name: WorkflowName = name.parse().map_err(|error: NameError| error.to_string())?;
    let file = SourceFile::new(name.file(), text);
    let parsed = Workflow::parse(&file).map(drop);
    parsed.map_err(|faults| faults.to_string())
}

fn definition_parse(name: &str, text: &str) -> Result<(), String> {
    let name: ModelName = name.parse().map_err(|error: NameError| error.to_string())?;
    let file = SourceFile::new(name.file(), text);
    let parsed = Definition::parse(&file).map(drop);
    parsed.map_err(|faults| faults.to_string())
}

fn config_parse(text: &str) -> Result<(), String> {
    Config::parse(&source("sedge.yaml", text))
        .map(drop)
        .map_err(text_of)
}

fn source(name: &str, text: &str) -> Arc<SourceFile> {
    SourceFile::new(name, text)
}

fn text_of(fault: Diagnostic) -> String {
    fault.to_string()
}

#[test]
fn the_rule_on_links_can_fail() {
    let check = |link: &str, expect: usize| {
        let page = TreeFile::new("docs/a/b.md", &format!("# One two\n\n[x]({link})\n"));
        let other = TreeFile::new("docs/c.md", "## Three\n");
        assert_eq!(link_faults(&[page, other]).len(), expect, "{link}");
    };
    check("../c.md", 0);
    check("../c.md#three", 0);
    check("#one-two", 0);
    check("..", 0);
    check("https://example.com/c.md", 0);
    check("c.md", 1);
    check("../c.md#four", 1);
    check("#three", 1);
}

#[test]
fn the_rule_on_the_summary_can_fail() {
    let check = |path: &str, expect: usize| {
        let summary = TreeFile::new(SUMMARY, "- [A](a.md)\n");
        let faults = summary_faults(&[summary, TreeFile::new(path, "")]);
        assert_eq!(faults.len(), expect, "{path}: {faults:?}");
    };
    check("docs/a.md", 0);
    check("docs/b.md", 1);
    check("docs/a/a.md", 1);
    check("README.md", 0);
    assert_eq!(summary_faults(&[]).len(), 1);
}

#[test]
fn the_rule_on_examples_can_fail() {
    let check = |language: &str, text: &str, expect: usize| {
        let page = format!("```{language}\n{text}\n```\n");
        let faults = example_faults(&TreeFile::new("docs/a.md", &page));
        assert_eq!(faults.len(), expect, "{text}: {faults:?}");
    };
    check("yaml", "version: 1\nlockTimeoutSeconds: 5", 0);
    check("yaml", "version: 1\nlockTimeout: 5", 1);
    check("yaml", "lockTimeoutSeconds: 5", 0);
    check("yaml", "grants: {env: [A]}", 0);
    check("yaml", "grants: {environment: [A]}", 1);
    check("yaml", "name: a\ntype: \"@acme/a\"", 0);
    check("yaml", "name: a\ntype: a", 1);
    check("yaml", "name: a\njobs: []", 1);
    check("yaml", "safeDirectories: [/srv]", 0);
    check("yaml", "a: [", 1);
    check("text", "a: [", 0);
    check("json", "{\"a\": 1}\n{\"b\": 2}", 0);
    check("json", "{\"a\": 1,}", 1);
}
