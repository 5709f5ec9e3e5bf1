//! The tutorial and the recipes of the book, executed as a reader pastes them.
//!
//! A page consists of prose and blocks. A block of `yaml` or `python` belongs to the file that the
//! prose before it names: "Save this as `FILE`", or "to the end of `FILE`". A block of `console`
//! has commands, which must succeed, unless the prose before it says "This fails".

use std::fmt::Write as _;
use std::path::Path;

use sedge_test_kit::TestEnv;

/// A block of a page, with the prose before it.
struct Block<'a> {
    prose: &'a str,
    language: &'a str,
    text: &'a str,
}

#[test]
fn tutorial_works_when_pasted() {
    let page = page("tutorial.md");
    run("the tutorial", &script(&page));
}

#[test]
fn recipes_work_when_pasted() {
    let page = page("cookbook.md");
    let recipes: Vec<&str> = page.split("\n## ").skip(1).collect();
    assert!(recipes.len() >= 15, "{} recipes", recipes.len());
    for recipe in recipes {
        let (title, _) = recipe.split_once('\n').expect("a title is a line");
        let begin = "mkdir recipe\ncd recipe\nsedge init\n";
        run(title, &(begin.to_owned() + &script(recipe)));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the pages are files of the source tree"
)]
fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs a script in a new folder, with a new home.
fn run(title: &str, script: &str) {
    let env = TestEnv::with_repository();
    // The script works outside of the repository of the environment.
    env.write_file("script.sh", format!("cd \"$(mktemp -d)\"\n{script}"));
    let ended = env.shell("sh -eu script.sh");
    assert_eq!(ended.code(), Some(0), "{title}:\n{script}\n{ended}");
}

/// Returns a shell script that does what a reader does with the blocks of a text.
fn script(text: &str) -> String {
    // What a command started in the background ends with the script.
    let mut script = "background=\ntrap 'kill $background 2>/dev/null || true' EXIT\n".to_owned();
    for Block {
        prose,
        language,
        text,
    } in blocks(text)
    {
        match language {
            "yaml" | "python" => {
                let (file, appends) = file_of(prose);
                let redirect = if appends { ">>" } else { ">" };
                write!(script, "cat {redirect} {file} <<'END'\n{text}END\n")
                    .expect("a string can be written to");
            }
            "console" => script += &commands(text, prose.contains("This fails")),
            _ => {}
        }
    }
    script
}

/// Returns the commands of a block, one line each.
fn commands(text: &str, fails: bool) -> String {
    let mut script = String::new();
    for line in text.replace("\\\n", " ").lines() {
        let command = line.strip_prefix("$ ").expect("each line is a command");
        let line = match fails {
            true => format!("if {command}; then exit 9; fi\n"),
            false if command.ends_with('&') => {
                format!("{command}\nbackground=\"$background $!\"\n")
            }
            false => format!("{command}\n"),
        };
        script += &line;
    }
    script
}

/// Returns the file that the prose names last, and whether the block is its end.
fn file_of(prose: &str) -> (String, bool) {
    // A line may end anywhere in the sentence.
    let prose = prose.split_whitespace().collect::<Vec<_>>().join(" ");
    let prose_after = |mark: &str| prose.rfind(mark).map(|at| &prose[at..]);
    let (named, appends) = match prose_after("ave this as") {
        Some(named) => (Some(named), false),
        None => (prose_after("to the end of"), true),
    };
    let named = named.unwrap_or_else(|| panic!("no file is named in: {prose}"));
    let file = named.split('`').nth(1);
    (file.expect("a file is a code span").to_owned(), appends)
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let parts: Vec<&str> = text.split("```").collect();
    let pairs = parts.chunks(2).filter_map(|pair| match pair {
        [prose, block] => Some((*prose, *block)),
        _ => None,
    });
    pairs
        .map(|(prose, block)| {
            let (language, text) = block.split_once('\n').expect("a block has lines");
            Block {
                prose,
                language,
                text,
            }
        })
        .collect()
}

#[test]
fn block_becomes_a_command_or_a_file() {
    let text =
        "Save this as `a.yaml`:\n\n```yaml\na: 1\n```\n\nThis fails:\n\n```console\n$ false\n```\n";
    let script = script(text);
    assert!(
        script.ends_with("cat > a.yaml <<'END'\na: 1\nEND\nif false; then exit 9; fi\n"),
        "{script}"
    );
}
