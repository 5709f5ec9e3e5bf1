//! The script: compiled by one instance of the engine, loaded and evaluated by another.

use std::cell::RefCell;

use rquickjs::module::WriteOptions;
use rquickjs::promise::PromiseState;
use rquickjs::{
    Context, Ctx, Error, Function, Module, Object, Persistent, Promise, Runtime, Value,
};

use super::bindings::BuildError;
use super::state::{self, Phase, SavedValue};
use super::{arguments, natives, turns};
use crate::frames::{self, BUNDLE};

/// The stack that a script may use for its own calls, in bytes of the stack in memory.
///
/// The host limits the stack of WebAssembly itself, of which each call takes a share, too, and ends the
/// whole call when it is exhausted (at 512 KiB). This limit is low enough that a script that recurses
/// without end gets a `RangeError` first, for every kind of recursion: at a depth of about 500 for
/// plain functions. `quickjs.h` balances the two stacks; a change of either is measured for each kind.
const STACK_MAX: usize = 152 << 10;

/// How much memory a call takes before the garbage of it is collected for the first time, in bytes.
///
/// Most garbage is freed without a collection, because QuickJS counts references. A collection visits
/// all objects, so a threshold near the size of a new instance costs each call that reads much JSON.
const GC_THRESHOLD: usize = 16 << 20;

/// The functions that the contract requires a bundle to export.
const EXPORTS: [&str; 6] = [
    "describe", "invoke", "check", "upgrade", "report", "failure",
];

/// A script that was evaluated.
#[derive(Clone)]
pub(super) struct Script {
    pub(super) runtime: Runtime,
    pub(super) context: Context,
    exports: Persistent<Object<'static>>,
}

thread_local! {
    static SCRIPT: RefCell<Option<Script>> = const { RefCell::new(None) };
}

/// Returns the script of this plugin; `None` if none was loaded.
pub(super) fn loaded() -> Option<Script> {
    SCRIPT.with_borrow(Clone::clone)
}

impl Script {
    /// Returns an exported function.
    pub(super) fn export<'js>(&self, cx: &Ctx<'js>, name: &str) -> rquickjs::Result<Function<'js>> {
        self.exports.clone().restore(cx)?.get(name)
    }
}

fn engine() -> rquickjs::Result<(Runtime, Context)> {
    let runtime = Runtime::new()?;
    runtime.set_max_stack_size(STACK_MAX);
    let context = Context::full(&runtime)?;
    Ok((runtime, context))
}

/// Compiles a module to bytecode. The positions in the source stay, and its text does not.
pub(super) fn compile(source: String) -> Result<Vec<u8>, BuildError> {
    let (_, context) = engine().map_err(|error| build_error(error.to_string()))?;
    context.with(|cx| {
        let options = WriteOptions {
            strip_source: true,
            ..WriteOptions::default()
        };
        Module::declare(cx.clone(), BUNDLE, source)
            .and_then(|module| module.write(options))
            .map_err(|error| thrown_error(&cx, error))
    })
}

/// Loads and evaluates a module that [`compile`] returned. Returns the lines that it has logged.
pub(super) fn load(bytecode: Vec<u8>) -> Result<Vec<String>, BuildError> {
    if loaded().is_some() {
        return Err(build_error("a script is loaded already".to_owned()));
    }
    let (runtime, context) = engine().map_err(|error| build_error(error.to_string()))?;
    turns::watch_rejections(&runtime);
    // The functions of the script refer to the bytecode, so it stays where it is.
    let bytecode: &'static [u8] = Vec::leak(bytecode);
    let evaluated = context.with(|cx| {
        let evaluated = natives::install(&cx).and_then(|()| evaluate(&cx, bytecode));
        evaluated.map_err(|error| thrown_error(&cx, error))
    })?;
    let script = Script {
        runtime: runtime.clone(),
        context: context.clone(),
        exports: evaluated.0,
    };
    finish(&script, evaluated.1)?;
    context.with(|cx| check(&script, &cx))?;
    SCRIPT.set(Some(script));
    runtime.run_gc();
    runtime.set_gc_threshold(GC_THRESHOLD);
    Ok(state::with(|state| {
        state.phase = Phase::Call;
        std::mem::take(&mut state.lines)
    }))
}

