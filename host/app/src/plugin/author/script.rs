//! Makes the component of a bundled script, with the engine of an SDK.

use std::path::Path;

use sedge_model::call::{LogLevel, LogLine};
use sedge_runtime::{PluginError, Runtime, Script, ScriptError};
use sedge_sys::folder::read_named_file;

use super::bundler::Bundle;
use super::error::AuthorError;
use crate::error::{AppError, PluginUseError};
use crate::events::Event;
use crate::repository::{Notices, cache_unusable};

/// The file of the engine, in the folder of the SDK.
pub(crate) const ENGINE: &str = "engine.wasm";

/// The maximum size of the engine, in bytes. Ours has two megabytes.
const ENGINE_BYTES_MAX: u64 = 64 << 20;

/// How many frames of a script that failed are shown.
const FRAMES_SHOWN: usize = 5;

/// What makes components of scripts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScriptBuilder<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) notices: &'a Notices,
}

impl ScriptBuilder<'_> {
    /// Evaluates a bundle in the engine of the SDK in a folder, and returns the component.
    ///
    /// # Errors
    /// The engine cannot be used. The inner error is a fault of the script.
    pub(crate) async fn component(
        &self,
        sdk: &Path,
        bundle: &Bundle,
    ) -> Result<Result<Vec<u8>, ScriptFault>, AppError> {
        let path = sdk.join(ENGINE);
        let engine = read_named_file(&path, ENGINE_BYTES_MAX)?;
        let script = Script {
            engine: &engine,
            text: &bundle.text,
            source_map: Some(bundle.source_map.as_bytes()),
            is_own_file,
        };
        match self.runtime.script_component(&script).await {
            Ok(made) => {
                if let Some(fault) = made.fault {
                    self.notices.event(cache_unusable(&fault));
                }
                for line in &made.log {
                    let line = logged(line);
                    self.notices.event(Event::PluginLogged { line });
                }
                Ok(Ok(made.bytes))
            }
            Err(error) => script_fault(error, &path),
        }
    }
}

/// Why no component was made of a script.
#[derive(Debug)]
pub(crate) struct ScriptFault {
    pub(crate) why: Vec<String>,
    pub(crate) remedies: Vec<String>,
}

impl ScriptFault {
    /// Returns the error for the plugin in a folder.
    pub(crate) fn of(self, folder: &Path) -> AuthorError {
        AuthorError::BuildFailed {
            folder: folder.to_owned(),
            why: self.why,
            remedies: self.remedies,
        }
    }
}

/// Returns whether a file of a bundle is the author's: neither a package nor the SDK.
fn is_own_file(path: &str) -> bool {
    let is_outside =
        path.starts_with("../") || path.starts_with('/') || path.contains("node_modules/");
    // The bundler adds modules whose names begin with `sedge:` and `sedge-absent:`.
    !is_outside && !path.starts_with("sedge-") && !path.starts_with("sedge:")
}

/// Returns a line that a script logged: a level, a space, and a message.
fn logged(line: &str) -> LogLine {
    let known = [
        LogLevel::Trace,
        LogLevel::Debug,
        LogLevel::Info,
        LogLevel::Warn,
        LogLevel::Error,
    ];
    let (word, message) = line.split_once(' ').unwrap_or(("", line));
    let level = known.into_iter().find(|level| level.as_str() == word);
    LogLine {
        level: level.unwrap_or(LogLevel::Info),
        message: match level {
            Some(_) => message.to_owned(),
            None => line.to_owned(),
        },
        fields: Vec::new(),
    }
}

/// Returns a fault of the script.
///
/// # Errors
/// The engine cannot be used.
fn script_fault(
    error: ScriptError,
    engine: &Path,
) -> Result<Result<Vec<u8>, ScriptFault>, AppError> {
    let refused = |source: PluginError| {
        Err(AppError::from(PluginUseError::Refused {
            path: engine.to_owned(),
            source,
        }))
    };
    let fault = |why: Vec<String>, remedy: &str| {
        let remedies = vec![remedy.to_owned()];
        Ok(Err(ScriptFault { why, remedies }))
    };
    let at_load = "what is at the top level of the modules runs when the plugin is built: do the work \
                   in a method";
    match error {
        ScriptError::Engine(source) => refused(source),
        ScriptError::Worker(source) => refused(PluginError::Compiler(source)),
        ScriptError::NotEngine { reason } => refused(PluginError::World { reason }),
        ScriptError::Failed { message, stack } => {
            let frames = stack.iter().take(FRAMES_SHOWN);
            let frames = frames.map(|frame| format!("in {frame}"));
            let why = std::iter::once(message).chain(frames).collect();
            let remedies = Vec::new();
            Ok(Err(ScriptFault { why, remedies }))
        }
        ScriptError::SourceMap { reason } => fault(
            vec![format!(
                "the source map of the bundle cannot be used: {reason}"
            )],
            "report this as a fault of Sedge",
        ),
        ScriptError::Time { .. } | ScriptError::Memory { .. } | ScriptError::Trapped { .. } => {
            fault(vec![error.to_string()], at_load)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_files_are_those_of_the_project() {
        let check = |path: &str, expect: bool| assert_eq!(is_own_file(path), expect, "{path}");
        check("plugin.ts", true);
        check("lib/a.ts", true);
        check("extensions/models/_lib/a.ts", true);
        check("node_modules/zod/index.js", false);
        check("../node_modules/zod/index.js", false);
        check("sedge-sdk/typescript/src/sdk/index.ts", false);
        check("/usr/lib/sedge/sdk/typescript/src/sdk/index.ts", false);
        check("../other.ts", false);
        check("sedge:swamp", false);
    }

    #[test]
    fn logged_line_has_a_level() {
        let check = |text: &str, level: LogLevel, message: &str| {
            let line = logged(text);
            assert_eq!((line.level, line.message.as_str()), (level, message));
        };
        check("warn it is old", LogLevel::Warn, "it is old");
        check("hello you", LogLevel::Info, "hello you");
        check("info", LogLevel::Info, "info");
    }
}
