//! `optin audit`: compares estimated scores with exact scores for a model and its data.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::progress::Bar;
use super::recipe::{DataFlags, LocalFlags, ScoringFlags, TargetFlags, recipe};
use super::{interrupt, output, table};
use crate::prune;
use crate::prune::journal::NoJournal;
use crate::prune::recipe::{Estimator, Method};

/// Flags of `optin audit`.
#[derive(Args)]
pub(super) struct AuditCommand {
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    local: LocalFlags,
    #[command(flatten)]
    data: DataFlags,
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    scoring: ScoringFlags,
}

/// Runs the audit and prints its report.
pub(super) fn run(command: &AuditCommand) -> Result<(), Exit> {
    let (local, data, target) = (&command.local, &command.data, &command.target);
    let inputs = data.inputs(local.uris(None)?, None, target.seed);
    let method = Method {
        estimator: Estimator::Sketch,
        ..command.scoring.method()
    };
    let recipe = recipe(inputs, target.target()?, target.constraints(), method)?;
    let places = local.places(None, data.device, PathBuf::new())?;
    interrupt::listen()?;
    let bar = Bar::new();
    let outcome = prune::audit(&places, &recipe, &NoJournal, &bar);
    bar.clear();
    let report = outcome?;
    if command.json {
        return output::print_json(&report);
    }
    output::print(&table::audit(&report))
}
