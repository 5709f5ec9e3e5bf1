//! The keys of other tools in each part of a definition: each says what to write instead.

use super::*;
use crate::input::INPUT_KEYS;

/// Checks all keys of other tools in one part. The file has `{}` where the keys of the part stand.
#[track_caller]
fn check_part(frame: &str, set: &KeySet) {
    for (key, advice) in set.foreign {
        let text = frame.replacen("{}", &format!("{key}: x"), 1);
        let faults = parse(&text).expect_err(&text);
        let found = faults
            .iter()
            .find(|it| it.file.slice(it.span.clone()) == *key);
        let found = found.unwrap_or_else(|| panic!("{}: {key}: {faults}", set.of));
        let found = (found.code, found.hint.as_deref());
        let expect = (DiagnosticCode::ForeignKey, Some(*advice));
        assert_eq!(found, expect, "{}: {key}", set.of);
    }
}

#[test]
fn key_of_another_tool_says_what_to_write_in_each_part() {
    let part = |text: &str, set: &KeySet| check_part(&format!("{HEAD}{text}\n"), set);
    part("{}", &DEFINITION_KEYS);
    part("methods:\n  run:\n    {}", &METHOD_KEYS);
    part("checks:\n  {}", &CHECKS_KEYS);
    part("reports:\n  {}", &REPORTS_KEYS);
    part("reports:\n  require:\n  - name: a\n    {}", &REPORT_KEYS);
    part("resources:\n  r:\n    {}", &RESOURCE_KEYS);
    part("dataOutputOverrides:\n- specName: r\n  {}", &OVERRIDE_KEYS);
    part("limits:\n  {}", &LIMIT_KEYS);
    part("limits:\n  http:\n    {}", &HTTP_LIMIT_KEYS);
    part("grants:\n  {}", &GRANT_KEYS);
    let http = "grants:\n  http:\n  - url: \"https://a.test\"\n    {}";
    part(http, &HTTP_GRANT_KEYS);
    let sockets = "grants:\n  sockets:\n  - to: \"a.test:1\"\n    {}";
    part(sockets, &SOCKET_GRANT_KEYS);
    let files = "grants:\n  files:\n  - name: a\n    path: b\n    {}";
    part(files, &FOLDER_GRANT_KEYS);
    let secrets = "grants:\n  secrets:\n  - name: T\n    {}";
    part(secrets, &SECRET_GRANT_KEYS);
    part("inputs:\n  properties:\n    a:\n      {}", &INPUT_KEYS);
}
