//! Describes a type with an invalid name.

sedge_test_guests::export_raw!(sedge_test_guests::valid_type("Not A Name"), "null");
