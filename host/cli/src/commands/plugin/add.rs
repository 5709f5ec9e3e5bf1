//! `sedge plugin add`

use std::path::PathBuf;

use clap::Args;
use sedge_api::view::plugin::{GrantedShare, PluginAdded, PluginChange, PluginsAdded};
use sedge_app::plugin::add::{AddOptions, AddRequest, Added, plugin_add, plugins_pin};
use sedge_app::types::Choice;

use crate::commands::Run;
use crate::commands::shared::DownloadOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::permission_text::permission_text;
use crate::screen::{Screen, stderr_folded};
use crate::{grant_questions, guest_text, show};

/// Add plugins, or replace them with other versions
///
/// Each component is checked, compiled and pinned by its digest in sedge.lock. A call compiles it
/// only if the cache of compiled code does not have it. The command shows the permissions that a
/// component requests, and you decide which of them all models of its type have. A version that
/// requests more permissions than before needs a new decision. If one of several components cannot
/// be added, none is.
#[derive(Debug, Args)]
pub(crate) struct PluginAddArgs {
    /// A component: a file built with a Sedge SDK, its URL (HTTPS only), or a plugin that comes
    /// with Sedge, such as @sedge/http
    #[arg(value_name = "FILE.wasm", required = true)]
    file: Vec<PathBuf>,
    /// Grant everything that they request, except folders, whose paths only you know
    #[arg(long, conflicts_with = "grant")]
    grant_all: bool,
    /// Grant one permission to a single plugin; may be repeated: `models`,
    /// `http=https://api.example.com`, `files=NAME:PATH`, `secrets=NAME@https://api.example.com`,
    /// `none`
    #[arg(long, value_name = "KIND[=WHAT]")]
    grant: Vec<Choice>,
    /// Keep the component in the repository's folder `plugins`, so that a clone has it [default: as
    /// `vendorPlugins` in sedge.yaml]
    #[arg(long)]
    vendor: bool,
    /// Accept only components that sedge.lock pins
    #[arg(long, conflicts_with_all = ["replace", "downgrade", "grant", "grant_all"])]
    locked: bool,
    /// Replace a component that has the same version and other content
    #[arg(long)]
    replace: bool,
    /// Replace a component that has a newer version
    #[arg(long)]
    downgrade: bool,
    #[command(flatten)]
    download: DownloadOptions,
}

impl Run for PluginAddArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        self.grant_check()?;
        let app = cx.app()?;
        let checked = cx.wait(async {
            let mut checked = Vec::new();
            for file in &self.file {
                let request = AddRequest {
                    source: file.as_path().into(),
                    options: self.options(),
                    private_addresses: self.download.allow_private_address.clone(),
                };
                checked.push(plugin_add(&app, request).await?);
            }
            Ok::<_, CliError>(checked)
        })?;
        let mut decided = Vec::new();
        for added in checked {
            let mut choices = self.grant.clone();
            if self.grant_all {
                choices.push(Choice::All);
            }
            if choices.is_empty() && !added.undecided.is_empty() && cx.is_interactive() {
                choices = ask(&cx.screen, &added)?;
            }
            decided.push((added, choices));
        }
        Ok(output(plugins_pin(decided)?, self.vendor))
    }

    fn changes(&self) -> bool {
        true
    }
}

impl PluginAddArgs {
    fn options(&self) -> AddOptions {
        AddOptions {
            is_vendored: self.vendor,
            is_locked: self.locked,
            may_replace: self.replace,
            may_downgrade: self.downgrade,
        }
    }

    /// Checks that a grant is for a single plugin, because another one may request the same for
    /// another reason.
    fn grant_check(&self) -> Result<(), CliError> {
        if self.grant.is_empty() || self.file.len() == 1 {
            return Ok(());
        }
        Err(CliError::Usage {
            message: "`--grant` does not say which of several plugins it is for".to_owned(),
            hints: vec![
                "add the plugins one by one, or grant all of them what they request: \
                   `--grant-all`"
                    .to_owned(),
            ],
        })
    }
}

fn output(plugins: Vec<PluginAdded>, is_vendored: bool) -> Output {
    let mut notes: Vec<String> = Vec::new();
    for added in &plugins {
        notes.extend(notes_of(added));
        let is_new = matches!(added.change, PluginChange::Added | PluginChange::Replaced);
        if let Some(file) = &added.vendored_file
            && (is_new || is_vendored)
        {
            notes.push(format!(
                "Its component is in {file}; put it under version control"
            ));
        }
    }
    let of_type = match &plugins[..] {
        [added] => format!("{} NAME` creates a model of it", added.plugin.name),
        _ => "TYPE NAME` creates a model of one of them".to_owned(),
    };
    notes.push(format!("hint: `sedge model create {of_type}"));
    let output = Output::new(PluginsAdded { plugins });
    notes.into_iter().fold(output, Output::note)
}

/// Returns what was done with a plugin, and what it may do.
fn notes_of(added: &PluginAdded) -> Vec<String> {
    let plugin = &added.plugin;
    let (name, version) = (&plugin.name, &plugin.version);
    let mut notes = vec![match (added.change, &added.before) {
        (PluginChange::Replaced, Some(before)) if before.version == *version => format!(
            "Replaced {name} {version}, which had the digest {}, by the component with {}",
            before.sha256, plugin.sha256
        ),
        (PluginChange::Replaced, Some(before)) => {
            format!("Replaced {name} {} with {version}", before.version)
        }
        (PluginChange::Restored, _) => format!("Restored {name} {version}"),
        (PluginChange::Unchanged, _) => format!("Already added: {name} {version}"),
        (PluginChange::Added | PluginChange::Replaced, _) => format!("Added {name} {version}"),
    }];
    for (request, share) in plugin.permissions.iter().zip(&added.granted) {
        let note = format!(
            "{} {}: {}",
            share_text(*share),
            permission_text(&request.permission),
            guest_text::in_line(&request.reason)
        );
        notes.push(stderr_folded(&note, guest_text::INDENT));
    }
    notes
}

/// Returns the beginning of a sentence that says how much of a request was granted.
fn share_text(share: GrantedShare) -> &'static str {
    match share {
        GrantedShare::All => "It may",
        GrantedShare::Part => "Granted in part:",
        GrantedShare::Nothing => "Not granted:",
    }
}

/// Asks the user, for each permission that a plugin requests, whether to grant it.
fn ask(screen: &Screen, added: &Added) -> Result<Vec<Choice>, CliError> {
    let plugin = &added.plugin;
    let n_undecided = added.undecided.len();
    let what = show::count(n_undecided, "permission");
    screen.stderr(&match added.change {
        PluginChange::Added => {
            format!(
                "{} requests {what}, for all models of the type.",
                plugin.name
            )
        }
        PluginChange::Unchanged | PluginChange::Replaced | PluginChange::Restored => format!(
            "{} {} requests {what} more than before, for all models of the type.",
            plugin.name, plugin.version
        ),
    });
    let quit = format!("{} was not added", plugin.name);
    let mut choices = grant_questions::ask(screen, &added.undecided, &quit)?;
    if choices.is_empty() {
        choices.push(Choice::None);
    }
    Ok(choices)
}
