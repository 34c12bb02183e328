//! `optin list`: lists the jobs of a service.

use clap::Args;
use serde_json::{Value, json};

use super::super::exit::Exit;
use super::super::one_of::one_of;
use super::super::output;
use super::super::runtime::runtime;
use super::server::Server;
use crate::job::State;

/// Flags of `optin list`.
#[derive(Args)]
pub(in super::super) struct ListCommand {
    /// Only jobs in this state; repeat the flag for more [default: all states]
    #[arg(long = "state", value_name = "STATE", value_parser = one_of::<State>())]
    states: Vec<State>,
    /// Maximum number of jobs
    #[arg(long, value_name = "JOBS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print one JSON object with the whole jobs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Prints one line for each job.
pub(in super::super) fn list(command: &ListCommand) -> Result<(), Exit> {
    runtime()?.block_on(async {
        let client = command.server.client()?;
        let jobs = client.list(&command.states, command.limit as usize).await?;
        if command.json {
            return output::print_json(&json!({"object": "list", "data": jobs}));
        }
        jobs.iter().try_for_each(|job| output::print(&line(job)))
    })
}

fn line(job: &Value) -> String {
    let text = |pointer| job.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    format!(
        "{}  {:9}  {}  {} {}  {}",
        text("/id"),
        text("/state"),
        text("/created_at"),
        text("/request/target/value"),
        text("/request/target/metric"),
        text("/request/model/uri"),
    )
}
