//! `@test/misfit-schema`: the schema of a method's arguments is not JSON.

use sedge_sdk::__private::TypeInfo;

sedge_test_guests::export_raw!(type_info(), "null");

fn type_info() -> TypeInfo {
    let mut info = sedge_test_guests::valid_type("@test/misfit-schema");
    info.methods[0].arguments = "{not json".to_owned();
    info
}
