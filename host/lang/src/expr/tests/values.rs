//! The values of expressions.

use super::*;

fn check_all(cases: &[(&str, Value)]) {
    for (text, expect) in cases {
        check(text, expect.clone());
    }
}

#[test]
fn literals_and_variables() {
    check_all(&[
        ("1", json!(1)),
        ("-1", json!(-1)),
        ("0x1F", json!(31)),
        ("5u", json!(5)),
        ("1.5", json!(1.5)),
        ("1e3", json!(1000.0)),
        ("true", json!(true)),
        ("null", json!(null)),
        ("'a'", json!("a")),
        ("\"a\\n\"", json!("a\n")),
        ("r'a\\n'", json!("a\\n")),
        ("'''a'b'''", json!("a'b")),
        ("'\\u00e9'", json!("é")),
        ("'é' // a comment", json!("é")),
        ("[1, 'a', [true]]", json!([1, "a", [true]])),
        ("{'b': 1, 'a': {'c': 2}}", json!({"a": {"c": 2}, "b": 1})),
        ("{1: 'a'}", json!({"1": "a"})),
        ("inputs.region", json!("eu")),
        ("inputs['region']", json!("eu")),
        ("inputs.none", json!(null)),
        ("inputs.big", json!(u64::MAX)),
        ("inputs.nested.deep.x", json!(1)),
        ("inputs.list[1]", json!(1)),
        ("inputs.items[0].tags[0]", json!("x")),
        ("inputs.map", json!({"a": 1, "b": 2})),
        ("self.name", json!("db-main")),
        ("self.tags.team", json!("core")),
        ("self.globalArguments.size", json!("small")),
        ("run.workflowName", json!("deploy")),
        ("item.value", json!(1)),
        ("now", json!("2026-11-26T10:00:00Z")),
    ]);
}

#[test]
fn names_with_hyphens() {
    check_all(&[
        ("inputs.my-name", json!("hyphen")),
        ("inputs.my-name + '!'", json!("hyphen!")),
        ("inputs['my-name']", json!("hyphen")),
        ("inputs.`my-name`", json!("hyphen")),
        ("inputs.nested.`a-b`", json!(5)),
        ("inputs.?my-name.orValue('x')", json!("hyphen")),
        ("has(inputs.my-name)", json!(true)),
        ("inputs.n - 1", json!(2)),
        ("inputs.n -1", json!(2)),
        ("inputs.n- 1", json!(2)),
        ("inputs.n-(1)", json!(2)),
        ("inputs.nested.deep.x-1", json!(0)),
        ("inputs.1st", json!("first")),
        ("inputs.in", json!("inner")),
        ("steps.get-all.status", json!("succeeded")),
        ("steps.get-all.outputs.n + 1", json!(3)),
        ("steps.get-all.outputs.rows.map(x, x * 2)", json!([2, 4])),
        ("steps.each[1].status == 'failed'", json!(true)),
        ("jobs.build-it.status", json!("failed")),
        ("[1].map(h_0, h_0 + size(inputs.my-name))", json!([7])),
    ]);
}

