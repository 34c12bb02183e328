//! The commands, and the only place that knows everything.
//!
//! Standard output carries the answer (with `--json` exactly one object), standard error the
//! progress and the errors. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 target unreachable, 130
//! interrupted.

mod audit;
mod bench;
mod client;
mod crew;
mod demo;
mod device;
mod doctor;
mod exit;
mod inspect;
mod interrupt;
mod keys;
mod openapi;
mod output;
mod panic;
mod progress;
mod prune;
mod recipe;
mod remote;
mod serve;
mod service;
mod stores;
mod table;
mod worker;

use std::panic::AssertUnwindSafe;
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
    /// Run the whole route on the bundled model, over real HTTP, and keep serving
    Demo(demo::DemoCommand),
    /// Run the service
    Serve(Box<serve::ServeCommand>),
    /// Run workers beside a service, on this machine or another
    Worker(Box<worker::WorkerCommand>),
    /// Prune a model here and now, without a server
    Prune(prune::PruneCommand),
    /// Check sketched scores against exact ones on a sample of the units
    Audit(audit::AuditCommand),
    /// Measure speed or quality on this machine
    #[command(subcommand)]
    Bench(Box<bench::BenchCommand>),
    /// Print a model's architecture, units, cost and the targets that can be reached
    Inspect(inspect::InspectCommand),
    /// Queue a job at a server and print its id
    Submit(remote::SubmitCommand),
    /// Print how a job at a server is
    Status(remote::JobCommand),
    /// Follow a job at a server to its end
    Wait(remote::JobCommand),
    /// Download the files of a job's result from a server
    Download(remote::DownloadCommand),
    /// Make, list and revoke API keys, in the database itself
    Keys(keys::KeysCommand),
    /// Check that a deployment would work, from this machine
    Doctor(Box<doctor::DoctorCommand>),
    /// Print the OpenAPI document
    Openapi(openapi::OpenapiCommand),
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    panic::tell_in_one_sentence();
    // Clap prints wrong usage itself and exits with 2.
    let command = Cli::parse().command;
    match panic::caught(AssertUnwindSafe(|| run(command))) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(exit)) => {
            output::complain(&exit.to_string());
            exit.code()
        }
        None => ExitCode::FAILURE,
    }
}

fn run(command: Command) -> Result<(), Exit> {
    match command {
        Command::Demo(command) => demo::run(&command),
        Command::Serve(command) => serve::run(&command),
        Command::Worker(command) => worker::run(&command),
        Command::Prune(command) => prune::run(&command),
        Command::Audit(command) => audit::run(&command),
        Command::Bench(command) => bench::run(&command),
        Command::Inspect(command) => inspect::run(&command),
        Command::Submit(command) => remote::submit(&command),
        Command::Status(command) => remote::status(&command),
        Command::Wait(command) => remote::wait(&command),
        Command::Download(command) => remote::download(&command),
        Command::Keys(command) => keys::run(&command),
        Command::Doctor(command) => doctor::run(&command),
        Command::Openapi(command) => openapi::run(&command),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}
