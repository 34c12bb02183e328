//! `optin prune`: the core, without a server.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::progress::Bar;
use super::{interrupt, output, table};
use crate::prune::journal::{FolderJournal, Journal, NoJournal};
use crate::prune::recipe::{
    Calibration, Compensation, Evaluation, Mapping, Method, Metric, Recipe, Source, Target,
    Trajectory,
};
use crate::prune::{Places, run as prune};

/// Flags of `optin prune`.
#[derive(Args)]
pub(super) struct PruneCommand {
    /// Hugging Face folder of the model: config.json, model.safetensors, tokenizer.json
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Unlabelled examples that scoring and repair look at: .tsv, .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    calibration: PathBuf,
    /// Labelled examples that the result is measured on
    #[arg(long, value_name = "FILE")]
    evaluation: Option<PathBuf>,
    /// Column of the (first) text; found by its usual names when not given
    #[arg(long, value_name = "COLUMN")]
    text: Option<String>,
    /// Column of the second text of a pair
    #[arg(long, value_name = "COLUMN")]
    text_pair: Option<String>,
    /// Column of the label
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Share of the FLOPs to KEEP, for example 60%
    #[arg(long, value_name = "PERCENT")]
    target: String,
    /// How far below the target the result may end, as a share of it
    #[arg(long, value_name = "PERCENT", default_value = "1%")]
    tolerance: String,
    /// Folder for the result; must not exist or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seeds the draws of examples and of token rows
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Examples drawn from the calibration file
    #[arg(long, value_name = "ROWS", default_value_t = 512)]
    max_samples: usize,
    /// Of these, examples that scoring looks at
    #[arg(long, value_name = "ROWS", default_value_t = Method::default().scoring_samples)]
    scoring_samples: usize,
    /// How the terms of later layers are combined
    #[arg(long, value_enum, default_value_t = TrajectoryFlag::Mean)]
    trajectory: TrajectoryFlag,
    /// What is done to the kept weights
    #[arg(long, value_enum, default_value_t = CompensationFlag::LeastSquares)]
    compensation: CompensationFlag,
    /// Keep finished stages here, so that a run that was stopped goes on, and another target re-uses scores
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Print report.json instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum TrajectoryFlag {
    Mean,
    Sum,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum CompensationFlag {
    LeastSquares,
    None,
}

/// Prunes.
pub(super) fn run(command: &PruneCommand) -> Result<(), Exit> {
    let recipe = recipe(command)?;
    let places = Places {
        model: command.model.clone(),
        calibration: command.calibration.clone(),
        evaluation: command.evaluation.clone(),
        out: command.out.clone(),
    };
    let journal: Box<dyn Journal> = match &command.journal {
        Some(folder) => Box::new(FolderJournal::open(folder)?),
        None => Box::new(NoJournal),
    };
    interrupt::listen()?;
    let bar = Bar::new();
    let outcome = prune(&places, &recipe, journal.as_ref(), &bar);
    bar.clear();
    let report = outcome?;
    if command.json {
        return output::print_json(&report);
    }
    output::print(&format!(
        "{}\n\nwritten to {}",
        table::before_after(&report),
        command.out.display()
    ))
}

fn recipe(command: &PruneCommand) -> Result<Recipe, Exit> {
    let mapping = Mapping {
        text: command.text.clone(),
        text_pair: command.text_pair.clone(),
        label: command.label.clone(),
    };
    let recipe = Recipe {
        model: source(&command.model)?,
        calibration: Calibration {
            source: source(&command.calibration)?,
            mapping: mapping.clone(),
            max_samples: command.max_samples,
            seed: command.seed,
        },
        evaluation: match &command.evaluation {
            Some(path) => Some(Evaluation {
                source: source(path)?,
                mapping,
                max_samples: None,
            }),
            None => None,
        },
        target: Target {
            metric: Metric::Flops,
            keep: Target::parse_keep(&command.target)?,
            tolerance: Target::parse_keep(&command.tolerance)?,
        },
        method: Method {
            trajectory: match command.trajectory {
                TrajectoryFlag::Mean => Trajectory::Mean,
                TrajectoryFlag::Sum => Trajectory::Sum,
            },
            compensation: match command.compensation {
                CompensationFlag::LeastSquares => Compensation::LeastSquares,
                CompensationFlag::None => Compensation::None,
            },
            scoring_samples: command.scoring_samples,
            ..Method::default()
        },
    };
    Ok(recipe.validated()?)
}

/// A local path as the report names it.
fn source(path: &Path) -> Result<Source, Exit> {
    let path = std::path::absolute(path)?;
    Ok(Source {
        uri: format!("file://{}", path.display()),
    })
}