#[test]
fn operators() {
    check_all(&[
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("7 / 2", json!(3)),
        ("7 % 2", json!(1)),
        ("7.0 / 2", json!(3.5)),
        ("inputs.n * inputs.price", json!(7.5)),
        ("inputs.n + 0.5", json!(3.5)),
        ("inputs.price - 1", json!(1.5)),
        ("-inputs.n", json!(-3)),
        ("'a' + 'b'", json!("ab")),
        ("'n=' + string(inputs.n)", json!("n=3")),
        ("[1] + [2]", json!([1, 2])),
        ("inputs.n == 3", json!(true)),
        ("inputs.n == 3.0", json!(true)),
        ("inputs.n == 3u", json!(true)),
        ("inputs.n == '3'", json!(false)),
        ("inputs.n != 3", json!(false)),
        ("inputs.n > 2.5", json!(true)),
        ("inputs.n <= 3u", json!(true)),
        ("inputs.big > 1", json!(true)),
        ("'a' < 'b'", json!(true)),
        ("inputs.flag && inputs.n > 1", json!(true)),
        ("!inputs.flag || inputs.n > 5", json!(false)),
        ("inputs.flag ? 'yes' : 'no'", json!("yes")),
        ("inputs.n > 5 ? 1 / 0 : 2", json!(2)),
        ("false && inputs.nested.none", json!(false)),
        ("inputs.nested.none || true", json!(true)),
        ("2 in inputs.list", json!(true)),
        ("2.0 in inputs.list", json!(true)),
        ("'a' in inputs.map", json!(true)),
        ("'c' in inputs.map", json!(false)),
        ("inputs.list == [3, 1, 2]", json!(true)),
        ("inputs.map == {'a': 1.0, 'b': 2}", json!(true)),
        ("inputs.none == null", json!(true)),
        ("type(inputs.n) == int", json!(true)),
        ("type(inputs.price) == double", json!(true)),
        ("type(1)", json!("int")),
        ("dyn(1) == 1", json!(true)),
    ]);
}

#[test]
fn loops() {
    check_all(&[
        ("inputs.list.all(x, x > 0)", json!(true)),
        ("inputs.list.exists(x, x == 2)", json!(true)),
        ("inputs.list.exists_one(x, x > 2)", json!(true)),
        ("inputs.list.existsOne(x, x > 1)", json!(false)),
        ("inputs.list.map(x, x * 2)", json!([6, 2, 4])),
        ("inputs.list.map(x, x > 1, x * 2)", json!([6, 4])),
        ("inputs.list.filter(x, x > 1)", json!([3, 2])),
        ("inputs.map.map(key, key)", json!(["a", "b"])),
        ("inputs.map.filter(key, inputs.map[key] > 1)", json!(["b"])),
        ("inputs.items.map(it, it.id)", json!([2, 1])),
        ("inputs.items.filter(it, size(it.tags) > 0)[0].id", json!(2)),
        (
            "inputs.list.map(x, inputs.list.map(y, x * y))",
            json!([[9, 3, 6], [3, 1, 2], [6, 2, 4]]),
        ),
    ]);
}

#[test]
fn loops_with_two_variables() {
    check_all(&[
        ("inputs.list.all(i, x, x > i - 3)", json!(true)),
        ("inputs.list.exists(i, x, i > x + 5)", json!(false)),
        ("inputs.list.exists(i, x, i == 2 && x == 2)", json!(true)),
        ("inputs.list.existsOne(i, x, i > x)", json!(false)),
        (
            "inputs.list.exists_one(i, x, i == 0 && x == 3)",
            json!(true),
        ),
        ("inputs.map.all(k, v, size(k) == 1 && v > 0)", json!(true)),
        ("inputs.map.exists(k, v, k == 'b' && v == 2)", json!(true)),
        (
            "inputs.list.transformList(i, x, i * 10 + x)",
            json!([3, 11, 22]),
        ),
        ("inputs.list.transformList(i, x, i > 0, x)", json!([1, 2])),
        (
            "inputs.map.transformList(k, v, k + string(v))",
            json!(["a1", "b2"]),
        ),
        (
            "inputs.map.transformMap(k, v, v * 10)",
            json!({"a": 10, "b": 20}),
        ),
        ("inputs.map.transformMap(k, v, v > 1, v)", json!({"b": 2})),
        (
            "inputs.names.transformMap(i, name, name)",
            json!({"0": "ann", "1": "bob"}),
        ),
        (
            "inputs.names.transformMapEntry(i, name, {name: i})",
            json!({"ann": 0, "bob": 1}),
        ),
        (
            "inputs.names.transformMapEntry(i, name, i > 0, {name: i})",
            json!({"bob": 1}),
        ),
        (
            "[[1, 2], [3]].transformList(i, l, l.transformList(j, x, i + j + x))",
            json!([[1, 3], [4]]),
        ),
        ("inputs.list.transformList(i, _, i)", json!([0, 1, 2])),
        ("[].all(i, x, false)", json!(true)),
        ("{}.transformMap(k, v, v)", json!({})),
    ]);
}

