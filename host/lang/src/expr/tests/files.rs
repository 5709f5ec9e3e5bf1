//! Expressions as they stand in the files of users: names, tags, lists of hosts, results of steps.

use super::*;

fn check_all(cases: &[(&str, Value)]) {
    for (text, expect) in cases {
        check(text, expect.clone());
    }
}

/// Checks the value of a text with expressions.
fn check_texts(cases: &[(&str, Value)]) {
    for (text, expect) in cases {
        let template = Template::parse(text, &TextPlace::of_text("text", text), &variables());
        let template = template.unwrap_or_else(|fault| panic!("{text}: {fault}"));
        let found = with_env(|env| template.eval(env));
        assert_eq!(found, Ok(Evaluated::Value(expect.clone())), "{text}");
    }
}

#[test]
fn names_are_put_together() {
    check_all(&[
        ("inputs.region + \"-db\"", json!("eu-db")),
        ("self.name + '-' + inputs.region", json!("db-main-eu")),
        ("'v' + string(self.version)", json!("v4")),
        (
            "inputs.region == 'eu' ? 'Frankfurt' : 'Ohio'",
            json!("Frankfurt"),
        ),
        ("inputs.region in ['eu', 'us']", json!(true)),
        ("!(inputs.region in ['us'])", json!(true)),
        ("'%s-%d'.format([inputs.region, inputs.n])", json!("eu-3")),
        (
            "inputs.names.map(it, inputs.region + '-' + it)",
            json!(["eu-ann", "eu-bob"]),
        ),
        (
            "inputs.names.map(it, it.upperAscii()).join('+')",
            json!("ANN+BOB"),
        ),
        (
            "size(inputs.names) > 0 && inputs.names[0] == 'ann'",
            json!(true),
        ),
        ("inputs.text.split(' ')[0].lowerAscii()", json!("hello")),
        (
            "inputs.text.replace(' ', '-').lowerAscii()",
            json!("hello-world"),
        ),
        ("inputs.?suffix.orValue('') + inputs.region", json!("eu")),
        (
            "has(inputs.nested.deep) && has(inputs.nested.deep.x)",
            json!(true),
        ),
        ("inputs.nested['a-b'] + 1", json!(6)),
    ]);
}

#[test]
fn results_of_steps_decide() {
    check_all(&[
        ("steps.get-all.status == 'succeeded'", json!(true)),
        ("steps['get-all'].outputs.n > 1", json!(true)),
        ("steps.get-all.outputs.rows[0]", json!(1)),
        (
            "steps.each.map(it, it.status)",
            json!(["succeeded", "failed"]),
        ),
        ("steps.each.exists(it, it.status == 'failed')", json!(true)),
        (
            "steps.each.filter(it, it.status == 'failed').size()",
            json!(1),
        ),
        (
            "steps.each.all(i, it, it.status != 'skipped' || i > 5)",
            json!(true),
        ),
        ("steps.get-all.?error.hasValue()", json!(false)),
        ("steps.?not-there.status.orValue('none')", json!("none")),
        ("jobs.build-it.status != 'succeeded'", json!(true)),
        ("jobs.?test-it.status.orValue('skipped')", json!("skipped")),
        ("run.tags.size() == 0", json!(true)),
        ("'deploy ' + run.id", json!("deploy k3v9")),
    ]);
}

#[test]
fn items_of_a_loop_are_made() {
    check_all(&[
        (
            "inputs.items.map(it, {'id': it.id, 'n': it.tags.size()})",
            json!([{"id": 2, "n": 1}, {"id": 1, "n": 0}]),
        ),
        (
            "inputs.map.transformList(k, v, {'key': k, 'value': v})",
            json!([{"key": "a", "value": 1}, {"key": "b", "value": 2}]),
        ),
        (
            "range(2).map(i, 'host-' + string(i + 1))",
            json!(["host-1", "host-2"]),
        ),
        ("inputs.items.sortBy(it, it.id)[0].id", json!(1)),
        ("inputs.items.map(it, it.tags).flatten()", json!(["x"])),
        ("inputs.items.exists(it, 'x' in it.tags)", json!(true)),
        (
            "[inputs.region, inputs.?other.orValue('us')].distinct()",
            json!(["eu", "us"]),
        ),
        ("item.key + '=' + string(item.value)", json!("a=1")),
        ("{'key': item.key}.key", json!("a")),
    ]);
}

