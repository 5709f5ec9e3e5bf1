//! Components that are not plugins, or that are too large to compile.

use sedge_test_forge::{
    PluginText, component_of_text, with_custom_section, with_interfaces_of, with_section,
};

use crate::harness::{Attack, Scene, added};

/// A component from its text form, with the section that marks a plugin.
fn of_text(text: &str) -> Vec<u8> {
    let component = component_of_text(text);
    with_custom_section(component, "sedge:contract", b"0.4.0")
}

fn plain(name: &str) -> Vec<u8> {
    PluginText::new(name).method("run", "").component()
}

pub(crate) fn attacks() -> Vec<Attack> {
    let import =
        "(component (import \"evil:host/shell@1.0.0\" (instance (export \"run\" (func)))))";
    let many = "(func)".repeat(10_000);
    let too_many = "(func)".repeat(100_001);
    let large = "(drop (i32.const 1))".repeat(1 << 20);
    let slow = slow_to_compile();
    vec![
        Attack::described(
            "a function that is slow to compile",
            |it| it.method("run", &slow),
            "described",
        )
        .or("compiling it takes more than 10 s, the limit `compileSeconds`"),
        limited(
            "too slow to compile",
            "compileSeconds: 0",
            "more than 0 s, the limit `compileSeconds`",
        ),
        limited(
            "too large to compile",
            "compileMebibytes: 1",
            "more than 1 MiB of memory, the limit `compileMebibytes`",
        ),
        Attack::added(
            "an import that the host does not offer",
            of_text(import),
            "it does not fit the contract",
        ),
        Attack::added(
            "a component without anything",
            of_text("(component)"),
            "it does not fit the contract",
        ),
        Attack::added(
            "interfaces of another contract under the section of this one",
            with_interfaces_of(plain("@forged/other-contract"), "0.1.0"),
            "it was built for contract 0.1.0, this program has 0.4.0",
        ),
        Attack::added(
            "bytes that are not a component",
            vec![0xff; 4096],
            "it is not a WebAssembly component",
        ),
        Attack::added(
            "half of a component",
            {
                let mut half = plain("@forged/half");
                half.truncate(half.len() / 2);
                half
            },
            "it is not a WebAssembly component",
        ),
        Attack::added(
            "a custom section of 9 MiB",
            with_custom_section(plain("@forged/custom"), "name", &vec![0; 9 << 20]),
            "it is too large",
        ),
        Attack::added(
            "100 000 custom sections",
            {
                let one = with_custom_section(Vec::new(), "x", b"");
                [plain("@forged/sections"), one.repeat(100_000)].concat()
            },
            "described",
        ),
        Attack::described(
            "10 000 functions",
            |it| it.fields(&many).method("run", ""),
            "described",
        ),
        Attack::described(
            "a hundred thousand functions",
            |it| it.fields(&too_many).method("run", ""),
            "it is too large: ",
        ),
        Attack::described(
            "a function of 3 MiB",
            |it| it.method("run", &large),
            "of `function-bytes`, the limit is 2097152",
        ),
        Attack::added(
            "10 000 types, each of the one before",
            of_text(&nested_types(10_000)),
            "it is not a WebAssembly component",
        )
        .or("it does not compile"),
        Attack::added(
            "a type that doubles with each level",
            of_text(&doubled_types(40)),
            "it is not a WebAssembly component",
        )
        .or("it does not compile"),
        Attack::added(
            "1000 components, each in the one before",
            nested(1000),
            "it is not a WebAssembly component",
        )
        .or("it does not compile")
        .or("it does not fit"),
        Attack::added(
            "instances of instances",
            of_text(&instances(5)),
            "of `instances`, the limit is 1000",
        ),
    ]
}

/// A function of the maximum size, in which each block branches out of all blocks around it.
fn slow_to_compile() -> String {
    const N_BLOCKS: usize = 500;
    const N_TABLES: usize = 300;
    let targets: Vec<String> = (0..N_BLOCKS).map(|it| it.to_string()).collect();
    let table = format!("(br_table {} (i32.load (i32.const 0)))", targets.join(" "));
    // Code after a branch is unreachable, unless a block ends before it.
    let tables = format!("(block {table})").repeat(N_TABLES);
    format!(
        "{}{tables}{}",
        "(block ".repeat(N_BLOCKS),
        ")".repeat(N_BLOCKS)
    )
}

/// Adds a component with a low limit for compilation. Another process adds it, and `sedge.yaml` is
/// restored afterwards.
fn limited(name: &str, limit: &'static str, ends: &str) -> Attack {
    let run = async move |scene: Scene| {
        let before = std::fs::read_to_string(scene.house.path().join("sedge.yaml"));
        let before = before.expect("it is there");
        let text = format!("version: 1\ncomponentLimits: {{{limit}}}\n");
        scene.house.replace("sedge.yaml", &text);
        let process = scene.house.other_process();
        scene.house.replace("sedge.yaml", &before);
        let scene = Scene {
            repository: process,
            ..scene
        };
        added(&scene, &plain("@forged/limited")).await
    };
    Attack::other(&format!("a component that is {name}"), run, ends)
}

/// Components nested in each other.
fn nested(levels: usize) -> Vec<u8> {
    /// The number of the section that contains a component.
    const COMPONENT: u8 = 4;
    let empty = component_of_text("(component)");
    let around = |inner: Vec<u8>, _| with_section(empty.clone(), COMPONENT, &inner);
    let nested = (0..levels).fold(empty.clone(), around);
    with_custom_section(nested, "sedge:contract", b"0.4.0")
}

fn nested_types(levels: usize) -> String {
    let mut text = "(component (type $t0 (list u8))".to_owned();
    for n in 1..levels {
        text += &format!("(type $t{n} (list $t{}))", n - 1);
    }
    text + ")"
}

fn doubled_types(levels: usize) -> String {
    let mut text = "(component (type $t0 (tuple u8 u8))".to_owned();
    for n in 1..levels {
        text += &format!("(type $t{n} (tuple $t{0} $t{0}))", n - 1);
    }
    text + ")"
}

/// Ten instances at each level of the level before.
fn instances(levels: usize) -> String {
    let mut inner = "(component $c0)".to_owned();
    for n in 1..levels {
        let ten = format!("(instance (instantiate $c{}))", n - 1).repeat(10);
        inner = format!("(component $c{n} {inner} {ten})");
    }
    format!(
        "(component {inner} {})",
        format!("(instance (instantiate $c{}))", levels - 1).repeat(10)
    )
}