#[test]
fn numbers_in_order_and_bindings() {
    check_all(&[
        ("range(3)", json!([0, 1, 2])),
        ("range(0)", json!([])),
        ("lists.range(2)", json!([0, 1])),
        (
            "range(inputs.n).map(i, 'node-' + string(i))",
            json!(["node-0", "node-1", "node-2"]),
        ),
        ("cel.bind(x, inputs.n * 2, x + x)", json!(12)),
        (
            "cel.bind(l, inputs.list, l.map(x, x + size(l)))",
            json!([6, 4, 5]),
        ),
        ("cel.bind(a, 1, cel.bind(b, a + 1, [a, b]))", json!([1, 2])),
        ("[1, 2].map(x, cel.bind(y, x * x, y + y))", json!([2, 8])),
        (
            "[1].map(a, [2].map(b, [3].map(c, [4].map(d, a + b + c + d))))",
            json!([[[[10]]]]),
        ),
    ]);
}

#[test]
fn optionals() {
    check_all(&[
        ("inputs.?region.orValue('us')", json!("eu")),
        ("inputs.?other.orValue('us')", json!("us")),
        ("inputs[?'other'].orValue('us')", json!("us")),
        ("inputs.list[?7].orValue(0)", json!(0)),
        ("inputs.list[?0].orValue(0)", json!(3)),
        ("inputs.?nested.deep.x.orValue(0)", json!(1)),
        ("inputs.?a.b.c.orValue(0)", json!(0)),
        ("inputs.?other", json!(null)),
        ("inputs.?region", json!("eu")),
        ("inputs.?other.hasValue()", json!(false)),
        ("inputs.?other.or(inputs.?region).value()", json!("eu")),
        ("optional.of(1).value()", json!(1)),
        ("optional.none().orValue(2)", json!(2)),
        ("optional.ofNonZeroValue(0).hasValue()", json!(false)),
        ("inputs.?n.optMap(n, n + 1).orValue(0)", json!(4)),
        ("inputs.?m.optMap(n, n + 1).orValue(0)", json!(0)),
        (
            "inputs.?nested.optFlatMap(it, it.?deep).hasValue()",
            json!(true),
        ),
        ("[?inputs.?other, 1]", json!([1])),
        ("{?'a': inputs.?other, ?'b': inputs.?n}", json!({"b": 3})),
        ("has(inputs.region)", json!(true)),
        ("has(inputs.nested.other)", json!(false)),
        ("has(inputs.none)", json!(true)),
        (
            "has(self.tags.team) ? self.tags.team : 'none'",
            json!("core"),
        ),
    ]);
}

