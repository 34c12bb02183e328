//! `optin export`: writes a model of a folder as an ONNX file.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::output;
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::weights::Weights;
use crate::model::registry;
use crate::prune::failure::{Code, Failure};
use crate::prune::recipe::Method;
use crate::prune::surgery::onnx;

/// Flags of `optin export`.
#[derive(Args)]
pub(super) struct ExportCommand {
    /// Hugging Face folder of the model, pruned or not
    #[arg(value_name = "DIR")]
    model: PathBuf,
    /// File to write (default: model.onnx in DIR)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The result of `optin export`.
#[derive(Serialize)]
struct Exported {
    file: PathBuf,
    architecture: &'static str,
    bytes: u64,
}

/// Exports a model and prints the result.
pub(super) fn run(command: &ExportCommand) -> Result<(), Exit> {
    let exported = export(command)?;
    if command.json {
        return output::print_json(&exported);
    }
    output::print(&format!(
        "{} ({} bytes)\n",
        exported.file.display(),
        exported.bytes
    ))
}

fn export(command: &ExportCommand) -> Result<Exported, Failure> {
    let limits = Limits::default();
    let folder = &command.model;
    let file = match &command.out {
        Some(file) => file.clone(),
        None => folder.join(onnx::NAME),
    };
    if file.exists() {
        return Err(Failure::new(
            Code::InvalidRecipe,
            format!(
                "{} exists; delete it or choose another file with --out",
                file.display()
            ),
        ));
    }
    let config = Config::open(folder, &limits)?;
    let weights = Weights::open(folder, &limits)?;
    let opened = registry::open(&config, weights, Method::default().units)?;
    onnx::write(&opened.model, &config, folder, &file)?;
    Ok(Exported {
        architecture: opened.architecture,
        bytes: file.metadata()?.len(),
        file,
    })
}
