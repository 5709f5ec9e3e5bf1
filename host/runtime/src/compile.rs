//! Compiles components that may be hostile, within limits.
//!
//! A process can neither interrupt the compiler nor measure its memory. Therefore a child process
//! compiles, and the operating system enforces the limits on it. The child is this program,
//! started again.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;

use sedge_model::limits::ComponentLimits;
use sedge_sys::clock::Moment;
use sedge_sys::worker::{self, WorkerError, WorkerLimits, WorkerTask};
use wasmtime::Engine;

use crate::cache::CODE_BYTES_MAX;
use crate::component_limits::CompileLimit;
use crate::engine;
use crate::lines::LineTable;
use crate::plugin::{PluginError, one_line};

/// The first byte of a child's answer if it has compiled the component. The code and the line
/// table follow.
const COMPILED: u8 = b'c';

/// The first byte of a child's answer if the component does not compile. The reason follows.
const REFUSED: u8 = b'r';

/// The maximum size of an answer, in bytes: the code and a line table of the same maximum size.
const ANSWER_BYTES_MAX: u64 = 2 * CODE_BYTES_MAX;

/// Where components are compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ComponentCompiler {
    /// A child process: this program, at this path, which calls [`compile_serve`] when its first
    /// argument is [`COMPILE_COMMAND`].
    Program(PathBuf),
    /// Nothing: the path of this program is unknown, and another program of its name is never
    /// started in its place.
    Missing,
    /// This process, without limits. This is for tests, and for components that are trusted.
    #[default]
    InProcess,
}

/// The hidden command that makes a program a compiler. Its argument is the maximum memory in
/// bytes.
pub const COMPILE_COMMAND: &str = "compile-component";

/// The output of the compiler.
pub(crate) struct Artifact {
    pub(crate) code: Vec<u8>,
    pub(crate) lines: LineTable,
}

impl ComponentCompiler {
    /// Compiles a component whose size the caller has checked.
    ///
    /// # Errors
    /// The component does not compile, or compiling it exceeds a limit.
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
            Self::Missing => return Err(PluginError::CompilerMissing),
        };
        let task = WorkerTask {
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
        parse_answer(&answer)
    }
}

/// Compiles the component on stdin, writes the result to stdout, and ends the process.
///
/// # Errors
/// The process was not started by [`ComponentCompiler::Program`], or a pipe failed.
pub fn compile_serve(memory_bytes: u64) -> io::Result<Infallible> {
    let limits = WorkerLimits {
        memory_bytes,
        file_bytes: 0,
    };
    worker::serve(limits, |component, answer| {
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

fn parse_answer(answer: &[u8]) -> Result<Artifact, PluginError> {
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
