//! Opens the device that a flag names.

use super::exit::Exit;
use crate::config::device::DeviceFlag;
use crate::model::device::{Device, cuda};

/// Opens the device.
pub(super) fn open(flag: DeviceFlag) -> Result<Device, Exit> {
    match flag {
        DeviceFlag::Cpu => Ok(Device::Cpu),
        DeviceFlag::Cuda => cuda().map_err(Exit::Usage),
    }
}
