//! `optin audit`: compares sketched scores with exact scores for a model and its data.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::progress::Bar;
use super::recipe::RecipeFlags;
use super::{interrupt, output, table};
use crate::prune::audit;
use crate::prune::journal::NoJournal;
use crate::prune::recipe::Estimator;

/// Flags of `optin audit`.
#[derive(Args)]
pub(super) struct AuditCommand {
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    recipe: RecipeFlags,
}

/// Runs the audit and prints its report.
pub(super) fn run(command: &AuditCommand) -> Result<(), Exit> {
    let mut recipe = command.recipe.recipe()?;
    recipe.method.estimator = Estimator::Sketch;
    let places = command.recipe.sources.places(PathBuf::new())?;
    interrupt::listen()?;
    let bar = Bar::new();
    let outcome = audit::run(&places, &recipe, &NoJournal, &bar);
    bar.clear();
    let report = outcome?;
    if command.json {
        return output::print_json(&report);
    }
    output::print(&table::audit(&report))
}
