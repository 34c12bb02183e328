//! A data file; the first byte picks its kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use optin::data::format::ends;
use optin::data::limits::Limits;
use optin::data::table::Table;

// The reader of Parquet catches its library's assertions: a panic counts only when nothing catches it.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    let Some((kind, content)) = bytes.split_first() else {
        return;
    };
    let ends = ends();
    let end = &ends[usize::from(kind & 0x7f) % ends.len()];
    let folder = tempfile::tempdir_in("/dev/shm").expect("room in memory");
    let path = folder.path().join(format!("a{end}"));
    std::fs::write(&path, content).expect("room in memory");
    let limits = Limits {
        rows: 1_000,
        fields: 100_000,
        file_bytes: 1 << 20,
    };
    let _ = Table::read(&path, kind & 0x80 == 0, &limits);
});
