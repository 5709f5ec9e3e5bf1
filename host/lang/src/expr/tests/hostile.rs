//! Expressions that would run for hours, fill the memory, or overflow the stack.

use std::sync::mpsc;
use std::time::Duration;

use super::*;

/// The time after which a hostile expression must have ended.
///
/// It ends within 100 ms on an idle machine. A test runs beside others and without optimisation.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test in a thread with the stack of a worker, and waits for it.
fn in_time<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    #[expect(
        clippy::disallowed_methods,
        reason = "the test must end although the expression does not"
    )]
    let started = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || sender.send(run()));
    started.expect("a thread can be started");
    let result = receiver.recv_timeout(PATIENCE);
    result.unwrap_or_else(|_| panic!("{name} takes too long, or ends with a panic"))
}

fn check_message(text: String, message: &str) {
    let name = text.chars().take(80).collect::<String>();
    let found = in_time(&name, move || eval(&text).map_err(|fault| fault.message));
    assert_eq!(found, Err(message.to_owned()), "{name}");
}

#[test]
fn expensive_expression_is_stopped() {
    let much = "it takes too much work";
    let doubled = |n: usize| {
        let names: Vec<String> = (0..n)
            .map(|at| format!("cel.bind(x{}, x{at} + x{at}, ", at + 1))
            .collect();
        format!(
            "cel.bind(x0, 'abcdefgh', {}size(x{n}){})",
            names.concat(),
            ")".repeat(n)
        )
    };
    for text in [
        "range(1000000)".to_owned(),
        "range(60000).map(a, range(60000).map(b, 1))".to_owned(),
        "range(50).map(a, range(50).map(b, range(50).map(c, range(50).map(d, 1))))".to_owned(),
        "range(1000).all(a, range(1000).all(b, inputs.n + inputs.n + inputs.n > 0))".to_owned(),
        doubled(30),
        format!("range(9).map(x, 'abcdefgh'){}", ".map(x, x + x + x + x + x + x + x + x)".repeat(20)),
        "range(30000).map(x, [x, x, x, x, x, x, x, x, x])".to_owned(),
        "range(100000).distinct()".to_owned(),
        "range(50000).map(x, 'a').join(inputs.text.replace('o', 'a'.replace('a', range(900).map(x, 'abcdefghij').join())))".to_owned(),
        "'aaaaaaaaaa'.replace('a', 'aaaaaaaaaa').replace('a', 'aaaaaaaaaa').replace('a', 'aaaaaaaaaa').replace('a', 'aaaaaaaaaa').replace('a', 'aaaaaaaaaa').replace('a', 'aaaaaaaaaa').replace('a', 'aaaaaaaaaa')".to_owned(),
        "sets.equivalent(range(40000), range(40000))".to_owned(),
        "range(300).map(x, range(300)).flatten().map(x, range(300)).flatten().size()".to_owned(),
        "range(200).transformMap(i, x, range(200).transformMap(j, y, range(200)))".to_owned(),
        "range(60000).map(x, string(x)).join(',').split('').map(x, x).map(x, x).map(x, x).size()".to_owned(),
        "json.decode('[' + range(300000).map(x, '1').join(',') + ']')".to_owned(),
        format!("range(10000).map(x, '{}').size()", "a".repeat(30_000)),
        format!("range(10000).all(x, '{0}b'.contains('{0}'))", "a".repeat(20_000)),
        format!("range(10000).map(x, '{}'.trim())", "\u{a0}".repeat(9_000)),
        format!("range(10000).map(x, int('{}'))", "0".repeat(30_000)),
    ] {
        check_message(text, much);
    }
}

#[test]
fn result_is_bounded() {
    let text = "range(3000).map(x, 'abcdefghijklmnop').join('abcdefghijklmnopabcdefghijklmnop')";
    let found = eval(text).expect("it is small enough");
    assert!(
        matches!(found, Evaluated::Value(Value::String(text)) if text.len() == 3000 * 16 + 2999 * 32)
    );
    let large = Value::String("x".repeat(RESULT_BYTES_MAX));
    let known = Variables::new().with("large", Shape::Any);
    let place = TextPlace::of_text("e", "large");
    let expr = Expr::compile("large", &place, &known).expect("it is valid");
    let fault = expr
        .eval(&Env::new(0).with("large", &large))
        .expect_err("it is too large");
    assert_eq!(fault.message, "the result has more than 4194304 bytes");
}

