//! A safetensors file: refused with a reason, or every tensor of it can be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir_in("/dev/shm").expect("room in memory");
    std::fs::write(folder.path().join("model.safetensors"), bytes).expect("room in memory");
    let limits = Limits {
        header_bytes: 1 << 16,
        ..Limits::default()
    };
    let Ok(weights) = Weights::open(folder.path(), &limits) else {
        return;
    };
    for entry in weights.entries() {
        let shape = weights.shape(entry.name).expect("it is listed");
        let _ = weights.tensor(entry.name, shape);
    }
});
