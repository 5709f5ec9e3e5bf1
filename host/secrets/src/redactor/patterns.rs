//! Finds the forms of all values in a text and in what it reads as, in one pass over each.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};
use sedge_model::names::SecretName;

use super::forms::{Form, forms};
use super::views::{ENCODINGS, View};
use crate::value::SecretValue;

/// How often an encoding is taken off: base64 in JSON in JSON, or in a URL in JSON, is found.
///
/// Each time may read a text in three ways more; who writes it chooses in how many.
const VIEWS_DEEP: usize = 2;

/// What is looked for.
pub(super) struct Patterns {
    /// Knows all forms. That of Aho and Corasick: how much text there is decides how long it
    /// takes, not how many forms.
    automaton: NFA,
    forms: Vec<Form>,
    /// How many bytes lead to a state: so many at the end of a text may be the beginning of
    /// a form. Only who reads a text in pieces asks, so it is made when the first one does.
    depths: OnceLock<HashMap<StateID, usize>>,
    /// Whose form each is, by place in `names`.
    owners: Vec<usize>,
    names: Vec<SecretName>,
}

/// A value in a text, and whose it is.
#[derive(Debug)]
pub(super) struct Value {
    part: Range<usize>,
    owner: usize,
}

/// A search, and what it has found.
struct Search<'p> {
    patterns: &'p Patterns,
    /// Whether there is no more of the text.
    is_end: bool,
    values: Vec<Value>,
    /// Where the first value may begin whose end has not come yet.
    open: usize,
    /// The parts of the text that read as something else.
    escapes: Vec<Range<usize>>,
}

/// A text, or what another one reads as.
struct Level<'t> {
    text: &'t [u8],
    /// How this was read, and what from; none for the text itself.
    from: Option<(&'t View, &'t Level<'t>)>,
}

impl Level<'_> {
    /// Returns the part of the text itself that this part was read from.
    fn origin(&self, part: Range<usize>) -> Range<usize> {
        match self.from {
            None => part,
            Some((view, from)) => from.origin(view.source(part)),
        }
    }
}

impl Patterns {
    /// Returns what finds these values, of which there is one.
    pub(super) fn new(secrets: Vec<(SecretName, SecretValue)>) -> Self {
        let mut all: Vec<Form> = Vec::new();
        let (mut owners, mut names) = (Vec::new(), Vec::new());
        for (owner, (name, value)) in secrets.into_iter().enumerate() {
            let mut forms = forms(value.expose());
            forms.sort_unstable_by(|one, other| one.as_slice().cmp(other));
            forms.dedup_by(|one, other| one.as_slice() == other.as_slice());
            owners.resize(owners.len() + forms.len(), owner);
            all.append(&mut forms);
            names.push(name);
        }
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            // Nothing is skipped by it in texts, and it takes time to make.
            .prefilter(false)
            .build(all.iter().map(|form| form.as_slice()))
            .expect("forms of less than 2 GiB fit into an automaton");
        Self {
            automaton,
            forms: all,
            depths: OnceLock::new(),
            owners,
            names,
        }
    }

    pub(super) fn names(&self) -> &[SecretName] {
        &self.names
    }

    /// Returns where values are in a text, in order and apart.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Value> {
        self.search(text, true).values
    }

    /// Returns a text with marks where values were found.
    pub(super) fn replaced(&self, text: &[u8], values: &[Value]) -> Vec<u8> {
        let mut redacted = Vec::with_capacity(text.len());
        let mut at = 0;
        for Value { part, owner } in values {
            redacted.extend_from_slice(&text[at..part.start]);
            redacted.extend_from_slice(format!("[secret {}]", self.names[*owner]).as_bytes());
            at = part.end;
        }
        redacted.extend_from_slice(&text[at..]);
        redacted
    }

    /// Takes from a text what no more of it can change, and returns that with marks. The rest
    /// reads as it would behind what was taken.
    pub(super) fn take_closed(&self, text: &mut Vec<u8>) -> Vec<u8> {
        let mut search = self.search(text, false);
        // No cut goes through a value, or through what reads as one character.
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

    /// Returns how many bytes at the end of a text may be the beginning of a form, by the state
    /// that it leads to.
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
        // ignored: there is no error here, only no value.
        depths.get(&state).copied().unwrap_or_default()
    }

    /// Returns how long the longest form is that ends here, and whose it is. It covers the others.
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
    /// Finds what is in a text, and in what that reads as.
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
                push_joined(&mut self.values, first, Value { part, owner });
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

/// Adds a value behind those from `first` on, all of which end before it does, and joins it with
/// those that it overlaps.
fn push_joined(values: &mut Vec<Value>, first: usize, mut value: Value) {
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
