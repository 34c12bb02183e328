//! `optin upload`: sends a model or a data file to a service.

use std::path::PathBuf;

use clap::Args;

use super::super::exit::Exit;
use super::super::output;
use super::super::runtime::runtime;
use super::server::Server;

/// Flags of `optin upload`.
#[derive(Args)]
pub(in super::super) struct UploadCommand {
    /// Data file, or uncompressed .tar archive of a model folder
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// ID of an incomplete upload of the same file; only the parts that have not arrived are sent
    #[arg(long, value_name = "UPLOAD")]
    resume: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Uploads the file and prints its URI.
pub(in super::super) fn upload(command: &UploadCommand) -> Result<(), Exit> {
    let (file, name) = (&command.file, command.file.display());
    if file.is_dir() {
        return Err(Exit::Usage(format!(
            "{name} is a folder, and only files can be uploaded; for a model, create an archive: tar -cf model.tar -C {name} ."
        )));
    }
    if file.exists() && !file.is_file() {
        return Err(Exit::Usage(format!("{name} is not a regular file")));
    }
    runtime()?.block_on(async {
        let client = command.server.client()?;
        let uri = client.upload(file, command.resume.as_deref()).await?;
        output::print(&uri)
    })
}
