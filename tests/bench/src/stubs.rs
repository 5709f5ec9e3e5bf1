//! Stubs for the imports that a baseline does not use: they trap.

use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

use crate::Result;

/// The prefix of the interfaces of the contract.
const CONTRACT: &str = "sedge:model/";

/// Defines all imports of the contract as functions that trap. Later definitions replace them.
pub(crate) fn define<T: 'static>(
    engine: &Engine,
    component: &Component,
    linker: &mut Linker<T>,
) -> Result<()> {
    linker.allow_shadowing(true);
    for (name, import) in component.component_type().imports(engine) {
        if let ComponentItem::ComponentInstance(interface) = import.ty
            && name.starts_with(CONTRACT)
        {
            interface_define(engine, &interface, &mut linker.instance(name)?)?;
        }
    }
    Ok(())
}

fn interface_define<T: 'static>(
    engine: &Engine,
    interface: &ComponentInstance,
    linker: &mut LinkerInstance<'_, T>,
) -> Result<()> {
    for (name, export) in interface.exports(engine) {
        match export.ty {
            ComponentItem::ComponentFunc(_) => linker.func_new(name, |_, _, _, _| {
                wasmtime::bail!("a baseline has no such function")
            })?,
            ComponentItem::Resource(_) => {
                linker.resource(name, ResourceType::host::<()>(), |_, _| Ok(()))?;
            }
            ComponentItem::Type(_)
            | ComponentItem::CoreFunc(_)
            | ComponentItem::Module(_)
            | ComponentItem::Component(_)
            | ComponentItem::ComponentInstance(_) => {}
        }
    }
    Ok(())
}
