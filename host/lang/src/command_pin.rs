//! The pins of commands as they are written in `sedge.yaml`.

use std::num::NonZeroU32;
use std::sync::Arc;

use sedge_model::command::{
    ArgumentForms, ArgumentPatterns, CommandPin, LINEAGE_VARIABLE, REST, is_reserved,
};
use sedge_model::names::EnvName;
use serde::Deserialize;

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::yaml::{Located, TextOrList};

/// The maximum number of forms of arguments in one pin. A refusal compares with each of them.
const FORMS_MAX: usize = 64;

/// A pin as it is written in `sedge.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PinFile {
    program: Located<String>,
    #[serde(default)]
    arguments: Vec<Located<TextOrList>>,
    #[serde(default)]
    environment: Vec<Located<EnvName>>,
    #[serde(default)]
    variables: Vec<Located<EnvName>>,
    #[serde(default)]
    cwd: Option<Located<String>>,
    #[serde(default)]
    subfolders: Option<Located<bool>>,
    #[serde(default)]
    timeout_seconds: Option<NonZeroU32>,
    #[serde(default)]
    output_kibibytes: Option<NonZeroU32>,
}

impl PinFile {
    /// Checks the pin.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub(crate) fn checked(self, file: &Arc<SourceFile>) -> Result<CommandPin, Diagnostic> {
        if !self.program.value.starts_with('/') {
            let message = format!("`{}` is not an absolute path", self.program.value);
            let hint = "write the path that `command -v NAME` prints, so that the same program runs for every user";
            return Err(Diagnostic::new(file, self.program.span, message).with_hint(hint));
        }
        let own = |name: &&Located<EnvName>| name.value.as_str() == LINEAGE_VARIABLE;
        if let Some(name) = self.environment.iter().find(own) {
            let message = format!("`{}` is set by Sedge itself", name.value);
            return Err(Diagnostic::new(file, name.span.clone(), message)
                .with_hint("remove it: Sedge does not pass on the value of its own environment"));
        }
        let reserved = |name: &&Located<EnvName>| is_reserved(&name.value);
        if let Some(name) = self.variables.iter().find(reserved) {
            let message = format!("no guest may set `{}`", name.value);
            return Err(Diagnostic::new(file, name.span.clone(), message).with_hint(
                "the variable can decide which code a program runs; to pass on the value of the machine, list it under `environment`",
            ));
        }
        if let Some(cwd) = &self.cwd
            && !is_inside(&cwd.value)
        {
            let message = format!("`{}` is not a folder in the repository", cwd.value);
            return Err(Diagnostic::new(file, cwd.span.clone(), message)
                .with_hint("write a relative path without `..`; `.` is the repository itself"));
        }
        if let (Some(subfolders), None) = (&self.subfolders, &self.cwd) {
            let message = "`subfolders` needs `cwd`".to_owned();
            return Err(
                Diagnostic::new(file, subfolders.span.clone(), message).with_hint(
                    "without `cwd` the program runs in an empty folder, which has no subfolders",
                ),
            );
        }
        Ok(CommandPin {
            program: self.program.value,
            arguments: forms_checked(file, self.arguments)?,
            environment: self.environment.into_iter().map(|it| it.value).collect(),
            variables: self.variables.into_iter().map(|it| it.value).collect(),
            cwd: self.cwd.map(|it| it.value),
            subfolders: self.subfolders.is_some_and(|it| it.value),
            timeout_seconds: self.timeout_seconds,
            output_kibibytes: self.output_kibibytes,
        })
    }
}

/// Returns whether a relative path stays within its start folder, judged by its text.
fn is_inside(path: &str) -> bool {
    let is_step = |part: &str| !part.is_empty() && part != "..";
    !path.contains('\0') && path.split('/').all(is_step)
}

