//! Does the tasks of a child process in this process, with less memory than a child may allocate.
//!
//! An input fails if a task allocates more, ends with an internal error, or panics.

use std::alloc::System;
use std::io::Cursor;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Mutex;

use cap::Cap;
use optin::model::device::Device;
use optin::prune::admission::Kind;
use optin::prune::failure::{Code, Failure};
use optin::prune::places::Places;
use optin::prune::recipe::Recipe;
use optin::prune::stage::Stage;
use optin::prune::watch::{Unwatched, Watch};
use optin::worker::child::memory;
use optin::worker::pruner::{Core, Pruner};
use optin::worker::source::archive;

/// Refuses what exceeds the limit. The process then aborts.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What the allocator of a child may waste: it reserves this much at once.
const RESERVED_BYTES: u64 = 1 << 30;

/// Maximum size of the model in an upload.
const UNPACKED_BYTES: u64 = 16 << 20;

/// What unpacking may allocate: the names in the archive, and no content.
const UNPACKING_BYTES: u64 = 32 << 20;

/// The last panic, with its place.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Keeps panics for the report of a crash. Libraries may panic where the caller expects it.
pub fn keep_panics() {
    panic::set_hook(Box::new(|info| {
        *LAST_PANIC.lock().expect("no panic while it is locked") = info.to_string();
    }));
}

/// Opens a source, as the service does with an upload.
pub fn open(path: &Path, kind: Kind) -> Result<(), Failure> {
    within(memory::opening(path, kind), || {
        Core(Device::Cpu).open(path, kind, &Unwatched)
    })
}

/// Plans a job: reads its model and its data, and runs the model on a few rows.
pub fn estimate(places: &Places, recipe: &Recipe) -> Result<(), Failure> {
    within(memory::reading(places), || {
        Core(Device::Cpu)
            .estimate(places, recipe, &Planned)
            .map(drop)
    })
}

/// Unpacks an upload into an empty folder, as the service does in its own process.
pub fn unpack(archive: &[u8], folder: &Path) -> Result<(), Failure> {
    let archive = Cursor::new(archive);
    within(RESERVED_BYTES + UNPACKING_BYTES, || {
        archive::unpack(archive, folder, UNPACKED_BYTES)
    })
}

/// Does a task that may allocate this number of bytes in a child.
fn within<T>(bytes: u64, task: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    allow(bytes);
    let outcome = panic::catch_unwind(AssertUnwindSafe(task));
    ALLOCATOR
        .set_limit(usize::MAX)
        .expect("no limit is too low");
    let outcome = outcome.unwrap_or_else(|payload| {
        eprintln!(
            "{}",
            LAST_PANIC.lock().expect("no panic while it is locked")
        );
        panic::resume_unwind(payload)
    });
    if let Err(failure) = &outcome {
        assert_ne!(failure.code, Code::Internal, "{failure}");
    }
    outcome
}

/// Limits what the rest of the task may allocate.
fn allow(bytes: u64) {
    let bytes = usize::try_from(bytes - RESERVED_BYTES).expect("a number of bytes of this machine");
    ALLOCATOR
        .set_limit(ALLOCATOR.allocated() + bytes)
        .expect("the limit is above what is allocated");
}

/// Follows the plan of the job, as the child does.
struct Planned;

impl Watch for Planned {
    fn stage(&self, _: Stage) {}
    fn progress(&self, _: u64, _: u64) {}
    fn proceed(&self) -> Result<(), Failure> {
        Ok(())
    }
    fn needs_memory(&self, bytes: u64) {
        allow(memory::running(bytes));
    }
}
