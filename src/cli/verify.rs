//! `optin verify`: checks the folder of a result.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::exit::Exit;
use super::output;
use crate::prune::verify::delivered;

/// Flags of `optin verify`.
#[derive(Args)]
pub(super) struct VerifyCommand {
    /// Folder of a result
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Checks a folder and prints the result.
pub(super) fn run(command: &VerifyCommand) -> Result<(), Exit> {
    let checked = delivered::check(&command.folder)?;
    if command.json {
        return output::print_json(&json!({
            "files": checked.files,
            "rows": checked.rows,
            "difference": checked.difference,
        }));
    }
    output::print(&format!(
        "{} files match their checksums; the answers to {} inputs differ by at most {:.1e}\n",
        checked.files, checked.rows, checked.difference
    ))
}
