//! Questions to the user on a terminal: one for each permission that a plugin requests.

use sedge_api::PluginText;
use sedge_api::view::permission::{PermissionRequestView, PermissionView};
use sedge_app::plugin::add::Undecided;
use sedge_app::types::{Choice, stderr_columns};

use crate::error::CliError;
use crate::guest_text;
use crate::permission_text::permission_text;
use crate::screen::{Screen, stderr_sentence};

/// The answer of the user to one question.
enum Answer {
    Yes,
    No,
    Quit,
}

/// Asks the user, for each permission, whether to grant it. Returns what the user grants.
///
/// # Errors
/// The user quits. `quit` says what was not done then.
pub(crate) fn ask(
    screen: &Screen,
    undecided: &[Undecided],
    quit: &str,
) -> Result<Vec<Choice>, CliError> {
    let quit = || CliError::Quit(quit.to_owned());
    let n_undecided = undecided.len();
    let mut choices = Vec::new();
    for (n, undecided) in undecided.iter().enumerate() {
        let PermissionRequestView { permission, reason } = &undecided.request;
        let question = format!(
            "{} of {n_undecided}: {}",
            n + 1,
            permission_text(permission)
        );
        screen.stderr(&stderr_sentence(&question));
        screen.stderr(&format!("  {}", quoted(reason)));
        match answer(screen, undecided)? {
            Answer::Yes => {}
            Answer::No => continue,
            Answer::Quit => return Err(quit()),
        }
        let PermissionView::Files { name, .. } = permission else {
            choices.push(undecided.granted());
            continue;
        };
        let question = format!("Where is the folder `{name}`? [nowhere] ");
        let path = screen.stderr_ask(&question)?.ok_or_else(quit)?;
        if !path.is_empty() {
            choices.push(Choice::Folder {
                name: name.clone(),
                path,
            });
        }
    }
    Ok(choices)
}

/// Asks whether to grant one permission, until the user gives a valid answer.
fn answer(screen: &Screen, undecided: &Undecided) -> Result<Answer, CliError> {
    loop {
        let Some(answer) = screen.stderr_ask("Grant it? [yes/no/show/quit] ")? else {
            return Ok(Answer::Quit);
        };
        match answer.to_lowercase().as_str() {
            "y" | "yes" => return Ok(Answer::Yes),
            "n" | "no" => return Ok(Answer::No),
            "q" | "quit" => return Ok(Answer::Quit),
            "s" | "show" => {
                screen.stderr(&stderr_sentence(
                    "The narrowest grants that permit it; for one model, write them under `grants:` in its definition:",
                ));
                let lines = undecided.narrowest();
                lines
                    .iter()
                    .for_each(|line| screen.stderr(&format!("  {line}")));
            }
            _ => screen.stderr("Type yes, no, show or quit."),
        }
    }
}

/// Returns a text of a plugin, with a mark at the beginning of each line.
fn quoted(text: &PluginText) -> String {
    let quoted = format!("| {}", guest_text::block(text.raw(), "| "));
    match stderr_columns() {
        Some(columns) => guest_text::folded(&quoted, columns.saturating_sub(4), "| "),
        None => quoted,
    }
}
