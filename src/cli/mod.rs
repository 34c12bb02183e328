//! The commands. This is the composition root: the only module that may import every other module.
//!
//! Standard output carries only the result (with `--json` exactly one object). Progress and errors go to
//! standard error. Exit codes: 0 success, 1 failure, 2 invalid usage, 3 unreachable target, 130
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
mod one_of;
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

/// Shown at the end of `optin --help`.
const AFTER_HELP: &str = "\
Results go to standard output, progress and errors to standard error.

Exit codes:
  0    Success
  1    Failure
  2    Invalid usage
  3    Unreachable target: even the smallest possible model costs more
  130  Interrupted";

/// Prune trained networks without retraining them, locally or as an HTTP service
#[derive(Parser)]
#[command(name = "optin", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prune the bundled example model through the HTTP API, then keep serving
    ///
    /// Starts the service on 127.0.0.1, at port 8080 or another free port. Submits a job for the
    /// example model, waits for it, downloads the result through signed URLs and verifies every
    /// checksum. Prints the model's cost, quality and latency before and after pruning.
    #[command(verbatim_doc_comment)]
    Demo(demo::DemoCommand),
    /// Start the HTTP service
    ///
    /// Runs the HTTP API, workers, webhook deliveries and the removal of expired data in one process.
    /// The documentation of the API is at /docs. Runs until SIGINT (Ctrl-C) or SIGTERM, and then
    /// requeues the running jobs.
    #[command(verbatim_doc_comment)]
    Serve(Box<serve::ServeCommand>),
    /// Start workers for an HTTP service, on this machine or another
    ///
    /// Workers share the job database and the artifact store with the service: use PostgreSQL and an
    /// S3 bucket. Runs until SIGINT (Ctrl-C) or SIGTERM, and then requeues the running jobs.
    #[command(verbatim_doc_comment)]
    Worker(Box<worker::WorkerCommand>),
    /// Prune a local model, without a server
    ///
    /// Writes the pruned model as a Hugging Face folder with a report. Prints the model's cost,
    /// quality and latency before and after pruning.
    #[command(verbatim_doc_comment)]
    Prune(Box<prune::PruneCommand>),
    /// Compare sketched scores with exact scores on a sample of units
    ///
    /// Writes no model. Shows whether the fast estimator (sketch) selects the same units as the exact
    /// one for this model, data and target.
    #[command(verbatim_doc_comment)]
    Audit(audit::AuditCommand),
    /// Measure speed or quality on this machine
    #[command(subcommand)]
    Bench(Box<bench::BenchCommand>),
    /// Show a model's architecture, prunable units, cost and reachable targets
    Inspect(inspect::InspectCommand),
    /// Submit a job to a server and print its ID
    ///
    /// Give models and data files as URIs that the server can read (file://, hf://, s3://, upload://).
    /// A local path is sent as a file:// URI; nothing is uploaded.
    #[command(verbatim_doc_comment)]
    Submit(Box<remote::SubmitCommand>),
    /// Show the state of a job on a server
    Status(remote::JobCommand),
    /// Wait for a job on a server to end and show the result
    ///
    /// If the job fails, the exit code is the same as if `optin prune` fails for this reason.
    /// Interrupting this command does not cancel the job.
    #[command(verbatim_doc_comment)]
    Wait(remote::JobCommand),
    /// Download the result files of a job and verify their checksums
    Download(remote::DownloadCommand),
    /// Create, list and revoke API keys directly in the database
    ///
    /// Needs no running server. While a server uses a SQLite database, manage its keys through the
    /// /v1/keys endpoints. Storage flags come before the subcommand: optin keys --data-dir DIR list
    #[command(verbatim_doc_comment)]
    Keys(keys::KeysCommand),
    /// Check whether a deployment would work from this machine
    ///
    /// Takes the storage and worker flags of serve and worker. Checks the CPU, the data folder, the
    /// database and its clock, the artifact store, download URLs, sources and the hub. Exits with 1
    /// if a check fails; warnings are not failures.
    #[command(verbatim_doc_comment)]
    Doctor(Box<doctor::DoctorCommand>),
    /// Print the OpenAPI document of the HTTP API
    Openapi(openapi::OpenapiCommand),
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    panic::install_hook();
    // For invalid usage, clap itself prints an error and exits with 2.
    let command = Cli::parse().command;
    match panic::catch(AssertUnwindSafe(|| run(command))) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(exit)) => {
            output::error(&exit.to_string());
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
