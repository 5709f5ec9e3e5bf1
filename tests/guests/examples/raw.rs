//! `@test/raw`: its method returns a text that is no JSON.

sedge_test_guests::export_raw!(sedge_test_guests::sound_type("@test/raw"), "{not json");
