//! The pages that a reader pastes, executed as a reader pastes them: the README, the tutorial, the
//! recipes, and the examples.
//!
//! A page consists of prose and blocks. A block of `yaml` or `python` belongs to the file that the
//! prose before it names: "Save this as `FILE`", or "to the end of `FILE`". A block of `console`
//! has commands, which must succeed, unless the prose before it says "This fails". A command that
//! runs in the background is a server, and the page names its address: `127.0.0.1:PORT`.

#![expect(
    clippy::disallowed_methods,
    reason = "the pages are files of the source tree, and a new user has this machine's cargo"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sedge_test_kit::{TestEnv, sedge};

/// The variable that makes the README's test run `cargo install`, which takes minutes. Without it,
/// the test installs the archive that `tests/release` makes of the programs under test.
const TRUE_INSTALL: &str = "SEDGE_TRUE_INSTALL";

/// The folders of programs that every system has.
const SYSTEM_PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// A block of a page, with the prose before it.
struct Block<'a> {
    prose: &'a str,
    language: &'a str,
    text: &'a str,
}

/// The first things that a newcomer types, in a home without files. The tutorial follows, because a
/// reader of it has installed Sedge as the README says.
#[test]
fn readme_and_tutorial_work_for_a_new_user() {
    let env = TestEnv::default();
    let readme = page("README.md");
    let mut install = script(section(&readme, "Install"));
    let mut begin = new_user_begin();
    if std::env::var_os(TRUE_INSTALL).is_some() {
        begin += &cargo_begin();
    } else {
        install = with_archive(&install, &archive(&env.repository().join("dist")));
    }
    let first = script(section(&readme, "A first result"));
    let tutorial = script(&page("docs/tutorial.md"));
    let script = format!("{begin}{install}{first}mkdir ~/tutorial\ncd ~/tutorial\n{tutorial}");
    run(&env, "the README, then the tutorial", &script);
}

#[test]
fn recipes_work_when_pasted() {
    let page = page("docs/cookbook.md");
    let recipes: Vec<&str> = page.split("\n## ").skip(1).collect();
    assert!(recipes.len() >= 15, "{} recipes", recipes.len());
    for recipe in recipes {
        let (title, _) = recipe.split_once('\n').expect("a title is a line");
        let begin = "mkdir -p ~/cookbook/recipe\ncd ~/cookbook/recipe\nsedge init\n";
        let script = begin.to_owned() + &script(recipe);
        run(&TestEnv::default(), title, &script);
    }
}

/// Each example is a folder whose page says how to copy it and what to type in the copy.
#[test]
fn examples_work_when_pasted() {
    let examples = root().join("docs/examples");
    let entries = std::fs::read_dir(&examples).expect("the examples are in the tree");
    let folders = entries.map(|entry| entry.expect("it is a folder").path());
    let mut folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 3, "{folders:?}");
    for folder in folders {
        let name = folder.file_name().expect("a folder has a name");
        let name = name.to_str().expect("names in the tree are plain text");
        let page = page(&format!("docs/examples/{name}/README.md"));
        let copy = format!("cp -r docs/examples/{name} ~/{name} && cd ~/{name}");
        assert!(
            page.contains(&copy),
            "{name}: the page does not say `{copy}`"
        );
        let script = format!("cd '{}'\n{}", root().display(), script(&page));
        run(&TestEnv::default(), name, &script);
    }
}

/// Returns the root of the source tree.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the text of a page, by its path from the root of the tree.
fn page(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the section of a page with a title.
fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let sections = page.split("\n## ");
    let mut named = sections.filter_map(|section| section.strip_prefix(title));
    named
        .find(|section| section.starts_with('\n'))
        .unwrap_or_else(|| panic!("the page has no section `{title}`"))
}

/// Returns the beginning of a script of a new user, who is in a clone of the source tree. The home
/// of the environment is empty, so only the variables that name other folders have to go.
fn new_user_begin() -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    let cargo = folders.find(|folder| folder.join("cargo").is_file());
    let cargo = cargo.unwrap_or_else(|| {
        let cargo = Path::new(env!("CARGO"));
        cargo.parent().expect("a program is in a folder").to_owned()
    });
    format!(
        "cd '{}'\nexport PATH='{}:{SYSTEM_PATH}'\n\
         unset SEDGE_CACHE_DIR SSL_CERT_FILE XDG_STATE_HOME\n",
        root().display(),
        cargo.display()
    )
}