#[test]
fn texts() {
    check_all(&[
        ("size('héé')", json!(3)),
        ("'abc'.size()", json!(3)),
        ("inputs.text.startsWith('Hello')", json!(true)),
        ("inputs.text.endsWith('x')", json!(false)),
        ("inputs.text.contains('o W')", json!(true)),
        ("inputs.text.matches('^H.*d$')", json!(true)),
        ("matches(inputs.text, 'xyz')", json!(false)),
        ("inputs.text.charAt(1)", json!("e")),
        ("inputs.text.indexOf('o')", json!(4)),
        ("inputs.text.indexOf('o', 5)", json!(7)),
        ("inputs.text.indexOf('x')", json!(-1)),
        ("inputs.text.lastIndexOf('o')", json!(7)),
        ("inputs.text.lastIndexOf('o', 6)", json!(4)),
        ("'héllo'.indexOf('l')", json!(2)),
        ("inputs.text.lowerAscii()", json!("hello world")),
        ("inputs.text.upperAscii()", json!("HELLO WORLD")),
        ("inputs.text.replace('o', '0')", json!("Hell0 W0rld")),
        ("inputs.text.replace('o', '0', 1)", json!("Hell0 World")),
        ("'abc'.replace('', '-')", json!("-a-b-c-")),
        ("'a,b,c'.split(',')", json!(["a", "b", "c"])),
        ("'a,b,c'.split(',', 2)", json!(["a", "b,c"])),
        ("'abc'.split('')", json!(["a", "b", "c"])),
        ("'abc'.split('', 2)", json!(["a", "bc"])),
        ("'abc'.split(',', 0)", json!([])),
        ("inputs.text.substring(6)", json!("World")),
        ("inputs.text.substring(0, 5)", json!("Hello")),
        ("'  a '.trim()", json!("a")),
        ("'abc'.reverse()", json!("cba")),
        ("inputs.names.join()", json!("annbob")),
        ("inputs.names.join(', ')", json!("ann, bob")),
        ("[].join(',')", json!("")),
        (
            "'%s has %d, %.2f'.format(['a', 3, 1.5])",
            json!("a has 3, 1.50"),
        ),
        ("'%x %b'.format([255, 5])", json!("ff 101")),
        ("strings.quote('a\"b')", json!("\"a\\\"b\"")),
        ("regex.extract('v1.22', '[0-9]+').orValue('')", json!("1")),
        ("regex.extract('k=v', 'k=(.)').value()", json!("v")),
        ("regex.extract('abc', 'x').hasValue()", json!(false)),
        ("regex.extractAll('a1b22', '[0-9]+')", json!(["1", "22"])),
        ("regex.replace('a1b2', '[0-9]', '#')", json!("a#b#")),
        ("regex.replace('a1b2', '[0-9]', '#', 1)", json!("a#b2")),
        (
            "regex.replace('john doe', '(\\\\w+) (\\\\w+)', '\\\\2 \\\\1')",
            json!("doe john"),
        ),
    ]);
}

#[test]
fn numbers_and_conversions() {
    check_all(&[
        ("int('12') + 1", json!(13)),
        ("int(2.9)", json!(2)),
        ("uint(3)", json!(3)),
        ("double('1.5')", json!(1.5)),
        ("double(inputs.n)", json!(3.0)),
        ("string(1.5)", json!("1.5")),
        ("string(true)", json!("true")),
        ("bool('true')", json!(true)),
        ("string(b'abc')", json!("abc")),
        ("size(bytes('é'))", json!(2)),
        ("math.greatest(1, 3, 2)", json!(3)),
        ("math.least(inputs.list)", json!(1)),
        ("math.greatest(inputs.n, inputs.price)", json!(3)),
        ("math.abs(inputs.minus)", json!(4)),
        ("math.ceil(inputs.price)", json!(3.0)),
        ("math.floor(inputs.price)", json!(2.0)),
        ("math.round(2.5)", json!(3.0)),
        ("math.trunc(-2.5)", json!(-2.0)),
        ("math.sign(inputs.minus)", json!(-1)),
        ("math.sqrt(9)", json!(3.0)),
        ("math.bitAnd(6, 3)", json!(2)),
        ("math.bitOr(6, 3)", json!(7)),
        ("math.bitXor(6, 3)", json!(5)),
        ("math.bitShiftLeft(1, 4)", json!(16)),
        ("math.isNaN(0.0 / 0.0)", json!(true)),
        ("math.isFinite(1.0)", json!(true)),
        ("base64.encode(b'hello')", json!("aGVsbG8=")),
        ("string(base64.decode(inputs.bytes64))", json!("hello")),
        ("string(base64.decode('aGVsbG8'))", json!("hello")),
        ("json.encode(inputs.map)", json!("{\"a\":1,\"b\":2}")),
        (
            "json.encode([1, 'a', null, 1.5])",
            json!("[1,\"a\",null,1.5]"),
        ),
        ("json.decode('{\"a\": [1, 2.5]}').a[1]", json!(2.5)),
        ("json.decode(json.encode(inputs)) == inputs", json!(true)),
        ("type(json.decode('1')) == int", json!(true)),
    ]);
}

