//! Definitions that were written for an earlier version of their type.

use std::fs;

use sedge_api::view::model::ModelsUpgraded;
use sedge_app::model::upgrade::{ModelUpgradeRequest, UpgradedModels, model_upgrade};
use sedge_app::{AppError, Event};
use serde_json::json;

use crate::fixture::{House, within, words};

fn file_of(house: &House) -> String {
    let path = house.path().join("models/guarded.yaml");
    fs::read_to_string(path).expect("it is there")
}

async fn upgrade(
    house: &House,
    models: UpgradedModels,
    is_dry_run: bool,
) -> Result<ModelsUpgraded, AppError> {
    let request = ModelUpgradeRequest { models, is_dry_run };
    within(model_upgrade(&house.cx(), &request)).await
}

fn named() -> UpgradedModels {
    UpgradedModels::Named("guarded".to_owned())
}

/// Returns the upgrades that were reported, each as `FROM > TO`.
fn reported(house: &House) -> Vec<String> {
    let upgraded = |event: Event| {
        let Event::DefinitionUpgraded(upgrade) = event else {
            return None;
        };
        let from = upgrade.from.map(|it| it.to_string()).unwrap_or_default();
        Some(format!("{from} > {}", upgrade.to))
    };
    house
        .seen
        .events()
        .into_iter()
        .filter_map(upgraded)
        .collect()
}

const OLD: &str = "\
typeVersion: 2026.11.10.1 # as it was
# What may be set.
globalArguments:
  max: 2 # at most
  names: [one]
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_upgrades_in_memory_and_says_so() {
    let house = House::new();
    house.model("guarded", "@test/guarded", OLD);
    let before = file_of(&house);
    assert_eq!(house.value("guarded", "set", json!({"value": 2})).await, 2);
    assert_eq!(reported(&house), ["2026.11.10.1 > 2026.11.30.1"]);
    let (error, _) = house.failure("guarded", "set", json!({"value": 3})).await;
    assert!(error.to_string().contains("3 is more than 2"), "{error}");
    assert_eq!(file_of(&house), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_later_upgrades_apply() {
    let house = House::new();
    // `max` was gone in this version, so it is not known.
    let between = "typeVersion: 2026.11.20.1\nglobalArguments: {max: 2}\n";
    house.model("guarded", "@test/guarded", between);
    let refused = house.run("guarded", "get", json!({})).await;
    let refused = words(&refused.expect_err("the schema has no `max`"));
    assert!(refused.contains("there is no `max`"), "{refused}");
    let between = "typeVersion: 2026.11.20.1\nglobalArguments: {names: [one]}\n";
    house.model("guarded", "@test/guarded", between);
    house.value("guarded", "get", json!({})).await;
    // Without a version, every upgrade applies; what has the new form already stays.
    house.model("guarded", "@test/guarded", "globalArguments: {limit: 5}\n");
    house.value("guarded", "get", json!({})).await;
    assert_eq!(reported(&house), ["2026.11.20.1 > 2026.11.30.1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definition_for_a_newer_version_is_refused_at_its_place() {
    let house = House::new();
    house.model("guarded", "@test/guarded", "typeVersion: 2027.01.01.1\n");
    let refused = house.run("guarded", "get", json!({})).await;
    let refused = refused.expect_err("the plugin is older");
    let (line, column) = refused.diagnostics()[0].line_column();
    assert_eq!((line, column), (3, 14));
    let refused = words(&refused);
    assert!(
        refused.contains("written for version 2027.01.01.1"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upgrade_is_saved_and_comments_stay() {
    let house = House::new();
    house.model("guarded", "@test/guarded", OLD);
    let before = file_of(&house);
    let shown = upgrade(&house, named(), true)
        .await
        .expect("it can be upgraded");
    assert_eq!(file_of(&house), before);
    let [model] = &shown.models[..] else {
        panic!("{shown:?}")
    };
    assert_eq!(model.steps.len(), 2);
    assert!(model.diff.contains("-  max: 2 # at most"), "{}", model.diff);
    let saved = upgrade(&house, named(), false)
        .await
        .expect("it can be upgraded");
    assert_eq!(saved.models, shown.models);
    assert_eq!(
        file_of(&house),
        "name: guarded\ntype: \"@test/guarded\"\ntypeVersion: \"2026.11.30.1\" # as it was\n\
         # What may be set.\nglobalArguments:\n  limit: 2\n  label: one\n"
    );
    let again = upgrade(&house, UpgradedModels::All, false)
        .await
        .expect("nothing is left");
    assert!(again.models.is_empty(), "{again:?}");
    assert_eq!(house.value("guarded", "set", json!({"value": 2})).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusal_of_a_plugin_is_shown_at_the_arguments() {
    let house = House::new();
    let old = "typeVersion: 2026.11.20.1\nglobalArguments: {names: [one, two]}\n";
    house.model("guarded", "@test/guarded", old);
    for refused in [
        house.run("guarded", "get", json!({})).await.map(drop),
        upgrade(&house, named(), false).await.map(drop),
        upgrade(&house, UpgradedModels::All, false).await.map(drop),
    ] {
        let refused = refused.expect_err("two names are ambiguous");
        let fault = &refused.diagnostics()[0];
        assert_eq!(fault.line_column(), (4, 18));
        assert_eq!(
            fault.label.as_deref(),
            Some("`names` has 2 names, and must have one")
        );
    }
    assert!(file_of(&house).ends_with(old));
}
