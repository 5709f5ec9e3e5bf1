//! Random histories: operations on a store, in a form that fits both the store and the plain model.
//!
//! Each history has few names, so that its steps affect the same data; they are drawn from a pool
//! of problematic names. Numbers are indices into lists of [`super`], or are taken modulo the
//! number of existing items.

use proptest::prelude::{Just, Strategy, any, prop};
use proptest::prop_oneof;

use super::{KEEPS, SPANS_MS};
use super::{LIFETIMES, N_CONTENTS, N_CONTENTS_SMALL, N_MODELS, N_OWNERS, N_RUNS, STEPS, TAGS};

/// The least and the largest number of steps of a history.
const N_STEPS_MIN: usize = 4;
const N_STEPS_MAX: usize = 40;

/// The number of names of a history.
pub(crate) const N_NAMES: usize = 5;

/// Names that other systems have lost, truncated or mixed up: numbers, paths, quotes, patterns,
/// prefixes of each other, letters with two forms or two cases, right-to-left text, graphemes of
/// several characters, and the last code point.
const NAMES: [&str; 44] = [
    "7",
    "007",
    "1e3",
    "-0",
    "/",
    ".",
    "..",
    "../../etc/passwd",
    ".hidden",
    " ",
    " lead",
    "trail ",
    "\"'`;--",
    "\\",
    "{\"$\":null}",
    "%",
    "%61",
    "_",
    "*",
    "NULL",
    "a",
    "A",
    "ab",
    "a/b",
    "a ",
    "abc",
    "\u{e9}",
    "e\u{301}",
    "e",
    "\u{df}",
    "SS",
    "\u{130}",
    "\u{131}",
    "\u{5d0}\u{5d1}",
    "\u{202e}gpj.a",
    "\u{feff}a",
    "\u{1f469}",
    "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{10ffff}a",
    "a\u{10ffff}",
    "\u{1f994}",
];

/// A history.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) names: Vec<String>,
    /// The steps, each with a selection to compare after it.
    pub(crate) steps: Vec<(Step, Look)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Call(Call),
    Rename {
        model: usize,
        from: usize,
        to: usize,
        forward: bool,
    },
    Delete {
        model: usize,
        what: What,
    },
    Restore {
        model: usize,
        name: usize,
        version: u64,
        owner: usize,
    },
    Collect(Rules),
    /// A step of a workflow ends.
    PartEnds {
        run: usize,
        step: usize,
    },
    RunEnds(usize),
    RunsGo(Vec<usize>),
    Reopen,
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) run: usize,
    pub(crate) model: usize,
    pub(crate) owner: usize,
    pub(crate) step: Option<usize>,
    /// Whether a running call makes this one, if there is one.
    pub(crate) is_nested: bool,
    pub(crate) edits: Vec<Edit>,
    pub(crate) end: End,
}

/// How a call ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Success,
    /// It fails, and its writes are discarded.
    Failure,
    /// It fails, and its writes are kept.
    FailureThatKeeps,
    /// It publishes this many of its changes, and commits the others.
    Published(usize),
    /// It publishes its changes, and continues.
    Never,
    /// It never began.
    NotBegun,
    /// Another process has claimed its run.
    OldClaim,
    /// Its lock was taken away.
    LostLock,
}

#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Write {
        name: usize,
        content: usize,
        form: Form,
        tags: Vec<usize>,
        lifetime: usize,
        keep: Option<usize>,
    },
    Delete {
        name: usize,
        version: Option<u64>,
    },
}

/// How content is passed to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Resource,
    /// A file, as bytes in memory.
    Bytes,
    /// A file, written piece by piece.
    Pieces,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Version(usize, u64),
    Name(usize),
    /// This many characters of a name.
    Prefix(usize, usize),
    All,
}

#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) now: Now,
    /// The model, whether of resources, a lifetime, and a number of versions.
    pub(crate) overrides: Vec<(usize, bool, Option<usize>, Option<usize>)>,
    pub(crate) with_latest: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Now {
    Zero,
    /// Some duration after a version was written, give or take a millisecond.
    After {
        pick: usize,
        span: usize,
        plus_ms: u64,
    },
    EndOfTime,
}

/// A selection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    pub(crate) model: Option<usize>,
    pub(crate) name: Option<usize>,
    pub(crate) prefix: Option<(usize, usize)>,
    pub(crate) after: Option<usize>,
    pub(crate) is_resource: Option<bool>,
    pub(crate) spec_is_record: Option<bool>,
    pub(crate) owner: Option<usize>,
    pub(crate) run: Option<usize>,
    pub(crate) version: Option<u64>,
    pub(crate) tags: Vec<usize>,
    pub(crate) from: Option<usize>,
    pub(crate) before: Option<usize>,
    pub(crate) latest: Option<bool>,
}

pub(crate) fn history() -> impl Strategy<Value = History> {
    let long = ["x".repeat(255), "x".repeat(254), "\u{e9}".repeat(127)];
    let pool: Vec<String> = NAMES.map(str::to_owned).into_iter().chain(long).collect();
    let names = prop::sample::subsequence(pool, N_NAMES).prop_shuffle();
    let steps = prop::collection::vec((step(), look()), N_STEPS_MIN..=N_STEPS_MAX);
    (names, steps).prop_map(|(names, steps)| History { names, steps })
}

