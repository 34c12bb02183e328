//! `optin bench`: measures the cost of pruning on this machine and the quality of pruned models.

mod accuracy;
mod forward;
mod speed;

use clap::Subcommand;

use super::exit::Exit;
use super::recipe::{MethodFlags, SourceFlags, recipe};
use crate::prune::recipe::{Constraints, Metric, Recipe, Target};

/// Subcommands of `optin bench`.
#[derive(Subcommand)]
pub(super) enum BenchCommand {
    /// Measure the time of each part of pruning: forward pass, scoring, search and repair
    ///
    /// Shows each time also as a multiple of one dense forward pass over the scoring rows.
    Speed(speed::SpeedCommand),
    /// Measure the time of a dense forward pass over generated rows, to compare it with other engines
    Forward(forward::ForwardCommand),
    /// Measure the quality for several targets, variants of the method and seeds
    ///
    /// Needs --evaluation. Shows the mean and the standard deviation over the seeds.
    Accuracy(accuracy::AccuracyCommand),
}

/// Runs a benchmark.
pub(super) fn run(command: &BenchCommand) -> Result<(), Exit> {
    match command {
        BenchCommand::Speed(command) => speed::run(command),
        BenchCommand::Forward(command) => forward::run(command),
        BenchCommand::Accuracy(command) => accuracy::run(command),
    }
}

/// Returns the recipe to measure: keep half of the FLOPs, with a tolerance that allows coarse units.
fn half(sources: &SourceFlags, seed: u64, method: &MethodFlags) -> Result<Recipe, Exit> {
    let target = Target {
        metric: Metric::Flops,
        keep: 0.5,
        tolerance: 0.05,
    };
    recipe(sources, seed, target, Constraints::default(), method)
}