/// Reads `[WORD, ...]`, one form, or `[[WORD, ...], ...]`, several.
fn forms_checked(
    file: &Arc<SourceFile>,
    arguments: Vec<Located<TextOrList>>,
) -> Result<ArgumentForms, Diagnostic> {
    let (mut words, mut forms) = (Vec::new(), Vec::new());
    for Located { value, span } in arguments {
        let is_mixed = match value {
            TextOrList::Text(value) => {
                let at = span.clone();
                words.push(Located { value, span });
                (!forms.is_empty()).then_some(at)
            }
            TextOrList::List(form) => {
                forms.push(patterns_checked(file, form)?);
                (!words.is_empty() || forms.len() > FORMS_MAX).then_some(span)
            }
        };
        let Some(span) = is_mixed else { continue };
        if forms.len() > FORMS_MAX {
            let message = format!("a pin has at most {FORMS_MAX} forms of arguments");
            return Err(Diagnostic::new(file, span, message)
                .with_hint("pin the program under a second name for the others"));
        }
        let message = "words and lists of words are mixed".to_owned();
        return Err(Diagnostic::new(file, span, message)
            .with_hint("write one form as `[log, ...]`, and several as `[[log, ...], [status]]`"));
    }
    let mut forms = forms.into_iter();
    Ok(match forms.next() {
        Some(first) => ArgumentForms::new(first, forms.collect()),
        None => ArgumentForms::new(patterns_checked(file, words)?, Vec::new()),
    })
}

fn patterns_checked(
    file: &Arc<SourceFile>,
    mut patterns: Vec<Located<String>>,
) -> Result<ArgumentPatterns, Diagnostic> {
    let rest = patterns.pop_if(|last| last.value == REST).is_some();
    let mut all = patterns.iter();
    if let Some(early) = all.find(|pattern| pattern.value == REST) {
        let message = format!("`{REST}` stands for all further arguments, so it must be last");
        return Err(Diagnostic::new(file, early.span.clone(), message)
            .with_hint("write `*` for any one argument"));
    }
    let each = patterns.into_iter().map(|it| it.value).collect();
    Ok(ArgumentPatterns::new(each, rest))
}

#[cfg(test)]
mod tests {
    use sedge_model::command::narrowest_form;

    use super::*;
    use crate::yaml;

    fn pin(text: &str) -> Result<CommandPin, Diagnostic> {
        let file = SourceFile::new("sedge.yaml", text);
        let raw: PinFile = yaml::parse(&file)?;
        raw.checked(&file)
    }

    fn patterns(list: &str) -> ArgumentForms {
        let pin = pin(&format!("program: /bin/true\narguments: {list}\n"));
        pin.expect("a good pin").arguments
    }

    fn check(list: &str, arguments: &[&str], expect: bool) {
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        let checked = patterns(list).check(&arguments);
        assert_eq!(checked.is_ok(), expect, "{list} {arguments:?}: {checked:?}");
    }

    #[test]
    fn a_literal_fits_itself() {
        check("[]", &[], true);
        check("[]", &["a"], false);
        check("[log, main]", &["log", "main"], true);
        check("[log, main]", &["log"], false);
        check("[log, main]", &["log", "main", ""], false);
        check("[log, main]", &["log", "Main"], false);
        check("[a.c]", &["abc"], false);
        check("['']", &[""], true);
    }

