//! The nearest name: "did you mean …?"

/// The maximum number of names that are compared.
///
/// Users choose how many names a file or a repository has, and a file may have many faults.
const CANDIDATES_MAX: usize = 2_000;

/// The maximum length of a name that is compared, in characters.
///
/// The author of a file chooses the length. Few names are longer, and the comparison has one bit
/// for each character.
const NAME_CHARS_MAX: usize = 64;

/// Returns the candidate that is most similar to `name`, if one is so similar that the user may
/// have meant it.
///
/// The limit is one edit for every three characters, and case is ignored. An edit inserts, removes
/// or replaces a character, or swaps two neighbours. With a higher limit, all names of one letter
/// would be similar. Only the first 2 000 candidates are compared, and a name of more than 64
/// characters is similar to none.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates = candidates.into_iter().take(CANDIDATES_MAX);
    NamePattern::new(name)?.nearest(candidates.map(Candidate::new))
}

/// Names that many wrong names are compared with.
#[derive(Debug, Clone, Default)]
pub struct Candidates<'a>(Vec<Candidate<'a>>);

impl<'a> Candidates<'a> {
    /// Prepares names for the comparison: the first 2 000.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().take(CANDIDATES_MAX);
        Self(names.map(Candidate::new).collect())
    }

    /// Returns the same as [`nearest`].
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&'a str> {
        NamePattern::new(name)?.nearest(self.0.iter().copied())
    }
}

/// A name that others are compared with, and what rules most of the others out at once.
#[derive(Debug, Clone, Copy)]
struct Candidate<'a> {
    name: &'a str,
    /// The number of its characters, up to more than a name that is compared has.
    n_chars: usize,
    /// A bit for each of its characters, which other characters can have, too.
    chars: u64,
}

impl<'a> Candidate<'a> {
    fn new(name: &'a str) -> Self {
        let read = lower_case(name).take(2 * NAME_CHARS_MAX);
        let (n_chars, chars) = read.fold((0, 0), |(n, chars), c| (n + 1, chars | char_bit(c)));
        Self {
            name,
            n_chars,
            chars,
        }
    }
}

fn char_bit(c: char) -> u64 {
    1 << (u32::from(c) % u64::BITS)
}

/// A name in the form in which it is compared with many others.
///
/// The comparison is the bit-parallel one for the optimal string alignment distance (H. Hyyrö, *A
/// Bit-Vector Algorithm for Computing Levenshtein and Damerau Edit Distances*, 2003). It takes a
/// few operations for each character of a candidate, so that a thousand wrong names can be compared
/// with thousands of others.
struct NamePattern {
    /// The number of its characters.
    n_chars: usize,
    /// The places of each ASCII character in the name, one bit for each.
    ascii: [u64; 128],
    /// The places of other characters.
    others: Vec<(char, u64)>,
    /// The bits of all its characters: see [`Candidate`].
    chars: u64,
}

impl NamePattern {
    /// Returns `None` if the name is empty or too long.
    fn new(name: &str) -> Option<Self> {
        let mut pattern = Self {
            n_chars: 0,
            ascii: [0; 128],
            others: Vec::new(),
            chars: 0,
        };
        for c in lower_case(name) {
            if pattern.n_chars == NAME_CHARS_MAX {
                return None;
            }
            *pattern.places_mut(c) |= 1 << pattern.n_chars;
            pattern.n_chars += 1;
            pattern.chars |= char_bit(c);
        }
        (pattern.n_chars > 0).then_some(pattern)
    }

