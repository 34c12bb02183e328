//! `optin bench`: what pruning costs on this machine, and what it keeps of a model's quality.

mod accuracy;
mod forward;
mod speed;

use clap::Subcommand;

use super::exit::Exit;
use super::recipe::{MethodFlags, SourceFlags, recipe};
use crate::prune::recipe::{Constraints, Metric, Recipe, Target};

/// What is measured.
#[derive(Subcommand)]
pub(super) enum BenchCommand {
    /// Time of a forward, of exact and sketched scores, of repair and search, side by side
    Speed(speed::SpeedCommand),
    /// Time of a dense forward of random rows, to be held against another engine's
    Forward(forward::ForwardCommand),
    /// Quality over targets, variants of the method and seeds
    Accuracy(accuracy::AccuracyCommand),
}

/// Measures.
pub(super) fn run(command: &BenchCommand) -> Result<(), Exit> {
    match command {
        BenchCommand::Speed(command) => speed::run(command),
        BenchCommand::Forward(command) => forward::run(command),
        BenchCommand::Accuracy(command) => accuracy::run(command),
    }
}

/// The recipe that is measured: half of the FLOPs, with room for coarse units.
fn half(sources: &SourceFlags, seed: u64, method: &MethodFlags) -> Result<Recipe, Exit> {
    let target = Target {
        metric: Metric::Flops,
        keep: 0.5,
        tolerance: 0.05,
    };
    recipe(sources, seed, target, Constraints::default(), method)
}