#[test]
fn times_are_compared_and_written() {
    check_all(&[
        ("now - duration('24h') < now", json!(true)),
        ("string(now).substring(0, 10)", json!("2026-11-26")),
        (
            "string(now).split('T')[0].replace('-', '')",
            json!("20261126"),
        ),
        ("now.getDayOfWeek() in [0, 6]", json!(false)),
        ("now.getHours() < 12", json!(true)),
        ("now.getMonth() + 1", json!(11)),
        (
            "timestamp('2026-11-25T10:00:00Z') < now - duration('1h')",
            json!(true),
        ),
        (
            "(now - timestamp('2026-11-26T08:30:00Z')).getMinutes()",
            json!(90),
        ),
        ("timestamp(string(now)) == now", json!(true)),
        ("duration('1h30m')", json!("5400s")),
    ]);
}

#[test]
fn values_are_written_into_texts() {
    check_texts(&[
        (
            "${{ inputs.region }}/${{ self.name }}:${{ self.version }}",
            json!("eu/db-main:4"),
        ),
        ("a ${{ inputs.big }}", json!("a 18446744073709551615")),
        ("a ${{ inputs.minus }}", json!("a -4")),
        ("a ${{ 2.0 * 1.5 }}", json!("a 3")),
        ("a ${{ 0.1 + 0.2 }}", json!("a 0.30000000000000004")),
        ("a ${{ duration('90s') }}", json!("a 90s")),
        ("a ${{ [] }} ${{ {} }}", json!("a [] {}")),
        (
            "a ${{ ['é', null, true, 1.5] }}",
            json!("a [\"é\",null,true,1.5]"),
        ),
        ("a ${{ inputs.nested.deep }}", json!("a {\"x\":1}")),
        ("a ${{ inputs.?other }}.", json!("a .")),
        ("a ${{ inputs.?region }}.", json!("a eu.")),
        ("line\n${{ inputs.n }}\n", json!("line\n3\n")),
        ("\t${{inputs.flag}}", json!("\ttrue")),
        ("${{ inputs.flag ? 'x' : '' }}${{ '' }}", json!("x")),
        ("${{ 'a }} b' }}!", json!("a }} b!")),
        ("${{ {'a': {'b': {}}}.a.b }}", json!({})),
        (
            "$${{ a }} ${{ inputs.n }} $${{ b }}",
            json!("${{ a }} 3 ${{ b }}"),
        ),
        ("price: $${{ inputs.n }}", json!("price: ${{ inputs.n }}")),
        ("$5 {{ x }} ${{ inputs.n }}", json!("$5 {{ x }} 3")),
    ]);
}

/// Checks the line and the column of a fault in a text of several lines, and its message.
fn check_column(text: &str, place: (usize, usize), message: &str) {
    let found = match eval(text) {
        Err(fault) => (fault.line_column(), fault.message),
        Ok(value) => panic!("{text}: {value:?}"),
    };
    assert_eq!(found, (place, message.to_owned()), "{text}");
}

#[test]
fn fault_has_its_line_and_column() {
    check_column("inputs.regoin", (1, 8), "`inputs` has no member `regoin`");
    check_column(
        "inputs.n > 1 &&\n  inputs.regoin == 'eu'",
        (2, 10),
        "`inputs` has no member `regoin`",
    );
    check_column(
        "'é' + inputs.n",
        (1, 1),
        "`+` does not take `string` and `int`",
    );
    check_column(
        "inputs.n +\n  inputs.region",
        (1, 1),
        "`+` does not take `int` and `string`",
    );
    check_column("[1,\n 2,\n nope]", (3, 2), "there is no variable `nope`");
    check_column("inputs.my-nmae", (1, 8), "`inputs` has no member `my-nmae`");
    check_column(
        "self.name.foo",
        (1, 1),
        "a value of type `string` has no members",
    );
    check_column(
        "inputs.n and inputs.flag",
        (1, 10),
        "`and` does not belong here",
    );
    check_column("inputs.n = 3", (1, 10), "`=` does not belong here");
    check_column(
        "inputs.list[9]",
        (1, 1),
        "the list has 3 items; the first has the number 0",
    );
}
