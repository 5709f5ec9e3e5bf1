//! `@test/raw`: its method returns a text that is not JSON.

sedge_test_guests::export_raw!(sedge_test_guests::valid_type("@test/raw"), "{not json");
