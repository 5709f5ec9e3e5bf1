//! Guards: host functions that replace functions of WASI and check, count or mark their use.
//!
//! A guard is bound to the full name of an interface, with its version. If the engine provided the
//! interface under another version only, the linker would accept the guard as a new function, and
//! guests would call the engine's function without a guard. Therefore each guard is defined through
//! [`GuardedInterface`]. It fails unless it replaces a function that exists, and then the engine
//! does not start.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, Lift, Linker, LinkerInstance, Lower, ResourceType};

use crate::call::CallState;

/// An interface of WASI whose functions are replaced. The engine provides all of it already.
pub(crate) struct GuardedInterface<'a> {
    linker: &'a mut Linker<CallState>,
    name: &'static str,
}

/// The result of an async host function or destructor.
type HostFuture<'a, T> = Box<dyn Future<Output = wasmtime::Result<T>> + Send + 'a>;

impl<'a> GuardedInterface<'a> {
    /// Opens an interface of a linker that does not allow shadowing.
    ///
    /// # Errors
    /// The linker has no interface of exactly this name.
    pub(crate) fn open(
        linker: &'a mut Linker<CallState>,
        name: &'static str,
    ) -> wasmtime::Result<Self> {
        if is_free(&mut linker.root(), name) {
            wasmtime::bail!("the engine provides no `{name}`, so guests would bypass its guard");
        }
        Ok(Self { linker, name })
    }

    /// Replaces a function.
    ///
    /// # Errors
    /// The interface has no such function.
    pub(crate) fn func_wrap<F, Params, Return>(
        &mut self,
        function: &str,
        guard: F,
    ) -> wasmtime::Result<()>
    where
        F: Fn(StoreContextMut<'_, CallState>, Params) -> wasmtime::Result<Return>
            + Send
            + Sync
            + 'static,
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + 'static,
    {
        self.replace(function, |interface| interface.func_wrap(function, guard))
    }

    /// Replaces a function by an async one.
    ///
    /// # Errors
    /// The interface has no such function.
    pub(crate) fn func_wrap_async<Params, Return, F>(
        &mut self,
        function: &str,
        guard: F,
    ) -> wasmtime::Result<()>
    where
        F: Fn(StoreContextMut<'_, CallState>, Params) -> HostFuture<'_, Return>
            + Send
            + Sync
            + 'static,
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + 'static,
    {
        self.replace(function, |interface| {
            interface.func_wrap_async(function, guard)
        })
    }

    /// Replaces a resource by one with another destructor.
    ///
    /// # Errors
    /// The interface has no such resource.
    pub(crate) fn resource(
        &mut self,
        resource: &str,
        kind: ResourceType,
        destructor: impl Fn(StoreContextMut<'_, CallState>, u32) -> wasmtime::Result<()>
        + Send
        + Sync
        + 'static,
    ) -> wasmtime::Result<()> {
        self.replace(resource, |interface| {
            interface.resource(resource, kind, destructor)
        })
    }

    /// Replaces a resource by one with another destructor, which is async.
    ///
    /// # Errors
    /// The interface has no such resource.
    pub(crate) fn resource_async<F>(
        &mut self,
        resource: &str,
        kind: ResourceType,
        destructor: F,
    ) -> wasmtime::Result<()>
    where
        F: Fn(StoreContextMut<'_, CallState>, u32) -> HostFuture<'_, ()> + Send + Sync + 'static,
    {
        self.replace(resource, |interface| {
            interface.resource_async(resource, kind, destructor)
        })
    }

    fn replace(
        &mut self,
        item: &str,
        define: impl FnOnce(&mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()>,
    ) -> wasmtime::Result<()> {
        let name = self.name;
        if is_free(&mut self.linker.instance(name)?, item) {
            wasmtime::bail!(
                "the engine's `{name}` has no `{item}`, so its guard would guard nothing"
            );
        }
        self.linker.allow_shadowing(true);
        let defined = define(&mut self.linker.instance(name)?);
        self.linker.allow_shadowing(false);
        defined
    }
}

/// Returns whether a linker has no definition of this name. The linker has no function for this
/// question, but without shadowing it refuses a second definition. If it accepts this one, the
/// caller has to discard the linker.
fn is_free(interface: &mut LinkerInstance<'_, CallState>, name: &str) -> bool {
    let defined = interface.func_wrap(name, |_: StoreContextMut<'_, CallState>, (): ()| Ok(()));
    defined.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "wasi:cli/environment@0.2.12";

    fn check(interface: &'static str, function: &str, expect: Result<(), &str>) {
        let engine = crate::engine::for_compiling().expect("an engine");
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("a new linker");
        let guarded = GuardedInterface::open(&mut linker, interface)
            .and_then(|mut interface| interface.func_wrap(function, |_, (): ()| Ok(())));
        let fault = guarded.map_err(|error| error.to_string());
        assert_eq!(fault, expect.map_err(str::to_owned));
    }

    #[test]
    fn guard_that_replaces_nothing_is_refused() {
        check(KNOWN, "get-environment", Ok(()));
        check(
            "wasi:cli/environment@0.2.11",
            "get-environment",
            Err(
                "the engine provides no `wasi:cli/environment@0.2.11`, so guests would bypass its guard",
            ),
        );
        check(
            KNOWN,
            "get-variables",
            Err(
                "the engine's `wasi:cli/environment@0.2.12` has no `get-variables`, so its guard would guard nothing",
            ),
        );
    }
}
