//! Which arguments are names of the repository, and where the names come from.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Command, CommandFactory};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use sedge_app::completion::{NameProposal, NamedThing, names_proposed};
use sedge_app::types::{arguments, variable};
use sedge_sys::clock::{Moment, until};

use super::WORDS_FOLLOW;
use crate::args::{Args, direct_form};
use crate::context::Context;
use crate::guest_text;

/// How long the look-up of names may take.
///
/// The user does not notice a delay of less than 50 ms; a large repository or a slow disk takes
/// longer. Then no names are proposed.
const TIME_MAX: Duration = Duration::from_millis(40);

/// The variable in which zsh says which word the cursor is in.
const INDEX_VARIABLE: &str = "_CLAP_COMPLETE_INDEX";

/// Finds the kind of thing that an argument names, from the words before it.
type ThingOf = fn(&ArgMatches) -> Option<NamedThing>;

/// Adds completions to all arguments of a command that are names. `path` has the words of its name,
/// without that of the program.
pub(super) fn with_names(command: Command, path: &[&str]) -> Command {
    let command = command.mut_args(|arg| match thing_of(path, arg.get_id().as_str()) {
        Some(thing_of) => arg.add(ArgValueCompleter::new(move |beginning: &OsStr| {
            candidates(thing_of, beginning)
        })),
        None => arg,
    });
    command.mut_subcommands(|inner| {
        let name = inner.get_name().to_owned();
        let path = [path, &[name.as_str()]].concat();
        with_names(inner, &path)
    })
}

/// Returns the function that finds the kind of name that an argument of a command takes; `None` if
/// the argument is not a name.
fn thing_of(path: &[&str], arg: &str) -> Option<ThingOf> {
    let noun = path.first().copied().unwrap_or_default();
    let verb = path.last().copied().unwrap_or_default();
    match (noun, verb, arg) {
        // This name belongs to a model that does not exist yet.
        ("model", "create", "name") => None,
        (_, _, "model") | ("model", _, "name") => Some(|_| Some(NamedThing::Model)),
        ("model", "direct", "method") => Some(|words| {
            let type_name = value(words, "type")?;
            Some(NamedThing::TypeMethod { type_name })
        }),
        (_, _, "method") => Some(|words| {
            let model = value(words, "model")?;
            Some(NamedThing::Method { model })
        }),
        (_, _, "workflow") | ("workflow", _, "name") => Some(|_| Some(NamedThing::Workflow)),
        (_, _, "gate") => Some(|words| {
            let workflow = value(words, "workflow")?;
            Some(NamedThing::Gate { workflow })
        }),
        (_, _, "run") => Some(|_| Some(NamedThing::Run)),
        ("audit", "list", "on") => Some(|_| Some(NamedThing::Model)),
        ("run", "list", "of") => Some(|_| Some(NamedThing::RunSubject)),
        ("data", _, "name") | ("data", "rename", "from") => Some(|words| {
            let model = value(words, "model")?;
            Some(NamedThing::Data { model })
        }),
        ("secret", _, "name") => Some(|_| Some(NamedThing::Secret)),
        (_, _, "type" | "type_name") => Some(|_| Some(NamedThing::Type)),
        (_, _, _) => None,
    }
}

fn candidates(thing_of: ThingOf, beginning: &OsStr) -> Vec<CompletionCandidate> {
    // ignored: a name is UTF-8, so another text is the beginning of none.
    let Some(beginning) = beginning.to_str() else {
        return Vec::new();
    };
    let Some(words) = words_before() else {
        return Vec::new();
    };
    let Some(thing) = thing_of(&words) else {
        return Vec::new();
    };
    let repo = value(&words, "repo").map(PathBuf::from);
    let beginning = beginning.to_owned();
    let found = within_time(move || proposals(repo, &thing, &beginning));
    let candidate = |proposal: NameProposal| {
        let about = proposal.about.map(|about| guest_text::unbroken(&about));
        CompletionCandidate::new(proposal.name).help(about.map(Into::into))
    };
    found.into_iter().map(candidate).collect()
}

