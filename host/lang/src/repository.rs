//! The files of the repository itself: `sedge.yaml` and `sedge.lock`.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use sedge_model::command::CommandPin;
use sedge_model::digest::Sha256;
use sedge_model::limits::{ComponentLimitsFile, ModelLimitsFile, ProcessLimitsFile};
use sedge_model::names::{CommandName, EnvName, SecretName, TypeName, TypeVersion};
use sedge_model::permission::grants::Grants;
use sedge_model::yaml_text;
use serde::{Deserialize, Serialize};

use crate::command_pin::PinFile;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::json_schema::{SchemaOf, schema_line};
use crate::suggest::nearest;
use crate::yaml::{self, Located};

/// The file that makes a folder a repository.
pub const CONFIG_FILE: &str = "sedge.yaml";

/// The file that pins plugins.
pub const LOCK_FILE: &str = "sedge.lock";

/// The version of both files' formats. A reader refuses a higher version, because it would not know
/// what the file means. There is no lower version.
pub const FORMAT_VERSION: u32 = 1;

/// `sedge.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Limits for models that do not set their own.
    pub limits: ModelLimitsFile,
    /// The maximum time that a call waits for a lock, in seconds.
    pub lock_timeout_seconds: Option<u32>,
    /// The maximum number of guests that execute at the same time.
    pub concurrency: Option<NonZeroU32>,
    /// The settings for all models of a type.
    pub plugins: BTreeMap<TypeName, PluginConfig>,
    /// Whether the components of plugins are kept in the repository.
    pub vendor_plugins: bool,
    /// Limits on a plugin's component, which are checked when it is added.
    pub component_limits: ComponentLimitsFile,
    /// Limits on what all calls of one process use together.
    pub process_limits: ProcessLimitsFile,
    /// The pinned programs, by their names in grants.
    pub commands: BTreeMap<CommandName, CommandPin>,
    /// The settings of the datastore.
    pub datastore: DatastoreConfig,
    /// What expressions may read.
    pub expressions: ExpressionsConfig,
    /// Where secrets come from that are not stored.
    pub secrets: SecretsConfig,
}

/// Where secrets come from that are not stored, in `sedge.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretsConfig {
    /// The vaults that commands read. No two are the same.
    pub sources: Vec<SecretSource>,
}

/// A vault that a pinned program reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSource {
    /// The vault: the names of its secrets begin with it and a dot.
    pub vault: SecretName,
    /// The name of the pinned program, which prints the value of one secret.
    pub command: CommandName,
}

impl SecretsConfig {
    /// Returns the source of a secret, and the key of the secret in its vault. Returns `None` if the
    /// secret is one that is stored. If several vaults have the name, the longest one counts.
    #[must_use]
    pub fn source_of<'n>(&self, name: &'n SecretName) -> Option<(&SecretSource, &'n str)> {
        let key_in = |source: &SecretSource| {
            let rest = name.as_str().strip_prefix(source.vault.as_str())?;
            rest.strip_prefix('.').filter(|key| !key.is_empty())
        };
        let found = self.sources.iter();
        let found = found.filter_map(|source| Some((source, key_in(source)?)));
        found.max_by_key(|(source, _)| source.vault.as_str().len())
    }
}

/// What expressions in definitions and workflows may read, in `sedge.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpressionsConfig {
    /// The variables of the environment: `env.NAME`.
    pub env: BTreeSet<EnvName>,
}

/// The settings of the datastore in `sedge.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DatastoreConfig {
    /// The users who share it with its owner. `None` means that only the owner uses it.
    pub shared: Option<SharedWith>,
}

/// The users who share a datastore with its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SharedWith {
    /// The users in the group of the repository's folder.
    Group,
}

