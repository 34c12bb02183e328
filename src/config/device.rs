//! The device that runs the work.

use clap::ValueEnum;

use crate::job::Device;

/// A device, as named on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceFlag {
    /// The CPU
    #[default]
    Cpu,
    /// An NVIDIA GPU; requires a build with the feature `cuda`
    Cuda,
}

impl From<DeviceFlag> for Device {
    fn from(flag: DeviceFlag) -> Self {
        match flag {
            DeviceFlag::Cpu => Self::Cpu,
            DeviceFlag::Cuda => Self::Cuda,
        }
    }
}