#[test]
fn large_text_is_refused() {
    check_message(
        "1".repeat(TEXT_BYTES_MAX + 1),
        "the expression has 65537 bytes, more than 65536",
    );
    check_message(
        format!("1{}", " + 1".repeat(2_001)),
        "it has more than 2000 operators and calls",
    );
    check_message(
        format!("[{}1]", "1,".repeat(8_001)),
        "it has more than 8000 items, members and arguments",
    );
    check_message(
        format!("'{}'", "é".repeat(10_001)),
        "it has more than 10000 characters that are not ASCII",
    );
    check_message(
        format!("1{}", "+1".repeat(10_000)),
        "it has more than 2000 operators and calls",
    );
    check_message(
        format!("inputs{}", ".a".repeat(30_000)),
        "it has more than 2000 operators and calls",
    );
    check_message(
        format!("{}true", "!".repeat(60_001)),
        "it has more than 2000 operators and calls",
    );
    check_message(
        format!("{}1{}", "(".repeat(60), ")".repeat(60)),
        "it is nested too deep",
    );
    check_message(
        format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000)),
        "it has more than 2000 operators and calls",
    );
    check_message(format!("{}1", "(".repeat(30_000)), "it is nested too deep");
    let loops = "[1].map(a, [1].map(b, [1].map(c, [1].map(d, [1].map(e, 1)))))";
    check_message(loops.to_owned(), "loops are nested more than 4 deep");
}

/// The deepest and the longest accepted expressions, in the 2 MiB stack of a thread.
#[test]
fn accepted_expression_fits_into_the_stack() {
    for n in [1_900, 950, 480] {
        for text in [
            format!("1{}", " + inputs.n".repeat(n / 2)),
            format!("inputs.n{}", " + 1".repeat(n)),
            format!("inputs{} == 1", ".?a".repeat(n)),
            format!("steps{} == 1", "[0]".repeat(n)),
            format!(
                "inputs.flag{}",
                " && inputs.flag || inputs.flag".repeat(n / 4)
            ),
            format!("inputs.n{}", " < 1".repeat(n)),
            format!("inputs.text{}", ".trim()".repeat(n)),
            format!("inputs.list{}", ".map(x,[x])".repeat(n / 8)),
            format!("{}inputs.flag", "!".repeat(n | 1)),
            format!("{}inputs.n", "-".repeat(n | 1)),
            format!("{}inputs.n", "inputs.flag ? 1 : ".repeat(n / 2)),
            format!("[{}1]", "[1], ".repeat(n)),
            format!("'a'{}", ".replace('a', 'b')".repeat(n / 2)),
        ] {
            let name = text.chars().take(60).collect::<String>();
            let _ = in_time(&name, move || eval(&text));
        }
    }
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{1: ", "}"),
        ("size(", ")"),
        ("cel.bind(x, 1, ", ")"),
    ] {
        let text = format!("{}inputs.n{}", open.repeat(44), close.repeat(44));
        let _ = in_time(open, move || eval(&text));
    }
}

#[test]
fn slow_patterns_are_stopped() {
    let subject = "range(20000).map(x, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa').join()";
    for pattern in ["(a|a)*b", "(a*)*b", "a{1,200}b", "(?:a?){99}a{99}$"] {
        let text = format!("cel.bind(t, {subject}, range(40).map(x, t.matches('{pattern}')))");
        let name = pattern.to_owned();
        let found = in_time(&name, move || eval(&text).map_err(|fault| fault.message));
        assert_eq!(found, Err("it takes too much work".to_owned()), "{pattern}");
    }
}

#[test]
fn many_needs_are_refused() {
    let text = "range(1001).map(x, env[string(x)])";
    check_message(
        text.to_owned(),
        "it looks up more than 1000 values; `data.findBySpec` and `data.query` find many with one \
         look-up",
    );
}
