//! Components that are made of scripts, with the engine for plugins in TypeScript: the same script gives
//! the same bytes, nothing of the machine gets into them, and faults have the lines of the author.

use std::fs;
use std::path::Path;

use sedge_runtime::{
    CachePlaces, CodeCache, ComponentCompiler, CoreDumps, Runtime, Script, ScriptComponent,
    ScriptError, Workload,
};

/// The exports that a bundle needs, and a type with one method.
const SCRIPT: &str = r#"
export function describe() {
    return {
        name: "@test/script", version: "2026.12.01.1", description: `made at ${made}`,
        globalArguments: "{}", methods: [METHOD], resources: [], files: [], permissions: [], checks: [],
        upgrades: [], reports: [],
    };
}
export function invoke() { return "null"; }
export function check() {}
export function upgrade(version, text) { return text; }
export function report() { throw new Error("no report"); }
export function failure(thrown) { return { code: "failed", message: String(thrown), keepWrites: false }; }
const made = `${new Date().toISOString()} ${Math.random()}`;
const METHOD = { name: "run", kind: "action", description: "Does nothing", arguments: "{}" };
"#;

/// Maps line 2 of the bundle to `lib/shop.ts:10:3`, and the other lines to a package.
const SOURCE_MAP: &str = r#"{"version":3,"sources":["lib/shop.ts","node_modules/zod/a.js"],"mappings":"ACAA;ADSE;ACTF"}"#;

fn engine() -> Vec<u8> {
    let path = Path::new(sedge_test_artifacts::SDKS).join("typescript/engine.wasm");
    fs::read(path).expect("the build script has built it")
}

fn runtime(cache: Option<&Path>) -> Runtime {
    let cache = cache.map(|folder| {
        let places = CachePlaces {
            code: Some(folder.join("code")),
            key: Some(folder.join("key")),
        };
        CodeCache::open(&places).expect("the folders can be made")
    });
    let runtime = Runtime::new(cache, Workload::OneCall, CoreDumps::Off).expect("an engine");
    runtime.with_compiler(ComponentCompiler::InProcess)
}

async fn made(runtime: &Runtime, text: &str) -> Result<ScriptComponent, ScriptError> {
    let engine = engine();
    let script = Script {
        engine: &engine,
        text,
        source_map: Some(SOURCE_MAP.as_bytes()),
        is_own_file: |file| !file.starts_with("node_modules/"),
    };
    runtime.script_component(&script).await
}

async fn fault(text: &str) -> String {
    let made = made(&runtime(None), &format!("{SCRIPT}\n{text}")).await;
    made.expect_err("it has a fault").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn same_script_gives_the_same_bytes() {
    let keep = tempfile::tempdir().expect("a folder can be made");
    let first = made(&runtime(Some(keep.path())), SCRIPT).await;
    let first = first.expect("it is a plugin");
    assert!(first.fault.is_none(), "{:?}", first.fault);
    // The second process takes the code of the engine from the cache.
    let entries = fs::read_dir(keep.path().join("code")).expect("it was made");
    let names = entries.map(|it| it.expect("an entry").file_name());
    assert!(
        names
            .into_iter()
            .any(|it| it.to_string_lossy().ends_with(".script"))
    );
    let second = made(&runtime(Some(keep.path())), SCRIPT).await;
    let second = second.expect("it is a plugin");
    assert!(first.bytes == second.bytes, "two builds differ");
    let without = made(&runtime(None), SCRIPT).await.expect("it is a plugin");
    assert!(first.bytes == without.bytes, "two builds differ");
    let other = made(
        &runtime(None),
        &SCRIPT.replace("@test/script", "@test/other"),
    )
    .await;
    assert!(
        first.bytes != other.expect("it is a plugin").bytes,
        "another script has the same bytes"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn component_of_a_script_is_a_plugin() {
    let runtime = runtime(None);
    let made = made(&runtime, SCRIPT).await.expect("it is a plugin");
    let added = runtime.plugin_add(&made.bytes, |_| ()).await;
    let info = added.expect("it is a plugin").plugin.type_info().clone();
    assert_eq!(info.name.as_str(), "@test/script");
    // The clock stands still while a plugin is built.
    let description = info.description.raw().to_string();
    assert!(
        description.starts_with("made at 2026-01-01T00:00:00.000Z 0."),
        "{description}"
    );
}

/// The engine on disk could be that of an attacker, but code without the user's key is not used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_code_of_the_engine_is_compiled_again() {
    let keep = tempfile::tempdir().expect("a folder can be made");
    let first = made(&runtime(Some(keep.path())), SCRIPT)
        .await
        .expect("a plugin");
    let code = keep.path().join("code");
    let entries = fs::read_dir(&code).expect("it was made");
    let mut paths = entries.map(|it| it.expect("an entry").path());
    let path = paths.find(|it| it.extension().is_some_and(|it| it == "script"));
    let path = path.expect("the code of the engine is there");
    let mut bytes = fs::read(&path).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).expect("it can be written");
    let again = made(&runtime(Some(keep.path())), SCRIPT)
        .await
        .expect("a plugin");
    assert!(again.bytes == first.bytes && again.fault.is_none());
    assert_ne!(fs::read(&path).expect("it was written again"), bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_a_script_are_named() {
    let check = async |text: &str, expect: &str| {
        let found = fault(text).await;
        assert!(found.contains(expect), "{text}: {found}");
    };
    check("const = 1;", "SyntaxError").await;
    check("throw new TypeError('it is odd');", "it is odd").await;
    check("await new Promise(() => {});", "").await;
    check("function f() { return f() + 1; } f();", "call stack").await;
    check(
        "const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1));",
        "`memory-bytes` of 256 MiB",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_has_the_line_of_the_author() {
    // Line 2 of the bundle.
    let text = format!(
        "globalThis.shop = function shop() {{\n  throw new Error('closed'); }};\nshop();\n{SCRIPT}"
    );
    let error = made(&runtime(None), &text).await.expect_err("it throws");
    let ScriptError::Failed { message, stack } = error else {
        panic!("{error:?}");
    };
    assert!(message.contains("closed"), "{message}");
    let frames: Vec<String> = stack.iter().map(ToString::to_string).collect();
    assert_eq!(frames, ["shop at lib/shop.ts:10:3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_components_are_no_engines() {
    let component = fs::read(sedge_test_artifacts::SINK).expect("it was built");
    let script = Script {
        engine: &component,
        text: SCRIPT,
        source_map: None,
        is_own_file: |_| true,
    };
    let error = runtime(None).script_component(&script).await;
    let text = error.expect_err("it has no `compile`").to_string();
    assert!(
        text.starts_with("the engine for scripts cannot be used: "),
        "{text}"
    );
    let script = Script {
        engine: b"no component",
        ..script
    };
    let error = runtime(None).script_component(&script).await;
    assert!(
        matches!(error, Err(ScriptError::NotEngine { .. })),
        "{error:?}"
    );
}