    #[test]
    fn a_star_fits_any_text_within_one_argument() {
        for (pattern, text, expect) in [
            ("*", "", true),
            ("*", "a b; $(c) *", true),
            ("a*", "a", true),
            ("a*", "ba", false),
            ("*a", "aba", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
            ("*ab*ab", "ab", false),
            ("*ab*ab", "xabab", true),
            ("**", "é", true),
            ("é*", "é☂", true),
        ] {
            check(&format!("['{pattern}']"), &[text], expect);
        }
    }

    #[test]
    fn an_option_fits_a_pattern_of_an_option_only() {
        check("['*']", &["-x"], false);
        check("['*']", &["-"], false);
        check("['-*']", &["-x"], true);
        check("['-*']", &["x"], false);
        check("['--format=*']", &["--format=json"], true);
        check("['--', '*']", &["--", "-x"], false);
        check("[...]", &["a", "-x"], false);
        check("['*']", &["a-x"], true);
    }

    #[test]
    fn final_dots_fit_any_further_arguments() {
        check("[...]", &[], true);
        check("[log, ...]", &["log"], true);
        check("[log, ...]", &["log", "a", ""], true);
        check("[log, ...]", &[], false);
        check("[log, ...]", &["gol", "a"], false);
        check("[...]", &["a\0b"], false);
    }

    #[test]
    fn error_names_the_argument_and_the_patterns() {
        let error = |list: &str, argument: &str| {
            let checked = patterns(list).check(&[argument.to_owned()]);
            checked.expect_err("refused").to_string()
        };
        assert_eq!(
            error("[log, ...]", "gol"),
            "argument 1, \"gol\", does not fit; it takes `log ...`"
        );
        assert_eq!(
            error("['*']", "-x"),
            "argument 1, \"-x\", is an option, which is not allowed there; it takes `*`"
        );
        assert_eq!(error("[]", "a"), "there are 1; it takes `no arguments`");
        let long = error("[log]", &"é".repeat(10_000));
        assert!(
            long.ends_with("é\"…, does not fit; it takes `log`"),
            "{long}"
        );
        assert!(long.len() < 300, "{long}");
    }

    #[test]
    fn arguments_have_to_fit_one_of_several_forms() {
        let forms = "[[], [-s], [log, ...], [log, 12]]";
        check(forms, &[], true);
        check(forms, &["-s"], true);
        check(forms, &["log", "a"], true);
        check(forms, &["log", "12"], true);
        check(forms, &["-s", "-p"], false);
        check(forms, &["log", "-x"], false);
        check("[[a]]", &["a"], true);
        check("[[a]]", &[], false);
        let error = |list: &str, argument: &str| {
            let checked = patterns(list).check(&[argument.to_owned()]);
            checked.expect_err("refused").to_string()
        };
        assert_eq!(
            error("[[log], [-s, a], []]", "-p"),
            "they fit none of its 3 forms: `log` (argument 1, \"-p\", is an option, which is not \
             allowed there), `-s a` (there are 1), `no arguments` (there are 1)"
        );
        let many = format!("[{}]", "[a], ".repeat(FORMS_MAX));
        let long = error(&many, "b");
        assert!(long.ends_with(", and 56 more"), "{long}");
        let pin = pin("program: /bin/git\narguments: [[log, ...], [status]]\n");
        let pin = pin.expect("a good pin");
        assert_eq!(pin.to_string(), "/bin/git (log ... | status)");
    }

    #[test]
    fn narrowest_form_takes_exactly_the_arguments() {
        let form = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
            (narrowest_form(&arguments), arguments)
        };
        for given in [
            &[][..],
            &["-s"],
            &["a b", "\"q\" \\ 'x'", "#", "no", "12", ""],
        ] {
            let (form, arguments) = form(given);
            let form = form.expect("it can be written");
            patterns(&form).check(&arguments).expect("it fits");
            patterns(&format!("[[other], {form}]"))
                .check(&arguments)
                .expect("it fits");
        }
        // These would allow more than was tried, or could not be read.
        for given in ["*", "a*", "...", "a\nb", "\u{202e}x", &"x".repeat(301)] {
            assert_eq!(form(&[given]).0, None, "{given:?}");
        }
    }

    #[test]
    fn guest_may_set_only_variables_that_load_no_code() {
        let with = |name: &str| pin(&format!("program: /bin/git\nvariables: [LANG, {name}]\n"));
        let names = with("TZ").expect("a good pin").variables;
        assert_eq!(
            names.iter().map(|it| it.as_str()).collect::<Vec<_>>(),
            ["LANG", "TZ"]
        );
        for name in [
            "PATH",
            "LD_PRELOAD",
            "DYLD_INSERT_LIBRARIES",
            "BASH_ENV",
            "SEDGE_LINEAGE",
        ] {
            let fault = with(name).expect_err(name).to_string();
            assert_eq!(fault, format!("sedge.yaml:2:19: no guest may set `{name}`"));
        }
    }

