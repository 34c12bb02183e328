//! `optin openapi`: prints the OpenAPI document.

use clap::Args;

use super::exit::Exit;
use super::output;

/// Flags of `optin openapi`.
#[derive(Args)]
pub(super) struct OpenapiCommand {
    /// Print JSON instead of YAML
    #[arg(long)]
    json: bool,
}

/// Prints the OpenAPI document.
pub(super) fn run(command: &OpenapiCommand) -> Result<(), Exit> {
    let document = crate::api::openapi();
    let text = match command.json {
        true => format!("{document:#}"),
        false => crate::api::yaml(&document),
    };
    output::print(text.trim_end())
}
