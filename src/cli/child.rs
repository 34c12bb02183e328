//! `optin child`: the process of one job. Services and workers start it; it is not for people.

use super::exit::Exit;
use crate::config::child::program;
use crate::config::device::DeviceFlag;
use crate::worker::child::{self, Isolated};

/// Does the task on standard input.
pub(super) fn run() -> Result<(), Exit> {
    child::work().map_err(|error| Exit::Broken(error.to_string()))
}

/// Returns the core in child processes of this binary.
pub(super) fn isolated(device: DeviceFlag) -> Result<Isolated, Exit> {
    Ok(Isolated {
        program: program()?,
        device: device.into(),
    })
}