    /// Returns the nearest of some names: see [`nearest`].
    fn nearest<'a>(&self, candidates: impl Iterator<Item = Candidate<'a>>) -> Option<&'a str> {
        let mut edits_max = self.n_chars / 3;
        let mut found = None;
        for candidate in candidates {
            let Some(n_edits) = self.edits(&candidate, edits_max) else {
                continue;
            };
            found = Some(candidate.name);
            // A later candidate has to be nearer.
            let Some(fewer) = n_edits.checked_sub(1) else {
                break;
            };
            edits_max = fewer;
        }
        found
    }

    fn places_mut(&mut self, c: char) -> &mut u64 {
        if c.is_ascii() {
            return &mut self.ascii[c as usize];
        }
        let known = self.others.iter().position(|(other, _)| *other == c);
        let at = known.unwrap_or_else(|| {
            self.others.push((c, 0));
            self.others.len() - 1
        });
        &mut self.others[at].1
    }

    fn places(&self, c: char) -> u64 {
        if c.is_ascii() {
            return self.ascii[c as usize];
        }
        let mut others = self.others.iter();
        let found = others.find(|(other, _)| *other == c);
        found.map_or(0, |(_, places)| *places)
    }

    /// Returns the number of edits that make the candidate of the name, if it is at most
    /// `edits_max`.
    fn edits(&self, candidate: &Candidate<'_>, edits_max: usize) -> Option<usize> {
        let length = candidate.n_chars;
        if length.abs_diff(self.n_chars) > edits_max {
            return None;
        }
        // Each edit adds or removes one character at most.
        let (added, removed) = (candidate.chars & !self.chars, self.chars & !candidate.chars);
        if added.count_ones().max(removed.count_ones()) as usize > edits_max {
            return None;
        }
        let candidate = candidate.name;
        if edits_max == 0 {
            let is_same = |(at, c): (usize, char)| self.places(c) & (1 << at) != 0;
            return lower_case(candidate).enumerate().all(is_same).then_some(0);
        }
        let last = 1_u64 << (self.n_chars - 1);
        // Bit by bit, whether the distance grows or shrinks from one character of the name to the
        // next, for the part of the candidate that was read.
        let (mut grows, mut shrinks) = (u64::MAX, 0_u64);
        let (mut diagonal_before, mut places_before) = (0_u64, 0_u64);
        let mut distance = self.n_chars;
        for (n_read, c) in lower_case(candidate).enumerate() {
            let places = self.places(c);
            let swapped = ((!diagonal_before & places) << 1) & places_before;
            let diagonal =
                ((places & grows).wrapping_add(grows) ^ grows) | places | shrinks | swapped;
            let right_grows = shrinks | !(diagonal | grows);
            let right_shrinks = diagonal & grows;
            if right_grows & last != 0 {
                distance += 1;
            } else if right_shrinks & last != 0 {
                distance -= 1;
            }
            // Each character that is left can make up for one edit.
            let n_left = length.saturating_sub(n_read + 1);
            if distance > edits_max + n_left {
                return None;
            }
            let right_grows = (right_grows << 1) | 1;
            let right_shrinks = right_shrinks << 1;
            grows = right_shrinks | !(diagonal | right_grows);
            shrinks = right_grows & diagonal;
            (diagonal_before, places_before) = (diagonal, places);
        }
        (distance <= edits_max).then_some(distance)
    }
}

/// Returns the characters in lower case. A character that would become several stays as it is, so
/// that the number of characters is the same.
fn lower_case(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| {
        if c.is_ascii() {
            return c.to_ascii_lowercase();
        }
        let mut lower = c.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(only), None) => only,
            (Some(_) | None, Some(_)) | (None, None) => c,
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn typing_error_is_near_and_other_word_is_not() {
        let names = ["sink", "spawn", "globalArguments"];
        assert_eq!(nearest("sinkk", names), Some("sink"));
        assert_eq!(nearest("Sink", names), Some("sink"));
        assert_eq!(nearest("snik", names), Some("sink"));
        assert_eq!(nearest("globalArgs", names), None);
        assert_eq!(nearest("globalArgumets", names), Some("globalArguments"));
        assert_eq!(nearest("database", names), None);
        assert_eq!(nearest("c", ["a", "C"]), Some("C"));
        assert_eq!(nearest("c", ["a", "b"]), None);
        assert_eq!(nearest("", ["a", ""]), None);
    }

    #[test]
    fn first_of_equally_near_names_is_found() {
        assert_eq!(nearest("step", ["stop", "steq"]), Some("stop"));
        assert_eq!(
            nearest("größe", ["grösse", "GRÖẞE", "große"]),
            Some("GRÖẞE")
        );
    }

    #[test]
    fn names_of_any_length_are_compared() {
        let long = "a".repeat(NAME_CHARS_MAX);
        let longer = format!("{long}b");
        assert_eq!(nearest(&long, [&*longer]), Some(&*longer));
        assert_eq!(nearest(&longer, [&*long]), None);
        assert_eq!(nearest("ab", ["a".repeat(1 << 20).as_str()]), None);
    }

    #[test]
    fn wrong_names_are_compared_with_many_others() {
        let names: Vec<String> = (0..10_000).map(|n| format!("step-number-{n}")).collect();
        let nearest = |name: &str| nearest(name, names.iter().map(String::as_str));
        for n in 0..100 {
            assert_eq!(nearest(&format!("other-words-{n}")), None);
            assert!(nearest(&format!("step-nmuber-{n}")).is_some());
        }
        assert_eq!(nearest("step-nmuber-77"), Some("step-number-77"));
        let candidates = Candidates::new(names.iter().map(String::as_str));
        for name in [
            "step-nmuber-77",
            "step-number-x5000",
            "other-words-1",
            "",
            "STEP-NUMBER-1",
        ] {
            assert_eq!(candidates.nearest(name), nearest(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn distance_is_that_of_the_simple_algorithm(
            name in "[abcé]{1,12}", candidate in "[abcé]{0,12}", edits_max in 0_usize..12,
        ) {
            let pattern = NamePattern::new(&name).expect("it is short");
            let distance = strsim::osa_distance(&name, &candidate);
            let expect = (distance <= edits_max).then_some(distance);
            prop_assert_eq!(pattern.edits(&Candidate::new(&candidate), edits_max), expect);
        }
    }
}