/// The settings in `sedge.yaml` for all models of one type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PluginConfig {
    /// The grants of each model.
    pub grants: Grants,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ConfigFile {
    version: Located<u32>,
    #[serde(default)]
    limits: ModelLimitsFile,
    #[serde(default)]
    lock_timeout_seconds: Option<u32>,
    #[serde(default)]
    concurrency: Option<NonZeroU32>,
    #[serde(default)]
    plugins: BTreeMap<TypeName, PluginConfig>,
    #[serde(default)]
    vendor_plugins: bool,
    #[serde(default)]
    component_limits: ComponentLimitsFile,
    #[serde(default)]
    process_limits: ProcessLimitsFile,
    #[serde(default)]
    commands: BTreeMap<CommandName, PinFile>,
    #[serde(default)]
    datastore: DatastoreConfig,
    #[serde(default)]
    expressions: ExpressionsConfig,
    #[serde(default)]
    secrets: SecretsRaw,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SecretsRaw {
    sources: Vec<SecretSourceRaw>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretSourceRaw {
    vault: Located<SecretName>,
    command: Located<CommandName>,
}

impl Config {
    /// Parses `sedge.yaml`.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(file: &Arc<SourceFile>) -> Result<Self, Diagnostic> {
        let raw: ConfigFile = yaml::parse(file)?;
        check_version(file, &raw.version)?;
        let commands = raw.commands.into_iter();
        let commands = commands.map(|(name, pin)| Ok((name, pin.checked(file)?)));
        let commands = commands.collect::<Result<BTreeMap<_, _>, Diagnostic>>()?;
        Ok(Self {
            limits: raw.limits,
            lock_timeout_seconds: raw.lock_timeout_seconds,
            concurrency: raw.concurrency,
            plugins: raw.plugins,
            vendor_plugins: raw.vendor_plugins,
            component_limits: raw.component_limits,
            process_limits: raw.process_limits,
            secrets: secrets_checked(file, raw.secrets, &commands)?,
            commands,
            datastore: raw.datastore,
            expressions: raw.expressions,
        })
    }
}

/// Checks that each vault has one source, whose program is pinned.
fn secrets_checked(
    file: &Arc<SourceFile>,
    raw: SecretsRaw,
    commands: &BTreeMap<CommandName, CommandPin>,
) -> Result<SecretsConfig, Diagnostic> {
    let mut checked = SecretsConfig::default();
    for SecretSourceRaw { vault, command } in raw.sources {
        if checked.sources.iter().any(|it| it.vault == vault.value) {
            let message = format!("the vault `{}` has two sources", vault.value);
            let fault = Diagnostic::new(file, vault.span, message);
            return Err(fault.with_hint("remove one of them"));
        }
        let Some(pin) = commands.get(&command.value) else {
            let message = format!("no command named `{}` is pinned", command.value);
            let fault = Diagnostic::new(file, command.span, message);
            let near = nearest(
                command.value.as_str(),
                commands.keys().map(CommandName::as_str),
            );
            return Err(match near {
                Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
                None => fault.with_hint(format!(
                    "pin it: `commands: {{{}: {{program: /path/of/it, arguments: [\"*\"]}}}}`",
                    command.value
                )),
            });
        };
        if pin.arguments.is_several() {
            let message = format!("`{}` has several forms of arguments", command.value);
            return Err(Diagnostic::new(file, command.span, message).with_hint(
                "pin the program under a second name, with the arguments that print a value",
            ));
        }
        checked.sources.push(SecretSource {
            vault: vault.value,
            command: command.value,
        });
    }
    Ok(checked)
}

/// Returns the text of a new repository's `sedge.yaml`.
#[must_use]
pub fn config_file_text() -> String {
    let line = schema_line(SchemaOf::Repository, CONFIG_FILE);
    format!(
        "{line}\n# A Sedge repository. Its models are in models/, its workflows in workflows/.\n\
         version: {FORMAT_VERSION}\n"
    )
}

/// A pinned plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LockedPlugin {
    /// The version of the type that it provides.
    pub version: TypeVersion,
    /// The SHA-256 of its component.
    pub sha256: Sha256,
    /// The version of the contract that it was built for.
    pub contract: String,
    /// Where the plugin was added from, so that it can be restored in a fresh clone: a path
    /// relative to the repository, the name of a first-party plugin, the absolute path of another
    /// file, or a URL.
    pub source: String,
    /// The plugin's requests at the last decision about its grants, one line each. A version that
    /// requests more needs a new decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<String>,
    /// The grants of that decision, for all models of the type.
    #[serde(default, skip_serializing_if = "Grants::is_empty")]
    pub grants: Grants,
}

