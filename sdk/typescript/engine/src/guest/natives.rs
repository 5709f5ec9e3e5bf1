//! The functions that the SDK calls: the object `__sedge`, with one object for each group.

mod commands;
mod contract;
mod data;
mod files;
mod http;
mod pure;
mod streams;
mod waiting;

use rquickjs::function::{Rest, This};
use rquickjs::object::Property;
use rquickjs::{Ctx, Function, Object, Result, Value};

use super::arguments::Arguments;
use super::faults;
use super::state::{self, Phase};

/// The name of the global under which the first module of a bundle finds the functions.
pub(super) const GLOBAL: &str = "__sedge";

/// A function for the SDK.
type Native = for<'js> fn(&Arguments<'js>) -> Result<Value<'js>>;

/// When the functions of a group can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Availability {
    /// Always: they need no host.
    Always,
    /// In a call, but not while the plugin is built.
    InCalls,
}

/// Functions of one group; those of the group without a name are functions of `__sedge` itself.
type Group = (
    &'static str,
    Availability,
    &'static [(&'static str, Native)],
);

const GROUPS: [Group; 16] = [
    ("", Availability::Always, waiting::ALWAYS),
    ("", Availability::InCalls, waiting::IN_CALLS),
    ("", Availability::InCalls, pure::RANDOM),
    ("context", Availability::InCalls, contract::CONTEXT),
    ("calls", Availability::InCalls, contract::CALLS),
    ("workflows", Availability::InCalls, contract::WORKFLOWS),
    ("models", Availability::InCalls, contract::MODELS),
    ("secrets", Availability::InCalls, contract::SECRETS),
    ("log", Availability::Always, contract::LOG),
    ("data", Availability::InCalls, data::DATA),
    ("commands", Availability::InCalls, commands::COMMANDS),
    ("stream", Availability::InCalls, streams::STREAM),
    ("http", Availability::InCalls, http::HTTP),
    ("files", Availability::InCalls, files::FILES),
    ("clock", Availability::Always, pure::CLOCK),
    ("codec", Availability::Always, pure::CODEC),
];

/// Sets the global, and replaces what a snapshot would freeze.
pub(super) fn install(cx: &Ctx<'_>) -> Result<()> {
    let globals = cx.globals();
    let host = Object::new(cx.clone())?;
    for (name, availability, functions) in GROUPS.iter().chain(&pure::GROUPS) {
        let group = match name.is_empty() {
            true => host.clone(),
            false => Object::new(cx.clone())?,
        };
        for (name, native) in *functions {
            group.set(*name, function(cx, name, *native, *availability)?)?;
        }
        if !name.is_empty() {
            freeze(&group)?;
            host.set(*name, group)?;
        }
    }
    host.set("version", env!("CARGO_PKG_VERSION"))?;
    freeze(&host)?;
    globals.prop(GLOBAL, Property::from(host).configurable())?;
    let math: Object<'_> = globals.get("Math")?;
    let random = function(cx, "random", pure::math_random, Availability::Always)?;
    math.prop("random", Property::from(random).writable().configurable())
}

fn freeze(object: &Object<'_>) -> Result<()> {
    let objects: Object<'_> = object.ctx().globals().get("Object")?;
    let freeze: Function<'_> = objects.get("freeze")?;
    freeze.call((This(objects), object.clone()))
}

fn function<'js>(
    cx: &Ctx<'js>,
    name: &str,
    native: Native,
    availability: Availability,
) -> Result<Function<'js>> {
    let call = move |cx: Ctx<'js>, values: Rest<Value<'js>>| {
        let is_too_early = availability == Availability::InCalls
            && state::with(|state| state.phase) == Phase::Build;
        match is_too_early {
            true => Err(faults::tagged(
                &cx,
                "phase-error",
                "not-available",
                Some(TOO_EARLY),
            )),
            false => native(&Arguments {
                cx,
                values: values.0,
            }),
        }
    };
    Function::new(cx.clone(), call)?.with_name(name)
}

/// Why a function is not available yet.
const TOO_EARLY: &str = "the modules of a plugin are evaluated when it is built, and there is no host yet: \
                         move this into a method";
