//! The JSON Schemas of all documents, which are generated from the types in `host/api`.

use sedge_api::document::{failure_schema, run_event_schema, schema};
use sedge_api::problem::UseCase;

use crate::generated::{Generated, GeneratedFile};

/// The folder of the schemas: one for each use case, one for failures, and one
/// for the events of runs.
const FOLDER: &str = "docs/schemas/";

/// Programs read these documents, so a change has to be visible in a review.
#[test]
fn schemas_of_documents_are_current() {
    let generated = Generated {
        source: "host/api",
        folder: Some(FOLDER),
        files: schemas(),
    };
    generated.hold("the schemas are generated");
}

fn schemas() -> Vec<GeneratedFile> {
    let of_use_cases = UseCase::ALL.iter();
    let of_use_cases =
        of_use_cases.map(|use_case| (use_case.as_str().to_owned(), schema(*use_case)));
    of_use_cases
        .chain([
            ("failure".to_owned(), failure_schema()),
            ("run_event".to_owned(), run_event_schema()),
        ])
        .map(|(stem, schema)| {
            let schema = schema.to_value();
            GeneratedFile {
                path: format!("{FOLDER}{stem}.json"),
                text: format!("{schema:#}\n"),
            }
        })
        .collect()
}
