//! On what graphs run.
//!
//! A graph lives where its weights are; inputs go there as they enter its stem.

pub use candle_core::Device;

use crate::checkpoint::error::reason;

/// `cpu` or `cuda`: results of one kind of device are not those of another to the last bit.
#[must_use]
pub fn kind(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}

/// The first NVIDIA GPU that this process sees (`CUDA_VISIBLE_DEVICES` says which that is).
///
/// # Errors
/// A sentence: this build has no CUDA, or there is no GPU.
pub fn cuda() -> Result<Device, String> {
    if !cfg!(feature = "cuda") {
        return Err(
            "this build of optin knows no CUDA; build it with `cargo build --release --features cuda`"
                .to_owned(),
        );
    }
    Device::new_cuda(0).map_err(|error| format!("the GPU cannot be used: {}", reason(&error)))
}
