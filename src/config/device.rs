//! On what work is done.

use clap::ValueEnum;

use crate::job::Device;

/// A device, as flags name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceFlag {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU; asks for a build with the feature `cuda`.
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
