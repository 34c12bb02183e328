//! `optin prune`: the core, without a server.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::progress::Bar;
use super::recipe::RecipeFlags;
use super::{interrupt, output, table};
use crate::prune::journal::{FolderJournal, Journal, NoJournal};
use crate::prune::memory;
use crate::prune::run as prune;

/// Flags of `optin prune`.
#[derive(Args)]
pub(super) struct PruneCommand {
    #[command(flatten)]
    recipe: RecipeFlags,
    /// Folder for the result; must not exist or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Keep finished stages here, so that a run that was stopped goes on, and another target re-uses scores
    #[arg(long, value_name = "DIR")]
    stage_cache: Option<PathBuf>,
    /// Print report.json instead of a table
    #[arg(long)]
    json: bool,
}

/// Prunes.
pub(super) fn run(command: &PruneCommand) -> Result<(), Exit> {
    let recipe = command.recipe.recipe()?;
    let places = command.recipe.sources.places(command.out.clone())?;
    let journal: Box<dyn Journal> = match &command.stage_cache {
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
    let audit = report.audit.as_ref().map(table::audit);
    output::print(&format!(
        "{}{}\n\n{}\nwritten to {}",
        table::before_after(&report),
        audit.map_or_else(String::new, |audit| format!("\n\n{audit}")),
        memory(report.peak_bytes, memory::taken()),
        command.out.display()
    ))
}

/// What was planned, and what the whole process took.
fn memory(planned: u64, taken: Option<u64>) -> String {
    let planned = format!("memory: {} MiB planned", planned >> 20);
    match taken {
        Some(taken) => format!("{planned}, {} MiB taken at most", taken >> 20),
        None => planned,
    }
}
