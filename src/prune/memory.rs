//! Checks that a run fits into memory before anything is measured or scored, and reports the memory used.

use super::failure::{Code, Failure};
use crate::model::device::Device;

/// Checks that a run does not need more bytes than this process may allocate.
///
/// # Errors
/// Returns [`Code::LimitExceeded`] with both figures if it needs more.
pub fn check(wanted: u64, available: Option<u64>) -> Result<(), Failure> {
    match available {
        Some(available) if wanted > available => Err(Failure::new(
            Code::LimitExceeded,
            format!(
                "the job needs up to {} MiB more memory, but only {} MiB are available; \
                 use fewer calibration positions (calibration.max_positions: the repair keeps them all in memory) or a larger machine",
                wanted >> 20,
                available >> 20
            ),
        )),
        _ => Ok(()),
    }
}

/// Returns the bytes that this process may still allocate on the device, or `None` if unknown.
#[must_use]
pub fn available(device: &Device) -> Option<u64> {
    match device {
        Device::Cpu => of_machine(),
        other => of_gpu(other),
    }
}

/// Returns the free memory of a GPU in bytes.
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

/// Returns the peak resident memory of this process in bytes, or `None` if the system does not report it.
#[must_use]
pub fn taken() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    kibibytes(&status, "VmHWM:")
}

/// Returns the memory that this process has allocated for writing in bytes, whether it is resident or not, or `None` if the
/// system does not report it.
#[must_use]
pub fn allocated() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    kibibytes(&status, "VmData:")
}

/// Returns the available memory in bytes: the smaller of what the machine has available and what the process's
/// control group still allows. `None` if both are unknown.
#[must_use]
pub fn of_machine() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|content| kibibytes(&content, "MemAvailable:"));
    let group = read("/proc/self/cgroup").and_then(|content| {
        let own = content
            .lines()
            .find_map(|line| line.strip_prefix("0::"))?
            .to_owned();
        let number = |name: &str| -> Option<u64> {
            let nested = read(&format!("/sys/fs/cgroup{own}/{name}"));
            let content = nested.or_else(|| read(&format!("/sys/fs/cgroup/{name}")))?;
            content.trim().parse().ok()
        };
        Some(number("memory.max")?.saturating_sub(number("memory.current")?))
    });
    match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (one, other) => one.or(other),
    }
}

/// Parses a line `name 123 kB` of a file in `/proc` and returns its value in bytes.
fn kibibytes(content: &str, name: &str) -> Option<u64> {
    let line = content.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
