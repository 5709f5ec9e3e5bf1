//! `sedge datastore compact`

use crate::fixtures::with_files;

#[test]
fn free_space_is_returned() {
    let env = with_files();
    env.setup(&[
        "model method run files write --input bytes=60000 --input times=20",
        "data delete files blob",
    ]);
    let would = env.run_json(["datastore", "compact", "--dry-run"]);
    let done = env.run_json(["datastore", "compact"]);
    let bytes = |it: &serde_json::Value, key: &str| it["data"][key].as_u64().expect("a number");
    for it in [&would, &done] {
        assert!(
            2 * bytes(it, "bytesAfter") < bytes(it, "bytesBefore"),
            "{it}"
        );
    }
    let status = env.run_json(["datastore", "status"]);
    assert_eq!(status["data"]["freeBytes"], 0);
    // The log has only the entry of the audit about this.
    let n_log_bytes = status["data"]["logBytes"].as_u64().expect("a number");
    assert!(n_log_bytes < 10_000, "{status}");
}
