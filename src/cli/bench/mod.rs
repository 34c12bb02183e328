//! `optin bench`: measures the cost of pruning on this machine and the quality of pruned models.

mod accuracy;
mod forward;
mod judge;
mod magnitude;
mod recipe;
mod speed;

use clap::Subcommand;

use super::exit::Exit;

/// Subcommands of `optin bench`.
#[derive(Subcommand)]
pub(super) enum BenchCommand {
    /// Measure the time of each part of pruning: forward pass, scoring, search and repair
    ///
    /// Also shows each time as a multiple of one forward pass of the original model over the scoring rows.
    Speed(speed::SpeedCommand),
    /// Measure the time of a forward pass over generated rows, to compare it with other inference engines
    Forward(forward::ForwardCommand),
    /// Measure the quality for several targets, variants of the method and seeds
    ///
    /// Shows the mean and the standard deviation over the seeds.
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
