//! The functions that a plugin may import, as a core module sees them.

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    Function, Handle, Int, InterfaceId, LiftLowerAbi, ManglingAndAbi, Resolve, ResourceIntrinsic,
    SizeAlign, Type, TypeDefKind, WasmImport, WorldItem, WorldKey,
};

use crate::CONTRACT;

const ABI: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

/// The meaning of a function's parameter to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// A number, a boolean, or the payload of a variant.
    Number,
    /// The discriminant of a variant.
    Which,
    /// A handle of the resource with this number.
    Handle(usize),
    /// The address of a text or a list.
    Pointer,
    /// The length of a text or a list.
    Length,
    /// The address where the host writes the result.
    Return,
}

impl Slot {
    /// Returns the number of the resource if the parameter is a handle.
    #[must_use]
    pub fn resource(self) -> Option<usize> {
        match self {
            Self::Handle(resource) => Some(resource),
            Self::Number | Self::Which | Self::Pointer | Self::Length | Self::Return => None,
        }
    }
}

/// A function that a module may import.
#[derive(Debug, Clone)]
pub struct Import {
    /// The interface, for example `sedge:model/log@0.4.0`.
    pub interface: String,
    /// The function, for example `[method]pending.wait` or `[resource-drop]pending`.
    pub name: String,
    /// The meaning of each parameter, and its type in a core module, for example `i32`.
    pub parameters: Vec<(Slot, &'static str)>,
    /// The type of the result.
    pub result: Option<&'static str>,
    /// The handle that the function returns on success.
    pub gives: Option<Given>,
}

/// A handle that a function returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// The number of the resource.
    pub resource: usize,
    /// The offset of the handle in a result that begins with 0 on success. `None` if the handle is
    /// the whole result.
    pub at: Option<usize>,
}

impl Import {
    /// Returns the import as a field in the text of a module, under the name `alias`.
    #[must_use]
    pub fn declared(&self, alias: &str) -> String {
        let parameters: Vec<&str> = self.parameters.iter().map(|(_, of)| *of).collect();
        let result = self.result.map(|of| format!("(result {of})"));
        format!(
            "(import \"{}\" \"{}\" (func ${alias} (param {}) {}))\n",
            self.interface,
            self.name,
            parameters.join(" "),
            result.unwrap_or_default()
        )
    }

    /// Returns `interface.function`, without the package and the version.
    #[must_use]
    pub fn short_name(&self) -> String {
        let interface = self.interface.split(['/', '@']).nth(1).unwrap_or_default();
        let function = self.name.replace("[method]", "").replace("[static]", "");
        format!("{interface}.{function}")
    }
}

/// Returns all functions that a plugin may import, in a fixed order.
#[must_use]
pub fn imports() -> Vec<Import> {
    let resolve = &CONTRACT.resolve;
    let world = &resolve.worlds[CONTRACT.world("plugin")];
    let mut imports = Vec::new();
    for (key, item) in &world.imports {
        let WorldItem::Interface { id, .. } = item else {
            continue;
        };
        let functions = resolve.interfaces[*id].functions.values();
        imports.extend(functions.map(|function| of_function(resolve, key, function)));
        imports.extend(drops(resolve, key, *id));
    }
    imports
}

fn of_function(resolve: &Resolve, key: &WorldKey, function: &Function) -> Import {
    let import = WasmImport::Func {
        interface: Some(key),
        func: function,
    };
    let (interface, name) = resolve.wasm_import_name(ABI, import);
    let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
    let mut slots = Vec::new();
    if signature.indirect_params {
        slots.push(Slot::Pointer);
    } else {
        for parameter in &function.params {
            slots_of(resolve, &parameter.ty, &mut slots);
        }
    }
    if signature.retptr {
        slots.push(Slot::Return);
    }
    let types: Vec<&str> = signature.params.iter().map(core_type).collect();
    assert_eq!(slots.len(), types.len(), "{name}: {slots:?} {types:?}");
    Import {
        interface,
        name,
        parameters: slots.into_iter().zip(types).collect(),
        result: signature.results.first().map(core_type),
        gives: given(resolve, function),
    }
}

