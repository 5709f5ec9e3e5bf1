//! `@test/misfit-version`: the type's version does not have the form `YYYY.MM.DD.N`.

use sedge_sdk::__private::TypeInfo;

sedge_test_guests::export_raw!(type_info(), "null");

fn type_info() -> TypeInfo {
    TypeInfo {
        version: "1.0".to_owned(),
        ..sedge_test_guests::valid_type("@test/misfit-version")
    }
}
