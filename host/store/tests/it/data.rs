//! Reading versioned data.

use sedge_lang::query::Selection;
use sedge_model::lineage::Lineage;
use sedge_store::{DataChosen, DataRecord, Scan, StoreError};

use crate::fixture::{Fixture, data_name, delete, latest, model_name, success};

/// Names that other systems have lost, mixed up or taken for paths, in byte order.
const NASTY: [&str; 15] = [
    " lead",
    "\"'`;--",
    "%",
    "..",
    "../../etc/passwd",
    "/",
    "007",
    "1e3",
    "7",
    "A",
    "_",
    "a",
    "a/b",
    "é",
    "🦔",
];

/// Writes each of these contents in a separate call, and returns the fixture.
fn written(writes: &[(&str, &str, &str)]) -> Fixture {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    for (n, (model, name, content)) in (1..).zip(writes) {
        let call = fixture.call(&claim, &[n], model);
        let end = success(&call, model, &[(*name, *content)]);
        fixture
            .store
            .call_commit(&claim, end.clone(), None)
            .wait()
            .expect("committed");
    }
    fixture
}

#[test]
fn version_is_read_by_number_and_latest_by_default() {
    let fixture = written(&[
        ("sink", "r", "1"),
        ("sink", "r", "22"),
        ("sink", "r", "\"é\""),
    ]);
    let check = |name: &str, version: Option<u64>, expect: Option<(u64, &str)>| {
        let read = fixture
            .store
            .data_text(&model_name("sink"), &data_name(name), version);
        let read = read.expect("readable");
        let read = read
            .as_ref()
            .map(|(record, text)| (record.version, text.as_str()));
        assert_eq!(read, expect, "{name} {version:?}");
    };
    check("r", None, Some((3, "\"é\"")));
    check("r", Some(1), Some((1, "1")));
    check("r", Some(3), Some((3, "\"é\"")));
    check("r", Some(0), None);
    check("r", Some(4), None);
    check("R", None, None);
    check("r", Some(u64::MAX), None);
}

#[test]
fn version_has_its_size_call_and_spec() {
    let fixture = written(&[("sink", "r", "1"), ("sink", "r", "\"é\"")]);
    let (model, name) = (model_name("sink"), data_name("r"));
    let versions = fixture
        .store
        .data_versions(&model, &name)
        .expect("readable");
    let found: Vec<(u64, u64, String)> = versions
        .iter()
        .map(|it| (it.version, it.size, it.by.path()))
        .collect();
    assert_eq!(found, [(1, 1, "1".to_owned()), (2, 4, "2".to_owned())]);
    let latest = fixture.store.data_get(&model, &name, None);
    let latest = latest.expect("readable").expect("it was written");
    assert_eq!(latest, versions[1]);
    assert_eq!(latest.spec.as_str(), "record");
}

#[test]
fn names_are_selected_by_their_beginning() {
    let last = "a\u{10ffff}";
    let names = [
        "%",
        "A",
        "a",
        "ab",
        last,
        "a\u{10ffff}b",
        "b",
        "é",
        "éa",
        "🦔",
    ];
    let writes = names.map(|name| ("sink", name, "1"));
    let fixture = written(&writes);
    for prefix in [
        "",
        "a",
        "ab",
        last,
        "é",
        "\u{c3}",
        "b",
        "🦔",
        "\u{10ffff}",
        "a\0",
    ] {
        let selection = Selection {
            name_prefix: Some(prefix.to_owned()),
            ..latest(Some(&model_name("sink")))
        };
        let found = fixture.store.data_select(&selection).expect("readable");
        let found: Vec<&str> = found.iter().map(|it| it.name.as_str()).collect();
        let expect = names.iter().filter(|it| it.starts_with(prefix));
        let mut expect: Vec<&str> = expect.copied().collect();
        expect.sort_unstable();
        assert_eq!(found, expect, "{prefix:?}");
    }
}

