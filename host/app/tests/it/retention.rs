//! The retention that a plugin sets for a single write.

use std::time::Duration;

use sedge_app::data::gc::{DataGcRequest, data_gc};
use sedge_sys::clock::{SettableClock, Timestamp};
use serde_json::json;

use crate::fixture::{House, versions_of};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn house(clock: &SettableClock, more: &str) -> House {
    let house = House::with_clock(clock);
    house.model("seeker", "@test/seeker", more);
    house
}

fn noon() -> SettableClock {
    SettableClock::at(Timestamp(1_790_000_000_000))
}

async fn keep(house: &House, name: &str, lifetime: Option<&str>, keep: Option<&str>) {
    let arguments = json!({"name": name, "lifetime": lifetime, "keep": keep});
    assert_eq!(house.value("seeker", "keep", arguments).await, "written");
}

/// Returns the lifetimes of the versions of a name, oldest first.
fn lifetimes(house: &House, name: &str) -> Vec<String> {
    let versions = versions_of(&house.repository, "seeker", name).expect("there are some");
    versions.into_iter().map(|it| it.lifetime).collect()
}

async fn collect(house: &House) {
    let collected = data_gc(&house.cx(), DataGcRequest::default()).await;
    collected.expect("nothing runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lifetime_of_a_write_counts_for_its_version() {
    let clock = noon();
    let house = house(&clock, "");
    keep(&house, "n", Some("1h"), None).await;
    keep(&house, "n", None, None).await;
    keep(&house, "n", Some("2w"), None).await;
    keep(&house, "n", Some("infinite"), None).await;
    assert_eq!(lifetimes(&house, "n"), ["1h", "infinite", "2w", "infinite"]);
    let file = json!({"name": "f", "lifetime": "5m", "keep": "30d", "file": true});
    assert_eq!(house.value("seeker", "keep", file.clone()).await, "written");
    assert_eq!(house.value("seeker", "keep", file).await, "written");
    assert_eq!(lifetimes(&house, "f"), ["5m", "5m"]);
    clock.advance(2 * HOUR);
    collect(&house).await;
    assert_eq!(house.versions("seeker", "n"), [2, 3, 4]);
    assert_eq!(house.versions("seeker", "f"), [2], "the latest one stays");
    clock.advance(15 * 24 * HOUR);
    collect(&house).await;
    assert_eq!(house.versions("seeker", "n"), [2, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn number_of_versions_is_that_of_the_most_recent_write() {
    let clock = noon();
    let house = house(&clock, "");
    for _ in 0..4 {
        keep(&house, "n", None, Some("3")).await;
    }
    keep(&house, "n", None, Some("2")).await;
    collect(&house).await;
    assert_eq!(house.versions("seeker", "n"), [4, 5]);
    keep(&house, "n", None, None).await;
    keep(&house, "n", None, None).await;
    collect(&house).await;
    assert_eq!(
        house.versions("seeker", "n"),
        [4, 5, 6, 7],
        "all are kept again"
    );
    clock.advance(48 * HOUR);
    keep(&house, "n", None, Some("1d")).await;
    collect(&house).await;
    assert_eq!(house.versions("seeker", "n"), [8]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definition_overrides_the_retention_of_a_write() {
    let clock = noon();
    let more = "resources: {note: {lifetime: 7d, garbageCollection: 2}}\n";
    let house = house(&clock, more);
    for _ in 0..3 {
        keep(&house, "n", Some("1h"), Some("1")).await;
    }
    assert_eq!(lifetimes(&house, "n"), ["7d", "7d", "7d"]);
    clock.advance(2 * HOUR);
    collect(&house).await;
    assert_eq!(house.versions("seeker", "n"), [2, 3]);
    // A definition that sets one of them leaves the other to the plugin.
    let other = self::house(&clock, "resources: {note: {garbageCollection: 5}}\n");
    keep(&other, "n", Some("1h"), Some("1")).await;
    keep(&other, "n", None, None).await;
    assert_eq!(lifetimes(&other, "n"), ["1h", "infinite"]);
    clock.advance(2 * HOUR);
    collect(&other).await;
    assert_eq!(other.versions("seeker", "n"), [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_retention_is_refused() {
    let clock = noon();
    let house = house(&clock, "");
    let check = async |lifetime: Option<&str>, keep: Option<&str>| {
        for file in [false, true] {
            let arguments = json!({"name": "n", "lifetime": lifetime, "keep": keep, "file": file});
            let answer = house.value("seeker", "keep", arguments).await;
            assert_eq!(answer, "invalid-retention", "{lifetime:?} {keep:?} {file}");
        }
    };
    let long = "9".repeat(100_000);
    for lifetime in [
        "", "for ever", "0d", "1.5h", "2000y", "7d ", "-1d", "\u{0}", &long,
    ] {
        check(Some(lifetime), None).await;
    }
    for keep in ["0", "", "ephemeral", "4294967296", "many"] {
        check(None, Some(keep)).await;
    }
    assert_eq!(house.versions("seeker", "n"), [0; 0]);
}
