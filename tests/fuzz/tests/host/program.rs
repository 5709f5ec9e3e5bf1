//! Programs: lists of host calls, as text, as bytes, and drawn at random.
//!
//! As text, a call is a line: the function, and an argument for each of its parameters. An
//! argument is a number, `hN` (the Nth stored handle of the required kind), `tN` (the address or
//! the length of the Nth text of [`TEXTS`]) or `s` (the address of the area for results).

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use sedge_test_forge::{Import, Slot, imports};
use sedge_test_kit::Dice;

/// Texts for arguments. Programs refer to them by number, so append only at the end.
pub(super) const TEXTS: [&[u8]; 25] = [
    b"",
    b"data",
    b"file",
    b"name",
    b"sink",
    b"run",
    b"{}",
    b"fuzz",
    b"inbox",
    b"a.txt",
    b"..",
    b"../models/evil.yaml",
    b"/etc/passwd",
    b"folder",
    b"text/plain",
    b"{\"p\":\"\"}",
    b"\xff\xfe",
    b"a\0b",
    b"http://127.0.0.1:1/",
    b"x-name",
    b"[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]",
    b"\x1b[2J",
    b"localhost",
    b"99999999999999999999999999999999",
    b"true",
];

/// The maximum number of calls in a program.
const CALLS_MAX: usize = 60;

/// An argument of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Argument {
    Literal(i64),
    Handle(u8),
    Text(u8),
    Scratch,
}

#[derive(Debug, Clone)]
struct Call {
    function: usize,
    arguments: Vec<Argument>,
}

/// A list of calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Program(Vec<Call>);

/// Returns all functions. Their index is their number in a program.
pub(super) fn functions() -> &'static [Import] {
    static FUNCTIONS: LazyLock<Vec<Import>> = LazyLock::new(imports);
    &FUNCTIONS
}

impl Program {
    /// Returns a random program: a changed one of the corpus, or a new one.
    pub(super) fn drawn(corpus: &[(String, Self)], dice: &mut Dice) -> Self {
        let Self(mut calls) = match dice.below(4) {
            0 => Self::default(),
            _ => corpus[below(dice, corpus.len())].1.clone(),
        };
        for _ in 0..=dice.below(12) {
            let at = below(dice, calls.len() + 1);
            match dice.below(6) {
                0 if at < calls.len() => drop(calls.remove(at)),
                1 if at < calls.len() => calls.insert(at, calls[at].clone()),
                2 if at < calls.len() => calls[at].change(dice),
                3 => {
                    let other = &corpus[below(dice, corpus.len())].1.0;
                    let begin = below(dice, other.len());
                    calls.splice(at..at, other[begin..].iter().cloned());
                }
                _ => calls.insert(at, Call::drawn(dice)),
            }
        }
        calls.truncate(CALLS_MAX);
        Self(calls)
    }

    /// Returns the program as the interpreter reads it: two letters per byte.
    pub(super) fn encoded(&self) -> String {
        let mut bytes = Vec::new();
        for call in &self.0 {
            let function = u16::try_from(call.function).expect("there are some hundreds");
            bytes.extend(function.to_le_bytes());
            for argument in &call.arguments {
                let (mode, value) = match argument {
                    Argument::Literal(value) => (0, *value),
                    Argument::Handle(n) => (1, i64::from(*n)),
                    Argument::Text(n) => (2, i64::from(*n)),
                    Argument::Scratch => (3, 0),
                };
                bytes.push(mode);
                bytes.extend(value.to_le_bytes());
            }
        }
        let letter = |half: u8| char::from(b'a' + half);
        let letters = bytes
            .iter()
            .flat_map(|it| [letter(it >> 4), letter(it & 15)]);
        letters.collect()
    }
}

impl Call {
    fn drawn(dice: &mut Dice) -> Self {
        let function = below(dice, functions().len());
        let mut call = Self {
            function,
            arguments: Vec::new(),
        };
        for (slot, _) in &functions()[function].parameters {
            let last = call.arguments.last().copied();
            call.arguments.push(drawn(*slot, last, dice));
        }
        call
    }

    fn change(&mut self, dice: &mut Dice) {
        if self.arguments.is_empty() {
            return;
        }
        let at = below(dice, self.arguments.len());
        let (slot, _) = functions()[self.function].parameters[at];
        let before = at.checked_sub(1).map(|at| self.arguments[at]);
        self.arguments[at] = drawn(slot, before, dice);
    }
}

/// Returns a random argument, in most cases a well-formed one.
fn drawn(slot: Slot, before: Option<Argument>, dice: &mut Dice) -> Argument {
    const NUMBERS: [i64; 12] = [
        0,
        1,
        2,
        3,
        10,
        255,
        4096,
        65_536,
        1 << 20,
        i64::MAX,
        -1,
        1 << 31,
    ];
    if dice.below(40) == 0 {
        return Argument::Literal(dice.number().cast_signed());
    }
    let small = |dice: &mut Dice, bound| u8::try_from(dice.below(bound)).expect("it is small");
    match (slot, before) {
        (Slot::Number, _) => Argument::Literal(NUMBERS[below(dice, NUMBERS.len())]),
        (Slot::Which, _) => Argument::Literal(i64::from(small(dice, 5))),
        (Slot::Handle(_), _) => Argument::Handle(small(dice, 4)),
        (Slot::Length, Some(Argument::Text(n))) => Argument::Text(n),
        (Slot::Pointer | Slot::Length, _) => Argument::Text(small(dice, TEXTS.len() as u64)),
        (Slot::Return, _) => Argument::Scratch,
    }
}

fn below(dice: &mut Dice, bound: usize) -> usize {
    usize::try_from(dice.below(bound as u64)).expect("it is below a length")
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for call in &self.0 {
            f.write_str(&functions()[call.function].short_name())?;
            for argument in &call.arguments {
                match argument {
                    Argument::Literal(value) => write!(f, " {value}")?,
                    Argument::Handle(n) => write!(f, " h{n}")?,
                    Argument::Text(n) => write!(f, " t{n}")?,
                    Argument::Scratch => f.write_str(" s")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl FromStr for Program {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(call_from_text)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn call_from_text(line: &str) -> Result<Call, String> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let function = functions().iter().position(|it| it.short_name() == name);
    let function = function.ok_or_else(|| format!("there is no `{name}`"))?;
    let arguments: Result<Vec<_>, _> = words.map(argument_from_text).collect();
    let arguments = arguments?;
    let (found, wanted) = (arguments.len(), functions()[function].parameters.len());
    if found != wanted {
        return Err(format!("`{name}` takes {wanted} arguments, not {found}"));
    }
    Ok(Call {
        function,
        arguments,
    })
}

fn argument_from_text(word: &str) -> Result<Argument, String> {
    let number = |text: &str| {
        text.parse()
            .map_err(|_| format!("`{word}` is not an argument"))
    };
    match word.split_at(1) {
        ("s", "") => Ok(Argument::Scratch),
        ("h", n) => number(n).map(Argument::Handle),
        ("t", n) => number(n).map(Argument::Text),
        _ => word
            .parse()
            .map(Argument::Literal)
            .map_err(|_| format!("`{word}` is not an argument")),
    }
}
