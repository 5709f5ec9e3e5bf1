//! Compiling: from a stranger's component to machine code, within limits.
//!
//! The compiler cannot be interrupted, and its memory cannot be counted, inside of a process.
//! So a program has it done by a child process, which is this program again, and which the
//! operating system holds to its limits.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;

use sedge_sys::clock::Moment;
use sedge_sys::worker::{self, Task, WorkerError, WorkerLimits};
use wasmtime::Engine;

use crate::cache::CODE_BYTES_MAX;
use crate::component_limits::{CompileLimit, ComponentLimits};
use crate::engine;
use crate::lines::LineTable;
use crate::plugin::{PluginError, one_line};

/// The first byte of a child's answer: code follows, and then lines.
const COMPILED: u8 = b'c';

/// The first byte of a child's answer: what follows says why it does not compile.
const REFUSED: u8 = b'r';

/// The most bytes of an answer, with a table of lines as large as any.
const ANSWER_BYTES_MAX: u64 = 2 * CODE_BYTES_MAX;

/// What compiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Compiler {
    /// A child process: this program, at this path, which calls [`compile_serve`] when its first
    /// argument is [`COMPILE_COMMAND`].
    Program(PathBuf),
    /// This process. Nothing bounds what that takes: for tests, and for components that are not
    /// a stranger's.
    #[default]
    InProcess,
}

/// The command of a program that makes it a compiler; then come the most bytes of memory.
pub const COMPILE_COMMAND: &str = "compile-component";

/// What compiling makes.
pub(crate) struct Artifact {
    pub(crate) code: Vec<u8>,
    pub(crate) lines: LineTable,
}

impl Compiler {
    /// Compiles a component whose size was checked.
    ///
    /// # Errors
    /// It does not compile, or takes more than the limits allow.
    pub(crate) async fn compile(
        &self,
        engine: &Engine,
        component: &[u8],
        limits: &ComponentLimits,
    ) -> Result<Artifact, PluginError> {
        let program = match self {
            Self::InProcess => {
                let code = engine.precompile_component(component);
                let code = code.map_err(|error| refused(one_line(&error)))?;
                let lines = LineTable::read(component);
                return Ok(Artifact { code, lines });
            }
            Self::Program(program) => program.clone(),
        };
        let task = Task {
            program,
            arguments: vec![COMPILE_COMMAND.to_owned(), limits.compile_bytes.to_string()],
            input: component,
            output_bytes_max: ANSWER_BYTES_MAX,
            deadline: Moment::now().after(limits.compile),
        };
        let limit = |limit, most| PluginError::CompileLimit { limit, most };
        let answer = worker::run(task).await.map_err(|error| match error {
            WorkerError::Time => limit(CompileLimit::Seconds, limits.compile.as_secs()),
            WorkerError::Memory => limit(CompileLimit::Mebibytes, limits.compile_bytes >> 20),
            WorkerError::Start { .. } | WorkerError::Ended { .. } | WorkerError::Pipes(_) => {
                PluginError::Compiler(error)
            }
        })?;
        understood(&answer)
    }
}

/// Compiles what comes on stdin, writes the result to stdout, and ends the process.
///
/// # Errors
/// The process was not started by [`Compiler::Program`].
pub fn compile_serve(memory_bytes: u64) -> io::Result<Infallible> {
    worker::serve(WorkerLimits { memory_bytes }, |component, answer| {
        let compiled =
            engine::for_compiling().and_then(|engine| engine.precompile_component(component));
        match compiled {
            Ok(code) => {
                let lines = LineTable::read(component);
                let lines = serde_json::to_vec(&lines).map_err(io::Error::other)?;
                answer.write_all(&[COMPILED])?;
                answer.write_all(&(code.len() as u64).to_le_bytes())?;
                answer.write_all(&code)?;
                answer.write_all(&lines)
            }
            Err(error) => {
                answer.write_all(&[REFUSED])?;
                answer.write_all(one_line(&error).as_bytes())
            }
        }
    })
}

fn understood(answer: &[u8]) -> Result<Artifact, PluginError> {
    if let Some((&REFUSED, reason)) = answer.split_first() {
        return Err(refused(String::from_utf8_lossy(reason).into_owned()));
    }
    let parts = || {
        let (_, rest) = answer.split_first().filter(|(tag, _)| **tag == COMPILED)?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (code, lines) = rest.split_at_checked(length)?;
        Some(Artifact {
            code: code.to_vec(),
            lines: serde_json::from_slice(lines).ok()?,
        })
    };
    parts().ok_or_else(|| refused("the compiler's answer is not understood".to_owned()))
}

fn refused(reason: String) -> PluginError {
    PluginError::Compile { reason }
}
