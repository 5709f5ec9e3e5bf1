//! `sedge schema`

use clap::{Args, ValueEnum};
use sedge_app::schema::schema;
use sedge_app::types::SchemaOf;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Print the JSON Schema of a kind of files, for editors
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// The kind of the files
    kind: SchemaKind,
}

/// A kind of files that users write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaKind {
    /// The definitions of models: models/**/*.yaml
    Definition,
    /// Workflows: workflows/**/*.yaml
    Workflow,
    /// The settings of a repository: sedge.yaml
    Repository,
}

impl Run for SchemaArgs {
    fn run(self, _: &Context) -> Result<Output, CliError> {
        let of = match self.kind {
            SchemaKind::Definition => SchemaOf::Definition,
            SchemaKind::Workflow => SchemaOf::Workflow,
            SchemaKind::Repository => SchemaOf::Repository,
        };
        let found = schema(of);
        let text = of.file_text();
        Ok(Output::new(found).text_data(text))
    }
}
