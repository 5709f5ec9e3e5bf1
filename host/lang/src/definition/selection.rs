//! Reads the keys `checks` and `reports`: which are required, and which are skipped.

use std::collections::BTreeSet;

use crate::diagnostic::DiagnosticCode;
use crate::yaml::node::Node;
use crate::yaml::{Faults, KeySet, Keys, Located, read};

/// The keys of `checks`.
pub(crate) const CHECKS_KEYS: KeySet = KeySet {
    of: "the checks",
    keys: &["require", "skip"],
    foreign: &[
        ("required", "write `require: [CHECK]`"),
        ("only", "write `require: [CHECK]`"),
        ("ignore", "write `skip: [CHECK]`"),
        ("exclude", "write `skip: [CHECK]`"),
    ],
};

/// The keys of `reports`.
pub(crate) const REPORTS_KEYS: KeySet = KeySet {
    of: "the reports",
    keys: &["require", "skip"],
    foreign: &[
        ("required", "write `require: [REPORT]`"),
        ("ignore", "write `skip: [REPORT]`"),
    ],
};

/// The keys of one report of `reports`.
pub(crate) const REPORT_KEYS: KeySet = KeySet {
    of: "a report",
    keys: &["name", "methods"],
    foreign: &[("method", "write `methods: [METHOD]`")],
};

/// The checks that a definition requires and those that it skips.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckSelection {
    /// The checks that run even if a command skips checks.
    pub require: Vec<Located<String>>,
    /// The checks that never run. This wins over all others.
    pub skip: Vec<Located<String>>,
}

/// The reports that a definition or a workflow requires and those that it skips.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportSelection {
    /// The reports that are made.
    pub require: Vec<ReportChoice>,
    /// The reports that are not made.
    pub skip: Vec<ReportChoice>,
}

/// A report in a [`ReportSelection`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportChoice {
    /// Its name.
    pub name: Located<String>,
    /// The methods to which the choice applies; empty for all.
    pub methods: Vec<Located<String>>,
}

impl CheckSelection {
    /// Reads the key `checks`.
    pub fn read(node: &Node, faults: &mut Faults) -> Self {
        let Some(keys) = Keys::read(node, &CHECKS_KEYS, faults) else {
            return Self::default();
        };
        Self {
            require: names(keys.get("require"), faults),
            skip: names(keys.get("skip"), faults),
        }
    }
}

impl ReportSelection {
    /// Reads the key `reports`.
    pub fn read(node: &Node, faults: &mut Faults) -> Self {
        let Some(keys) = Keys::read(node, &REPORTS_KEYS, faults) else {
            return Self::default();
        };
        Self {
            require: reports(keys.get("require"), faults),
            skip: reports(keys.get("skip"), faults),
        }
    }
}

/// Reads a list of names, each of which may be given once.
fn names(node: Option<&Node>, faults: &mut Faults) -> Vec<Located<String>> {
    let read = node.and_then(|it| read::one_or_list(it, faults, name));
    let names = read.map(|it| it.value).unwrap_or_default();
    twice_check(names.iter(), faults);
    names
}

fn name(node: &Node, faults: &mut Faults) -> Option<Located<String>> {
    let name = read::text(node, faults)?;
    if name.value.trim().is_empty() {
        faults.add(DiagnosticCode::InvalidName, name.span, "the name is empty");
        return None;
    }
    Some(name)
}

fn reports(node: Option<&Node>, faults: &mut Faults) -> Vec<ReportChoice> {
    let read = node.and_then(|it| read::one_or_list(it, faults, report));
    let reports = read.map(|it| it.value).unwrap_or_default();
    let whole = reports.iter().filter(|it| it.methods.is_empty());
    twice_check(whole.map(|it| &it.name), faults);
    reports
}

fn report(node: &Node, faults: &mut Faults) -> Option<ReportChoice> {
    if node.members().is_none() {
        return Some(ReportChoice {
            name: name(node, faults)?,
            methods: Vec::new(),
        });
    }
    let keys = Keys::read(node, &REPORT_KEYS, faults)?;
    let report = keys.required("name", faults);
    let report = report.and_then(|it| name(it, faults));
    let methods = names(keys.get("methods"), faults);
    Some(ReportChoice {
        name: report?,
        methods,
    })
}

fn twice_check<'a>(names: impl Iterator<Item = &'a Located<String>>, faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(&name.value) {
            let message = format!("`{}` is given twice", name.value.escape_debug());
            faults.add(DiagnosticCode::DuplicateName, name.span.clone(), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;
    use crate::yaml::parse_tree;

    fn parse<T>(text: &str, read: fn(&Node, &mut Faults) -> T) -> Result<T, Faults> {
        let file = SourceFile::new("f.yaml", text);
        let node = parse_tree(&file).expect(text);
        let mut faults = Faults::new(&file);
        let selection = read(&node, &mut faults);
        faults.result(selection)
    }

    fn names(all: &[Located<String>]) -> Vec<&str> {
        all.iter().map(|it| it.value.as_str()).collect()
    }

    #[test]
    fn selections_are_read() {
        let checks = parse("require: [a, b]\nskip: c\n", CheckSelection::read);
        let checks = checks.expect("good checks");
        assert_eq!(
            (names(&checks.require), names(&checks.skip)),
            (vec!["a", "b"], vec!["c"])
        );
        let text = "require:\n  - daily\n  - {name: \"@acme/cost\", methods: [run]}\nskip: []\n";
        let reports = parse(text, ReportSelection::read).expect("good reports");
        assert_eq!(reports.require[0].name.value, "daily");
        assert_eq!(names(&reports.require[1].methods), ["run"]);
    }

    #[test]
    fn faults_are_at_the_name() {
        let check = |text: &str, code: DiagnosticCode, place: (usize, usize)| {
            let checks = parse(text, CheckSelection::read).expect_err(text);
            let reports = parse(text, ReportSelection::read).expect_err(text);
            for faults in [checks, reports] {
                let fault = faults.first().expect("it is not empty");
                assert_eq!((fault.code, fault.line_column()), (code, place), "{text}");
            }
        };
        check("requires: [a]\n", DiagnosticCode::UnknownKey, (1, 1));
        check("required: [a]\n", DiagnosticCode::ForeignKey, (1, 1));
        check("require: [a, a]\n", DiagnosticCode::DuplicateName, (1, 14));
        check("skip: [\"\"]\n", DiagnosticCode::InvalidName, (1, 8));
        check("skip: [[a]]\n", DiagnosticCode::WrongType, (1, 8));
    }
}