#[test]
fn lists_and_sets() {
    check_all(&[
        ("size(inputs.list)", json!(3)),
        ("inputs.list.sort()", json!([1, 2, 3])),
        (
            "inputs.items.sortBy(it, it.id).map(it, it.id)",
            json!([1, 2]),
        ),
        (
            "inputs.names.sortBy(name, name).reverse()",
            json!(["bob", "ann"]),
        ),
        ("inputs.list.reverse()", json!([2, 1, 3])),
        ("[1, 2, 1].distinct()", json!([1, 2])),
        ("[1, 1.0, 'a', 'a'].distinct()", json!([1, "a"])),
        ("[[1], [2, [3]]].flatten()", json!([1, 2, [3]])),
        ("[[1], [2, [3]]].flatten(2)", json!([1, 2, 3])),
        ("[1, 2, 3].slice(0, 2)", json!([1, 2])),
        ("sets.contains([1, 2], [2])", json!(true)),
        ("sets.contains([1, 2], [3])", json!(false)),
        ("sets.contains([1], [])", json!(true)),
        ("sets.equivalent([1, 2], [2, 1, 1])", json!(true)),
        ("sets.equivalent([1, 2], [1])", json!(false)),
        ("sets.intersects([1, 2], [2, 3])", json!(true)),
        ("sets.intersects([1], [2.0])", json!(false)),
        ("sets.contains(inputs.list, [1u, 2.0])", json!(true)),
    ]);
}

#[test]
fn times() {
    check_all(&[
        (
            "timestamp('2026-01-02T03:04:05Z')",
            json!("2026-01-02T03:04:05Z"),
        ),
        (
            "timestamp('2026-01-02T03:04:05.678Z').getMilliseconds()",
            json!(678),
        ),
        (
            "timestamp('2026-01-02T03:04:05Z').getFullYear()",
            json!(2026),
        ),
        ("timestamp('2026-01-02T03:04:05Z').getMonth()", json!(0)),
        ("timestamp('2026-01-02T03:04:05Z').getDate()", json!(2)),
        (
            "timestamp('2026-01-02T03:04:05Z').getHours('+02:00')",
            json!(5),
        ),
        (
            "timestamp('2026-07-02T03:04:05Z').getHours('Europe/Berlin')",
            json!(5),
        ),
        (
            "timestamp('2026-01-02T03:04:05Z') + duration('1h')",
            json!("2026-01-02T04:04:05Z"),
        ),
        ("now - timestamp('2026-11-26T09:00:00Z')", json!("3600s")),
        ("now > timestamp('2026-01-01T00:00:00Z')", json!(true)),
        ("duration('90s')", json!("90s")),
        ("duration('90s').getMinutes()", json!(1)),
        ("duration('1.25s').getMilliseconds()", json!(250)),
        ("duration('1h') > duration('59m')", json!(true)),
        ("string(duration('1.5s'))", json!("1.5s")),
        ("int(timestamp('1970-01-01T00:01:00Z'))", json!(60)),
        ("now.getFullYear()", json!(2026)),
    ]);
}

#[test]
fn expression_tells_what_it_uses() {
    let expr =
        compile("data.latest('a', 'b').x + inputs.n + steps.each[0].n").expect("it is valid");
    assert!(expr.uses("inputs") && expr.uses("steps") && expr.uses("data.latest"));
    assert!(!expr.uses("jobs") && !expr.uses("data.query") && !expr.uses("latest"));
}

#[test]
fn expression_can_be_shared_by_threads() {
    fn check<T: Send + Sync>() {}
    check::<Expr>();
    check::<Template>();
    check::<Env<'_>>();
}
