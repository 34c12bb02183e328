//! `optin export`: writes a model of a folder as an ONNX file.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::output;
use crate::answer;
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::weights::Weights;
use crate::file_name::is_part;
use crate::model::registry;
use crate::onnx::triton;
use crate::prune::failure::{Code, Failure};
use crate::prune::recipe::{Method, Output};
use crate::prune::surgery::onnx;

/// Flags of `optin export`.
#[derive(Args)]
pub(super) struct ExportCommand {
    /// Hugging Face folder of the model, pruned or not
    #[arg(value_name = "DIR")]
    model: PathBuf,
    /// File to write (default: model.onnx or model.int8.onnx in DIR)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write a model repository of the Triton inference server instead of one file
    ///
    /// Writes REPOSITORY/NAME/config.pbtxt and REPOSITORY/NAME/1/model.onnx. NAME is the name of DIR.
    #[arg(
        long,
        verbatim_doc_comment,
        value_name = "REPOSITORY",
        conflicts_with = "out"
    )]
    triton: Option<PathBuf>,
    /// Write weights of 8 bits: a quarter of the size, faster on many processors, and slightly different answers
    #[arg(long)]
    int8: bool,
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
    let (format, default) = match command.int8 {
        true => (Output::OnnxInt8, onnx::INT8_NAME),
        false => (Output::Onnx, onnx::NAME),
    };
    let (file, served) = match (&command.out, &command.triton) {
        (Some(file), _) => (file.clone(), None),
        (None, None) => (folder.join(default), None),
        (None, Some(repository)) => {
            let name = name_of(folder)?;
            let served = repository.join(&name);
            (served.join("1").join(onnx::NAME), Some((served, name)))
        }
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
    let task = answer::of(&config)?.task();
    let opened = registry::open(&config, weights, Method::default().units)?;
    onnx::check(&opened.model, task, &[format])?;
    if let Some((served, _)) = &served {
        fs::create_dir_all(served.join("1"))?;
    }
    let graph = onnx::write(&opened.model, task, &config, folder, &file, format)?;
    if let Some((served, name)) = &served {
        fs::write(served.join("config.pbtxt"), triton::config(name, &graph))?;
    }
    Ok(Exported {
        architecture: opened.architecture,
        bytes: file.metadata()?.len(),
        file,
    })
}

/// Returns the name of a folder.
fn name_of(folder: &Path) -> Result<String, Failure> {
    let path = folder.canonicalize()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match is_part(&name) {
        true => Ok(name.into_owned()),
        false => Err(Failure::new(
            Code::InvalidRecipe,
            format!(
                "the folder name \"{name}\" is not the name of a model in Triton; use letters, digits, '.', '_' and '-'"
            ),
        )),
    }
}
