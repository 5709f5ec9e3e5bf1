//! Finds the forms of all values in a text and in its decoded views, in one pass over each.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

use super::forms::{EncodedForm, forms};
use super::views::{ENCODINGS, View};
use crate::value::SecretValue;

/// How many encodings are removed: base64 in JSON in JSON, or in a URL in JSON, is found.
///
/// Each level searches up to three more views of a text. The author of the text chooses how many.
const VIEWS_DEEP: usize = 2;

/// The forms to search for, as an automaton.
pub(super) struct Patterns {
    /// An Aho-Corasick automaton of all forms. Its run time depends on the length of the text and
    /// not on the number of forms.
    automaton: NFA,
    forms: Vec<EncodedForm>,
    /// The length of the prefix that each state stands for: that many bytes at the end of a text
    /// may be the beginning of a form. Only streams need it, so it is computed on first use.
    depths: OnceLock<HashMap<StateID, usize>>,
    /// For each form, the index of its value's mark in `marks`.
    owners: Vec<usize>,
    /// The text that replaces each value.
    marks: Vec<String>,
}

/// A value found in a text.
#[derive(Debug)]
pub(super) struct ValueMatch {
    part: Range<usize>,
    owner: usize,
}

/// A search and its results.
struct Search<'p> {
    patterns: &'p Patterns,
    /// Whether the text is complete.
    is_end: bool,
    values: Vec<ValueMatch>,
    /// The position of the first value that may be incomplete.
    open: usize,
    /// The parts of the text that are escapes.
    escapes: Vec<Range<usize>>,
}

/// A text, or a decoded view of one.
struct Level<'t> {
    text: &'t [u8],
    /// The view and the level it was decoded from; `None` for the text itself.
    from: Option<(&'t View, &'t Level<'t>)>,
}

impl Level<'_> {
    /// Returns the part of the original text that this part was decoded from.
    fn origin(&self, part: Range<usize>) -> Range<usize> {
        match self.from {
            None => part,
            Some((view, from)) => from.origin(view.source(part)),
        }
    }
}

impl Patterns {
    /// Returns the patterns for these values, of which there is at least one.
    pub(super) fn new(marked: Vec<(String, SecretValue)>) -> Self {
        let mut all: Vec<EncodedForm> = Vec::new();
        let (mut owners, mut marks) = (Vec::new(), Vec::new());
        for (owner, (mark, value)) in marked.into_iter().enumerate() {
            let mut forms = forms(value.expose());
            forms.sort_unstable_by(|one, other| one.as_slice().cmp(other));
            forms.dedup_by(|one, other| one.as_slice() == other.as_slice());
            owners.resize(owners.len() + forms.len(), owner);
            all.append(&mut forms);
            marks.push(mark);
        }
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            // A prefilter would skip nothing in ordinary texts, and takes time to build.
            .prefilter(false)
            .build(all.iter().map(|form| form.as_slice()))
            .expect("forms of less than 2 GiB fit into an automaton");
        Self {
            automaton,
            forms: all,
            depths: OnceLock::new(),
            owners,
            marks,
        }
    }

    pub(super) fn marks(&self) -> &[String] {
        &self.marks
    }

    /// Returns the values in a text, sorted and without overlaps.
    pub(super) fn find(&self, text: &[u8]) -> Vec<ValueMatch> {
        self.search(text, true).values
    }

    /// Returns the text with marks in place of `values`.
    pub(super) fn replaced(&self, text: &[u8], values: &[ValueMatch]) -> Vec<u8> {
        let mut redacted = Vec::with_capacity(text.len());
        let mut at = 0;
        for ValueMatch { part, owner } in values {
            redacted.extend_from_slice(&text[at..part.start]);
            redacted.extend_from_slice(self.marks[*owner].as_bytes());
            at = part.end;
        }
        redacted.extend_from_slice(&text[at..]);
        redacted
    }

