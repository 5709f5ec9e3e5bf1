//! Plugins in Python, as componentize-py builds them with `sdk/python`: the event loop, the log,
//! faults, random numbers, and the plugin `@sedge/csv`.

pub(crate) use sedge_test_artifacts::{PY_CONFORMANCE as py_conformance, PY_HOSTILE as py_hostile};

use std::fs;

use sedge_app::types::{CallError, RunStatus};
use sedge_test_kit::Server;
use serde_json::{Value, json};

use crate::fixture::House;

/// The type of the guest that calls everything.
const TYPE: &str = "@test/conformance-python";

/// Returns a repository with a plugin in Python, and a model `python` of it.
async fn house(component: &str, type_name: &str, definition: &str) -> House {
    let mut house = House::new();
    house.plugin_add(component).await;
    // The type of the first guest has upgrades, for definitions of earlier versions.
    let definition = format!("typeVersion: 2026.12.01.1\n{definition}");
    house.model("python", type_name, &definition);
    house
}

/// Five requests of 400 ms take as long as one, because the event loop waits for all of them. The time
/// is that of the guest's clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_an_event_loop_run_beside_each_other() {
    let server = Server::plain();
    let grant = format!("grants:\n  http: [{{url: '{}'}}]\n", server.origin());
    let house = house(py_conformance, TYPE, &grant).await;
    let authority = server.origin().replace("http://", "");
    let arguments = json!({"authority": authority, "path": "/after/400", "count": 5});
    let value = house.value("python", "fetch-many", arguments).await;
    println!("five requests of 400 ms: {} ms", value["elapsed_ms"]);
    assert_eq!(value["statuses"], json!([200, 200, 200, 200, 200]));
    let elapsed_ms = value["elapsed_ms"].as_u64().expect("a number");
    // One after the other they would take 2000 ms. A busy machine makes the rest take longer.
    assert!((400..1200).contains(&elapsed_ms), "{elapsed_ms} ms");
}

/// Two calls of one guest start from one snapshot of the interpreter, which has a seed in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_numbers_differ_between_calls() {
    let house = house(py_hostile, "@test/py-hostile", "").await;
    let first = house.value("python", "numbers", json!({})).await;
    let second = house.value("python", "numbers", json!({})).await;
    let (Value::Array(first), Value::Array(second)) = (&first, &second) else {
        panic!("{first} {second}")
    };
    assert_eq!(first.len(), 4);
    for (one, other) in first.iter().zip(second) {
        assert_ne!(one, other);
    }
}

/// An exception that the method does not catch ends the call with the lines of the author's code, and
/// what the method has written is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exception_is_a_failure_with_its_frames() {
    let house = house(py_conformance, TYPE, "").await;
    let (error, run) = house.failure("python", "panic", json!({})).await;
    assert_eq!(run.status, RunStatus::Failed);
    let CallError::Failed(failure) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(failure.code, "panic");
    assert!(
        failure
            .message
            .contains("ZeroDivisionError: a fault in the code"),
        "{failure:?}"
    );
    let frames: Vec<String> = error.backtrace().iter().map(ToString::to_string).collect();
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert!(frames[0].starts_with("panic at plugin.py:"), "{frames:?}");

    let arguments = json!({"code": "odd", "message": "it is odd", "write": "lost"});
    let (error, _) = house.failure("python", "fail", arguments).await;
    assert_eq!(error.code(), "odd");
    house.has_versions("python", "lost", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv_rows_are_imported_checked_and_exported() {
    let definition =
        "grants: {files: [{name: in, path: files}, {name: out, path: files, access: write}]}\n";
    let house = house(sedge_test_artifacts::CSV, "@sedge/csv", definition).await;
    fs::create_dir(house.path().join("files")).expect("a new folder");
    let text = "id,name,price\r\n1,\"Chair, red\",19.5\r\n2,Tisch,\r\n";
    house.write("files/goods.csv", text);
    let columns = json!([
        {"name": "id", "type": "integer", "required": true},
        {"name": "name"},
        {"name": "price", "type": "number", "minimum": 0},
    ]);
    let source = json!({"file": "goods.csv", "columns": columns, "key": ["id"]});

    let checked = house.value("python", "validate", source.clone()).await;
    assert_eq!(checked["isValid"], true, "{checked}");
    let imported = house.value("python", "import", source.clone()).await;
    let expect = json!({"rows": 2, "written": 2, "unchanged": 0, "invalid": 0});
    assert_eq!(imported, expect);
    let row = json!({"id": 1, "name": "Chair, red", "price": 19.5});
    assert_eq!(house.latest("python", "row/1"), row);

    // The same rows again make no version.
    let imported = house.value("python", "import", source.clone()).await;
    assert_eq!(imported["unchanged"], 2);
    house.has_versions("python", "row/1", 1);

    let exported = house
        .value("python", "export", json!({"file": "out.csv"}))
        .await;
    assert_eq!(exported["rows"], 2);
    let written = fs::read_to_string(house.path().join("files/out.csv")).expect("it was written");
    assert_eq!(written, text);

    // A row that is wrong fails the call, which then writes nothing.
    house.write(
        "files/goods.csv",
        &text.replace("19.5", "-1").replace("Tisch", "Bank"),
    );
    let (error, _) = house.failure("python", "import", source).await;
    assert_eq!(error.code(), "invalid-rows");
    assert!(
        error
            .to_string()
            .contains("line 2, column `price`: -1 is less than 0"),
        "{error}"
    );
    house.has_versions("python", "row/2", 1);
}
