//! `optin submit`, `upload`, `list`, `status`, `wait`, `download` and `cancel`: commands that call a service.

mod gate;
mod list;
mod server;
mod upload;

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::progress::Bar;
use super::recipe::{RecipeFlags, RemoteFlags};
use super::runtime::runtime;
use super::{output, table};
use crate::quantity::grouped;
use gate::Gate;
pub(super) use list::{ListCommand, list};
use server::Server;
pub(super) use upload::{UploadCommand, upload};

/// Shown at the end of the help.
const EXAMPLES: &str = "\
Examples:
  Prune a model that the service can read, wait for the job and download the result:
    JOB=$(optin submit --model /srv/model --calibration /srv/train.tsv --target 60%)
    optin wait \"$JOB\"
    optin download \"$JOB\" --out pruned

  Upload the model and the data to a service on another machine:
    export OPTIN_SERVER=https://optin.example.com OPTIN_API_KEY=KEY
    tar -cf model.tar -C model .
    MODEL=$(optin upload model.tar)
    DATA=$(optin upload train.tsv)
    optin submit --model \"$MODEL\" --calibration \"$DATA\" --target 60%";

/// Flags of `optin submit`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SubmitCommand {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    inputs: RemoteFlags,
    #[command(flatten)]
    recipe: RecipeFlags,
}

/// Flags of `optin wait`.
#[derive(Args)]
pub(super) struct WaitCommand {
    #[command(flatten)]
    job: JobCommand,
    #[command(flatten)]
    gate: Gate,
}

/// Flags of `optin status` and `optin cancel`.
#[derive(Args)]
pub(super) struct JobCommand {
    /// ID of the job, as `optin submit` and `optin list` print it
    #[arg(value_name = "JOB")]
    job: String,
    /// Print the whole job as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Flags of `optin download`.
#[derive(Args)]
pub(super) struct DownloadCommand {
    /// ID of the job, as `optin submit` and `optin list` print it
    #[arg(value_name = "JOB")]
    job: String,
    /// Folder for the files; created if it does not exist. Existing files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    gate: Gate,
    #[command(flatten)]
    server: Server,
}

/// Submits a job and prints its ID.
pub(super) fn submit(command: &SubmitCommand) -> Result<(), Exit> {
    let request = command.recipe.request(&command.inputs)?;
    runtime()?.block_on(async {
        let job = command.server.client()?.submit(&request).await?;
        output::print(&job.id)
    })
}

/// Prints the state of a job.
pub(super) fn status(command: &JobCommand) -> Result<(), Exit> {
    runtime()?.block_on(async {
        let (whole, job) = command.server.client()?.job(&command.job).await?;
        if command.json {
            return output::print_json(&whole);
        }
        output::print(job.state.as_str())
    })
}

/// Waits until a job ends and prints its result.
pub(super) fn wait(WaitCommand { job: command, gate }: &WaitCommand) -> Result<(), Exit> {
    runtime()?.block_on(async {
        let bar = Bar::new();
        let followed = command.server.client()?.follow(&command.job, &bar).await;
        bar.clear();
        let (whole, job) = followed?;
        if command.json {
            output::print_json(&whole)?;
            return gate.check(&job.into_report()?);
        }
        let report = job.into_report()?;
        output::print(&table::before_after(&report))?;
        gate.check(&report)
    })
}

/// Downloads every artifact of a job and verifies its checksum.
pub(super) fn download(command: &DownloadCommand) -> Result<(), Exit> {
    runtime()?.block_on(async {
        let client = command.server.client()?;
        if command.gate.is_closed() {
            let (_, job) = client.job(&command.job).await?;
            command.gate.check(&job.into_report()?)?;
        }
        let artifacts = client.artifacts(&command.job).await?;
        if artifacts.is_empty() {
            let (_, job) = client.job(&command.job).await?;
            return Err(Exit::Broken(format!(
                "job {} is {} and has no artifacts",
                job.id,
                job.state.as_str()
            )));
        }
        for artifact in artifacts {
            client.download(&artifact, &command.out).await?;
            output::note(&format!(
                "{} ({} bytes, SHA-256 verified)",
                artifact.name,
                grouped(artifact.bytes)
            ));
        }
        output::print(&command.out.display().to_string())
    })
}

/// Cancels a job and prints its new state.
pub(super) fn cancel(command: &JobCommand) -> Result<(), Exit> {
    runtime()?.block_on(async {
        let (whole, job) = command.server.client()?.cancel(&command.job).await?;
        match command.json {
            true => output::print_json(&whole),
            false => output::print(job.state.as_str()),
        }
    })
}