    /// Removes the part of a text that later input cannot change, and returns it with marks. The
    /// rest is decoded and searched as it would be after the removed part.
    pub(super) fn take_closed(&self, text: &mut Vec<u8>) -> Vec<u8> {
        let mut search = self.search(text, false);
        // The cut must not divide a value or an escape.
        let mut whole = search.escapes;
        whole.extend(search.values.iter().map(|value| value.part.clone()));
        whole.sort_by_key(|part| std::cmp::Reverse(part.start));
        let mut cut = search.open;
        for part in whole {
            if part.start < cut && cut < part.end {
                cut = part.start;
            }
        }
        search.values.retain(|value| value.part.end <= cut);
        let closed = self.replaced(&text[..cut], &search.values);
        text.drain(..cut);
        closed
    }

    fn search(&self, text: &[u8], is_end: bool) -> Search<'_> {
        let mut search = Search {
            patterns: self,
            is_end,
            values: Vec::new(),
            open: text.len(),
            escapes: Vec::new(),
        };
        search.read(&Level { text, from: None }, VIEWS_DEEP);
        let mut values = std::mem::take(&mut search.values);
        values.sort_by_key(|value| (value.part.start, value.part.end));
        for value in values {
            push_joined(&mut search.values, 0, value);
        }
        search
    }

    /// Returns how many bytes at the end of a text may be the beginning of a form, for the state at
    /// its end.
    fn depth(&self, state: StateID) -> usize {
        let depths = self.depths.get_or_init(|| {
            let mut depths = HashMap::new();
            for form in &self.forms {
                let mut state = start(&self.automaton);
                for (at, byte) in form.iter().enumerate() {
                    state = self.automaton.next_state(Anchored::No, state, *byte);
                    depths.insert(state, at + 1);
                }
            }
            depths
        });
        // ignored: an `Option`; a state without an entry is the start state, at depth 0.
        depths.get(&state).copied().unwrap_or_default()
    }

    /// Returns the length and owner of the longest form that ends at this state. It covers the
    /// shorter ones.
    fn longest(&self, state: StateID) -> (usize, usize) {
        let forms = 0..self.automaton.match_len(state);
        let forms = forms.map(|n| {
            let form = self.automaton.match_pattern(state, n);
            (
                self.automaton.pattern_len(form),
                self.owners[form.as_usize()],
            )
        });
        forms.max().expect("a state that matches has a form")
    }
}

impl Search<'_> {
    /// Searches a text and its decoded views.
    fn read(&mut self, level: &Level<'_>, deep: usize) {
        self.scan(level);
        if deep == 0 {
            return;
        }
        for encoding in ENCODINGS {
            let Some(view) = encoding.read(level.text, self.is_end) else {
                continue;
            };
            if !self.is_end {
                let escapes = view.escapes().map(|part| level.origin(part));
                self.escapes.extend(escapes);
            }
            let below = Level {
                text: &view.bytes,
                from: Some((&view, level)),
            };
            self.read(&below, deep - 1);
        }
    }

    fn scan(&mut self, level: &Level<'_>) {
        let automaton = &self.patterns.automaton;
        let first = self.values.len();
        let mut state = start(automaton);
        for (at, byte) in level.text.iter().enumerate() {
            state = automaton.next_state(Anchored::No, state, *byte);
            if automaton.is_special(state) && automaton.is_match(state) {
                let (len, owner) = self.patterns.longest(state);
                let part = level.origin(at + 1 - len..at + 1);
                push_joined(&mut self.values, first, ValueMatch { part, owner });
            }
        }
        if !self.is_end {
            let open = level.text.len() - self.patterns.depth(state);
            self.open = self.open.min(level.origin(open..open).start);
        }
    }
}

fn start(automaton: &NFA) -> StateID {
    let state = automaton.start_state(Anchored::No);
    state.expect("the automaton was made for searches from anywhere")
}

/// Adds a value after those from `first` on, all of which end before it, and joins it with those
/// that it overlaps.
fn push_joined(values: &mut Vec<ValueMatch>, first: usize, mut value: ValueMatch) {
    while values.len() > first
        && let Some(last) = values.last()
        && last.part.end > value.part.start
    {
        value.part = last.part.start.min(value.part.start)..last.part.end.max(value.part.end);
        value.owner = last.owner;
        values.pop();
    }
    values.push(value);
}
