//! The nearest name: "did you mean …?"

/// Returns the candidate that is most like `name`, if any is near enough that a
/// person may have meant it.
///
/// Near enough is one edit (Damerau and Levenshtein's) for every three characters, case
/// aside: any two names of one letter would be near each other otherwise.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let edits_max = name.chars().count() / 3;
    candidates
        .into_iter()
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
    fn a_slip_is_near_and_another_word_is_not() {
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