/// `sedge.lock`: the component that provides each type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginLock {
    /// The plugins by type.
    pub plugins: BTreeMap<TypeName, LockedPlugin>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginLockFile {
    version: Located<u32>,
    #[serde(default)]
    plugins: BTreeMap<TypeName, LockedPlugin>,
}

impl PluginLock {
    /// Parses `sedge.lock`.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(file: &Arc<SourceFile>) -> Result<Self, Diagnostic> {
        let raw: PluginLockFile = yaml::parse(file)?;
        check_version(file, &raw.version)?;
        Ok(Self {
            plugins: raw.plugins,
        })
    }

    /// Returns the text of the file.
    #[must_use]
    pub fn file_text(&self) -> String {
        #[derive(Serialize)]
        struct File<'a> {
            version: u32,
            plugins: &'a BTreeMap<TypeName, LockedPlugin>,
        }
        let body = yaml_text::write(&File {
            version: FORMAT_VERSION,
            plugins: &self.plugins,
        });
        format!("# Written by `sedge plugin add`. Keep it in version control.\n{body}")
    }
}

fn check_version(file: &Arc<SourceFile>, version: &Located<u32>) -> Result<(), Diagnostic> {
    if version.value == FORMAT_VERSION {
        return Ok(());
    }
    let message = format!(
        "this file has format {}, this Sedge reads format {FORMAT_VERSION}",
        version.value
    );
    Err(Diagnostic::new(file, version.span.clone(), message)
        .with_hint("use the version of Sedge that wrote the file, or a newer one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: String) -> Arc<SourceFile> {
        SourceFile::new(name, text)
    }

    #[test]
    fn written_files_are_parsed_again() {
        let config = Config::parse(&file(CONFIG_FILE, config_file_text())).expect("our own file");
        assert_eq!(config, Config::default());
        let mut lock = PluginLock::default();
        assert_eq!(
            PluginLock::parse(&file(LOCK_FILE, lock.file_text())),
            Ok(lock.clone())
        );
        lock.plugins.insert(
            "@sedge/sink".parse().expect("a type"),
            LockedPlugin {
                version: "2026.11.23.1".parse().expect("a version"),
                sha256: "0123".repeat(16).parse().expect("a digest"),
                contract: "0.4.0".into(),
                source: "./plug ins/sink: #1.wasm".into(),
                asked: vec!["models *".into(), "env HOME".into()],
                grants: Grants {
                    models: vec!["*".parse().expect("a pattern")],
                    ..Grants::default()
                },
            },
        );
        assert_eq!(
            PluginLock::parse(&file(LOCK_FILE, lock.file_text())),
            Ok(lock)
        );
    }

    #[test]
    fn newer_format_is_refused() {
        let error = Config::parse(&file(CONFIG_FILE, "version: 2\n".into())).expect_err("newer");
        assert_eq!(
            error.to_string(),
            "sedge.yaml:1:10: this file has format 2, this Sedge reads format 1"
        );
    }

    /// A digest becomes part of a path.
    #[test]
    fn invalid_digest_is_refused_with_its_place() {
        for digest in ["../../../../etc/passwd", "0123", "", "ABCD"] {
            let text = format!(
                "version: 1\nplugins:\n  \"@sedge/sink\":\n    version: 2026.11.23.1\n    sha256: \"{digest}\"\n    contract: 0.4.0\n    source: x\n"
            );
            let fault = PluginLock::parse(&file(LOCK_FILE, text)).expect_err(digest);
            let fault = fault.to_string();
            assert!(fault.starts_with("sedge.lock:5:"), "{fault}");
            assert!(fault.contains("digest"), "{fault}");
        }
    }

    #[test]
    fn datastore_is_shared_with_the_group_only() {
        let parse = |shared: &str| {
            let text = format!("version: 1\ndatastore: {{shared: {shared}}}\n");
            Config::parse(&file(CONFIG_FILE, text))
        };
        let config = parse("group").expect("a good file");
        assert_eq!(config.datastore.shared, Some(SharedWith::Group));
        parse("everyone").expect_err("only a group is valid");
    }

    #[test]
    fn variables_are_granted_to_expressions() {
        let parse = |names: &str| {
            let text = format!("version: 1\nexpressions: {{env: [{names}]}}\n");
            Config::parse(&SourceFile::new(CONFIG_FILE, text))
        };
        let config = parse("HOME, REGION").expect("a good file");
        let names: Vec<&str> = config.expressions.env.iter().map(EnvName::as_str).collect();
        assert_eq!(names, ["HOME", "REGION"]);
        parse("a-b").expect_err("not the name of a variable");
    }

    #[test]
    fn vault_is_read_by_a_pinned_program() {
        let parse = |sources: &str| {
            let text = format!(
                "version: 1\ncommands: {{pass: {{program: /usr/bin/pass, arguments: [show, \"*\"]}}}}\nsecrets:\n  sources: [{sources}]\n"
            );
            Config::parse(&file(CONFIG_FILE, text))
        };
        let secret = |text: &str| text.parse::<SecretName>().expect("a name");
        let config = parse("{vault: prod, command: pass}, {vault: prod.eu, command: pass}");
        let secrets = config.expect("a good file").secrets;
        let key_of = |name: &str| {
            let name = secret(name);
            let found = secrets.source_of(&name);
            found.map(|(source, key)| format!("{} {key}", source.vault))
        };
        assert_eq!(key_of("prod.db.password"), Some("prod db.password".into()));
        assert_eq!(key_of("prod.eu.db"), Some("prod.eu db".into()));
        for stored in ["prod", "prod.", "production.db", "db"] {
            assert_eq!(key_of(stored), None, "{stored}");
        }
        let fault = |sources: &str| parse(sources).expect_err(sources).to_string();
        assert_eq!(
            fault("{vault: prod, command: pas}"),
            "sedge.yaml:4:36: no command named `pas` is pinned"
        );
        assert_eq!(
            fault("{vault: a, command: pass}, {vault: a, command: pass}"),
            "sedge.yaml:4:48: the vault `a` has two sources"
        );
        let text = "version: 1\ncommands: {pass: {program: /usr/bin/pass, arguments: [[show, \"*\"], [ls]]}}\nsecrets: {sources: [{vault: a, command: pass}]}\n";
        let fault = Config::parse(&file(CONFIG_FILE, text.to_owned())).expect_err("two forms");
        assert_eq!(
            fault.to_string(),
            "sedge.yaml:3:41: `pass` has several forms of arguments"
        );
    }

    #[test]
    fn program_is_pinned() {
        let text = "version: 1\ncommands:\n  log:\n    program: /usr/bin/git\n    arguments: [log, ...]\n    environment: [HOME]\n    timeoutSeconds: 5\n";
        let config = Config::parse(&file(CONFIG_FILE, text.into())).expect("a good file");
        let pin = &config.commands[&"log".parse::<CommandName>().expect("a name")];
        assert_eq!(pin.program, "/usr/bin/git");
        assert_eq!(pin.arguments.to_string(), "log ...");
        assert_eq!(pin.timeout_seconds.map(NonZeroU32::get), Some(5));
        let text = text.replace("/usr/bin/", "");
        let fault = Config::parse(&file(CONFIG_FILE, text)).expect_err("no path");
        assert_eq!(
            fault.to_string(),
            "sedge.yaml:4:14: `git` is not an absolute path"
        );
    }
}