    #[test]
    fn paths_are_found_in_whole_arguments_and_their_parts() {
        let fixed = |list: &str| {
            let patterns = patterns(list);
            let paths: Vec<String> = patterns.fixed_paths().map(str::to_owned).collect();
            paths
        };
        assert_eq!(fixed("[run, a/b]"), ["run", "a/b"]);
        assert_eq!(fixed("[--file=/srv/a]"), ["--file=/srv/a", "/srv/a"]);
        assert_eq!(fixed("[-f/srv/a]"), ["-f/srv/a", "/srv/a"]);
        assert_eq!(fixed("[-é/srv]"), ["-é/srv", "/srv"]);
        assert_eq!(fixed("[-f, a=b=c]"), ["-f", "a=b=c", "b=c", "c"]);
        assert_eq!(fixed("['/srv/in/run-*']"), ["/srv/in/"]);
        assert_eq!(fixed("['--file=in/*.mk']"), ["--file=in/", "in/"]);
        assert_eq!(fixed("['*', 'run*', ...]"), [""; 0]);
        let chosen = |list: &str, arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
            patterns(list).chosen_paths(&arguments).join(" ")
        };
        assert_eq!(chosen("['in/*']", &["in/../out"]), "in/../out");
        assert_eq!(chosen("['*.mk']", &["../a.mk"]), "../a.mk");
        assert_eq!(chosen("['-f*']", &["-fa"]), "-fa a");
        assert_eq!(chosen("['*', '**', ...]", &["a", "b", "c"]), "");
        // Of several forms, the one that gives the guest the choice counts.
        assert_eq!(chosen("[['in/*'], [out]]", &["in/a"]), "in/a");
        assert_eq!(chosen("[['in/*'], ['*'], [out]]", &["in/a"]), "");
        assert_eq!(fixed("[[run, a/b], ['c/*']]"), ["run", "a/b", "c/"]);
    }

    #[test]
    fn pin_has_an_optional_working_folder() {
        let plain = pin("program: /bin/true\n").expect("a good pin");
        assert_eq!(plain.to_string(), "/bin/true");
        assert_eq!(plain.cwd, None);
        let with_cwd = pin("program: /bin/true\ncwd: a/b\n").expect("a good pin");
        assert_eq!(with_cwd.cwd.as_deref(), Some("a/b"));
        assert!(!with_cwd.subfolders);
        let below = pin("program: /bin/true\ncwd: a/b\nsubfolders: true\n");
        assert!(below.expect("a good pin").subfolders);
        let log = pin("program: /bin/git\narguments: [log, ...]\ncwd: .\n").expect("a good pin");
        assert_eq!(log.to_string(), "/bin/git log ...");
    }

    #[test]
    fn a_fault_names_its_place() {
        let check = |text: &str, expect: &str| {
            let fault = pin(text).expect_err(text);
            assert_eq!(fault.to_string(), expect, "{text}");
        };
        check(
            "program: git\n",
            "sedge.yaml:1:10: `git` is not an absolute path",
        );
        check(
            "program: /bin/git\narguments: [..., log]\n",
            "sedge.yaml:2:13: `...` stands for all further arguments, so it must be last",
        );
        check(
            "program: /bin/git\nenvironment: [HOME, SEDGE_LINEAGE]\n",
            "sedge.yaml:2:21: `SEDGE_LINEAGE` is set by Sedge itself",
        );
        check(
            "program: /bin/git\narguments: [log, [status]]\n",
            "sedge.yaml:2:18: words and lists of words are mixed",
        );
        check(
            "program: /bin/git\narguments: [[log], status]\n",
            "sedge.yaml:2:20: words and lists of words are mixed",
        );
        check(
            "program: /bin/git\narguments: [[log], [..., a]]\n",
            "sedge.yaml:2:21: `...` stands for all further arguments, so it must be last",
        );
        check(
            "program: /bin/git\narguments: [[log, [a]]]\n",
            "sedge.yaml:2:19: expected a text, found a list",
        );
        check(
            "program: /bin/git\nsubfolders: true\n",
            "sedge.yaml:2:13: `subfolders` needs `cwd`",
        );
        let many = format!("program: /bin/git\narguments: [{}]\n", "[a], ".repeat(65));
        check(
            &many,
            "sedge.yaml:2:333: a pin has at most 64 forms of arguments",
        );
        for cwd in ["/srv", "../other", "a/../../b", "a//b", "''"] {
            let text = format!("program: /bin/git\ncwd: {cwd}\n");
            let fault = pin(&text).expect_err(cwd).to_string();
            assert!(
                fault.ends_with("is not a folder in the repository"),
                "{fault}"
            );
            assert!(fault.starts_with("sedge.yaml:2:6: "), "{fault}");
        }
        check(
            "program: /bin/git\nargs: [log]\n",
            "sedge.yaml:2:1: unknown key `args`",
        );
    }
}
