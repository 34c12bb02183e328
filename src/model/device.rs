//! The devices on which graphs run.
//!
//! A graph runs on the device of its weights. Inputs are moved there when they enter the stem.

pub use candle_core::Device;

use crate::checkpoint::error::reason;

/// Returns the kind of a device: `cpu`, `cuda` or `metal`. Results on different kinds of devices may differ in the last
/// bits.
#[must_use]
pub fn kind(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}

/// Opens the first NVIDIA GPU that is visible to this process (see `CUDA_VISIBLE_DEVICES`).
///
/// # Errors
/// Returns a message if this build has no CUDA support or if the GPU cannot be used.
pub fn cuda() -> Result<Device, String> {
    if !cfg!(feature = "cuda") {
        return Err(
            "this build of optin has no CUDA support; build it with `cargo build --release --features cuda`"
                .to_owned(),
        );
    }
    Device::new_cuda(0).map_err(|error| format!("the GPU cannot be used: {}", reason(&error)))
}
