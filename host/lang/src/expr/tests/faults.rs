//! The messages for wrong expressions, and the parts that they mark.

use super::*;

/// Checks a fault: the marked part, the message, and the hint.
fn check_fault(text: &str, place: &str, message: &str, hint: Option<&str>) {
    let fault = match eval(text) {
        Err(fault) => fault,
        Ok(value) => panic!("{text}: {value:?}"),
    };
    let found = (
        &text[fault.span.clone()],
        fault.message.as_str(),
        fault.hint.as_deref(),
    );
    assert_eq!(found, (place, message, hint), "{text}");
}

#[test]
fn unknown_name_is_refused_with_the_nearest() {
    check_fault(
        "inptus.n",
        "inptus",
        "there is no variable `inptus`",
        Some("did you mean `inputs`?"),
    );
    check_fault(
        "1 + step.x",
        "step",
        "there is no variable `step`",
        Some("did you mean `steps`?"),
    );
    check_fault(
        "envv.HOME",
        "envv",
        "there is no variable `envv`",
        Some("did you mean `env`?"),
    );
    check_fault(
        "whatever",
        "whatever",
        "there is no variable `whatever`",
        Some("there are `inputs`, `self`, `steps`, `jobs`, `run`, `item`, `env`, `model`, `now`"),
    );
    check_fault(
        "[1].map(x, y)",
        "y",
        "there is no variable `y`",
        Some("there are `inputs`, `self`, `steps`, `jobs`, `run`, `item`, `env`, `model`, `now`"),
    );
}

#[test]
fn unknown_member_is_refused_with_the_nearest() {
    check_fault(
        "inputs.regoin",
        "regoin",
        "`inputs` has no member `regoin`",
        Some("did you mean `region`?"),
    );
    check_fault(
        "inputs['regoin'] == 'a'",
        "'regoin'",
        "`inputs` has no member `regoin`",
        Some("did you mean `region`?"),
    );
    check_fault(
        "inputs.my-nmae",
        "my-nmae",
        "`inputs` has no member `my-nmae`",
        Some("did you mean `my-name`?"),
    );
    check_fault(
        "self.globalArgs.x",
        "globalArgs",
        "`self` has no member `globalArgs`",
        Some("there are `globalArguments`, `id`, `name`, `tags`, `version`"),
    );
    check_fault(
        "size(self.nmae)",
        "nmae",
        "`self` has no member `nmae`",
        Some("did you mean `name`?"),
    );
}

#[test]
fn unknown_function_is_refused_with_the_nearest() {
    check_fault(
        "inputs.text.startWith('a')",
        "inputs.text.startWith('a'",
        "there is no function `startWith`",
        Some("did you mean `startsWith`?"),
    );
    check_fault(
        "sise(inputs.list)",
        "sise(inputs.list",
        "there is no function `sise`",
        Some("did you mean `size`?"),
    );
    check_fault(
        "math.greates(1, 2)",
        "math.greates(1, 2",
        "there is no function `math.greates`",
        Some("did you mean `math.greatest`?"),
    );
    check_fault(
        "data.lastest('a', 'b')",
        "data.lastest('a', 'b'",
        "there is no function `data.lastest`",
        Some("did you mean `data.latest`?"),
    );
    check_fault(
        "secrets('a')",
        "secrets('a'",
        "there is no function `secrets`",
        Some("did you mean `secret`?"),
    );
    check_fault(
        "json.parse('1')",
        "json.parse('1'",
        "there is no function `json.parse`",
        None,
    );
}

#[test]
fn function_of_the_host_is_checked() {
    check_fault(
        "data.latest('a')",
        "data.latest('a'",
        "`data.latest` takes 2 to 3 arguments, not 1",
        None,
    );
    check_fault(
        "file.contents('a', 'b', 'c')",
        "file.contents('a', 'b', 'c'",
        "`file.contents` takes 2 arguments, not 3",
        None,
    );
    check_fault(
        "secret()",
        "secret(",
        "`secret` takes 1 argument, not 0",
        None,
    );
    check_fault(
        "env",
        "env",
        "`env` is not a value by itself",
        Some("write `env.NAME`"),
    );
    check_fault(
        "size(model)",
        "model",
        "`model` is not a value by itself",
        Some("write `model.NAME`"),
    );
    check_fault(
        "data",
        "data",
        "`data` is not a value by itself",
        Some("write `data.latest(…)`"),
    );
}