fn drops(resolve: &Resolve, key: &WorldKey, interface: InterfaceId) -> Vec<Import> {
    let types = resolve.interfaces[interface].types.values();
    let resources = types.filter(|id| resolve.types[**id].kind == TypeDefKind::Resource);
    let drop = |id: &wit_parser::TypeId| {
        let import = WasmImport::ResourceIntrinsic {
            interface: Some(key),
            resource: *id,
            intrinsic: ResourceIntrinsic::ImportedDrop,
        };
        let (interface, name) = resolve.wasm_import_name(ABI, import);
        Import {
            interface,
            name,
            parameters: vec![(Slot::Handle(id.index()), "i32")],
            result: None,
            gives: None,
        }
    };
    resources.map(drop).collect()
}

/// Returns the number of a handle's resource. Aliases of the resource have the same number.
fn resource_of(resolve: &Resolve, handle: &Handle) -> usize {
    let (Handle::Own(id) | Handle::Borrow(id)) = handle;
    let mut id = *id;
    while let TypeDefKind::Type(Type::Id(original)) = &resolve.types[id].kind {
        id = *original;
    }
    id.index()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of the many types, handles are of interest"
)]
fn given(resolve: &Resolve, function: &Function) -> Option<Given> {
    let own = |of: Option<Type>| {
        let Some(Type::Id(id)) = of else {
            return None;
        };
        match &resolve.types[id].kind {
            TypeDefKind::Handle(handle @ Handle::Own(_)) => Some(resource_of(resolve, handle)),
            _ => None,
        }
    };
    if let Some(resource) = own(function.result) {
        return Some(Given { resource, at: None });
    }
    let Some(Type::Id(id)) = function.result else {
        return None;
    };
    let TypeDefKind::Result(result) = &resolve.types[id].kind else {
        return None;
    };
    let mut sizes = SizeAlign::default();
    sizes.fill(resolve);
    let cases = [result.ok.as_ref(), result.err.as_ref()];
    let at = sizes.payload_offset(Int::U8, cases).size_wasm32();
    own(result.ok).map(|resource| Given {
        resource,
        at: Some(at),
    })
}

fn core_type(of: &WasmType) -> &'static str {
    match of {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

/// Adds the parameters by which a value of this type is passed.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of the many types, WASI 0.2 and the contract use some"
)]
fn slots_of(resolve: &Resolve, of: &Type, slots: &mut Vec<Slot>) {
    let id = match of {
        Type::String => return slots.extend([Slot::Pointer, Slot::Length]),
        Type::Id(id) => *id,
        _ => return slots.push(Slot::Number),
    };
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            for field in &record.fields {
                slots_of(resolve, &field.ty, slots);
            }
        }
        TypeDefKind::Tuple(tuple) => {
            for of in &tuple.types {
                slots_of(resolve, of, slots);
            }
        }
        TypeDefKind::List(_) => slots.extend([Slot::Pointer, Slot::Length]),
        TypeDefKind::Handle(handle) => slots.push(Slot::Handle(resource_of(resolve, handle))),
        TypeDefKind::Type(of) => slots_of(resolve, of, slots),
        TypeDefKind::Enum(_) => slots.push(Slot::Which),
        TypeDefKind::Flags(flags) => {
            slots.extend(vec![Slot::Number; flags.repr().count()]);
        }
        TypeDefKind::Option(of) => one_of(resolve, &[Some(of)], slots),
        TypeDefKind::Result(result) => {
            one_of(resolve, &[result.ok.as_ref(), result.err.as_ref()], slots);
        }
        TypeDefKind::Variant(variant) => {
            let cases: Vec<Option<&Type>> =
                variant.cases.iter().map(|case| case.ty.as_ref()).collect();
            one_of(resolve, &cases, slots);
        }
        other => panic!(
            "a parameter of type {} is not supported yet",
            other.as_str()
        ),
    }
}

/// Adds the discriminant, and then the parameters of the largest case.
fn one_of(resolve: &Resolve, cases: &[Option<&Type>], slots: &mut Vec<Slot>) {
    slots.push(Slot::Which);
    let of_case = |case: &&Type| {
        let mut slots = Vec::new();
        slots_of(resolve, case, &mut slots);
        slots
    };
    let largest = cases.iter().flatten().map(of_case).max_by_key(Vec::len);
    slots.extend(largest.unwrap_or_default());
}
