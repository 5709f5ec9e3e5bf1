//! Makes plugins of scripts: runs a bundled script in the engine of its language, and takes a snapshot.
//!
//! The script is the author's, but the packages that it imports come from elsewhere. Therefore it is
//! evaluated as a plugin is compiled: in a child process, within limits of time and memory, and without
//! any access (`script/imports.rs`). The same engine and the same script always give the same bytes.
//!
//! The machine code of the engine is stored in the cache, because compiling it takes longer than all
//! the rest.

mod imports;
pub(crate) mod map;
mod snapshot;
mod wire;

use std::convert::Infallible;
use std::io;
use std::path::Path;

use sedge_model::backtrace::StackFrame;
use sedge_model::limits::LimitName;
use sedge_sys::clock::Moment;
use sedge_sys::worker::{self, WorkerError, WorkerLimits, WorkerTask};
use serde::{Deserialize, Serialize};

use crate::cache::CacheFault;
use crate::compile::ComponentCompiler;
use crate::component_limits::CompileLimit;
use crate::engine::{self, Runtime};
use crate::plugin::{PluginError, sha256_hex};
use crate::trap::{FRAME_BYTES_MAX, FRAMES_MAX};
use map::{SOURCE_MAP_SECTION, ScriptMap};
use snapshot::{SCRIPT_MEMORY_BYTES_MAX, ScriptSnapshot, Unevaluated};

/// The hidden command that makes a program evaluate a script. Its argument is the maximum memory in
/// bytes.
pub const SNAPSHOT_COMMAND: &str = "snapshot-script";

/// The maximum size of the answer of a child, in bytes: a component, and what the script logged.
const ANSWER_BYTES_MAX: u64 = 2 * SCRIPT_MEMORY_BYTES_MAX as u64;

/// The maximum size of a message of a script, in bytes.
const MESSAGE_BYTES_MAX: usize = 8 << 10;

/// The maximum number of lines that a script logs while it is evaluated. More are left out.
const LOG_LINES_MAX: usize = 1000;

/// A bundled script.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// The engine of its language: a component that exports `compile` and `load`.
    pub engine: &'a [u8],
    /// The script: one module that imports nothing.
    pub text: &'a str,
    /// Its source map, of version 3.
    pub source_map: Option<&'a [u8]>,
    /// Returns whether a file of the source map is the author's. Frames of other files are not shown.
    pub is_own_file: fn(&str) -> bool,
}

/// A component that was made of a script.
#[derive(Debug)]
pub struct ScriptComponent {
    /// The component.
    pub bytes: Vec<u8>,
    /// What the script logged while it was evaluated: a level, a space, and the text.
    pub log: Vec<String>,
    /// Why the code of the engine could not be stored in the cache or read from it.
    pub fault: Option<CacheFault>,
}

/// Why no component was made of a script.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The engine cannot be compiled.
    #[error("the engine for scripts cannot be used")]
    Engine(#[source] PluginError),
    /// The component is not an engine for scripts.
    #[error("the engine for scripts cannot be used: {reason}")]
    NotEngine {
        /// The difference.
        reason: String,
    },
    /// The script has a fault, or its top level failed.
    #[error("{message}")]
    Failed {
        /// The error of the script.
        message: String,
        /// The functions of the script, innermost first, with their places in the author's files.
        stack: Vec<StackFrame>,
    },
    /// The top level of the script does not end.
    #[error(
        "the top level of its modules runs for more than {seconds} s, the limit `describeSeconds`"
    )]
    Time {
        /// The value of the limit.
        seconds: u64,
    },
    /// The top level of the script needs too much memory.
    #[error(
        "the top level of its modules has reached the limit `{}` of {mebibytes} MiB",
        LimitName::MemoryBytes.as_str()
    )]
    Memory {
        /// The value of the limit.
        mebibytes: u64,
    },
    /// The engine trapped.
    #[error("the top level of its modules trapped: {reason}")]
    Trapped {
        /// The cause.
        reason: String,
    },
    /// The source map is not valid.
    #[error("its source map cannot be used: {reason}")]
    SourceMap {
        /// The fault.
        reason: String,
    },
    /// The child process failed.
    #[error("the process that evaluates it failed")]
    Worker(#[source] WorkerError),
}