#[test]
fn syntax_fault_has_its_place() {
    check_fault("", "", "the expression is empty", None);
    check_fault("1 +", "", "something is missing at its end", None);
    check_fault("(1", "", "`)` is missing at its end", None);
    check_fault("1)", ")", "`)` does not belong here", None);
    check_fault(
        "inputs.n = 3",
        "=",
        "`=` does not belong here",
        Some("to compare, write `==`"),
    );
    check_fault(
        "true and false",
        "and",
        "`and` does not belong here",
        Some("write `&&`"),
    );
    check_fault(
        "true or false",
        "or",
        "`or` does not belong here",
        Some("write `||`"),
    );
    check_fault(
        "'a",
        "'",
        "`'` does not belong here",
        Some("the text that begins here does not end"),
    );
    check_fault(
        "inputs.my-name + = 1",
        "=",
        "`=` does not belong here",
        Some("to compare, write `==`"),
    );
}

#[test]
fn call_that_the_parser_does_not_accept_is_refused() {
    check_fault("for", "for", "`for` is a reserved word", None);
    check_fault("a{b: 1}", "{b: 1", "there are no struct types", None);
    check_fault(
        "[1].map(x)",
        "[1].map(x",
        "`map` has the wrong arguments",
        Some("it takes a name and an expression: `list.map(item, item > 1)`"),
    );
    check_fault(
        "[1].transformList(x, x)",
        "[1].transformList(x, x",
        "`transformList` has the wrong arguments",
        Some("it takes two names and an expression: `map.transformList(key, value, value)`"),
    );
    check_fault(
        "has(inputs)",
        "inputs",
        "`has` takes a member: `has(a.b)`",
        None,
    );
    check_fault(
        "cel.bind(x, 1)",
        "cel.bind(x, 1",
        "`cel.bind` has the wrong arguments",
        Some("it takes a name, a value and an expression: `cel.bind(x, 1 + 1, x * x)`"),
    );
    check_fault(
        "[1].map(inputs, 1)",
        "[1].map(inputs, 1",
        "`inputs` is already the name of a variable",
        Some("give the variable of the loop another name"),
    );
    check_fault(
        "cel.bind(run, 1, run)",
        "cel.bind(run, 1, run",
        "`run` is already the name of a variable",
        Some("give it another name"),
    );
    check_fault(
        "[1].all(x, x, true)",
        "x",
        "the variables of a loop must have different names",
        None,
    );
}

#[test]
fn wrong_type_has_its_place() {
    check_fault(
        "inputs.region + 1",
        "inputs.region + 1",
        "`+` does not take `string` and `int`",
        None,
    );
    check_fault(
        "inputs.region > 1",
        "inputs.region > 1",
        "`>` does not take `string` and `int`",
        None,
    );
    check_fault(
        "inputs.region && true",
        "inputs.region && true",
        "`&&` does not take `string` and `bool`",
        None,
    );
    check_fault(
        "inputs.n ? 1 : 2",
        "inputs.n ? 1 : 2",
        "expected a value of type `bool`, found one of type `int`",
        None,
    );
    check_fault(
        "inputs.n.map(x, x)",
        "inputs.n.map(x, x",
        "expected a value of type `iterable`, found one of type `int`",
        None,
    );
    check_fault(
        "inputs.n.x",
        "inputs.n.x",
        "a value of type `int` has no members",
        None,
    );
    check_fault(
        "inputs.none.x",
        "x",
        "there is no member `x`, because the value is null",
        None,
    );
}

