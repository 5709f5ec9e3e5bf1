//! Plugins of a repository: a refused plugin changes nothing, and only the pinned component runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sedge_api::problem::{ErrorClass, ErrorCode, Explain};
use sedge_api::view::plugin::{PluginAdded, PluginChange};
use sedge_app::plugin::add::{AddRequest, plugin_add};
use sedge_app::plugin::list::plugin_list;
use sedge_app::plugin::plugin_describe;
use sedge_app::types::{CachePlaces, Choice};
use sedge_app::{AppError, Event, PathError};
use sedge_test_artifacts::{
    COMMAND, MISFIT_NAME, MISFIT_PANIC, MISFIT_SCHEMA, MISFIT_VERSION, READER, SINK, SPAWN,
    with_contract_version,
};
use sedge_test_forge::{PluginText, with_interfaces_of};
use serde_json::json;

use crate::fixture::{House, cx_of, run_in, words};
use crate::shown::collected;

/// Returns `sedge.lock`, the pinned components and the compiled code, by path.
fn contents(house: &House) -> BTreeMap<String, Vec<u8>> {
    let mut contents = BTreeMap::new();
    let lock = fs::read(house.path().join("sedge.lock")).unwrap_or_default();
    contents.insert("sedge.lock".to_owned(), lock);
    for folder in [house.path().join(".sedge/plugins"), code_folder(house)] {
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("it can be read").path();
            let content = fs::read(&path).expect("it can be read");
            contents.insert(path.display().to_string(), content);
        }
    }
    contents
}

fn code_folder(house: &House) -> PathBuf {
    let places = house.compiled_code();
    places.code.clone().expect("tests have one")
}

async fn add(house: &House, path: &Path) -> Result<PluginAdded, AppError> {
    let added = plugin_add(&house.cx(), path).await?;
    added.pin(&[Choice::All])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_plugin_is_refused_and_changes_nothing() {
    let house = House::with_own_cache();
    add(&house, Path::new(SINK)).await.expect("a plugin");
    let before = contents(&house);
    let check = async |path: &Path, says: &str| {
        let error = add(&house, path).await.expect_err("no plugin");
        assert_eq!(error.class(), ErrorClass::Usage, "{error:?}");
        assert!(words(&error).contains(says), "{}", words(&error));
        assert_eq!(contents(&house), before, "{}", path.display());
    };
    check(Path::new(COMMAND), "it does not export `sedge:model/model`").await;
    check(Path::new(MISFIT_NAME), "`Not A Name` is not a type name").await;
    check(Path::new(MISFIT_VERSION), "`1.0` is not").await;
    check(
        Path::new(MISFIT_SCHEMA),
        "the schema of method `run`: not JSON",
    )
    .await;
    check(Path::new(MISFIT_PANIC), "cannot describe myself").await;

    let made = house.path().join("made.wasm");
    let component = fs::read(SINK).expect("it was built");
    let check = async |bytes: &[u8], says: &str| {
        fs::write(&made, bytes).expect("the folder can be written");
        check(&made, says).await;
    };
    check(b"", "it is not a WebAssembly component").await;
    check(b"#!/bin/sh\n", "it is not a WebAssembly component").await;
    check(b"\0asm\x01\0\0\0", "it is a core WebAssembly module").await;
    check(
        &component[..component.len() / 2],
        "it is not a WebAssembly component",
    )
    .await;
    check(
        &with_contract_version(&component, "0.5.0"),
        "it was built for contract 0.5.0, this program has 0.4.0",
    )
    .await;
    check(
        &with_contract_version(&component, "0.0.1"),
        "it was built for contract 0.0.1, this program has 0.4.0",
    )
    .await;

    // The section may be that of another component.
    check(
        &with_interfaces_of(component.clone(), "0.1.0"),
        "it was built for contract 0.1.0, this program has 0.4.0",
    )
    .await;
    let forged = PluginText::new("@forged/older")
        .method("run", "")
        .component();
    let forged = with_interfaces_of(forged, "0.1.0");
    check(&forged, "it was built for contract 0.1.0").await;

    let missing = add(&house, Path::new("/nowhere.wasm")).await;
    assert!(
        matches!(missing, Err(AppError::Path(PathError::File(_)))),
        "{missing:?}"
    );
    assert_eq!(contents(&house), before);
}

/// The tools of script languages write no section that states the contract: the export does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugin_without_a_section_is_added_by_its_export() {
    let house = House::with_own_cache();
    let made = house.path().join("made.wasm");
    let plugin = PluginText::new("@forged/bare")
        .method("run", "")
        .without_section();
    let component = plugin.component();
    fs::write(&made, &component).expect("the folder can be written");
    let described = plugin_describe(&house.cx(), &made.display().to_string(), &[]).await;
    let plugin = described.expect("the export states the version");
    assert_eq!(
        (plugin.name.as_str(), plugin.contract.as_str()),
        ("@forged/bare", "0.4.0")
    );
    add(&house, &made).await.expect("a plugin");

    fs::write(&made, with_interfaces_of(component, "0.3.0")).expect("the folder can be written");
    let error = add(&house, &made).await.expect_err("an older contract");
    assert!(
        words(&error).contains("it was built for contract 0.3.0"),
        "{}",
        words(&error)
    );
}

