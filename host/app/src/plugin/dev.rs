//! The development loop of a plugin: builds the project when a file changes, adds the component to the
//! repository, and repeats a call.
//!
//! The plugin keeps its grants. A permission that it requests for the first time is shown, and recorded
//! as not granted, so that no round asks the user.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sedge_api::view::model::MethodRunView;
use sedge_api::view::permission::PermissionRequestView;
use sedge_api::view::plugin::{GrantedShare, PluginAdded};
use sedge_api::view::plugin_project::PluginDevRound;
use sedge_api::view::run::{RunKindView, RunView};
use sedge_lang::input::GivenInput;
use sedge_model::lineage::Lineage;
use sedge_model::permission::choice::Choice;
use sedge_store::Scan;
use sedge_sys::clock::Moment;
use sedge_sys::source_tree::SourceStamp;
use serde_json::{Map, Value};

use crate::cx::Cx;
use crate::error::AppError;
use crate::model::method_run::{ModelMethodRunRequest, model_method_run};
use crate::plugin::add::{AddOptions, AddRequest, plugin_add};
use crate::plugin::author::project::PluginProject;
use crate::plugin::author::script::ScriptBuilder;
use crate::plugin::author::tools::{AuthorTools, BuildProfile, BuildSettings};
use crate::plugin::component::ComponentSource;
use crate::run::list::{RunListRequest, run_list};
use crate::secret::argument::has_mark;

/// How often the files are looked at. The delay of a round is half of it on average.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long the files have to stay the same before a build begins, because an editor writes several
/// files one after the other.
const SETTLED_AFTER: Duration = Duration::from_millis(20);

/// The maximum number of runs among which the last call of the plugin is looked for.
const RUNS_LOOKED_AT: usize = 1_000;

/// A request for the development loop.
#[derive(Debug, Clone)]
pub struct PluginDevRequest {
    /// The folder of the project.
    pub folder: PathBuf,
    /// The call to repeat; by default the last one of a model of the type.
    pub call: Option<DevCall>,
    /// Whether the loop ends after one round.
    pub is_once: bool,
    /// Whether the compiler reports only faults.
    pub is_quiet: bool,
}

/// A call that is repeated.
#[derive(Debug, Clone, Default)]
pub struct DevCall {
    /// The model.
    pub model: String,
    /// The method.
    pub method: String,
    /// The arguments as JSON.
    pub arguments: Map<String, Value>,
    /// The arguments of a command line.
    pub inputs: Vec<GivenInput>,
}

