//! `@test/misfit-schema`: describes a method whose arguments' schema is no JSON.

use sedge_sdk::__private::TypeInfo;

sedge_test_guests::export_raw!(type_info(), "null");

fn type_info() -> TypeInfo {
    let mut info = sedge_test_guests::sound_type("@test/misfit-schema");
    info.methods[0].arguments = "{not json".to_owned();
    info
}
