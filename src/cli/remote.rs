//! `optin submit`, `status`, `wait` and `download`: a client of any server.

use std::path::PathBuf;

use clap::Args;

use super::client::Client;
use super::exit::Exit;
use super::progress::Bar;
use super::recipe::RecipeFlags;
use super::{output, table};

/// Where the server is.
#[derive(Args)]
struct Server {
    /// URL of the server
    #[arg(
        long,
        env = "OPTIN_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    server: String,
    /// API key, where the server asks for one
    #[arg(
        long,
        env = "OPTIN_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    api_key: Option<String>,
}

impl Server {
    fn client(&self) -> Result<Client, Exit> {
        Client::new(&self.server, self.api_key.as_deref())
    }
}

/// Flags of `optin submit`.
#[derive(Args)]
pub(super) struct SubmitCommand {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    recipe: RecipeFlags,
}

/// Flags of `optin status` and `optin wait`.
#[derive(Args)]
pub(super) struct JobCommand {
    #[command(flatten)]
    server: Server,
    /// The job
    #[arg(value_name = "JOB")]
    job: String,
    /// Print the whole job as one JSON object
    #[arg(long)]
    json: bool,
}

/// Flags of `optin download`.
#[derive(Args)]
pub(super) struct DownloadCommand {
    #[command(flatten)]
    server: Server,
    /// The job
    #[arg(value_name = "JOB")]
    job: String,
    /// Folder for the files; made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Queues a job and prints its id.
pub(super) fn submit(command: &SubmitCommand) -> Result<(), Exit> {
    let request = command.recipe.request()?;
    super::runtime()?.block_on(async {
        let job = command.server.client()?.submit(&request).await?;
        output::print(&job.id)
    })
}

/// Prints how a job is.
pub(super) fn status(command: &JobCommand) -> Result<(), Exit> {
    super::runtime()?.block_on(async {
        let (whole, job) = command.server.client()?.job(&command.job).await?;
        if command.json {
            return output::print_json(&whole);
        }
        output::print(job.state.as_str())
    })
}

/// Follows a job to its end and prints what came of it.
pub(super) fn wait(command: &JobCommand) -> Result<(), Exit> {
    super::runtime()?.block_on(async {
        let bar = Bar::new();
        let followed = command.server.client()?.follow(&command.job, &bar).await;
        bar.clear();
        let (whole, job) = followed?;
        if command.json {
            output::print_json(&whole)?;
            return job.into_report().map(|_| ());
        }
        output::print(&table::before_after(&job.into_report()?))
    })
}

/// Downloads every file of a job's result and checks it.
pub(super) fn download(command: &DownloadCommand) -> Result<(), Exit> {
    super::runtime()?.block_on(async {
        let client = command.server.client()?;
        let artifacts = client.artifacts(&command.job).await?;
        if artifacts.is_empty() {
            let (_, job) = client.job(&command.job).await?;
            return Err(Exit::Broken(format!(
                "{} is {} and has no files",
                job.id,
                job.state.as_str()
            )));
        }
        std::fs::create_dir_all(&command.out)?;
        for artifact in artifacts {
            client
                .download(&artifact, &command.out.join(&artifact.name))
                .await?;
            output::remark(&format!(
                "{} ({} bytes, SHA-256 as promised)",
                artifact.name,
                table::grouped(artifact.bytes)
            ));
        }
        output::print(&command.out.display().to_string())
    })
}
