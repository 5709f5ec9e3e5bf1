//! Replaces values that differ each time by marks.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use regex::{Captures, Regex};

/// The values that differ each time, with the spaces after them in a table.
const DIFFERING: &str = r#"(?x)
    (?: (?<sha256> \b[0-9a-f]{64}\b )
      | (?<time> \b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z\b )
      | (?<took> \b(?:\d+\.\d+\ (?:ms|s|min)|\d+\ ms)\b )
      | (?<ms> "(?:elapsed_ms|elapsedMs|untilCommitMs|durationMs|workingMs|waitingMs|latencyMs|waitedMs|elapsed_us|waited_ms)":\ ?) [0-9][0-9.e-]*
      | (?<process> (?<who> \btester )? @[\w.-]+,\ process\ \d+ )
      | (?<person> \btester@ ) [\w.-]+
      | (?<pid> "pid":\ ) \d+
      | (?<uid> "uid":\ ) \d+
      | (?<host> "host":\ ) "[^"]*"
      | (?<place> \.rs:\d+(?::\d+)?\b )
      | (?<dump> `core\.wasm`\ \( ) \d+(?:\.\d)?\ KiB
      | (?<word> \b[0-9a-hjkmnp-tv-z]{12}\b )
    )
    (?<gap> \x20{2,} )?"#;

/// What the redactor of one environment has seen.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    /// Folders and other places, with their marks.
    places: BTreeMap<String, &'static str>,
    /// The ids of runs, in the order of their first appearance.
    runs: Vec<String>,
    /// The beginnings of digests of plugins, as tables show them.
    digests: Vec<String>,
}

impl Redactor {
    /// Replaces a folder by `mark` from now on.
    pub(crate) fn folder(&mut self, folder: &Path, mark: &'static str) {
        let folder = folder.to_str().expect("folders of tests are plain text");
        self.place(folder, mark);
    }

    /// Replaces a place by `mark` from now on.
    pub(crate) fn place(&mut self, place: &str, mark: &'static str) {
        self.places.insert(place.to_owned(), mark);
    }

    /// Records the digests in a text. A word that looks like the beginning of a digest may
    /// otherwise be the id of a run.
    pub(crate) fn digests_learn(&mut self, text: &str) {
        for found in differing().captures_iter(text) {
            if let Some(digest) = found.name("sha256") {
                self.digests.push(digest.as_str()[..12].to_owned());
            }
        }
    }

    /// Returns the text with marks.
    pub(crate) fn redact(&mut self, text: &str) -> String {
        self.digests_learn(text);
        let mut text = text.to_owned();
        for (place, mark) in &self.places {
            text = text.replace(place, mark);
        }
        let text = user_in_text().replace_all(&text, "${before}tester${at}");
        let redacted = differing().replace_all(&text, |found: &Captures<'_>| self.mark(found));
        // The width of a column of durations, or of names of users, differs from run to run.
        let has_width = |line: &str| line.contains("  TOOK") || line.contains("  BY  ");
        if redacted.lines().any(has_width) {
            columns_closed(&redacted)
        } else {
            redacted.into_owned()
        }
    }

    fn mark(&mut self, found: &Captures<'_>) -> String {
        let mark = if found.name("sha256").is_some() {
            "[sha256]".to_owned()
        } else if found.name("time").is_some() {
            "[time]".to_owned()
        } else if found.name("took").is_some() {
            "[took]".to_owned()
        } else if let Some(key) = found.name("ms") {
            format!("{}\"[ms]\"", key.as_str())
        } else if found.name("process").is_some() {
            let who = found.name("who").map_or("", |who| who.as_str());
            format!("{who}@[host], process [pid]")
        } else if let Some(person) = found.name("person") {
            format!("{}[host]", person.as_str())
        } else if let Some(key) = found.name("pid") {
            format!("{}\"[pid]\"", key.as_str())
        } else if let Some(key) = found.name("uid") {
            format!("{}\"[uid]\"", key.as_str())
        } else if let Some(key) = found.name("host") {
            format!("{}\"[host]\"", key.as_str())
        } else if let Some(dump) = found.name("dump") {
            format!("{}[size]", dump.as_str())
        } else if found.name("place").is_some() {
            ".rs:[place]".to_owned()
        } else {
            self.word_mark(&found["word"])
        };
        match found.name("gap") {
            // If a mark is wider than its column, the next column still follows after two spaces.
            Some(_) => format!("{mark:width$}", width = found[0].len().max(mark.len() + 2)),
            None => mark,
        }
    }

    fn word_mark(&mut self, word: &str) -> String {
        if self.digests.iter().any(|digest| digest == word) {
            return "[sha256]".to_owned();
        }
        let known = self.runs.iter().position(|run| run == word);
        let place = known.unwrap_or_else(|| {
            self.runs.push(word.to_owned());
            self.runs.len() - 1
        });
        match place {
            0 => "[run]".to_owned(),
            _ => format!("[run {}]", place + 1),
        }
    }
}

/// Returns the pattern of the user who runs the tests, in the places where a record names a user.
fn user_in_text() -> &'static Regex {
    static REGEX: OnceLock<Regex> = OnceLock::new();
    REGEX.get_or_init(|| user_pattern(&user()))
}