/// A report of the loop to the user, while it works.
#[derive(Debug)]
pub enum DevReport<'a> {
    /// The plugin was built and added. The permissions are those that it requests and does not have.
    Added(&'a PluginAdded, &'a [PermissionRequestView]),
    /// The call begins.
    Calling(&'a DevCall),
    /// There is no call to repeat, because no model of the type was run yet.
    NoCall(&'a str),
    /// The call has succeeded.
    Called(&'a MethodRunView),
    /// The build, or the call, has failed. The loop goes on.
    Failed(AppError),
    /// How long a round took, in milliseconds: its build, the addition, and the call if there was one.
    Timed {
        /// The build.
        build_ms: f64,
        /// Checking, compiling and adding the component.
        add_ms: f64,
        /// The call.
        call_ms: Option<f64>,
    },
    /// The loop waits for a change of a file.
    Waiting,
}

/// Builds a project and adds its component, and repeats a call, each time a file changes. With
/// `is_once` there is a single round, whose result is returned.
///
/// # Errors
/// The project or a tool is missing, or the user interrupts the loop. In a single round, a failure of
/// the build or of the call is an error, too.
pub async fn plugin_dev(
    cx: &Cx,
    request: &PluginDevRequest,
    mut report: impl FnMut(DevReport<'_>),
) -> Result<PluginDevRound, AppError> {
    let project = PluginProject::open(&request.folder)?;
    let tools = AuthorTools::find(&project);
    let tools = cx.cancel.unless_cancelled(tools).await?;
    let dev = DevLoop {
        cx,
        request,
        project: &project,
        tools: &tools,
    };
    loop {
        let before = project.stamps()?;
        match dev.round(&mut report).await {
            Ok(round) if request.is_once => return Ok(round),
            Err(error) if request.is_once || cx.cancel.is_cancelled() => return Err(error),
            Ok(_) => {}
            Err(error) => report(DevReport::Failed(error)),
        }
        report(DevReport::Waiting);
        let changed = change_wait(&project, &before);
        cx.cancel.unless_cancelled(changed).await?;
    }
}

/// Waits until the files of a project differ from `before`, and then until they stay the same.
async fn change_wait(
    project: &PluginProject,
    before: &BTreeMap<String, SourceStamp>,
) -> Result<(), AppError> {
    let mut now = project.stamps()?;
    while now == *before {
        sedge_sys::clock::pause(LOOK_EVERY).await;
        now = project.stamps()?;
    }
    loop {
        sedge_sys::clock::pause(SETTLED_AFTER).await;
        let next = project.stamps()?;
        if next == now {
            return Ok(());
        }
        now = next;
    }
}

/// What all rounds of a loop share.
struct DevLoop<'a> {
    cx: &'a Cx,
    request: &'a PluginDevRequest,
    project: &'a PluginProject,
    tools: &'a AuthorTools,
}

impl DevLoop<'_> {
    /// Builds, adds and calls once.
    async fn round(
        &self,
        report: &mut impl FnMut(DevReport<'_>),
    ) -> Result<PluginDevRound, AppError> {
        let since = Moment::now();
        let repository = self.cx.repository.snapshot()?;
        let settings = BuildSettings {
            profile: BuildProfile::Dev,
            is_quiet: self.request.is_quiet,
            scripts: ScriptBuilder {
                runtime: repository.runtime()?,
                notices: repository.notices(),
            },
        };
        let built = self.tools.build(self.project, settings);
        let built = self.cx.cancel.unless_cancelled(built).await?.file;
        let build_ms = ms_since(since);
        let since = Moment::now();
        let added = self.added(&built).await?;
        let add_ms = ms_since(since);
        let not_granted = not_granted(&added);
        report(DevReport::Added(&added, &not_granted));
        let call = match &self.request.call {
            Some(call) => Some(call.clone()),
            None => last_call(self.cx, &added.plugin.name)?,
        };
        let since = Moment::now();
        let called = match &call {
            Some(call) => {
                report(DevReport::Calling(call));
                Some(self.called(call).await)
            }
            None => {
                report(DevReport::NoCall(&added.plugin.name));
                None
            }
        };
        let call_ms = call.is_some().then(|| ms_since(since));
        if let Some(Ok(called)) = &called {
            report(DevReport::Called(called));
        }
        report(DevReport::Timed {
            build_ms,
            add_ms,
            call_ms,
        });
        Ok(PluginDevRound {
            change: added.change,
            plugin: added.plugin,
            not_granted,
            call: called.transpose()?,
            build_ms,
            add_ms,
            call_ms,
        })
    }

    /// Adds the component in place of the one before, with the same grants.
    async fn added(&self, component: &Path) -> Result<PluginAdded, AppError> {
        let request = AddRequest {
            source: ComponentSource::File(component.to_owned()),
            options: AddOptions {
                may_replace: true,
                may_downgrade: true,
                ..AddOptions::default()
            },
            private_addresses: Vec::new(),
        };
        let checked = self
            .cx
            .cancel
            .unless_cancelled(plugin_add(self.cx, request));
        let checked = checked.await?;
        let choices = match checked.undecided.is_empty() {
            true => Vec::new(),
            false => vec![Choice::None],
        };
        checked.pin(&choices)
    }

    async fn called(&self, call: &DevCall) -> Result<MethodRunView, AppError> {
        let request = ModelMethodRunRequest {
            model: call.model.clone(),
            method: call.method.clone(),
            arguments: call.arguments.clone(),
            inputs: call.inputs.clone(),
            ..ModelMethodRunRequest::default()
        };
        model_method_run(self.cx, &request).await
    }
}

/// Returns what a plugin requests and has not been granted as a whole.
fn not_granted(added: &PluginAdded) -> Vec<PermissionRequestView> {
    let requests = added.plugin.permissions.iter().zip(&added.granted);
    let lacking = requests.filter(|(_, share)| match share {
        GrantedShare::All => false,
        GrantedShare::Part | GrantedShare::Nothing => true,
    });
    lacking.map(|(request, _)| request.clone()).collect()
}

/// Returns the last call of a method of a model of the type that a user requested. A call with a secret
/// or a sealed field in its arguments is left out, because only their marks are stored.
fn last_call(cx: &Cx, type_name: &str) -> Result<Option<DevCall>, AppError> {
    let mut n_runs = 0;
    let mut found = None;
    let request = RunListRequest {
        kind: Some(RunKindView::Method),
        ..RunListRequest::default()
    };
    run_list(cx, &request, |run| {
        n_runs += 1;
        found = call_of(cx, type_name, &run)?;
        Ok::<_, AppError>(match found.is_some() || n_runs == RUNS_LOOKED_AT {
            true => Scan::Enough,
            false => Scan::More,
        })
    })?;
    Ok(found)
}

/// Returns the call of a run, if it is one of a model of the type and can be repeated.
fn call_of(cx: &Cx, type_name: &str, run: &RunView) -> Result<Option<DevCall>, AppError> {
    let Some(method) = &run.method else {
        return Ok(None);
    };
    // ignored: a model that was deleted, or whose definition has a fault now, cannot be called.
    let Ok(definition) = cx.repository.definition(&run.subject) else {
        return Ok(None);
    };
    if definition.type_name.value.as_str() != type_name || run.parent.is_some() {
        return Ok(None);
    }
    let id = run.id.parse()?;
    let first = Lineage::root(id).child(1);
    let Some(call) = cx.repository.store()?.call_get(&first)? else {
        return Ok(None);
    };
    match call.arguments {
        Value::Object(arguments) if !has_mark(&Value::Object(arguments.clone())) => {
            Ok(Some(DevCall {
                model: run.subject.clone(),
                method: method.clone(),
                arguments,
                inputs: Vec::new(),
            }))
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => Ok(None),
    }
}

fn ms_since(since: Moment) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
