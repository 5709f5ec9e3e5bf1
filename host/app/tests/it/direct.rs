//! Methods that run directly, on models that have no file.

use std::fs;

use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::model::ModelListed;
use sedge_app::AppError;
use sedge_app::data::prune::{DataPruneRequest, data_prune};
use sedge_app::model::create::{ModelCreateRequest, model_create, model_create_from_direct};
use sedge_app::model::delete::model_delete;
use sedge_app::model::edit::model_edit_begin;
use sedge_app::model::get::model_get;
use sedge_app::model::list::model_list;
use sedge_app::model::method_direct::{ModelMethodDirectRequest, model_method_direct};
use sedge_app::model::method_run::ModelMethodRunRequest;
use sedge_app::types::Scan;
use serde_json::{Value, json};

use crate::fixture::text::step;
use crate::fixture::{House, within};

/// Runs `set` of a model of the type `@test/guarded`.
async fn set(house: &House, name: &str, inputs: &[&str]) -> Result<Value, AppError> {
    direct(house, ("@test/guarded", "set", name), inputs).await
}

async fn direct(
    house: &House,
    (type_name, method, name): (&str, &str, &str),
    inputs: &[&str],
) -> Result<Value, AppError> {
    let inputs = inputs.iter().map(|it| it.parse().expect("an input"));
    let request = ModelMethodDirectRequest {
        type_name: type_name.to_owned(),
        run: ModelMethodRunRequest {
            model: name.to_owned(),
            method: method.to_owned(),
            inputs: inputs.collect(),
            ..ModelMethodRunRequest::default()
        },
    };
    let ran = within(model_method_direct(&house.cx(), &request)).await;
    ran.map(|ran| ran.value)
}