fn user_pattern(user: &str) -> Regex {
    let user = regex::escape(user);
    let before = r#"\bby |"(?:[a-z]+B|b)y": ?"|"(?:user|actor)": ?"|  "#;
    Regex::new(&format!(
        r"(?m)(?:(?<before>{before}){user}\b|\b{user}(?<at>@))"
    ))
    .expect("the name of a user is escaped")
}

/// Returns the name of the user who runs the tests, as records have it.
fn user() -> String {
    let id = |option: &str| {
        let ended = Command::new("id").arg(option).output();
        let ended = ended.expect("every system of the tests has `id`");
        let text = String::from_utf8(ended.stdout).expect("`id` prints text");
        (ended.status.success(), text.trim().to_owned())
    };
    match id("-run") {
        (true, name) => name,
        (false, _) => format!("uid {}", id("-ru").1),
    }
}

fn differing() -> &'static Regex {
    static REGEX: OnceLock<Regex> = OnceLock::new();
    REGEX.get_or_init(|| Regex::new(DIFFERING).expect("the pattern is a constant, and sound"))
}

/// Returns a table whose columns are separated by two spaces, whatever their width was.
fn columns_closed(text: &str) -> String {
    let closed = text.lines().map(|line| {
        let cells = line.split("  ").map(str::trim);
        let cells: Vec<&str> = cells.filter(|cell| !cell.is_empty()).collect();
        cells.join("  ") + "\n"
    });
    closed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[(&str, &str)]) {
        let mut redactor = Redactor::default();
        redactor.folder(Path::new("/tmp/x"), "$ENV");
        for (text, expect) in texts {
            assert_eq!(redactor.redact(text), *expect);
        }
    }

    #[test]
    fn runs_keep_their_numbers() {
        check(&[
            ("Run 838qznqxnkg1", "Run [run]"),
            ("hxe95tj8yfag/1/2, 838qznqxnkg1", "[run 2]/1/2, [run]"),
            (
                "no run: 838qznqxnkgu1 approvals",
                "no run: 838qznqxnkgu1 approvals",
            ),
        ]);
    }

    #[test]
    fn short_digest_is_recognised_after_the_long_one() {
        let long = "c65e796de7d0".to_owned() + &"0".repeat(52);
        check(&[
            (&long, "[sha256]"),
            ("c65e796de7d0 de1e02ab8579", "[sha256] [run]"),
        ]);
    }

    #[test]
    fn times_durations_and_folders_are_marked() {
        check(&[
            (
                "at 2026-11-23T22:55:47Z after 0.53 ms",
                "at [time] after [took]",
            ),
            (
                "after 4.2 s, 300 s, 10.0 min",
                "after [took], 300 s, [took]",
            ),
            ("\"elapsed_ms\": 373.78,", "\"elapsed_ms\": \"[ms]\","),
            ("{\"elapsed_ms\":8.0}", "{\"elapsed_ms\":\"[ms]\"}"),
            ("after 999 ms", "after [took]"),
            ("at src/a.rs:12:5: no", "at src/a.rs:[place]: no"),
            ("\"uid\": 1000,", "\"uid\": \"[uid]\","),
            ("\"elapsedMs\": null", "\"elapsedMs\": null"),
            ("in /tmp/x/repo", "in $ENV/repo"),
            (
                "by tester@a-b.c, process 12; tester@a-b.c",
                "by tester@[host], process [pid]; tester@[host]",
            ),
        ]);
    }

    #[test]
    fn user_of_the_tests_is_marked_where_a_record_names_a_user() {
        let check = |text: &str, expect: &str| {
            let marked = user_pattern("ann").replace_all(text, "${before}tester${at}");
            assert_eq!(marked, expect);
        };
        check("started at noon by ann", "started at noon by tester");
        check(r#"{"startedBy": "ann"}"#, r#"{"startedBy": "tester"}"#);
        check(r#"{"actor": "ann"}"#, r#"{"actor": "tester"}"#);
        check(r#"{"by":"ann"}"#, r#"{"by":"tester"}"#);
        check("RUN  BY\nx    ann\n", "RUN  BY\nx    tester\n");
        check("ann@a-b.c, process 1", "tester@a-b.c, process 1");
        check("by anna, ann is here", "by anna, ann is here");
    }

    #[test]
    fn columns_keep_their_width_without_durations() {
        check(&[
            (
                "RUN           SIZE\n838qznqxnkg1  58 B\n",
                "RUN           SIZE\n[run]         58 B\n",
            ),
            (
                "RUN           TOOK     BY\n838qznqxnkg1  0.53 ms  me\n838qznqxnkg1           me\n",
                "RUN  TOOK  BY\n[run]  [took]  me\n[run]  me\n",
            ),
            (
                "RUN           TOOK   BY\n838qznqxnkg1  1.0 s  me\n",
                "RUN  TOOK  BY\n[run]  [took]  me\n",
            ),
        ]);
    }
}
