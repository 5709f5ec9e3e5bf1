//! The files of definitions and workflows: the name is a key of the file, wherever the file is.

use std::fs;
use std::os::unix::fs::symlink;

use sedge_api::problem::{ErrorCode, Explain};
use sedge_api::view::model::ModelListed;
use sedge_api::view::validate::FindingSeverity;
use sedge_app::data::prune::{DataPruneRequest, data_prune};
use sedge_app::model::edit::{ModelEditRequest, model_edit};
use sedge_app::model::get::model_get;
use sedge_app::model::list::model_list;
use sedge_app::validate::model_validate;
use serde_json::json;

use crate::fixture::text::step;
use crate::fixture::{House, words};
use crate::shown::collected;

const ID: &str = "5d4a6b0e-0000-4000-8000-000000000000";

/// Writes a file and the folders that lead to it.
fn write(house: &House, file: &str, text: &str) {
    let (folder, _) = file.rsplit_once('/').expect("it is in a folder");
    fs::create_dir_all(house.path().join(folder)).expect("a folder can be made");
    house.write(file, text);
}

/// Returns the names of the models, or the faults of their files.
fn listed(house: &House) -> Vec<String> {
    let models = collected(|take| model_list(&house.cx(), take));
    let name = |model: ModelListed| match model {
        ModelListed::Sound(model) => {
            format!("{} in {}", model.name, model.file.unwrap_or_default())
        }
        ModelListed::Faulty(fault) => format!("{}: {}", fault.name, fault.error),
    };
    models.into_iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn model_is_found_by_its_name_and_its_id() {
    let house = House::new();
    write(
        &house,
        "models/@sedge/sink/any.yml",
        &format!("# The type follows from the folder.\nname: \"@acme/main\"\nid: {ID}\n"),
    );
    for name in ["@acme/main", ID] {
        let found = model_get(&house.cx(), name).expect(name);
        assert_eq!(found.model.name, "@acme/main");
        assert_eq!(found.model.type_name, "@sedge/sink");
        assert_eq!(
            found.model.file.as_deref(),
            Some("models/@sedge/sink/any.yml")
        );
    }
    house.value("@acme/main", "run", json!({})).await;
    let missing = model_get(&house.cx(), "@acme/mian").expect_err("misspelt");
    assert_eq!(missing.code(), ErrorCode::ModelMissing);
    let help = format!("{:?}", missing.help());
    assert!(help.contains("@acme/main"), "{help}");
    // Its data is not that of a model that is gone.
    let request = DataPruneRequest::default();
    let pruned = data_prune(&house.cx(), &request).await;
    assert!(pruned.expect("nothing is gone").models.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_files_with_one_name_are_refused_and_both_named() {
    let house = House::new();
    house.model("sink", "@sedge/sink", "");
    house.write("models/other.yaml", "name: sink\ntype: \"@sedge/sink\"\n");
    house.workflow("w", &[step("a", "sink.run", "{}", "")]);
    let listed = listed(&house);
    let expect = [
        "sink: another file defines the model `sink`, too: models/sink.yaml",
        "sink: another file defines the model `sink`, too: models/other.yaml",
    ];
    assert!(listed.iter().any(|it| it == expect[0]), "{listed:?}");
    assert!(listed.iter().any(|it| it == expect[1]), "{listed:?}");
    let fault = house.workflow_run("w").await;
    let fault = fault.expect_err("two files have one name");
    assert_eq!(fault.code(), ErrorCode::BadFile);
    assert!(words(&fault).contains("another file defines"), "{fault:?}");
    let validated = model_validate(&house.cx(), None).await;
    let findings = validated.expect("the folders can be read").findings;
    let twins = findings
        .iter()
        .filter(|it| it.fault.message.contains("another file defines"));
    assert_eq!(twins.count(), 1, "{findings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_with_another_name_says_so() {
    let house = House::new();
    house.write("models/tub.yaml", "name: basin\ntype: \"@sedge/sink\"\n");
    let fault = model_get(&house.cx(), "tub");
    let fault = fault.expect_err("the name is another one");
    assert!(
        words(&fault).contains("the file defines `basin`"),
        "{fault:?}"
    );
    let validated = model_validate(&house.cx(), Some("basin")).await;
    assert!(validated.expect("there is one").findings.is_empty());
    // Broken YAML has the name of its file.
    house.write("models/broken.yaml", "name: [\n");
    assert!(listed(&house).iter().any(|it| it.starts_with("broken: ")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edited_text_replaces_the_file_only_if_it_is_valid() {
    let house = House::new();
    write(
        &house,
        "models/deep/tub.yaml",
        "name: tub\ntype: \"@sedge/sink\"\n",
    );
    let edit = async |text: &str, former: Option<&str>| {
        let request = ModelEditRequest {
            name: "tub".to_owned(),
            former: former.map(str::to_owned),
            text: text.to_owned(),
        };
        model_edit(&house.cx(), &request).await
    };
    let text = || {
        let found = model_get(&house.cx(), "tub").expect("a model");
        found.text
    };
    let good = "name: tub\ntype: \"@sedge/sink\"\ndescription: new\n";
    assert!(edit(good, None).await.expect("it is valid").changed);
    assert_eq!(text(), good);
    assert!(!edit(good, None).await.expect("it is the same").changed);
    let fault = edit("name: tub\n", None).await.expect_err("no type");
    assert_eq!(fault.code(), ErrorCode::BadFile);
    let help = format!("{:?}", fault.help());
    assert!(help.contains(".sedge/edits/tub.yaml"), "{help}");
    let fault = edit("name: tub\ntype: \"@sedge/sink\"\n", Some("other")).await;
    let fault = fault.expect_err("another text was edited");
    assert_eq!(fault.code(), ErrorCode::ModelEdited);
    assert_eq!(text(), good);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn link_to_a_definition_stays_when_it_is_edited() {
    let house = House::new();
    write(
        &house,
        "shared/tub.yaml",
        "name: tub\ntype: \"@sedge/sink\"\n",
    );
    let link = house.path().join("models/tub.yaml");
    symlink("../shared/tub.yaml", &link).expect("a link can be made");
    let text = "name: tub\ntype: \"@sedge/sink\"\ndescription: new\n";
    let request = ModelEditRequest {
        name: "tub".to_owned(),
        former: None,
        text: text.to_owned(),
    };
    let edited = model_edit(&house.cx(), &request).await;
    assert!(edited.expect("it is valid").changed);
    let found = fs::symlink_metadata(&link).expect("it is there");
    assert!(found.is_symlink());
    let shared = fs::read_to_string(house.path().join("shared/tub.yaml"));
    assert_eq!(shared.expect("it is there"), text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_the_type_does_not_have_are_refused_by_a_run() {
    let house = House::new();
    for (text, message) in [
        (
            "methods: {rnu: {arguments: {note: x}}}\n",
            "the type `@sedge/sink` has no method named `rnu`",
        ),
        (
            "dataOutputOverrides: [{specName: recrod, lifetime: 30d}]\n",
            "the type `@sedge/sink` writes no data named `recrod`",
        ),
        (
            "tags: {region: \"${{ [1] }}\"}\n",
            "a tag is a text, and this expression yields a list, a map or null",
        ),
        (
            "tags: {region: \"${{ secret('TOKEN') }}\"}\n",
            "a tag cannot have a secret or a sealed value: data shows its tags",
        ),
    ] {
        house.model("sink", "@sedge/sink", text);
        let refused = house.run("sink", "run", json!({})).await;
        let refused = words(&refused.expect_err("the name is misspelt"));
        assert!(refused.contains(message), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn id_of_two_files_is_a_finding() {
    let house = House::new();
    write(
        &house,
        "models/a.yaml",
        &format!("name: a\ntype: \"@sedge/sink\"\nid: {ID}\n"),
    );
    for (file, text) in [
        (
            "models/b.yaml",
            format!("name: b\ntype: \"@sedge/sink\"\nid: {ID}\n"),
        ),
        (
            "models/b.yaml",
            format!("name: {ID}\ntype: \"@sedge/sink\"\n"),
        ),
    ] {
        write(&house, file, &text);
        let validated = model_validate(&house.cx(), None).await;
        let findings = validated.expect("it can be checked").findings;
        let errors = findings
            .iter()
            .filter(|it| it.severity == FindingSeverity::Error);
        let messages: Vec<_> = errors.map(|it| &it.fault.message).collect();
        let expect = format!("another file defines the model `{ID}`, too: models/a.yaml");
        assert_eq!(messages, [&expect], "{text}");
    }
}

/// A file that is not YAML any more may define the model that is looked up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look_up_reports_a_broken_file_that_has_the_name() {
    let house = House::new();
    write(&house, "models/other.yaml", "name: wanted\ntags: {a: [\n");
    // The line of the name can be read, so the file is found, and its faults are reported.
    let error = model_get(&house.cx(), "wanted").expect_err("it is broken");
    assert!(!error.diagnostics().is_empty(), "{error}");
    write(&house, "models/other.yaml", "{name: wanted, tags: [\n");
    let error = model_get(&house.cx(), "wanted").expect_err("it is broken");
    assert!(!error.diagnostics().is_empty(), "{error}");
    let error = model_get(&house.cx(), "unknown").expect_err("there is none");
    assert!(
        words(&error).contains("no model named `unknown`"),
        "{error}"
    );
}
