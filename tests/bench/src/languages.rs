//! Plugins in each language: the project that `sedge plugin new` writes, from its build to a call of its
//! method, which reads a resource, writes one and logs a line.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use sedge_test_kit::compiled_code;

use crate::figures::{Figures, Samples};
use crate::large::{code_bytes, wait_until_seen};
use crate::nested::run;
use crate::processes::sample;
use crate::repository::TestRepository;
use crate::subjects::peak;
use crate::table::Row;
use crate::{Effort, Result};

/// The model and its method in every project.
const METHOD: [&str; 2] = ["sample", "greet"];
const INPUT: &str = "name=Ada";

/// A language, with the subjects that are measured in it.
struct Language {
    name: &'static str,
    /// The file that the author writes, in the project's folder.
    source: &'static str,
    build: &'static str,
    build_again: &'static str,
    add: &'static str,
    process: &'static str,
    call: &'static str,
}

const LANGUAGES: [Language; 2] = [
    Language {
        name: "rust",
        source: "src/lib.rs",
        build: "plugin build, rust",
        build_again: "plugin build after an edit, rust",
        add: "plugin add, rust",
        process: "model method run, rust",
        call: "model method run in process, rust",
    },
    Language {
        name: "py",
        source: "plugin.py",
        build: "plugin build, py",
        build_again: "plugin build after an edit, py",
        add: "plugin add, py",
        process: "model method run, py",
        call: "model method run in process, py",
    },
];

/// Builds a plugin in each language, adds it, and measures processes that call all of them in turns.
/// Returns their repositories.
pub(crate) fn processes(
    sedge: &Path,
    folder: &Path,
    effort: Effort,
    figures: &mut Figures,
) -> Result<Vec<TestRepository>> {
    let folder = folder.join("languages");
    std::fs::create_dir(&folder)?;
    let mut repositories = Vec::new();
    for language in &LANGUAGES {
        let repository = TestRepository::empty(sedge, &folder.join(language.name))?;
        let component = built(&repository, language, figures)?;
        added(&repository, language, &component, effort, figures)?;
        repositories.push(repository);
    }
    let [model, method] = METHOD;
    let call = ["model", "method", "run", model, method, "-i", INPUT];
    for repository in &repositories {
        wait_until_seen(repository, &call)?;
    }
    for _ in 0..effort.n_process_rounds {
        for (language, repository) in LANGUAGES.iter().zip(&repositories) {
            sample(figures, language.process, repository.command(&call))?;
        }
    }
    Ok(repositories)
}

/// Builds the project twice, the second time after an edit. Returns the path of its component.
fn built(
    repository: &TestRepository,
    language: &Language,
    figures: &mut Figures,
) -> Result<PathBuf> {
    let lang = ["--lang", language.name];
    author(repository, &["plugin", "new", METHOD[0], lang[0], lang[1]])?;
    let project = repository.folder.join(METHOD[0]);
    for subject in [language.build, language.build_again] {
        let since = Instant::now();
        author(repository, &["plugin", "build", METHOD[0]])?;
        figures.lap(subject, since);
        let source = project.join(language.source);
        let text = std::fs::read_to_string(&source)?;
        std::fs::write(&source, text.replace("greeted {", "has greeted {"))?;
    }
    for entry in std::fs::read_dir(&project)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "wasm") {
            figures.add_bytes(language.build, std::fs::metadata(&path)?.len());
            return Ok(path);
        }
    }
    Err(format!(
        "`sedge plugin build` left no component for {}",
        language.name
    )
    .into())
}

/// Adds the component several times, each time without its compiled code, and creates a model.
fn added(
    repository: &TestRepository,
    language: &Language,
    component: &Path,
    effort: Effort,
    figures: &mut Figures,
) -> Result<()> {
    let component = component.to_str().ok_or("the folder has a name in UTF-8")?;
    let add = ["plugin", "add", component];
    for _ in 0..effort.n_process_rounds.div_ceil(10) {
        for entry in std::fs::read_dir(compiled_code().code())? {
            std::fs::remove_file(entry?.path())?;
        }
        sample(figures, language.add, repository.command(&add))?;
        figures.add_bytes(language.add, code_bytes()?);
    }
    let type_name = format!("@local/{}", METHOD[0]);
    repository.run(&["model", "create", &type_name, METHOD[0]])
}

/// Runs the program in the environment of this process, in which the compilers are.
fn author(repository: &TestRepository, arguments: &[&str]) -> Result<()> {
    let toolchain = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/python/toolchain");
    let found = Command::new(toolchain).stderr(Stdio::inherit()).output()?;
    let componentize = String::from_utf8(found.stdout)?;
    let mut command = repository.command(arguments);
    let output = command
        .envs(std::env::vars_os())
        .env("SEDGE_COMPONENTIZE_PY", componentize.trim())
        .stderr(Stdio::piped())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("`sedge {}` failed: {stderr}", arguments.join(" ")).into())
}

/// Measures calls in this process, from the request until the answer is durable, in turns.
pub(crate) async fn in_process(
    repositories: &[TestRepository],
    effort: Effort,
    figures: &mut Figures,
) -> Result<()> {
    let [model, method] = METHOD;
    let mut opened = Vec::new();
    for repository in repositories {
        opened.push(repository.open()?);
    }
    // The first call starts the engine and maps the plugin.
    let n_calls = effort.n_rounds * effort.n_samples;
    for n in 0..=n_calls {
        for (language, repository) in LANGUAGES.iter().zip(&opened) {
            let since = Instant::now();
            run(repository, model, method, vec![INPUT.parse()?]).await?;
            if n > 0 {
                figures.lap(language.call, since);
            }
        }
    }
    Ok(())
}

/// Returns the rows of the table. The ratios are those to the first language.
pub(crate) fn rows() -> Vec<Row> {
    let [rust, ..] = &LANGUAGES;
    let mut rows = Vec::new();
    for (n, language) in LANGUAGES.iter().enumerate() {
        let baseline = |subject| (n > 0).then_some(subject);
        rows.extend([
            Row {
                note: component_size,
                ..Row::new(language.build, baseline(rust.build), "")
            },
            Row::new(language.build_again, baseline(rust.build_again), ""),
            Row {
                note: code_size,
                ..Row::new(language.add, baseline(rust.add), "")
            },
            Row {
                note: peak,
                ..Row::new(language.process, baseline(rust.process), "")
            },
            Row::new(language.call, baseline(rust.call), ""),
        ]);
    }
    rows
}

fn component_size(samples: &Samples, _: &Figures) -> String {
    format!("component {}", mebibytes(samples))
}

fn code_size(samples: &Samples, figures: &Figures) -> String {
    format!(
        "compiled code {}, {}",
        mebibytes(samples),
        peak(samples, figures)
    )
}

#[expect(clippy::cast_precision_loss, reason = "no component has so many bytes")]
fn mebibytes(samples: &Samples) -> String {
    let n_bytes = samples.bytes().unwrap_or_default();
    format!("{:.2} MiB", n_bytes as f64 / f64::from(1 << 20))
}
