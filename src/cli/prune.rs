//! `optin prune`: prunes a local model without a server.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::progress::Bar;
use super::recipe::{INPUT_HEADING, LocalFlags, RecipeFlags};
use super::{interrupt, output, table};
use crate::config::signing::SigningFlags;
use crate::prune::journal::{FolderJournal, Journal, NoJournal};
use crate::prune::memory;
use crate::prune::run as prune;
use crate::prune::surgery::folder::SUMS;

/// Shown at the end of the help.
const EXAMPLES: &str = "\
Examples:
  Keep at most 60 % of the FLOPs of the bundled model, and compare the accuracy before and after:
    cd examples/debian-sections
    optin prune --model model --calibration calibration.tsv --evaluation evaluation.tsv --target 60% --out pruned

  Keep the results of completed stages, so that a run with another target is faster:
    optin prune --model model --calibration calibration.tsv --target 50% --stage-cache cache --out half
    optin prune --model model --calibration calibration.tsv --target 70% --stage-cache cache --out larger";

/// Flags of `optin prune`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PruneCommand {
    /// Folder for the pruned model; must be empty or must not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder for the results of completed stages [default: none]
    ///
    /// With it, an interrupted run resumes after its last completed stage, and a run with another
    /// target reuses the scores.
    #[arg(long, verbatim_doc_comment, value_name = "DIR")]
    stage_cache: Option<PathBuf>,
    /// Print report.json instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    local: LocalFlags,
    /// Labeled rows for measuring the quality before and after pruning
    #[arg(long, help_heading = INPUT_HEADING, value_name = "FILE")]
    evaluation: Option<PathBuf>,
    #[command(flatten)]
    recipe: RecipeFlags,
    #[command(flatten)]
    signing: SigningFlags,
}

/// Prunes the model and prints a summary or the report.
pub(super) fn run(command: &PruneCommand) -> Result<(), Exit> {
    let (local, evaluation) = (&command.local, command.evaluation.as_deref());
    let recipe = command.recipe.recipe(local.uris(evaluation)?)?;
    let device = command.recipe.data.device;
    let places = local.places(evaluation, device, command.out.clone())?;
    let journal: Box<dyn Journal> = match &command.stage_cache {
        Some(folder) => Box::new(FolderJournal::open(folder)?),
        None => Box::new(NoJournal),
    };
    let signer = command.signing.signer();
    let signer = signer.map_err(|error| Exit::Usage(error.to_string()))?;
    interrupt::listen()?;
    let bar = Bar::new();
    let outcome = prune(&places, &recipe, journal.as_ref(), &bar);
    bar.clear();
    let report = outcome?;
    if let Some(signer) = signer {
        let signed = signer.sign_file(&command.out.join(SUMS), None);
        signed.map_err(|error| Exit::Broken(error.to_string()))?;
    }
    if command.json {
        return output::print_json(&report);
    }
    let audit = report.audit.as_ref().map(table::audit);
    output::print(&format!(
        "{}{}\n\n{}\nwritten to {}",
        table::before_after(&report),
        audit.map_or_else(String::new, |audit| format!("\n\n{audit}")),
        memory(report.peak_bytes, memory::taken()),
        command.out.display()
    ))
}

/// Formats the planned memory of the run and the peak memory of the whole process.
fn memory(planned: u64, peak: Option<u64>) -> String {
    let planned = format!("memory: {} MiB planned", planned >> 20);
    match peak {
        Some(peak) => format!("{planned}, {} MiB peak", peak >> 20),
        None => planned,
    }
}
