//! Values that come from outside.

use super::*;

fn need(name: &str, arguments: Value) -> Need {
    let Value::Array(arguments) = arguments else {
        panic!("arguments are a list");
    };
    Need {
        name: name.to_owned(),
        arguments,
    }
}

/// Checks the needs of an expression without answers.
fn check_needs(text: &str, expect: &[(&str, Value)]) {
    let expect = expect
        .iter()
        .map(|(name, arguments)| need(name, arguments.clone()));
    let expect = Evaluated::Needs(expect.collect());
    assert_eq!(eval(text), Ok(expect), "{text}");
}

#[test]
fn evaluation_stops_with_what_it_needs() {
    check_needs(
        "data.latest('m', 'n').attributes.x",
        &[("data.latest", json!(["m", "n"]))],
    );
    check_needs(
        "data.latest(self.name, 'n', 'v')",
        &[("data.latest", json!(["db-main", "n", "v"]))],
    );
    check_needs(
        "model.my-model.definition.name",
        &[("model", json!(["my-model"]))],
    );
    check_needs("model['a' + 'b'].input.x", &[("model", json!(["ab"]))]);
    check_needs(
        "model.method('m', 'check', {'a': 1})",
        &[("model.method", json!(["m", "check", {"a": 1}]))],
    );
    check_needs(
        "file.contents('m', 'spec').size()",
        &[("file.contents", json!(["m", "spec"]))],
    );
    check_needs("env.HOME + '/x'", &[("env", json!(["HOME"]))]);
    check_needs("env[inputs.region]", &[("env", json!(["eu"]))]);
    check_needs("secret('TOKEN')", &[("secret", json!(["TOKEN"]))]);
    check_needs("has(env.HOME)", &[("env", json!(["HOME"]))]);
    check_needs("env.?HOME.orValue('')", &[("env", json!(["HOME"]))]);
    check_needs(
        "has(data.latest('m', 'n').attributes.x)",
        &[("data.latest", json!(["m", "n"]))],
    );
}

#[test]
fn one_round_finds_several_needs() {
    check_needs(
        "inputs.names.map(name, data.latest(name, 'n').attributes.x)",
        &[
            ("data.latest", json!(["ann", "n"])),
            ("data.latest", json!(["bob", "n"])),
        ],
    );
    check_needs(
        "{'a': env.A, 'b': env.B, 'again': env.A}",
        &[("env", json!(["A"])), ("env", json!(["B"]))],
    );
    // The inner need comes first.
    check_needs(
        "data.latest(model.m.definition.name, 'n')",
        &[("model", json!(["m"]))],
    );
}

#[test]
fn what_is_not_evaluated_is_not_needed() {
    check("inputs.flag || env.X == 'a'", json!(true));
    check("inputs.flag ? 1 : int(env.X)", json!(1));
    check("!inputs.flag && has(env.X)", json!(false));
    check("[].map(x, secret('A'))", json!([]));
}

/// Evaluates with answers until there is a value.
fn answered(text: &str, answers: &[(Need, NeedAnswer)]) -> Result<Value, Diagnostic> {
    let expr = compile(text)?;
    with_env(|env| {
        for _ in 0..5 {
            match expr.eval(env)? {
                Evaluated::Value(value) => return Ok(value),
                Evaluated::Needs(needs) => {
                    for need in needs {
                        let answer = answers.iter().find(|(known, _)| *known == need);
                        let (_, answer) = answer.expect("every need has an answer");
                        env.answer(&need, answer.clone());
                    }
                }
            }
        }
        panic!("{text}: it needs more than 5 rounds");
    })
}

/// The answers of the tests below.
fn answers() -> Vec<(Need, NeedAnswer)> {
    let record = json!({"name": "n", "attributes": {"x": 7, "list": [1, 2]}});
    vec![
        (
            need("data.latest", json!(["m", "n"])),
            NeedAnswer::Value(record),
        ),
        (
            need("data.latest", json!(["m", "none"])),
            NeedAnswer::Absent("model `m` has no data `none`".to_owned()),
        ),
        (
            need("env", json!(["HOME"])),
            NeedAnswer::Value(json!("/srv/ann")),
        ),
        (
            need("env", json!(["NONE"])),
            NeedAnswer::Absent("`NONE` is not set".to_owned()),
        ),
        (
            need("env", json!(["PATH"])),
            NeedAnswer::Refused("`sedge.yaml` does not grant `PATH`".to_owned()),
        ),
        (
            need("model", json!(["m"])),
            NeedAnswer::Value(json!({"definition": {"name": "n"}})),
        ),
    ]
}

#[test]
fn answer_is_used_by_the_next_evaluation() {
    let answers = answers();
    let check = |text: &str, expect: Value| {
        assert_eq!(answered(text, &answers), Ok(expect), "{text}");
    };
    check("data.latest('m', 'n').attributes.x + 1", json!(8));
    check(
        "data.latest('m', model.m.definition.name).attributes.list.map(x, x * 2)",
        json!([2, 4]),
    );
    check("has(data.latest('m', 'n').attributes.x)", json!(true));
    check("has(data.latest('m', 'n').attributes.y)", json!(false));
    check("has(data.latest('m', 'none').attributes.x)", json!(false));
    check(
        "data.latest('m', 'none').?attributes.x.orValue(3)",
        json!(3),
    );
    check(
        "data.latest('m', 'none').attributes.?x.orValue(3)",
        json!(3),
    );
    check("data.latest('m', 'n').attributes.?x.orValue(3)", json!(7));
    check("has(env.HOME) && !has(env.NONE)", json!(true));
    check(
        "env.?NONE.orValue('none') + env.?HOME.orValue('none')",
        json!("none/srv/ann"),
    );
    check("env[?'NONE'].orValue('none')", json!("none"));
    check("env.HOME + '/x'", json!("/srv/ann/x"));
    check("env.NONE == 'a' || true", json!(true));
}

#[test]
fn answer_without_a_value_is_a_fault_at_its_place() {
    let answers = answers();
    let check = |text: &str, place: &str, message: &str| {
        let fault = answered(text, &answers).expect_err(text);
        let found = (&text[fault.span.clone()], fault.message.as_str());
        assert_eq!(found, (place, message), "{text}");
    };
    check("1 + size(env.NONE)", "env.NONE", "`NONE` is not set");
    check(
        "'a' + env.PATH",
        "env.PATH",
        "`sedge.yaml` does not grant `PATH`",
    );
    check(
        "env.?PATH.orValue('')",
        "env.?PATH",
        "`sedge.yaml` does not grant `PATH`",
    );
    check(
        "data.latest('m', 'none').attributes.x",
        "data.latest('m', 'none'",
        "model `m` has no data `none`",
    );
    check(
        "data.latest('m', 'n').attributes.z",
        "z",
        "there is no member `z`",
    );
}

#[test]
fn large_answer_is_refused() {
    let large = Value::Array(vec![json!(1); ANSWER_VALUES_MAX]);
    let answers = [(need("env", json!(["A"])), NeedAnswer::Value(large))];
    let fault = answered("size(env.A)", &answers).expect_err("it is too large");
    assert_eq!(fault.message, "it has more than 200000 values");
}
