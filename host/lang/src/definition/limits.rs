//! Reads the key `limits`.

use sedge_model::limits::ModelLimitsFile;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::yaml::node::Node;
use crate::yaml::{Faults, KeySet, Keys, read};

/// The limits of a model's calls.
pub(crate) const LIMIT_KEYS: KeySet = KeySet {
    of: "the limits",
    keys: &[
        "wallTimeSeconds",
        "cpuSeconds",
        "memoryMebibytes",
        "callDepth",
        "callsPerRun",
        "forEachItems",
        "callsPerCall",
        "parallelCalls",
        "hostCalls",
        "hostMebibytes",
        "stagedMebibytes",
        "fileMebibytes",
        "openFiles",
        "logLines",
        "logKibibytes",
        HTTP,
    ],
    foreign: &[
        ("timeout", "write `wallTimeSeconds: 300`"),
        ("memory", "write `memoryMebibytes: 256`"),
        ("cpu", "write `cpuSeconds: 60`"),
    ],
};

/// The limits of a model's HTTP requests.
pub(crate) const HTTP_LIMIT_KEYS: KeySet = KeySet {
    of: "the limits of HTTP requests",
    keys: &[
        "requests",
        "requestMebibytes",
        "responseMebibytes",
        "headerKibibytes",
        "connectSeconds",
        "firstByteSeconds",
        "betweenBytesSeconds",
        "totalSeconds",
    ],
    foreign: &[("timeout", "write `totalSeconds: 300`")],
};

/// The key of the limits of HTTP requests.
const HTTP: &str = "http";

/// Reads the limits of a definition.
pub(crate) fn limits(node: &Node, faults: &mut Faults) -> ModelLimitsFile {
    let mut values = numbers(node, &LIMIT_KEYS, faults);
    if let Some(http) = node.get(HTTP).filter(|it| !it.is_null()) {
        let http = numbers(http, &HTTP_LIMIT_KEYS, faults);
        values.insert(HTTP.to_owned(), Value::Object(http));
    }
    ModelLimitsFile::deserialize(Value::Object(values))
        .expect("every key is one of the table of limits, and every value fits into 32 bits")
}

/// Reads the numbers of one section.
fn numbers(node: &Node, set: &KeySet, faults: &mut Faults) -> Map<String, Value> {
    let Some(keys) = Keys::read(node, set, faults) else {
        return Map::new();
    };
    let mut numbers = Map::new();
    for key in set.keys.iter().filter(|it| **it != HTTP) {
        let number = keys.get(key).and_then(|it| number(it, faults));
        if let Some(number) = number {
            numbers.insert((*key).to_owned(), number.into());
        }
    }
    numbers
}

fn number(node: &Node, faults: &mut Faults) -> Option<u32> {
    let number = read::whole_number(node, faults)?;
    let fits = u32::try_from(number.value);
    fits.map_err(|_| {
        let message = format!("`{}` is more than {}", number.value, u32::MAX);
        faults.push(faults.fault(number.span, message));
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use sedge_model::limits::LIMITS;

    use super::*;
    use crate::diagnostic::SourceFile;
    use crate::yaml::parse_tree;

    fn parse(text: &str) -> Result<ModelLimitsFile, Faults> {
        let file = SourceFile::new("f.yaml", text);
        let node = parse_tree(&file).expect(text);
        let mut faults = Faults::new(&file);
        let limits = limits(&node, &mut faults);
        faults.result(limits)
    }

    #[test]
    fn every_row_of_the_table_is_a_key() {
        let keys = |section: &str| -> Vec<&str> {
            let rows = LIMITS.iter().filter(|row| row.section == section);
            rows.filter_map(|row| row.key).collect()
        };
        let known: Vec<&str> = LIMIT_KEYS
            .keys
            .iter()
            .filter(|it| **it != HTTP)
            .copied()
            .collect();
        assert_eq!(known, keys("limits"));
        assert_eq!(HTTP_LIMIT_KEYS.keys, keys("limits.http"));
    }

    #[test]
    fn every_limit_is_read() {
        let lines = LIMIT_KEYS.keys.iter().filter(|it| **it != HTTP);
        let lines: String = lines.map(|key| format!("{key}: 7\n")).collect();
        let http = HTTP_LIMIT_KEYS.keys.iter();
        let http: String = http.map(|key| format!("  {key}: 8\n")).collect();
        let limits = parse(&format!("{lines}http:\n{http}")).expect("good limits");
        assert_eq!(
            (limits.wall_time_seconds, limits.log_kibibytes),
            (Some(7), Some(7))
        );
        assert_eq!(
            (limits.http.requests, limits.http.total_seconds),
            (Some(8), Some(8))
        );
        assert_eq!(parse("{}\n"), Ok(ModelLimitsFile::default()));
    }

    #[test]
    fn faults_are_at_the_value() {
        let check = |text: &str, expect: &str| {
            let faults = parse(text).expect_err(text).to_string();
            assert!(faults.starts_with(expect), "{text}: {faults}");
        };
        check(
            "openFiles: 4294967296\n",
            "f.yaml:1:12: `4294967296` is more than 4294967295",
        );
        check("openFiles: many\n", "f.yaml:1:12: ");
        check("wallTimeSecond: 1\n", "f.yaml:1:1: ");
        check("timeout: 5\n", "f.yaml:1:1: ");
        check("http: {requests: -1}\n", "f.yaml:1:18: ");
        check("http: {request: 1}\n", "f.yaml:1:8: ");
        check("[1]\n", "f.yaml:1:1: ");
    }
}
