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
        let uri = command.server.client()?.upload(file).await?;
        output::print(&uri)
    })
}
