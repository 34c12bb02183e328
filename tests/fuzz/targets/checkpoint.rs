//! Fuzzes the parser of safetensors files: a file is rejected with an error, or all its tensors can be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir_in("/dev/shm").expect("write to /dev/shm");
    std::fs::write(folder.path().join("model.safetensors"), bytes).expect("write to /dev/shm");
    let limits = Limits {
        header_bytes: 1 << 16,
        ..Limits::default()
    };
    let Ok(weights) = Weights::open(folder.path(), &limits) else {
        return;
    };
    for entry in weights.entries() {
        let shape = weights
            .shape(entry.name)
            .expect("a listed tensor must have a shape");
        let _ = weights.tensor(entry.name, shape);
    }
});