#[test]
fn function_that_fails_has_its_place() {
    check_fault(
        "1 / (inputs.n - 3)",
        "1 / (inputs.n - 3",
        "it divides by zero",
        None,
    );
    check_fault(
        "int(inputs.region)",
        "int(inputs.region",
        "`int` fails: string parse error: invalid digit found in string",
        None,
    );
    check_fault(
        "inputs.text.size(1)",
        "inputs.text.size(1",
        "`size` does not take `string` and `int`",
        None,
    );
    check_fault(
        "b'a'",
        "b'a'",
        "a value of type `bytes` cannot be written as JSON",
        None,
    );
    check_fault(
        "inputs.text.split(1)",
        "inputs.text.split(1",
        "`split` does not take `string` and `int`",
        None,
    );
    check_fault(
        "[1].join()",
        "[1].join(",
        "`join` fails: item 0 is no text but a value of type `int`",
        None,
    );
    check_fault(
        "base64.decode('!')",
        "base64.decode('!'",
        "`base64.decode` fails: the text is not valid Base64",
        None,
    );
}

#[test]
fn missing_member_has_its_place() {
    check_fault(
        "inputs.nested.dep.x",
        "dep",
        "there is no member `dep`",
        Some("did you mean `deep`?"),
    );
    check_fault(
        "steps.get-al.status",
        "get-al",
        "there is no member `get-al`",
        Some("did you mean `get-all`?"),
    );
    check_fault(
        "inputs.map['zzz']",
        "'zzz'",
        "there is no member `zzz`",
        Some("if it may be missing, write `.?` before its name and `.orValue(…)` after it"),
    );
    check_fault(
        "inputs.map[inputs.region]",
        "inputs.region",
        "there is no member `eu`",
        Some("if it may be missing, write `.?` before its name and `.orValue(…)` after it"),
    );
    check_fault(
        "inputs.list[7]",
        "inputs.list[7",
        "the list has 3 items; the first has the number 0",
        None,
    );
    check_fault("[][0]", "[][0", "this value is missing", None);
    check_fault(
        "1 + steps.each[2].n",
        "steps.each[2",
        "the list has 2 items; the first has the number 0",
        None,
    );
}

#[test]
fn part_that_is_always_wrong_is_refused_at_compile_time() {
    let check = |text: &str, place: &str, message: &str| {
        let fault = compile(text).expect_err(text);
        let found = (&text[fault.span.clone()], fault.message.as_str());
        assert_eq!(found, (place, message), "{text}");
    };
    check("inputs.n + 1 / 0", "1 / 0", "it divides by zero");
    check(
        "timestamp('yesterday')",
        "timestamp('yesterday'",
        "`timestamp` fails: premature end of input",
    );
    check(
        "inputs.text.matches('[a')",
        "'[a'",
        "the pattern is not valid: unclosed character class",
    );
    check(
        "inputs.text.matches(inputs.region)",
        "inputs.region",
        "the pattern of `matches` must be written out",
    );
    check(
        "regex.extract(inputs.text, '(')",
        "'('",
        "the pattern is not valid: unclosed group",
    );
    check(
        "regex.replace('a', 'b')",
        "regex.replace('a', 'b'",
        "`regex.replace` takes a text, a pattern and a replacement",
    );
    check(
        "inputs.text.matches('(a{99}){99}')",
        "'(a{99}){99}'",
        "the pattern is too large when it is compiled",
    );
    // A part that may not be evaluated may be wrong.
    assert!(compile("inputs.flag ? 1 : 1 / 0").is_ok());
    assert!(compile("inputs.list.map(x, 1 / 0)").is_ok());
}

#[test]
fn fault_is_at_the_place_of_the_file() {
    let file = SourceFile::new("f.yaml", "a: 1\nb: ${{ inputs.nn }}\n");
    let place = TextPlace::plain(file, 11);
    let fault = Expr::compile(" inputs.nn ", &place, &variables()).expect_err("it is wrong");
    assert_eq!(
        fault.to_string(),
        "f.yaml:2:15: `inputs` has no member `nn`"
    );
}