/// Returns the lines that let cargo use its toolchain and the packages that this machine has, and
/// install into the new home.
fn cargo_begin() -> String {
    let mut script = "export CARGO_INSTALL_ROOT=\"$HOME/.cargo\"\n".to_owned();
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    for (name, default) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let folder = std::env::var_os(name).map_or_else(|| home.join(default), PathBuf::from);
        if folder.is_dir() {
            writeln!(script, "export {name}='{}'", folder.display())
                .expect("a string can be written to");
        }
    }
    script
}

/// Makes the archive of the programs under test, and returns its path.
fn archive(folder: &Path) -> PathBuf {
    let target = sedge().ancestors().nth(2).expect("it is in target/release");
    let made = Command::new(root().join("tests/release"))
        .args(["--built", "--archive-only"])
        .arg(folder)
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("the script can be started");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "tests/release failed:\n{said}");
    let entries = std::fs::read_dir(folder).expect("the script has made it");
    let mut paths = entries.map(|entry| entry.expect("it is a folder").path());
    paths
        .find(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .unwrap_or_else(|| panic!("tests/release made no archive:\n{said}"))
}

/// Returns a script that installs an archive where the given one builds and installs the programs.
fn with_archive(install: &str, archive: &Path) -> String {
    let unpack = format!(
        "mkdir -p ~/.cargo && tar -xzf '{}' -C ~/.cargo --strip-components=1",
        archive.display()
    );
    let (mut script, mut n_replaced) = (String::new(), 0);
    for line in install.lines() {
        if line.starts_with("cargo install ") {
            n_replaced += 1;
            script += &unpack;
        } else if !line.starts_with("tests/setup") {
            script += line;
        }
        script.push('\n');
    }
    assert_eq!(n_replaced, 1, "one line installs the programs:\n{install}");
    script
}

/// Runs a script, and fails with all of it and its output.
#[track_caller]
fn run(env: &TestEnv, title: &str, script: &str) {
    // The servers that the script has started end with it.
    let begin = "background=\ntrap 'kill $background 2>/dev/null || true' EXIT\n";
    env.write_file("script.sh", format!("{begin}{script}"));
    let ended = env.shell("sh -eu script.sh");
    assert_eq!(ended.code(), Some(0), "{title}:\n{script}\n{ended}");
}

/// Returns a shell script that does what a reader does with the blocks of a page.
fn script(page: &str) -> String {
    let mut script = String::new();
    for Block {
        prose,
        language,
        text,
    } in blocks(page)
    {
        match language {
            "yaml" | "python" => {
                let (file, appends) = file_of(prose);
                let redirect = if appends { ">>" } else { ">" };
                writeln!(script, "cat {redirect} {file} <<'END'\n{text}END")
                    .expect("a string can be written to");
            }
            "console" => script += &commands(text, page, prose.contains("This fails")),
            _ => {}
        }
    }
    script
}

/// Returns the commands of a block, one line each.
fn commands(text: &str, page: &str, fails: bool) -> String {
    let mut script = String::new();
    for line in text.replace("\\\n", " ").lines() {
        let command = line.strip_prefix("$ ").expect("each line is a command");
        let line = match fails {
            true => format!("if {command}; then exit 9; fi\n"),
            // A run that waits for a decision ends with 4.
            false if command.starts_with("sedge workflow run ") && !command.contains("||") => {
                format!("{command} || test $? = 4\n")
            }
            false if command.ends_with('&') => format!("{command}\n{}", server_wait(page)),
            false => format!("{command}\n"),
        };
        script += &line;
    }
    script
}

/// Returns the lines that wait until the server that was just started accepts connections, or has
/// ended.
fn server_wait(page: &str) -> String {
    let (_, after) = page
        .split_once("127.0.0.1:")
        .expect("a page with a server names its address");
    let port: String = after.chars().take_while(char::is_ascii_digit).collect();
    format!(
        "background=\"$background $!\"\n\
         until python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}))' 2>/dev/null\n\
         do kill -0 $!\ndone\n"
    )
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
fn archive_replaces_the_build() {
    let install = "tests/setup # builds\ncargo install --path host/cli\nmkdir a\n";
    let script = with_archive(install, Path::new("/a.tar.gz"));
    let unpack = "mkdir -p ~/.cargo && tar -xzf '/a.tar.gz' -C ~/.cargo --strip-components=1";
    assert_eq!(script, format!("\n{unpack}\nmkdir a\n"));
}

#[test]
fn server_is_awaited_at_the_address_of_the_page() {
    let page = "It listens at `http://127.0.0.1:8700`:\n\n```console\n$ serve &\n```\n";
    let script = script(page);
    assert!(script.starts_with("serve &\nbackground="), "{script}");
    assert!(script.contains("(\"127.0.0.1\", 8700)"), "{script}");
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