/// Returns the names of the models that are listed as unsaved.
fn unsaved(house: &House) -> Vec<String> {
    let mut names = Vec::new();
    let listed = model_list(&house.cx(), |model| {
        if let ModelListed::Sound(model) = model
            && model.unsaved
        {
            assert_eq!(model.file, None);
            names.push(model.name);
        }
        Ok::<_, AppError>(Scan::More)
    });
    listed.expect("all are sound");
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsaved_model_keeps_its_global_arguments() {
    let house = House::new();
    let inputs = ["value=2", "limit=2"];
    assert_eq!(set(&house, "web", &inputs).await.expect("allowed"), 2);
    let refused = set(&house, "web", &["value=3"]).await;
    let refused = format!("{:?}", refused.expect_err("the limit is stored"));
    assert!(refused.contains("3 is more than 2"), "{refused}");
    let inputs = ["value=3", "limit=5"];
    assert_eq!(set(&house, "web", &inputs).await.expect("allowed"), 3);
    assert_eq!(set(&house, "web", &["value=4"]).await.expect("allowed"), 4);
    assert_eq!(unsaved(&house), ["web"]);
    assert!(!house.path().join("models/web.yaml").exists());
    let found = model_get(&house.cx(), "web").expect("it is stored");
    assert!(found.text.contains("limit: 5"), "{}", found.text);
    // Every look-up finds it.
    assert_eq!(house.value("web", "get", json!({})).await, 4);
    house.workflow("flow", &[step("a", "web.set", "{value: 5}", "")]);
    house.workflow_run("flow").await.expect("the model exists");
    assert_eq!(house.value("web", "get", json!({})).await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_direct_run_stores_nothing() {
    let house = House::new();
    let check = async |(type_name, name): (&str, &str), inputs: &[&str], code: ErrorCode| {
        let refused = direct(&house, (type_name, "set", name), inputs).await;
        let refused = refused.expect_err("it is refused");
        assert_eq!(refused.code(), code, "{name} {inputs:?}: {refused:?}");
        assert_eq!(unsaved(&house), [""; 0]);
        refused
    };
    let guarded = "@test/guarded";
    let unknown = ["value=1", "limt=2"];
    let unknown = check((guarded, "web"), &unknown, ErrorCode::InvalidInput).await;
    let causes = unknown.causes();
    assert!(causes[0].contains("did you mean `limit`?"), "{causes:?}");
    check((guarded, "web"), &["value=x"], ErrorCode::InvalidInput).await;
    check(
        (guarded, "web"),
        &["value=1", "limit=x"],
        ErrorCode::BadFile,
    )
    .await;
    check((guarded, "no/name"), &["value=1"], ErrorCode::BadName).await;
    check((guarded, "sink"), &["value=1"], ErrorCode::ModelTypeDiffers).await;
    check(("@test/gone", "web"), &[], ErrorCode::TypeMissing).await;
    let method = direct(&house, (guarded, "sett", "web"), &[]).await;
    let method = method.expect_err("there is no such method");
    assert_eq!(method.code(), ErrorCode::MethodMissing);
    assert_eq!(unsaved(&house), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_of_a_saved_model_stays_as_it_is() {
    let house = House::new();
    house.model(
        "guarded",
        "@test/guarded",
        "globalArguments: {limit: 2} # low\n",
    );
    let file = house.path().join("models/guarded.yaml");
    let before = fs::read_to_string(&file).expect("it is there");
    let inputs = ["value=3", "limit=5"];
    assert_eq!(set(&house, "guarded", &inputs).await.expect("allowed"), 3);
    let after = fs::read_to_string(&file).expect("it is there");
    assert_eq!(after, before);
    let refused = set(&house, "guarded", &["value=4"]).await;
    let refused = format!("{:?}", refused.expect_err("the limit is that of the file"));
    assert!(refused.contains("4 is more than 2"), "{refused}");
    assert_eq!(unsaved(&house), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsaved_model_is_saved_and_deleted() {
    let house = House::new();
    set(&house, "web", &["value=2", "limit=2"])
        .await
        .expect("allowed");
    let request = ModelCreateRequest {
        type_name: "@test/guarded".to_owned(),
        name: "web".to_owned(),
        ..ModelCreateRequest::default()
    };
    let taken = model_create(&house.cx(), &request).await;
    let taken = taken.expect_err("an unsaved model has the name");
    assert_eq!(taken.code(), ErrorCode::ModelExists);
    let edited = model_edit_begin(&house.cx(), "web").expect_err("it has no file");
    assert_eq!(edited.code(), ErrorCode::ModelUnsaved);
    let text = model_get(&house.cx(), "web").expect("it is stored").text;
    let save = async || model_create_from_direct(&house.cx(), "web").await;
    let saved = save().await.expect("it is unsaved");
    assert_eq!(saved.file, "models/web.yaml");
    let file = house.path().join("models/web.yaml");
    assert_eq!(fs::read_to_string(&file).expect("it is written"), text);
    assert_eq!(unsaved(&house), [""; 0]);
    assert_eq!(house.value("web", "get", json!({})).await, 2);
    let again = save().await.expect_err("it is saved");
    assert_eq!(again.code(), ErrorCode::ModelExists);
    fs::remove_file(&file).expect("it is there");
    let gone = model_get(&house.cx(), "web").expect_err("only the file was left");
    assert_eq!(gone.code(), ErrorCode::ModelMissing);
    set(&house, "web", &["value=3"]).await.expect("allowed");
    let deleted = model_delete(&house.cx(), "web").await;
    let deleted = deleted.expect("nothing runs");
    assert_eq!((deleted.file, deleted.data_kept), (None, 1));
    let gone = model_get(&house.cx(), "web").expect_err("it was deleted");
    assert_eq!(gone.code(), ErrorCode::ModelMissing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_an_unsaved_model_is_not_pruned() {
    let house = House::new();
    set(&house, "web", &["value=2"]).await.expect("allowed");
    let request = DataPruneRequest::default();
    let pruned = data_prune(&house.cx(), &request).await;
    assert_eq!(pruned.expect("nothing is gone").models, []);
    let request = DataPruneRequest {
        models: vec!["web".to_owned()],
        ..DataPruneRequest::default()
    };
    let refused = data_prune(&house.cx(), &request).await;
    let refused = refused.expect_err("it is not gone");
    assert_eq!(refused.code(), ErrorCode::ModelNotGone);
    assert!(refused.to_string().contains("unsaved"), "{refused}");
}

/// All runs begin with the definition that another one has just stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_direct_runs_all_succeed() {
    let house = House::new();
    let run = async |limit: u32| {
        let limit = format!("limit={limit}");
        set(&house, "web", &["value=1", &limit, "label=x"]).await
    };
    let ended = tokio::join!(run(2), run(3), run(4));
    for ended in [ended.0, ended.1, ended.2] {
        // The check `changed` refuses the value that is set already.
        match ended {
            Ok(value) => assert_eq!(value, 1),
            Err(error) => {
                let error = format!("{error:?}");
                assert!(error.contains("it is 1 already"), "{error}");
            }
        }
    }
    assert_eq!(unsaved(&house), ["web"]);
}
