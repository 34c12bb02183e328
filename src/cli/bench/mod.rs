//! `optin bench`: what pruning costs on this machine, and what it keeps of a model's quality.

mod accuracy;
mod speed;

use clap::Subcommand;

use super::exit::Exit;

/// What is measured.
#[derive(Subcommand)]
pub(super) enum BenchCommand {
    /// Time of a forward, of exact and sketched scores, of repair and search, side by side
    Speed(speed::SpeedCommand),
    /// Quality over targets, variants of the method and seeds
    Accuracy(accuracy::AccuracyCommand),
}

/// Measures.
pub(super) fn run(command: &BenchCommand) -> Result<(), Exit> {
    match command {
        BenchCommand::Speed(command) => speed::run(command),
        BenchCommand::Accuracy(command) => accuracy::run(command),
    }
}