/// The beginning of a child's answer. The component follows.
#[derive(Debug, Serialize, Deserialize)]
struct AnswerHead {
    fault: Option<Unevaluated>,
    log: Vec<String>,
}

impl Runtime {
    /// Evaluates a script, and makes a component of the result.
    ///
    /// # Errors
    /// The script has a fault, or evaluating it exceeds a limit.
    pub async fn script_component(
        &self,
        script: &Script<'_>,
    ) -> Result<ScriptComponent, ScriptError> {
        let map = match script.source_map {
            Some(text) => ScriptMap::read(text, script.is_own_file)
                .map_err(|reason| ScriptError::SourceMap { reason })?,
            None => ScriptMap::default(),
        };
        let (code, fault) = self.script_engine(script.engine).await?;
        let evaluated = match &self.compiler {
            ComponentCompiler::InProcess => {
                let (engine, text) = (script.engine.to_vec(), script.text.to_owned());
                let evaluate = move || evaluate(&engine, &code, &text);
                let evaluated = tokio::task::spawn_blocking(evaluate).await;
                evaluated.unwrap_or_else(|_| Err(Unevaluated::Engine("it panicked".to_owned())))
            }
            ComponentCompiler::Program(program) => {
                self.evaluate_in_child(program, script, &code).await?
            }
            ComponentCompiler::Missing => {
                return Err(ScriptError::Engine(PluginError::CompilerMissing));
            }
        };
        let ScriptSnapshot { component, log } =
            evaluated.map_err(|fault| script_error(fault, &map))?;
        let mut bytes = component;
        if script.source_map.is_some() {
            section_add(&mut bytes, SOURCE_MAP_SECTION, &map.to_source_map());
        }
        Ok(ScriptComponent { bytes, log, fault })
    }

    /// Returns the machine code of the instrumented engine, from the cache if it is there, and why the
    /// cache cannot be used.
    async fn script_engine(
        &self,
        engine: &[u8],
    ) -> Result<(Vec<u8>, Option<CacheFault>), ScriptError> {
        let sha256 = sha256_hex(engine);
        let cached = self.cache.as_ref().map(|it| it.script_engine(&sha256));
        let fault = match cached {
            Some(Ok(Some(code))) => return Ok((code, None)),
            Some(Ok(None)) | None => None,
            Some(Err(fault)) => Some(fault),
        };
        let limits = &self.component_limits;
        let bytes = engine.to_vec();
        let instrumented = tokio::task::spawn_blocking(move || snapshot::instrumented(&bytes));
        let instrumented = instrumented.await;
        // A panic of the library is a fault of the component: it has a shape that it does not know.
        let instrumented = instrumented.unwrap_or_else(|_| Err("its shape is unknown".to_owned()));
        let instrumented = instrumented.map_err(|reason| ScriptError::NotEngine { reason })?;
        let compiling = self.compiler.compile(&self.engine, &instrumented, limits);
        let code = compiling.await.map_err(ScriptError::Engine)?.code;
        let saved = self
            .cache
            .as_ref()
            .map(|it| it.script_engine_save(&sha256, &code));
        Ok((code, fault.or_else(|| saved.and_then(Result::err))))
    }

    async fn evaluate_in_child(
        &self,
        program: &Path,
        script: &Script<'_>,
        code: &[u8],
    ) -> Result<Result<ScriptSnapshot, Unevaluated>, ScriptError> {
        let limits = &self.component_limits;
        let mut input = Vec::new();
        let pieces = [script.engine, code, script.text.as_bytes()];
        wire::pieces_write(&mut input, &pieces).expect("memory can be written");
        let task = WorkerTask {
            program: program.to_owned(),
            arguments: vec![
                SNAPSHOT_COMMAND.to_owned(),
                limits.compile_bytes.to_string(),
            ],
            input: &input,
            output_bytes_max: ANSWER_BYTES_MAX,
            deadline: Moment::now().after(limits.describe),
        };
        let answer = worker::run(task).await.map_err(|error| match error {
            WorkerError::Time => ScriptError::Time {
                seconds: limits.describe.as_secs(),
            },
            WorkerError::Memory => ScriptError::Engine(PluginError::CompileLimit {
                limit: CompileLimit::Mebibytes,
                most: limits.compile_bytes >> 20,
            }),
            WorkerError::Start { .. } | WorkerError::Ended { .. } | WorkerError::Pipes(_) => {
                ScriptError::Worker(error)
            }
        })?;
        answer_parse(&answer).ok_or_else(|| ScriptError::NotEngine {
            reason: "the answer of the process that evaluates it is not understood".to_owned(),
        })
    }
}

