//! `optin audit`: whether sketched scores choose as exact ones would, on this model and this data.

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
    #[command(flatten)]
    recipe: RecipeFlags,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Audits.
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
