//! The memory that a child process may allocate.
//!
//! The kernel refuses what exceeds the limit, the allocator then aborts the process, and the parent reports that the job ran out
//! of memory. Only memory that a process writes counts, so mapped files do not.

use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::prune::admission::Kind;
use crate::prune::memory;
use crate::prune::places::Places;

/// What a child may allocate before the plan of its job is known, beyond a multiple of the files that it reads. Tokenizers and
/// tables take a multiple of their size.
const READING_BYTES: u64 = 2 << 30;

/// Multiple of the size of a model's files that reading may take: the weights as stored and as f32, and copies of some of them.
const OF_MODEL: u64 = 4;

/// Multiple of the size of a data file.
const OF_DATA: u64 = 2;

/// What a run may allocate beyond its plan: the overhead of libraries and of the allocator, which reserves 1 GiB at once.
const RUNNING_BYTES: u64 = 2 << 30;

/// Returns how many bytes a child may allocate while it opens a source.
#[must_use]
pub fn opening(path: &Path, kind: Kind) -> u64 {
    let factor = match kind {
        Kind::Model => OF_MODEL,
        Kind::Data => OF_DATA,
    };
    READING_BYTES + factor * size(path)
}

/// Returns how many bytes a child may allocate while it reads the model and the data of a job.
#[must_use]
pub fn reading(places: &Places) -> u64 {
    let data = places.data().into_iter();
    opening(&places.model, Kind::Model) + data.map(|path| OF_DATA * size(path)).sum::<u64>()
}

/// Returns how many bytes a child may allocate beyond what it has allocated already, once the plan of its run is known.
#[must_use]
pub fn running(planned_bytes: u64) -> u64 {
    planned_bytes
        .saturating_add(planned_bytes / 2)
        .saturating_add(RUNNING_BYTES)
}

/// Limits this process to what it has allocated, and to what its run will allocate by its plan in addition.
pub(super) fn limit_running(planned_bytes: u64) {
    let allocated = memory::allocated().unwrap_or(0);
    limit(allocated.saturating_add(running(planned_bytes)));
}

/// Keeps the memory of this process out of files: a dump would hold the data of a tenant. If memory becomes scarce, the kernel
/// ends this process before the service.
pub(super) fn confine() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Both are precautions. A process that may not take them is still limited.
    let _ = setrlimit(Resource::Core, none);
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
}

/// Limits this process to this number of bytes, and to what the machine has.
pub(super) fn limit(bytes: u64) {
    let bytes = memory::of_machine().map_or(bytes, |machine| {
        bytes.min(machine.saturating_add(memory::allocated().unwrap_or(0)))
    });
    let allowed = getrlimit(Resource::Data).maximum;
    let limit = Rlimit {
        current: Some(allowed.map_or(bytes, |allowed| allowed.min(bytes))),
        maximum: allowed,
    };
    // This fails only on systems without this limit.
    let _ = setrlimit(Resource::Data, limit);
}

/// Returns the size of a file, or of the files directly in a folder. What cannot be read counts as empty.
fn size(path: &Path) -> u64 {
    let Ok(found) = std::fs::metadata(path) else {
        return 0;
    };
    if found.is_file() {
        return found.len();
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| entry.path().metadata().ok());
    files
        .filter(std::fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}
