//! The commands. This is the composition root: the only module that may import every other module.
//!
//! Standard output carries only the result (with `--json` exactly one object). Progress and errors go to
//! standard error. Exit codes: 0 success, 1 failure, 2 invalid usage, 3 unreachable target, 130
//! interrupted.

mod audit;
mod bench;
mod child;
mod client;
mod crew;
mod demo;
mod device;
mod doctor;
mod exit;
mod export;
mod inspect;
mod interrupt;
mod keys;
mod one_of;
mod open_files;
mod openapi;
mod output;
mod panic;
mod progress;
mod prune;
mod recipe;
mod remote;
mod runtime;
mod serve;
mod service;
mod stores;
mod table;
mod verify;
mod worker;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::artifact::private;
use exit::Exit;

/// Shown at the end of `optin --help`.
const AFTER_HELP: &str = "\
Results go to standard output, progress and errors to standard error.

Exit codes:
  0    Success
  1    Failure
  2    Invalid usage
  3    Unreachable target: no possible model is within the tolerance below the target
  130  Interrupted";

/// Prune text encoders, vision transformers, ResNets and Mask2Formers without retraining them, locally or as an HTTP service
#[derive(Parser)]
#[command(name = "optin", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prune a bundled example model through the HTTP API, then keep serving
    ///
    /// Starts a service on 127.0.0.1, at port 8080 or another free port. Submits a job for the example
    /// model, waits for it, downloads the artifacts through signed URLs and verifies their checksums.
    /// Prints the model's cost, quality and latency before and after pruning.
    #[command(verbatim_doc_comment)]
    Demo(demo::DemoCommand),
    /// Show a model's architecture, prunable units, cost and reachable targets
    Inspect(inspect::InspectCommand),
    /// Write a model as an ONNX file
    ///
    /// Reads any folder of a supported model, pruned or not. The file has standard operators of ONNX
    /// only, and a batch of any size. Texts have any length up to that of the model.
    #[command(verbatim_doc_comment)]
    Export(export::ExportCommand),
    /// Prune a model on this machine, without a service
    ///
    /// Writes the pruned model as a Hugging Face folder with a report. Prints the model's cost,
    /// quality and latency before and after pruning.
    #[command(verbatim_doc_comment)]
    Prune(Box<prune::PruneCommand>),
    /// Run a score audit: compare estimated scores with exact scores of a sample of units
    ///
    /// Shows whether the fast estimator (sketch) selects the same units as the exact one for this
    /// model, data and target. Writes no model. The local term is always exact and is not audited.
    #[command(verbatim_doc_comment)]
    Audit(audit::AuditCommand),
    /// Measure speed or quality on this machine
    #[command(subcommand)]
    Bench(Box<bench::BenchCommand>),
    /// Start an HTTP service
    ///
    /// Runs the HTTP API, the dashboard, the workers, the webhook sender and the removal of expired
    /// data in one process. The dashboard is at /, and the documentation of the API at /docs. Runs
    /// until SIGINT (Ctrl-C) or SIGTERM, and then requeues the running jobs.
    ///
    /// All tenants can use everything in the source folders, in the source buckets and behind the
    /// hub token. Jobs, artifacts and uploads are visible only to their own tenant.
    #[command(verbatim_doc_comment)]
    Serve(Box<serve::ServeCommand>),
    /// Start workers for an HTTP service, on this machine or another
    ///
    /// Workers share the job database and the artifact store with the service: use PostgreSQL and an
    /// S3 bucket. Runs until SIGINT (Ctrl-C) or SIGTERM, and then requeues the running jobs.
    #[command(verbatim_doc_comment)]
    Worker(Box<worker::WorkerCommand>),
    /// Check whether a service or its workers would run on this machine
    ///
    /// Use the same storage and source flags as for serve or worker. Checks the CPU, the data folder,
    /// the database and its clock, the artifact store, download URLs, sources and the hub. The exit
    /// code is 1 if a check fails; warnings are not failures.
    #[command(verbatim_doc_comment)]
    Doctor(Box<doctor::DoctorCommand>),
    /// Create, list and revoke API keys directly in the database
    ///
    /// Works without a running service. A running service locks its SQLite database: stop it to create
    /// the first key here, and manage further keys through its /v1/keys endpoints. With PostgreSQL,
    /// this command works at any time.
    #[command(verbatim_doc_comment)]
    Keys(keys::KeysCommand),
    /// Print the OpenAPI document of the HTTP API
    Openapi(openapi::OpenapiCommand),
    /// Upload a model or a data file to a service and print its URI
    ///
    /// Jobs take the printed upload:// URI as --model, --calibration or --evaluation. A model is an
    /// uncompressed .tar archive of its folder.
    #[command(verbatim_doc_comment)]
    Upload(remote::UploadCommand),
    /// Submit a job to a service and print its ID
    ///
    /// Give the model and the data as URIs that the service can read: file://, hf://, s3:// or
    /// upload://. A path is sent as a file:// URI, and nothing is uploaded; `optin upload` uploads
    /// files.
    #[command(verbatim_doc_comment)]
    Submit(Box<remote::SubmitCommand>),
    /// List the jobs of a service, newest first
    ///
    /// Prints for each job its ID, state, creation time, target and model.
    #[command(verbatim_doc_comment)]
    List(remote::ListCommand),
    /// Show the state of a job
    Status(remote::JobCommand),
    /// Wait for a job to end and show its result
    ///
    /// If the job fails, the exit code is the one that `optin prune` would return for the same error.
    /// If it was canceled or its deadline passed, the exit code is 1. Interrupting this command does not
    /// cancel the job.
    #[command(verbatim_doc_comment)]
    Wait(remote::WaitCommand),
    /// Download the artifacts (result files) of a job and verify their checksums
    Download(remote::DownloadCommand),
    /// Check the folder of a result
    ///
    /// Compares all files with SHA256SUMS, and the answers of the model with verify.json. Where the library
    /// of ONNX Runtime is, does the same for model.onnx. With a key, also checks the signature of
    /// SHA256SUMS. The exit code is 1 if something differs.
    #[command(verbatim_doc_comment)]
    Verify(verify::VerifyCommand),
    /// Do one task of a job, read from standard input (started by services and workers)
    #[command(name = crate::worker::child::COMMAND, hide = true)]
    Child,
    /// Cancel a job and print its new state
    ///
    /// A queued job ends immediately (canceled), a running job within seconds (canceling). A job that
    /// has already ended keeps its state.
    #[command(verbatim_doc_comment)]
    Cancel(remote::JobCommand),
}

