//! Whether a run fits into memory, asked before anything is measured or scored; and what it took.

use super::failure::{Code, Failure};
use crate::model::device::Device;

/// Refuses a run that works with more bytes than this process may take.
///
/// # Errors
/// [`Code::LimitExceeded`] with both figures.
pub fn check(wanted: u64, available: Option<u64>) -> Result<(), Failure> {
    match available {
        Some(available) if wanted > available => Err(Failure::new(
            Code::LimitExceeded,
            format!(
                "the job takes up to {} MiB more memory, and {} MiB are available here; \
                 use fewer calibration tokens (calibration.max_tokens is what the repair holds in memory) or a larger machine",
                wanted >> 20,
                available >> 20
            ),
        )),
        _ => Ok(()),
    }
}

/// Bytes that this process may still take on the device.
#[must_use]
pub fn available(device: &Device) -> Option<u64> {
    match device {
        Device::Cpu => of_machine(),
        other => of_gpu(other),
    }
}

/// What is free of a GPU's memory.
#[cfg(feature = "cuda")]
fn of_gpu(device: &Device) -> Option<u64> {
    use candle_core::cuda_backend::cudarc::driver::result::mem_get_info;
    let context = device
        .as_cuda_device()
        .ok()?
        .cuda_stream()
        .context()
        .clone();
    context.bind_to_thread().ok()?;
    mem_get_info().ok().map(|(free, _)| free as u64)
}

#[cfg(not(feature = "cuda"))]
fn of_gpu(_: &Device) -> Option<u64> {
    None
}

/// The most that this process ever had in memory, in bytes; `None` where the system does not tell.
#[must_use]
pub fn taken() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    kibibytes(&status, "VmHWM:")
}

/// What the machine has available, or what the process's control group leaves where that is less; `None`
/// where neither tells.
fn of_machine() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| kibibytes(&text, "MemAvailable:"));
    let group = read("/proc/self/cgroup").and_then(|text| {
        let own = text
            .lines()
            .find_map(|line| line.strip_prefix("0::"))?
            .to_owned();
        let number = |name: &str| -> Option<u64> {
            let nested = read(&format!("/sys/fs/cgroup{own}/{name}"));
            let text = nested.or_else(|| read(&format!("/sys/fs/cgroup/{name}")))?;
            text.trim().parse().ok()
        };
        Some(number("memory.max")?.saturating_sub(number("memory.current")?))
    });
    match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (one, other) => one.or(other),
    }
}

/// A line `name 123 kB` of a file of `/proc`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
