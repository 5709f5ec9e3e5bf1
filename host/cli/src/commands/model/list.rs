//! `sedge model list`

use clap::Args;
use sedge_api::view::model::ModelListed;
use sedge_app::model::list::model_list;

use crate::commands::Run;
use crate::commands::shared::fault_cell;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};

/// List models
#[derive(Debug, Args)]
pub(crate) struct ModelListArgs {
    #[command(flatten)]
    list: ListOptions,
}

impl Run for ModelListArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let mut rows = Rows::new(cx, &self.list, &["name", "type", "description"]);
        model_list(&cx.app()?, |model| rows.push(&model, || row(&model)))?;
        rows.output("No models yet; `sedge model create TYPE NAME` creates one.")
    }
}

fn row(model: &ModelListed) -> Vec<String> {
    match model {
        ModelListed::Sound(model) => vec![
            model.name.clone(),
            model.type_name.clone(),
            match model.unsaved {
                true => "unsaved".to_owned(),
                false => model.description.clone().unwrap_or_default(),
            },
        ],
        ModelListed::Faulty(fault) => vec![fault.name.clone(), "?".to_owned(), fault_cell(fault)],
    }
}