fn proposals(repo: Option<PathBuf>, thing: &NamedThing, beginning: &str) -> Vec<NameProposal> {
    let app = Context::silent(repo).app();
    let found = app.and_then(|it| Ok(names_proposed(&it, thing, beginning)?));
    // ignored: nothing may be printed in the middle of a line, and without names it stays as it is.
    found.unwrap_or_default()
}

/// Runs work that may take too long on another thread. Returns nothing if it does.
fn within_time<T: Send + 'static>(work: impl FnOnce() -> Vec<T> + Send + 'static) -> Vec<T> {
    let deadline = Moment::now().after(TIME_MAX);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    // ignored: without a runtime, no names are proposed.
    let Ok(runtime) = runtime else {
        return Vec::new();
    };
    let worked =
        runtime.block_on(async { until(deadline, tokio::task::spawn_blocking(work)).await });
    // The program ends without waiting for the work.
    runtime.shutdown_background();
    match worked {
        Ok(Ok(found)) => found,
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

/// Returns the line before the word that is completed, as far as it can be parsed.
fn words_before() -> Option<ArgMatches> {
    let given = arguments();
    let words = given.split_first().filter(|(it, _)| *it == WORDS_FOLLOW)?.1;
    // ignored: fish and bash do not set the variable, and pass the words up to the cursor.
    let index = variable(INDEX_VARIABLE).and_then(|text| text.parse().ok());
    let index = index.unwrap_or(words.len().saturating_sub(1));
    let words = &words[..index.min(words.len())];
    let (program, line) = words.split_first()?;
    let line = direct_form(line.to_vec());
    let words = std::iter::once(program.clone()).chain(line);
    // ignored: a line that requests help has no names.
    Args::command()
        .ignore_errors(true)
        .try_get_matches_from(words)
        .ok()
}

/// Returns the first value of an argument, of the innermost command that has it.
fn value(words: &ArgMatches, id: &str) -> Option<String> {
    let inner = words.subcommand().and_then(|(_, inner)| value(inner, id));
    inner.or_else(|| {
        // ignored: a command without such an argument has no value for it.
        let mut values = words.try_get_raw(id).ok()??;
        Some(values.next()?.to_str()?.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(command: &Command, path: &[&str], found: &mut Vec<String>) {
        for arg in command.get_arguments() {
            if thing_of(path, arg.get_id().as_str()).is_some() {
                found.push(format!("{} {}", path.join(" "), arg.get_id()));
            }
        }
        for inner in command.get_subcommands() {
            let path = [path, &[inner.get_name()]].concat();
            names_in(inner, &path, found);
        }
    }

    #[test]
    fn names_are_completed_where_they_are_expected() {
        let mut found = Vec::new();
        names_in(&Args::command(), &[], &mut found);
        for expect in [
            "model method direct type",
            "model method direct method",
            "model method direct name",
            "model method run model",
            "model method run method",
            "model get name",
            "model create type",
            "data get model",
            "data get name",
            "data rename from",
            "workflow run name",
            "workflow approve workflow",
            "workflow approve gate",
            "workflow approve run",
            "run show run",
            "run list of",
            "audit list on",
            "workflow history name",
            "secret delete name",
            "plugin describe type",
        ] {
            assert!(found.iter().any(|it| it == expect), "{expect}: {found:#?}");
        }
        for other in ["model create name", "data rename to", "data diff from"] {
            assert!(!found.iter().any(|it| it == other), "{other}");
        }
    }

    #[test]
    fn value_is_that_of_the_innermost_command() {
        let check = |line: &str, id: &str, expect: Option<&str>| {
            let matches = Args::command()
                .ignore_errors(true)
                .try_get_matches_from(line.split(' '))
                .expect("an unfinished line");
            assert_eq!(value(&matches, id).as_deref(), expect, "{line}");
        };
        check("sedge data get web", "model", Some("web"));
        check("sedge data get --version 1 web", "model", Some("web"));
        check("sedge --repo /r data get web", "repo", Some("/r"));
        check("sedge data get web --repo /r", "repo", Some("/r"));
        check("sedge workflow approve B", "workflow", Some("B"));
        check("sedge workflow approve", "workflow", None);
        check("sedge data get web", "workflow", None);
        check("sedge model method run web --unknown", "model", Some("web"));
    }
}