#[test]
fn versions_are_selected_before_a_number() {
    let fixture = written(&[("sink", "r", "1"), ("sink", "r", "2"), ("sink", "r", "3")]);
    for (before, expect) in [(0, 0..0), (2, 1..2), (3, 1..3), (u64::MAX, 1..4)] {
        let selection = Selection {
            model: Some("sink".to_owned()),
            name: Some("r".to_owned()),
            version_before: Some(before),
            ..Selection::default()
        };
        let found = fixture.store.data_select(&selection).expect("readable");
        let found: Vec<u64> = found.iter().map(|it| it.version).collect();
        assert_eq!(found, expect.rev().collect::<Vec<u64>>(), "{before}");
    }
}

#[test]
fn models_with_data_are_found_one_after_the_other() {
    let fixture = written(&[
        ("b", "r", "1"),
        ("a", "r", "2"),
        ("b", "q", "3"),
        ("@x/y", "r", "4"),
    ]);
    let found = fixture.store.data_snapshot(|snapshot| {
        let (mut found, mut at) = (Vec::new(), None);
        while let Some(model) = snapshot.model_after(at.as_deref())? {
            found.push(model.to_string());
            at = Some(model.to_string());
        }
        Ok::<_, StoreError>(found)
    });
    assert_eq!(found.expect("readable"), ["@x/y", "a", "b"]);
}

#[test]
fn versions_below_a_call_are_those_of_it_and_its_callees() {
    let fixture = Fixture::new();
    let (claim, other) = (fixture.run(1), fixture.run(2));
    let paths: [&[u32]; 6] = [&[1], &[1, 2], &[10], &[10, 1], &[2], &[1, 10]];
    for (claim, paths) in [(&claim, &paths[..]), (&other, &paths[..1])] {
        for path in paths {
            let call = fixture.call(claim, path, "sink");
            let end = success(&call, "sink", &[("record", "1"), ("note", "2")]);
            let committed = fixture.store.call_commit(claim, end, None).wait();
            committed.expect("the claim counts");
        }
    }
    let check = |path: &[u32], expect: &[&str]| {
        let root = Lineage::root(claim.run.clone());
        let call = path.iter().fold(root, |caller, n| caller.child(*n));
        let mut found = Vec::new();
        let scanned = fixture.store.data_snapshot(|snapshot| {
            snapshot.scan_below(&call, |scanned| {
                let record = &scanned.record;
                found.push(format!("{} {}", record.by.path(), record.name));
                Ok::<_, StoreError>(Scan::More)
            })
        });
        scanned.expect("readable");
        found.sort();
        assert_eq!(found, expect, "{path:?}");
    };
    let one = [
        "1 note",
        "1 record",
        "1/10 note",
        "1/10 record",
        "1/2 note",
        "1/2 record",
    ];
    check(&[1], &one);
    check(&[1, 2], &["1/2 note", "1/2 record"]);
    check(&[10, 1], &["10/1 note", "10/1 record"]);
    check(&[3], &[]);
    let run = [
        "10 note",
        "10 record",
        "10/1 note",
        "10/1 record",
        "2 note",
        "2 record",
    ];
    check(&[], &[&one[..], &run[..]].concat());
}

#[test]
fn unusual_names_are_kept_apart() {
    let writes: Vec<_> = NASTY.iter().map(|name| ("sink", *name, *name)).collect();
    let fixture = written(&writes);
    for name in NASTY {
        assert_eq!(fixture.versions("sink", name), [1], "{name}");
        let (model, key) = (model_name("sink"), data_name(name));
        let read = fixture.store.data_text(&model, &key, None);
        let (_, text) = read.expect("readable").expect("it was written");
        assert_eq!(text, name);
    }
    let list = fixture.store.data_select(&latest(None)).expect("readable");
    let names: Vec<&str> = list.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, NASTY);
}

