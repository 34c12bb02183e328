//! `optin child`: the process of one job. Services and workers start it; it is not for people.

use super::exit::Exit;
use crate::config::child::program;
use crate::config::device::DeviceFlag;
use crate::config::worker::WorkerFlags;
use crate::worker::child::{self, Isolated};
use crate::worker::source::Sources;

/// Does the task on standard input.
pub(super) fn run() -> Result<(), Exit> {
    child::work().map_err(|error| Exit::Broken(error.to_string()))
}

/// Returns the core in child processes of this binary, which read these sources.
pub(super) fn isolated(
    device: DeviceFlag,
    flags: &WorkerFlags,
    sources: &Sources,
) -> Result<Isolated, Exit> {
    Ok(Isolated {
        program: program()?,
        device: device.into(),
        roots: sources.roots().clone(),
        max_preparing: flags.max_preparing,
    })
}
