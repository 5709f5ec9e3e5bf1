//! `sedge.yaml` and `sedge.lock` in a process that lives long: it sees what other processes write,
//! and a run uses what it began with.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sedge_api::problem::{ErrorCode, Explain};
use sedge_app::model::permissions::model_permissions;
use sedge_app::plugin::add::plugin_add;
use sedge_app::plugin::list::plugin_list;
use sedge_app::plugin::remove::plugin_remove;
use sedge_app::types::Choice;
use sedge_app::{Event, Repository};
use sedge_lang::diagnostic::SourceFile;
use sedge_lang::repository::{CONFIG_FILE, LOCK_FILE, PluginLock};
use serde_json::json;

use crate::fixture::text::{after, step};
use crate::fixture::{House, cx_of, run_in, until, words};
use crate::shown::collected;

fn types(repository: &Arc<Repository>) -> Vec<String> {
    let listed = collected(|take| plugin_list(&cx_of(repository), take));
    listed.into_iter().map(|it| it.type_name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugin_of_another_process_is_seen() {
    let house = House::empty();
    let first = &house.repository;
    assert_eq!(types(first), [""; 0]);

    let other = house.other_process();
    let added = plugin_add(&cx_of(&other), Path::new(sedge_test_artifacts::SINK)).await;
    let added = added.expect("a plugin").pin(&[Choice::All]);
    assert_eq!(types(first), [added.expect("it was pinned").plugin.name]);
    house.model("sink", "@sedge/sink", "");
    house.value("sink", "run", json!({})).await;

    plugin_remove(&cx_of(&other), "@sedge/sink", true).expect("it is pinned");
    assert_eq!(types(first), [""; 0]);
    let error = house.run("sink", "run", json!({})).await;
    let error = error.expect_err("there is no plugin");
    assert!(words(&error).contains("no plugin provides"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_configuration_is_seen() {
    let house = House::new();
    house.model("runner", "@test/runner", "grants: {commands: [printf]}\n");
    let pin = async || {
        let report = model_permissions(&house.cx(), "runner").await;
        let permissions = report.expect("a model").permissions.into_iter();
        let mut effective = permissions.flat_map(|it| it.effective);
        let printf = effective.find(|line| line.starts_with("printf"));
        printf.expect("it is granted")
    };
    assert_eq!(pin().await, "printf: not pinned");
    let config = "version: 1\ncommands: {printf: {program: /bin/PROGRAM, arguments: []}}\n";
    for program in ["true", "echo", "true"] {
        house.replace(CONFIG_FILE, &config.replace("PROGRAM", program));
        let shown = pin().await;
        assert!(shown.contains(&format!("/bin/{program}")), "{shown}");
    }
    // The repository that is open does not hide a fault of the file, and recovers with it.
    house.replace(CONFIG_FILE, "version: 1\ncommands: 7\n");
    let error = model_permissions(&house.cx(), "runner").await;
    let error = error.expect_err("a bad file");
    assert_eq!(error.code(), ErrorCode::BadFile, "{error:?}");
    house.replace(CONFIG_FILE, "version: 1\n");
    assert_eq!(pin().await, "printf: not pinned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_uses_the_pins_that_it_began_with() {
    let house = House::new();
    let slow = step("slow", "one.run", "{steps: [{until: two}]}", "");
    let behind = step("behind", "sink.run", "{}", &after(&["slow"], "succeeded"));
    house.workflow("long", &[slow, behind]);
    let unpin = async {
        until("the step has begun", || {
            let events = house.seen.events();
            let is_start = |event: &Event| matches!(event, Event::StepStarted { .. });
            events.iter().any(is_start)
        })
        .await;
        let text = fs::read_to_string(house.path().join(LOCK_FILE)).expect("there is one");
        let name = LOCK_FILE.to_owned();
        let mut lock = PluginLock::parse(&SourceFile::new(name, text)).expect("our own file");
        lock.plugins.retain(|it, _| it.as_str() != "@sedge/sink");
        house.replace(LOCK_FILE, &lock.file_text());
        let other = house.other_process();
        let ran = run_in(&other, &house.seen, ("two", "add"), json!({})).await;
        ran.expect("its plugin is still pinned");
    };
    let (end, ()) = tokio::join!(house.workflow_run("long"), unpin);
    end.expect("the plugin of the second step was pinned when the run began");
    house.has_versions("sink", "record", 1);
    let error = house.run("sink", "run", json!({})).await;
    let error = error.expect_err("the next run reads the file again");
    assert!(words(&error).contains("no plugin provides"), "{error:?}");
}
