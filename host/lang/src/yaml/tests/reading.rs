//! Reading keys and values of a tree, with all their faults.

use sedge_model::names::ModelName;

use super::*;

const JOB: KeySet = KeySet {
    of: "a job",
    keys: &["name", "dependsOn", "steps", "timeout"],
    foreign: &[("needs", "write `dependsOn: [{job: NAME}]`")],
};

/// Returns the faults of reading a text, one line each: the place, the code, the message, the hint.
fn faults_of(text: &str, read: impl Fn(&Node, &mut Faults)) -> Vec<String> {
    let source = file(text);
    let mut faults = Faults::new(&source);
    read(&tree(text), &mut faults);
    let Err(faults) = faults.result(()) else {
        return Vec::new();
    };
    let lines = faults.iter().map(|it| {
        let (line, column) = it.line_column();
        let hint = it.hint.as_deref().unwrap_or("-");
        format!("{line}:{column} {}: {} ({hint})", it.code, it.message)
    });
    lines.collect()
}

#[test]
fn all_faults_of_the_keys_are_reported() {
    let text = "nmae: a\nneeds: [b]\nguard: true\nuses: x\nzzz: 1\nsteps: []\n";
    let faults = faults_of(text, |node, faults| {
        let keys = Keys::read(node, &JOB, faults).expect("it has keys");
        assert!(keys.get("steps").is_some());
        assert!(keys.required("name", faults).is_none());
    });
    assert_eq!(
        faults,
        [
            "1:1 unknown-key: unknown key `nmae` in a job (did you mean `name`?)",
            "2:1 foreign-key: unknown key `needs` in a job (write `dependsOn: [{job: NAME}]`)",
            "3:1 misplaced-key: unknown key `guard` in a job (`guard` is a key of a job or a step)",
            "4:1 foreign-key: unknown key `uses` in a job (write `task: {type: model_method, \
             modelIdOrName: …, methodName: …}`)",
            "5:1 unknown-key: unknown key `zzz` in a job (the keys here are `name`, `dependsOn`, \
             `steps`, `timeout`)",
        ]
    );
}

#[test]
fn suggestions_are_made_for_faults_that_are_kept_only() {
    let mut text = String::new();
    for i in 0..3_000 {
        text.push_str(&format!("k{i}: 1\n"));
    }
    text.push_str("nmae: a\n");
    let faults = faults_of(&text, |node, faults| {
        let keys = Keys::read(node, &JOB, faults).expect("it has keys");
        assert!(faults.is_full());
        assert!(keys.get("k2999").is_some());
    });
    assert_eq!(faults.len(), crate::yaml::faults::FAULTS_MAX);
    assert!(faults[999].starts_with("1000:1 unknown-key: unknown key `k999` in a job"));
}

#[test]
fn value_without_keys_is_a_fault() {
    let faults = faults_of("- 1\n- 2\n", |node, faults| {
        assert!(Keys::read(node, &JOB, faults).is_none());
    });
    assert_eq!(
        faults,
        [
            "1:1 wrong-type: expected keys with values: `key: value`, found a list (the keys of \
          a job are `name`, `dependsOn`, `steps`, `timeout`)"
        ]
    );
    let faults = faults_of("name:\n", |node, faults| {
        let keys = Keys::read(node, &JOB, faults).expect("it has keys");
        assert!(keys.get("name").is_none() && keys.member("name").is_some());
        assert!(keys.required("name", faults).is_none());
    });
    assert_eq!(faults, ["1:1 missing-key: the key `name` has no value (-)"]);
}

#[test]
fn values_are_read_by_their_types() {
    fn read<T>(text: &str, read: impl Fn(&Node, &mut Faults) -> Option<Located<T>>) -> Option<T> {
        let mut faults = Faults::new(&file(text));
        let value = read(&tree(text), &mut faults);
        assert_eq!(value.is_none(), !faults.is_empty(), "{text}");
        value.map(|it| it.value)
    }
    assert_eq!(read("x", read::text).as_deref(), Some("x"));
    assert_eq!(read("1.10", read::text).as_deref(), Some("1.10"));
    assert_eq!(read("true", read::text).as_deref(), Some("true"));
    assert_eq!(read("[x]", read::text), None);
    assert_eq!(read("~", read::text), None);
    assert_eq!(read("true", read::boolean), Some(true));
    assert_eq!(read("yes", read::boolean), None);
    assert_eq!(read("7", read::whole_number), Some(7));
    for wrong in ["-7", "1.5", "'7'", "x", "[7]"] {
        assert_eq!(read(wrong, read::whole_number), None, "{wrong}");
    }
    let name = read("sink", read::parsed::<ModelName>).expect("a name");
    assert_eq!(name.as_str(), "sink");
    assert!(read("A b", read::parsed::<ModelName>).is_none());
    let item = |node: &Node, faults: &mut Faults| read::text(node, faults).map(|it| it.value);
    let list = |node: &Node, faults: &mut Faults| read::list(node, faults, item);
    let one_or_list = |node: &Node, faults: &mut Faults| read::one_or_list(node, faults, item);
    assert_eq!(
        read("[a, b]", list),
        Some(vec!["a".to_owned(), "b".to_owned()])
    );
    assert_eq!(read("a", list), None);
    assert_eq!(read("a", one_or_list), Some(vec!["a".to_owned()]));
    let tags = read("{env: prod, n: 5}", read::tags).expect("tags");
    assert_eq!((&*tags["env"], &*tags["n"]), ("prod", "5"));
    assert!(read("[a]", read::tags).is_none());
    for (text, ms) in [("90", 90_000), ("5m", 300_000), ("1h", 3_600_000)] {
        let span = read(text, read::span_of_time).expect(text);
        assert_eq!(span.ms(), ms, "{text}");
    }
    for wrong in ["soon", "0", "-5", "1.5", "5 m", "''"] {
        assert!(read(wrong, read::span_of_time).is_none(), "{wrong}");
    }
}