/// A call that has to compile a plugin reports it, and whether its code could be cached.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_compiles_a_plugin_reports_it() {
    let house = House::new();
    let of_cache = |event: &Event| {
        if let Event::PluginCompiled { type_name, elapsed } = event {
            assert!(!elapsed.is_zero());
            return Some(format!("compiled {type_name}"));
        }
        let Event::CacheUnusable { part, reason } = event else {
            return None;
        };
        Some(format!("{part:?}: {reason}"))
    };
    let run = async |places: &CachePlaces| {
        let n_before = house.seen.events().len();
        let process = house.process_with_cache(places.clone());
        let ran = run_in(&process, &house.seen, ("sink", "run"), json!({})).await;
        ran.unwrap_or_else(|error| panic!("{}", words(&error)));
        let events = house.seen.events();
        let reported: Vec<String> = events[n_before..].iter().filter_map(of_cache).collect();
        reported.join(", ")
    };
    let new = CachePlaces {
        code: Some(house.path().join("new/code")),
        key: Some(house.path().join("new/key")),
    };
    assert_eq!(run(&new).await, "compiled @sedge/sink");
    assert_eq!(run(&new).await, "");
    assert_eq!(
        run(&CachePlaces::default()).await,
        "Key: no folder is known for its key, compiled @sedge/sink"
    );
    // The host ignores a cache that comes with a clone: see `hostile/cache.rs`.
    assert!(!house.path().join(".sedge/cache").exists());
}

/// One handle adds several plugins, and all of them stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_are_added_in_parallel() {
    let house = House::empty();
    let (one, other) = tokio::join!(
        add(&house, Path::new(SPAWN)),
        add(&house, Path::new(READER))
    );
    assert_eq!(one.expect("a plugin").change, PluginChange::Added);
    assert_eq!(other.expect("a plugin").change, PluginChange::Added);
    let again = add(&house, Path::new(SPAWN)).await.expect("a plugin");
    assert_eq!(again.change, PluginChange::Unchanged);
    let listed = collected(|take| plugin_list(&cx_of(&house.other_process()), take));
    let names: Vec<String> = listed.iter().map(|it| it.type_name.clone()).collect();
    assert_eq!(names, ["@sedge/spawn", "@test/reader"]);
    assert!(listed.iter().all(|it| it.is_here));
}

/// The digest in `sedge.lock` belongs to the reviewed component. A component with other bytes is
/// not compiled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_component_is_refused() {
    let house = House::with_own_cache();
    let listed = collected(|take| plugin_list(&house.cx(), take));
    let sink = listed.iter().find(|it| it.type_name == "@sedge/sink");
    let sha256 = &sink.expect("it was added").sha256;
    let component = house.path().join(format!(".sedge/plugins/{sha256}.wasm"));
    let spawn = fs::read(SPAWN).expect("it was built");
    fs::write(&component, spawn).expect("the folder can be written");
    fs::remove_dir_all(code_folder(&house)).expect("it was there");

    let error = house
        .run("sink", "run", json!({}))
        .await
        .expect_err("other bytes");
    assert_eq!(error.code(), ErrorCode::PluginBroken);
    assert!(
        words(&error).contains(&format!("not {sha256}")),
        "{}",
        words(&error)
    );
    assert_eq!(house.n_running(), 0, "no run was made");

    fs::remove_file(&component).expect("it was there");
    let error = house
        .run("sink", "run", json!({}))
        .await
        .expect_err("no bytes");
    assert_eq!(error.code(), ErrorCode::PluginGone);
    // Adding the plugin again repairs it.
    add(&house, Path::new(SINK)).await.expect("a plugin");
    let repaired = plugin_describe(&house.cx_in(&house.other_process()), "@sedge/sink", &[]).await;
    assert_eq!(repaired.expect("a plugin").sha256, *sha256);
    house.value("sink", "run", json!({})).await;
}

/// A pin is for a type, and `sedge.lock` may change while a component is checked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locked_component_has_the_type_of_its_pin() {
    let house = House::with_own_cache();
    add(&house, Path::new(SINK)).await.expect("a plugin");
    let locked = async || {
        let mut request = AddRequest::from(Path::new(SINK));
        request.options.is_locked = true;
        plugin_add(&house.cx(), request).await
    };
    let file = house.path().join("sedge.lock");
    let text = fs::read_to_string(&file).expect("it was written");
    let check = async |text: &str, expect: ErrorCode| {
        let checked = locked().await.expect("it is pinned");
        let before = fs::read_to_string(&file).expect("it was written");
        fs::write(&file, text).expect("the test owns it");
        let error = checked.pin(&[]).expect_err("the pin is gone");
        assert_eq!(error.code(), expect, "{error}");
        let error = locked().await.expect_err("it is not pinned");
        assert_eq!(error.code(), expect, "{error}");
        let after = fs::read_to_string(&file).expect("it was written");
        assert_eq!(after, text, "it is unchanged");
        fs::write(&file, before).expect("the test owns it");
    };
    let other_type = text.replace("@sedge/sink", "@test/other");
    check(&other_type, ErrorCode::PluginBroken).await;
    check("version: 1\n", ErrorCode::PluginNotPinned).await;
}