type Evaluated = (Persistent<Object<'static>>, SavedValue);

fn evaluate(cx: &Ctx<'_>, bytecode: &'static [u8]) -> rquickjs::Result<Evaluated> {
    #[expect(
        unsafe_code,
        reason = "the host passes what `compile` of the same engine has returned"
    )]
    // SAFETY: the bytecode is that of `compile`, and it is never freed.
    let module = unsafe { Module::load(cx.clone(), bytecode) }?;
    let (module, promise) = module.eval()?;
    let exports = Persistent::save(cx, module.namespace()?);
    Ok((exports, Persistent::save(cx, promise.into_value())))
}

/// Waits for the modules that wait themselves at their top level.
fn finish(script: &Script, evaluated: SavedValue) -> Result<(), BuildError> {
    let jobs = turns::run_jobs(script);
    script.context.with(|cx| {
        // The first module has taken it, unless there was an error.
        // ignored: the global is removed if it is there.
        let _ = cx.globals().remove(natives::GLOBAL);
        if let Some(thrown) = state::with(|state| state.aborted.take()).or(jobs) {
            return Err(error_of(&cx, thrown));
        }
        let promise = evaluated.restore(&cx).map(Promise::from_value);
        let Ok(Ok(promise)) = promise else {
            return Ok(());
        };
        match promise.state() {
            PromiseState::Resolved => Ok(()),
            PromiseState::Pending => Err(build_error(NEVER_EVALUATED.to_owned())),
            PromiseState::Rejected => match promise.result::<Value<'_>>() {
                Some(Err(error)) => Err(thrown_error(&cx, error)),
                Some(Ok(_)) | None => Ok(()),
            },
        }
    })
}

/// What is wrong with a module that waits at its top level for what a build has not.
const NEVER_EVALUATED: &str = "a module waits at its top level for something that does not happen while the \
                               plugin is built: move it into a method";

/// Checks that the bundle exports what the engine calls.
fn check(script: &Script, cx: &Ctx<'_>) -> Result<(), BuildError> {
    match EXPORTS.iter().find(|name| script.export(cx, name).is_err()) {
        Some(name) => Err(build_error(format!(
            "the bundle exports no function `{name}`"
        ))),
        None => Ok(()),
    }
}

fn build_error(message: String) -> BuildError {
    BuildError {
        message,
        stack: Vec::new(),
    }
}

/// Returns the error that a script has thrown, or another one of the engine.
fn thrown_error(cx: &Ctx<'_>, error: Error) -> BuildError {
    match error.is_exception() {
        true => value_error(cx, &cx.catch()),
        false => build_error(error.to_string()),
    }
}

fn error_of(cx: &Ctx<'_>, thrown: SavedValue) -> BuildError {
    match thrown.restore(cx) {
        Ok(value) => value_error(cx, &value),
        Err(error) => build_error(error.to_string()),
    }
}

fn value_error<'js>(cx: &Ctx<'js>, value: &Value<'js>) -> BuildError {
    BuildError {
        message: message_of(cx, value),
        stack: stack_of(value),
    }
}

/// Returns what a thrown value says: `NAME: MESSAGE` of an error, or the text of another value.
pub(super) fn message_of<'js>(cx: &Ctx<'js>, value: &Value<'js>) -> String {
    let text = |value: Value<'js>| {
        let string = value.into_string()?;
        // ignored: an error whose name or message is no text is shown in another way.
        arguments::text(&string).ok()
    };
    if let Some(error) = value.as_object() {
        let part = |name| {
            let part = error.get::<_, Value<'_>>(name);
            let part = part.map_err(|_| drop(cx.catch()));
            // ignored: as above.
            part.ok().and_then(text).filter(|part| !part.is_empty())
        };
        match (part("name"), part("message")) {
            (Some(name), Some(message)) => return format!("{name}: {message}"),
            (Some(part), None) | (None, Some(part)) => return part,
            (None, None) => {}
        }
    }
    let shown = cx.globals().get::<_, Function<'js>>("String");
    let shown = shown.and_then(|show| show.call::<_, Value<'js>>((value.clone(),)));
    let shown = shown.map_err(|_| drop(cx.catch()));
    // ignored: as above.
    shown
        .ok()
        .and_then(text)
        .unwrap_or_else(|| "a value without a text".to_owned())
}

/// Returns the frames of an error; none of another value.
pub(super) fn stack_of(value: &Value<'_>) -> Vec<String> {
    let stack = value.as_object().filter(|it| it.is_error()).map(|error| {
        let stack = error.get::<_, Value<'_>>("stack");
        stack.map_err(|_| drop(error.ctx().catch()))
    });
    let Some(Ok(stack)) = stack else {
        return Vec::new();
    };
    let Some(Ok(stack)) = stack.as_string().map(arguments::text) else {
        return Vec::new();
    };
    frames::frames(&stack)
}
