//! The start of processes that call plugins of different sizes. Python plugins compile to 45 MB, and
//! the start of a process should not depend on that.

use std::fmt::Write as _;
use std::path::Path;

use sedge_test_forge::PluginText;
use sedge_test_kit::compiled_code;

use crate::figures::{Figures, Samples};
use crate::processes::sample;
use crate::repository::TestRepository;
use crate::subjects::peak;
use crate::table::Row;
use crate::{Effort, Result};

/// The sizes of the compiled code that are aimed at, in megabytes.
const SMALL_MB: usize = 1;
const LARGE_MB: usize = 45;

/// The number of functions that compile to a megabyte, and the number of conversions in each.
const FUNCTIONS_PER_MB: usize = 12;
const N_CONVERSIONS: usize = 1000;

const SMALL: &str = "model method run, 1 MB of compiled code";
const LARGE: &str = "model method run, 45 MB of compiled code";

/// Adds the plugins, and measures calls of both in turns.
pub(crate) fn measure(
    sedge: &Path,
    folder: &Path,
    effort: Effort,
    figures: &mut Figures,
) -> Result<()> {
    let repository = TestRepository::empty(sedge, &folder.join("components"))?;
    for (model, subject, n_mb) in [("small", SMALL, SMALL_MB), ("large", LARGE, LARGE_MB)] {
        let type_name = format!("@bench/{model}");
        let file = folder.join(format!("{model}.wasm"));
        std::fs::write(&file, component(&type_name, n_mb))?;
        let file = file.to_str().ok_or("the folder has a name in UTF-8")?;
        let before = code_bytes()?;
        repository.run(&["plugin", "add", file])?;
        figures.add_bytes(subject, code_bytes()? - before);
        repository.run(&["model", "create", &type_name, model])?;
    }
    // The files of compiled code become old enough for their check to be recorded.
    for model in ["small", "large"] {
        let run = ["model", "method", "run", model, "nothing"];
        wait_until_seen(&repository, &run)?;
    }
    for _ in 0..effort.n_process_rounds {
        for (model, subject) in [("small", SMALL), ("large", LARGE)] {
            let run = ["model", "method", "run", model, "nothing"];
            sample(figures, subject, repository.command(&run))?;
        }
    }
    Ok(())
}

/// Returns a plugin with one method, which returns null, and functions that nothing calls.
fn component(type_name: &str, n_mb: usize) -> Vec<u8> {
    // A conversion that can trap compiles to about a hundred bytes.
    let body = "i32.trunc_f64_s f64.convert_i32_s ".repeat(N_CONVERSIONS);
    let mut functions = String::new();
    for _ in 0..n_mb * FUNCTIONS_PER_MB {
        let _ = writeln!(
            functions,
            "(func (param f64) (result f64) local.get 0 {body})"
        );
    }
    let plugin = PluginText::new(type_name).method("nothing", "");
    plugin.fields(&functions).component()
}

/// Runs a command until the check of the compiled code that it maps is recorded.
pub(crate) fn wait_until_seen(repository: &TestRepository, run: &[&str]) -> Result<()> {
    let n_seen = || -> Result<usize> { Ok(files("seen")?.len()) };
    let before = n_seen()?;
    sedge_test_kit::wait_for("the check is recorded", || {
        let seen = repository.run(run).and_then(|()| n_seen());
        (seen.is_err() || seen.as_ref().is_ok_and(|n| *n > before)).then_some(seen)
    })?;
    Ok(())
}

/// Returns the total size of compiled code.
pub(crate) fn code_bytes() -> Result<u64> {
    let mut n_bytes = 0;
    for file in files("code")? {
        n_bytes += std::fs::metadata(file)?.len();
    }
    Ok(n_bytes)
}

fn files(ending: &str) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(compiled_code().code())? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == ending) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Returns the rows of the table. The note of the large one is what its start takes more.
pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row {
            note: peak,
            ..Row::new(SMALL, None, "")
        },
        Row {
            note: more,
            ..Row::new(LARGE, Some(SMALL), "5 ms more")
        },
    ]
}

fn more(samples: &Samples, figures: &Figures) -> String {
    let Some(small) = figures.get(SMALL) else {
        return String::new();
    };
    let more = samples.percentile_ms(50) - small.percentile_ms(50);
    format!("{more:.1} ms more, {}", peak(samples, figures))
}