/// Evaluates the script on stdin, writes the result to stdout, and ends the process.
///
/// # Errors
/// The process was not started by [`Runtime::script_component`], or a pipe failed.
pub fn snapshot_serve(memory_bytes: u64) -> io::Result<Infallible> {
    let limits = WorkerLimits {
        memory_bytes,
        // The engine keeps what the memory of an instance begins with in a file in memory.
        file_bytes: SCRIPT_MEMORY_BYTES_MAX as u64,
    };
    worker::serve(limits, |input, answer| {
        let (head, component) = match wire::pieces_read(input) {
            Some([engine, code, text]) => {
                let text = String::from_utf8_lossy(text);
                answer_parts(evaluate(engine, code, &text))
            }
            None => return Err(io::ErrorKind::InvalidData.into()),
        };
        let head = serde_json::to_vec(&head).map_err(io::Error::other)?;
        wire::pieces_write(answer, &[&head, &component])
    })
}

fn evaluate(engine: &[u8], code: &[u8], text: &str) -> Result<ScriptSnapshot, Unevaluated> {
    let compiling = engine::for_compiling();
    let compiling = compiling.map_err(|error| Unevaluated::Engine(format!("{error:#}")))?;
    snapshot::evaluate(&compiling, engine, code, text)
}

fn answer_parts(evaluated: Result<ScriptSnapshot, Unevaluated>) -> (AnswerHead, Vec<u8>) {
    match evaluated {
        Ok(ScriptSnapshot { component, mut log }) => {
            log.truncate(LOG_LINES_MAX);
            (AnswerHead { fault: None, log }, component)
        }
        Err(fault) => {
            let log = Vec::new();
            let fault = Some(fault);
            (AnswerHead { fault, log }, Vec::new())
        }
    }
}

fn answer_parse(answer: &[u8]) -> Option<Result<ScriptSnapshot, Unevaluated>> {
    let [head, component] = wire::pieces_read(answer)?;
    let AnswerHead { fault, log } = serde_json::from_slice(head).ok()?;
    Some(match fault {
        Some(fault) => Err(fault),
        None => Ok(ScriptSnapshot {
            component: component.to_vec(),
            log,
        }),
    })
}

fn script_error(fault: Unevaluated, map: &ScriptMap) -> ScriptError {
    match fault {
        Unevaluated::Script { message, stack } => {
            let frames = stack.iter().take(FRAMES_MAX);
            let frames = frames.map(|frame| StackFrame::parse(cut(frame, FRAME_BYTES_MAX)));
            ScriptError::Failed {
                message: cut(&message, MESSAGE_BYTES_MAX).to_owned(),
                stack: map.frames(frames.collect()),
            }
        }
        Unevaluated::Memory => ScriptError::Memory {
            mebibytes: (SCRIPT_MEMORY_BYTES_MAX >> 20) as u64,
        },
        Unevaluated::Trapped(reason) => ScriptError::Trapped { reason },
        Unevaluated::Engine(reason) => ScriptError::NotEngine { reason },
    }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Adds a custom section to a component.
fn section_add(component: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut inner = Vec::new();
    leb_write(&mut inner, name.len());
    inner.extend_from_slice(name.as_bytes());
    component.push(0);
    leb_write(component, inner.len() + content.len());
    component.extend_from_slice(&inner);
    component.extend_from_slice(content);
}

/// Writes a number as WebAssembly does: seven bits a byte, the lowest first.
fn leb_write(to: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            to.push(low);
            return;
        }
        to.push(low | 0x80);
    }
}