#[test]
fn list_has_each_name_with_its_latest_version() {
    let fixture = written(&[
        ("sink", "b", "1"),
        ("sink", "a", "1"),
        ("10", "a", "1"),
        ("sink", "b", "333"),
    ]);
    let check = |model: Option<&str>, expect: &[&str]| {
        let model = model.map(model_name);
        let list = fixture
            .store
            .data_select(&latest(model.as_ref()))
            .expect("readable");
        let lines: Vec<String> = list.iter().map(line).collect();
        assert_eq!(lines, expect, "{model:?}");
    };
    let all = [
        "10 a: version 1, 1 bytes, of call 3",
        "sink a: version 1, 1 bytes, of call 2",
        "sink b: version 2, 3 bytes, of call 4",
    ];
    check(None, &all);
    check(Some("sink"), &all[1..]);
    check(Some("sin"), &[]);
}

fn line(it: &DataRecord) -> String {
    let (model, name, version, size) = (&it.model, &it.name, it.version, it.size);
    let call = it.by.path();
    format!("{model} {name}: version {version}, {size} bytes, of call {call}")
}

#[test]
fn models_do_not_share_names() {
    let fixture = written(&[("one", "r", "1"), ("two", "r", "2"), ("one", "r", "3")]);
    assert_eq!(fixture.versions("one", "r"), [1, 2]);
    assert_eq!(fixture.versions("two", "r"), [1]);
    assert_eq!(fixture.versions("three", "r"), [0; 0]);
}

#[test]
fn deleted_name_loses_all_versions() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let writes = [("sink", "a"), ("sink", "a"), ("sink", "b"), ("other", "a")];
    for (n, (model, name)) in (1..).zip(writes) {
        let call = fixture.call(&claim, &[n], model);
        let end = success(&call, model, &[(name, "1")]);
        fixture
            .store
            .call_commit(&claim, end.clone(), None)
            .wait()
            .expect("committed");
    }
    let delete = |model: &str, name: Option<&str>| {
        let what = match name {
            Some(name) => DataChosen::Name(data_name(name)),
            None => DataChosen::All,
        };
        let deleted = delete(&fixture.store, model, what).into_iter();
        let words: Vec<String> = deleted
            .map(|it| format!("{} {}", it.name, it.n_versions))
            .collect();
        words.join(", ")
    };
    assert_eq!(delete("sink", Some("c")), "");
    assert_eq!(delete("sink", Some("a")), "a 2");
    assert!(fixture.versions("sink", "a").is_empty());
    assert_eq!(fixture.versions("other", "a"), [1]);
    let call = fixture.call(&claim, &[9], "sink");
    let end = success(&call, "sink", &[("a", "2")]);
    fixture
        .store
        .call_commit(&claim, end.clone(), None)
        .wait()
        .expect("committed");
    assert_eq!(delete("sink", None), "a 1, b 1");
    assert_eq!(delete("sink", None), "");
    assert_eq!(fixture.versions("other", "a"), [1]);
}

/// A write by a call of unknown type used to clear the owner of a name, so that the next type could
/// write to it. Now the first known type stays the owner.
#[test]
fn first_known_type_stays_the_owner() {
    let fixture = Fixture::new();
    let claim = fixture.run(1);
    let write = |n, type_name: Option<&str>| {
        let call = fixture.call(&claim, &[n], "sink");
        let mut end = success(&call, "sink", &[("a", "1")]);
        end.origin.type_name = type_name.map(|it| it.parse().expect("a type's name"));
        fixture.store.call_commit(&claim, end, None).wait()
    };
    write(1, None).expect("it has no owner");
    write(2, Some("@test/first")).expect("it has no known owner");
    write(3, None).expect("it does not change the owner");
    let refused = write(4, Some("@test/other")).expect_err("another type is the owner");
    assert!(matches!(refused, StoreError::NotOwner { .. }), "{refused}");
    write(5, Some("@test/first")).expect("it is the owner");
}
