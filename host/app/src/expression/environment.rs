//! The variables of the environment that expressions may read: `env.NAME`.

use std::collections::BTreeSet;

use sedge_lang::repository::CONFIG_FILE;
use sedge_lang::suggest::nearest;
use sedge_model::names::EnvName;
use sedge_sys::host;
use serde_json::Value;

use super::answers::{NeedArguments, NoAnswer};

/// Returns the name of a variable that an expression reads, if `sedge.yaml` grants it to expressions.
pub(super) fn granted_name<'g>(
    granted: &'g BTreeSet<EnvName>,
    arguments: NeedArguments<'_>,
) -> Result<&'g EnvName, NoAnswer> {
    let name = arguments.text(0)?;
    let found = granted.iter().find(|it| it.as_str() == name);
    found.ok_or_else(|| {
        let (message, help) = env_not_granted(granted, name);
        NoAnswer::Refused(match help {
            Some(help) => format!("{message}; {help}"),
            None => message,
        })
    })
}

/// Returns the value of a variable.
pub(super) fn variable(name: &EnvName) -> Result<Value, NoAnswer> {
    match host::variable(name.as_str()) {
        Some(value) => Ok(Value::String(value)),
        None => Err(NoAnswer::Absent(format!(
            "the environment variable `{name}` is not set"
        ))),
    }
}

/// Returns the message that a variable is not granted, and what can be done about it.
pub(crate) fn env_not_granted(granted: &BTreeSet<EnvName>, name: &str) -> (String, Option<String>) {
    let message = format!("{CONFIG_FILE} does not grant `{name}` to expressions");
    if let Some(near) = nearest(name, granted.iter().map(EnvName::as_str)) {
        return (message, Some(format!("did you mean `{near}`?")));
    }
    if name.parse::<EnvName>().is_err() {
        return (message, None);
    }
    let names = granted.iter().map(EnvName::as_str).chain([name]);
    let names: Vec<&str> = names.collect();
    let help = format!(
        "to grant it, write `expressions: {{env: [{}]}}` there",
        names.join(", ")
    );
    (message, Some(help))
}

#[cfg(test)]
mod tests {
    use sedge_lang::expr::Need;

    use super::*;

    fn read(granted: &[&str], name: &str) -> Result<Value, NoAnswer> {
        let granted = granted.iter().map(|it| it.parse().expect("a name"));
        let granted = granted.collect();
        let need = Need {
            name: "env".to_owned(),
            arguments: vec![name.into()],
        };
        granted_name(&granted, NeedArguments(&need)).and_then(variable)
    }

    #[test]
    fn variable_is_granted_or_refused() {
        assert!(matches!(read(&["PATH"], "PATH"), Ok(Value::String(_))));
        let refused = |granted: &[&str], name: &str, expect: &str| match read(granted, name) {
            Err(NoAnswer::Refused(message)) => assert_eq!(message, expect),
            other => panic!("{other:?}"),
        };
        refused(
            &["A"],
            "PATH",
            "sedge.yaml does not grant `PATH` to expressions; to grant it, write \
             `expressions: {env: [A, PATH]}` there",
        );
        refused(
            &["REGION"],
            "REGIN",
            "sedge.yaml does not grant `REGIN` to expressions; did you mean `REGION`?",
        );
        refused(&[], "a b", "sedge.yaml does not grant `a b` to expressions");
        let absent = read(
            &["A_VARIABLE_THAT_IS_NOT_SET"],
            "A_VARIABLE_THAT_IS_NOT_SET",
        );
        assert!(matches!(absent, Err(NoAnswer::Absent(_))));
    }
}
