//! Fuzzes the parsers of data files. The first byte of the input selects the format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use optin::data::format::ends;
use optin::data::limits::Limits;
use optin::data::table::Table;

// The Parquet reader catches panics of its library. So only uncaught panics count as crashes.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    let Some((kind, content)) = bytes.split_first() else {
        return;
    };
    let ends = ends();
    let end = &ends[usize::from(kind & 0x7f) % ends.len()];
    let folder = tempfile::tempdir_in("/dev/shm").expect("write to /dev/shm");
    let path = folder.path().join(format!("a{end}"));
    std::fs::write(&path, content).expect("write to /dev/shm");
    let limits = Limits {
        rows: 1_000,
        fields: 100_000,
        file_bytes: 1 << 20,
        ..Limits::default()
    };
    let _ = Table::read(&path, kind & 0x80 == 0, &|_| true, &limits);
});
