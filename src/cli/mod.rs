//! The commands, and the only place that knows everything.
//!
//! Standard output carries the answer (with `--json` exactly one object), standard error the
//! progress and the errors. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 target unreachable, 130
//! interrupted.

mod exit;
mod inspect;
mod interrupt;
mod output;
mod progress;
mod prune;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Exit;

/// Makes a trained network smaller without retraining it.
#[derive(Parser)]
#[command(name = "optin", version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prune a model here and now, without a server
    Prune(prune::PruneCommand),
    /// Print a model's architecture, units, cost and the targets that can be reached
    Inspect(inspect::InspectCommand),
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    // Clap prints wrong usage itself and exits with 2.
    let outcome = match Cli::parse().command {
        Command::Prune(command) => prune::run(&command),
        Command::Inspect(command) => inspect::run(&command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => {
            output::complain(&exit.to_string());
            exit.code()
        }
    }
}