impl Command {
    /// Returns whether the command writes to the data folder of a service.
    fn keeps_data(&self) -> bool {
        matches!(
            self,
            Self::Demo(_) | Self::Serve(_) | Self::Worker(_) | Self::Doctor(_) | Self::Keys(_)
        )
    }
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
    if command.keeps_data() {
        private::by_default();
    }
    match command {
        Command::Demo(command) => demo::run(&command),
        Command::Verify(command) => verify::run(&command),
        Command::Export(command) => export::run(&command),
        Command::Inspect(command) => inspect::run(&command),
        Command::Prune(command) => prune::run(&command),
        Command::Audit(command) => audit::run(&command),
        Command::Bench(command) => bench::run(&command),
        Command::Serve(command) => serve::run(&command),
        Command::Worker(command) => worker::run(&command),
        Command::Doctor(command) => doctor::run(&command),
        Command::Keys(command) => keys::run(&command),
        Command::Openapi(command) => openapi::run(&command),
        Command::Upload(command) => remote::upload(&command),
        Command::Submit(command) => remote::submit(&command),
        Command::List(command) => remote::list(&command),
        Command::Status(command) => remote::status(&command),
        Command::Wait(command) => remote::wait(&command),
        Command::Download(command) => remote::download(&command),
        Command::Child => child::run(),
        Command::Cancel(command) => remote::cancel(&command),
    }
}
