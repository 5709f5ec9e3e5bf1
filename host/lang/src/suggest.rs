//! The nearest name: "did you mean …?"

/// The maximum number of names that are compared.
///
/// Users choose how many names a file or a repository has, and a file may have many faults.
const CANDIDATES_MAX: usize = 2_000;

/// Returns the candidate that is most similar to `name`, if one is so similar that the user may
/// have meant it.
///
/// The limit is one edit (Damerau-Levenshtein) for every three characters, and case is ignored.
/// With a higher limit, all names of one letter would be similar. Only the first 2 000 candidates
/// are compared.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let edits_max = name.chars().count() / 3;
    candidates
        .into_iter()
        .take(CANDIDATES_MAX)
        .map(|candidate| {
            let distance =
                strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= edits_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_error_is_near_and_other_word_is_not() {
        let names = ["sink", "spawn", "globalArguments"];
        assert_eq!(nearest("sinkk", names), Some("sink"));
        assert_eq!(nearest("Sink", names), Some("sink"));
        assert_eq!(nearest("globalArgs", names), None);
        assert_eq!(nearest("globalArgumets", names), Some("globalArguments"));
        assert_eq!(nearest("database", names), None);
        assert_eq!(nearest("c", ["a", "C"]), Some("C"));
        assert_eq!(nearest("c", ["a", "b"]), None);
    }
}
