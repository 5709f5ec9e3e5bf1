//! Describes a type whose name is none.

sedge_test_guests::export_raw!(sedge_test_guests::sound_type("Not A Name"), "null");