fn step() -> impl Strategy<Value = Step> {
    let rename = (model(), 0..N_NAMES, 0..N_NAMES, prop::bool::weighted(0.8)).prop_map(
        |(model, from, to, forward)| Step::Rename {
            model,
            from,
            to,
            forward,
        },
    );
    let delete = (model(), what()).prop_map(|(model, what)| Step::Delete { model, what });
    let restore =
        (model(), 0..N_NAMES, 0..5_u64, 0..N_OWNERS).prop_map(|(model, name, version, owner)| {
            Step::Restore {
                model,
                name,
                version,
                owner,
            }
        });
    let end_step = (0..N_RUNS, 0..STEPS.len()).prop_map(|(run, step)| Step::PartEnds { run, step });
    prop_oneof![
        20 => call().prop_map(Step::Call),
        7 => rename,
        3 => delete,
        3 => restore,
        3 => rules().prop_map(Step::Collect),
        1 => end_step,
        1 => (0..N_RUNS).prop_map(Step::RunEnds),
        1 => prop::collection::vec(0..N_RUNS, 1..=N_RUNS).prop_map(Step::RunsGo),
        1 => Just(Step::Reopen),
    ]
}

/// One model in most cases, so that steps affect the same data.
fn model() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0), 1 => 0..N_MODELS]
}

fn call() -> impl Strategy<Value = Call> {
    let end = prop_oneof![
        12 => Just(End::Success),
        1 => Just(End::Failure),
        1 => Just(End::FailureThatKeeps),
        2 => (0..3_usize).prop_map(End::Published),
        2 => Just(End::Never),
        1 => Just(End::NotBegun),
        1 => Just(End::OldClaim),
        1 => Just(End::LostLock),
    ];
    // One type in most cases, so that most writes are not refused.
    let owner = prop_oneof![6 => Just(0), 1 => 0..N_OWNERS];
    let step = prop::option::of(0..STEPS.len());
    let edits = prop::collection::vec(edit(), 0..=5);
    let place = (0..N_RUNS, model(), owner, step, any::<bool>());
    (place, edits, end).prop_map(|((run, model, owner, step, is_nested), edits, end)| Call {
        run,
        model,
        owner,
        step,
        is_nested,
        edits,
        end,
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    // Large content costs three syncs.
    let content = prop_oneof![12 => 0..N_CONTENTS_SMALL, 1 => 0..N_CONTENTS];
    let form = prop_oneof![
        4 => Just(Form::Resource),
        1 => Just(Form::Bytes),
        1 => Just(Form::Pieces),
    ];
    let tags = prop::collection::vec(0..TAGS.len(), 0..=3);
    let keep = prop::option::of(0..KEEPS.len());
    let write = (0..N_NAMES, content, form, tags, 0..LIFETIMES.len(), keep).prop_map(
        |(name, content, form, tags, lifetime, keep)| Edit::Write {
            name,
            content,
            form,
            tags,
            lifetime,
            keep,
        },
    );
    let delete = (0..N_NAMES, prop::option::of(0..5_u64))
        .prop_map(|(name, version)| Edit::Delete { name, version });
    prop_oneof![6 => write, 1 => delete]
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        8 => (0..N_NAMES, 0..6_u64).prop_map(|(name, version)| What::Version(name, version)),
        2 => (0..N_NAMES).prop_map(What::Name),
        1 => (0..N_NAMES, 0..4_usize).prop_map(|(name, n)| What::Prefix(name, n)),
        1 => Just(What::All),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    let after = (any::<usize>(), 0..SPANS_MS.len(), 0..3_u64).prop_map(|(pick, span, plus_ms)| {
        Now::After {
            pick,
            span,
            plus_ms,
        }
    });
    let now = prop_oneof![1 => Just(Now::Zero), 6 => after, 1 => Just(Now::EndOfTime)];
    let rule = (
        0..N_MODELS,
        any::<bool>(),
        prop::option::of(0..LIFETIMES.len()),
        prop::option::of(0..KEEPS.len()),
    );
    let overrides = prop::collection::vec(rule, 0..=2);
    (now, overrides, any::<bool>()).prop_map(|(now, overrides, with_latest)| Rules {
        now,
        overrides,
        with_latest,
    })
}

fn look() -> impl Strategy<Value = Look> {
    fn seldom<S: Strategy>(of: S) -> impl Strategy<Value = Option<S::Value>> {
        prop::option::weighted(0.2, of)
    }
    let names = (
        seldom(0..N_MODELS),
        seldom(0..N_NAMES),
        seldom((0..N_NAMES, 0..4_usize)),
        seldom(0..N_NAMES),
    );
    let kinds = (
        seldom(any::<bool>()),
        seldom(any::<bool>()),
        seldom(0..N_OWNERS),
        seldom(0..N_RUNS),
    );
    let times = (seldom(any::<usize>()), seldom(any::<usize>()));
    let tags = seldom(prop::collection::vec(0..TAGS.len(), 1..=2));
    let rest = (seldom(0..5_u64), tags, seldom(any::<bool>()));
    (names, kinds, times, rest).prop_map(|(names, kinds, times, rest)| {
        let ((model, name, prefix, after), (is_resource, spec_is_record, owner, run)) =
            (names, kinds);
        let ((from, before), (version, tags, latest)) = (times, rest);
        Look {
            model,
            name,
            prefix,
            after,
            is_resource,
            spec_is_record,
            owner,
            run,
            version,
            tags: tags.unwrap_or_default(),
            from,
            before,
            latest,
        }
    })
}
