//! Findings in SARIF 2.1.0, the Static Analysis Results Interchange Format of OASIS
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/>), as code hosts read it.

use std::cmp::Reverse;
use std::path::Path;

use sedge_api::problem::Place;
use sedge_api::view::sarif::{
    SarifArtifactLocation, SarifDriver, SarifLocation, SarifLog, SarifPhysicalLocation,
    SarifRegion, SarifResult, SarifRule, SarifRun, SarifText, SarifTool,
};
use sedge_api::view::validate::{FileFindingView, ValidationReport};

use crate::help;

/// The schema of the format.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The maximum number of results in one log.
///
/// GitHub refuses a log with more. The authors of the files choose the number of faults.
const RESULTS_MAX: usize = 25_000;

/// Returns the log of a check. The files of the findings are relative to `folder`.
pub(crate) fn log(report: &ValidationReport, folder: &Path) -> SarifLog {
    let mut findings: Vec<&FileFindingView> = report.findings.iter().collect();
    if findings.len() > RESULTS_MAX {
        findings.sort_by_key(|it| Reverse(it.severity));
        findings.truncate(RESULTS_MAX);
    }
    let mut codes: Vec<&str> = findings.iter().map(|it| it.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    let results = findings.iter().map(|finding| {
        let rule = codes.binary_search(&finding.code.as_str());
        result(finding, rule.unwrap_or_default(), folder)
    });
    SarifLog {
        schema: SCHEMA.to_owned(),
        version: "2.1.0".to_owned(),
        runs: vec![SarifRun {
            tool: SarifTool {
                driver: SarifDriver {
                    name: "sedge".to_owned(),
                    semantic_version: env!("CARGO_PKG_VERSION").to_owned(),
                    rules: codes.iter().map(|code| rule(code)).collect(),
                },
            },
            column_kind: "unicodeCodePoints".to_owned(),
            results: results.collect(),
        }],
    }
}

/// Returns the rule for a kind of finding.
fn rule(code: &str) -> SarifRule {
    SarifRule {
        id: code.to_owned(),
        name: code.to_owned(),
        short_description: SarifText {
            text: code.replace('-', " "),
        },
    }
}

fn result(finding: &FileFindingView, rule: usize, folder: &Path) -> SarifResult {
    let mut text = finding.message.clone();
    for help in &finding.help {
        text.push_str("\nhint: ");
        text.push_str(&help::text(help));
    }
    let path = folder.join(&finding.place.file);
    let location = SarifPhysicalLocation {
        artifact_location: SarifArtifactLocation {
            uri: uri(&path.to_string_lossy()),
            uri_base_id: "%SRCROOT%".to_owned(),
        },
        region: region(&finding.place),
    };
    SarifResult {
        rule_id: finding.code.clone(),
        rule_index: rule,
        level: finding.severity.as_str().to_owned(),
        message: SarifText { text },
        locations: vec![SarifLocation {
            physical_location: location,
        }],
    }
}

/// Returns the place of a finding. A place without characters is given by its start alone.
fn region(place: &Place) -> SarifRegion {
    let is_empty = (place.end_line, place.end_column) <= (place.line, place.column);
    SarifRegion {
        start_line: place.line,
        start_column: place.column,
        end_line: (!is_empty).then_some(place.end_line),
        end_column: (!is_empty).then_some(place.end_column),
    }
}

/// Returns a relative path as a reference to a URI (RFC 3986).
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/@!$&'()*+,;=".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use sedge_api::problem::Help;
    use sedge_api::view::validate::{CheckedCounts, FindingSeverity};

    use serde_json::Value;

    use super::*;

    fn finding(file: &str, code: &str, severity: FindingSeverity) -> FileFindingView {
        FileFindingView {
            place: Place {
                file: file.to_owned(),
                line: 3,
                column: 7,
                end_line: 3,
                end_column: 9,
            },
            code: code.to_owned(),
            severity,
            message: "unknown key `grant`".to_owned(),
            help: vec![Help::advice("did you mean `grants`?")],
        }
    }

    fn log_of(findings: Vec<FileFindingView>) -> Value {
        let report = ValidationReport {
            is_valid: false,
            checked: CheckedCounts::default(),
            errors: 0,
            warnings: 0,
            notes: 0,
            findings,
        };
        serde_json::to_value(log(&report, Path::new("ops"))).expect("it is JSON")
    }

    /// Checks what the schema of the format requires, and what GitHub requires beyond it.
    #[track_caller]
    fn check_required(log: &Value) {
        assert_eq!(log["version"], "2.1.0");
        assert!(log["$schema"].is_string());
        let runs = log["runs"].as_array().expect("a list");
        assert_eq!(runs.len(), 1);
        let driver = &runs[0]["tool"]["driver"];
        assert!(driver["name"].is_string());
        let rules = driver["rules"].as_array().expect("a list");
        for rule in rules {
            assert!(rule["id"].is_string() && rule["shortDescription"]["text"].is_string());
        }
        for result in runs[0]["results"].as_array().expect("a list") {
            let text = result["message"]["text"].as_str().expect("a text");
            assert!(!text.is_empty());
            let level = result["level"].as_str().expect("a text");
            assert!(
                ["none", "note", "warning", "error"].contains(&level),
                "{level}"
            );
            let index = result["ruleIndex"].as_u64().expect("a number");
            let index = usize::try_from(index).expect("a small number");
            assert_eq!(rules[index]["id"], result["ruleId"]);
            let locations = result["locations"].as_array().expect("a list");
            assert_eq!(locations.len(), 1);
            let place = &locations[0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().expect("a text");
            assert!(!uri.starts_with('/') && !uri.contains([' ', ':']), "{uri}");
            let region = &place["region"];
            for key in ["startLine", "startColumn"] {
                assert!(region[key].as_u64() >= Some(1), "{region}");
            }
            let end = region.get("endLine").and_then(Value::as_u64);
            assert!(
                end.is_none() || end >= region["startLine"].as_u64(),
                "{region}"
            );
        }
    }

    #[test]
    fn log_has_what_the_format_requires() {
        let mut empty = finding("sedge.lock", "component", FindingSeverity::Warning);
        (empty.place.line, empty.place.end_line) = (1, 1);
        (empty.place.column, empty.place.end_column) = (1, 1);
        let log = log_of(vec![
            finding(
                "models/@acme/a b.yaml",
                "unknown-key",
                FindingSeverity::Error,
            ),
            empty,
            finding("models/b.yaml", "unknown-key", FindingSeverity::Note),
        ]);
        check_required(&log);
        let results = &log["runs"][0]["results"];
        let first = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(
            first["artifactLocation"]["uri"],
            "ops/models/@acme/a%20b.yaml"
        );
        let region = r#"{"startLine":3,"startColumn":7,"endLine":3,"endColumn":9}"#;
        assert_eq!(first["region"].to_string(), region);
        let text = "unknown key `grant`\nhint: did you mean `grants`?";
        assert_eq!(results[0]["message"]["text"], text);
        assert_eq!(results[2]["level"], "note");
        check_required(&log_of(Vec::new()));
    }

    #[test]
    fn log_is_cut_at_what_a_code_host_takes_and_keeps_the_errors() {
        let mut findings = vec![finding("a", "schema", FindingSeverity::Note); RESULTS_MAX];
        findings.push(finding("b", "cycle", FindingSeverity::Error));
        let log = log_of(findings);
        let results = log["runs"][0]["results"].as_array().expect("a list");
        assert_eq!(results.len(), RESULTS_MAX);
        assert_eq!(results[0]["level"], "error");
    }
}
