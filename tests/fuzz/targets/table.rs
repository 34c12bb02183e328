//! A data file; the first byte picks its kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use optin::data::limits::Limits;
use optin::data::table::Table;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, content)) = bytes.split_first() else {
        return;
    };
    let name = ["a.tsv", "a.csv", "a.jsonl"][usize::from(kind % 3)];
    let folder = tempfile::tempdir_in("/dev/shm").expect("room in memory");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("room in memory");
    let limits = Limits {
        rows: 1_000,
        ..Limits::default()
    };
    let _ = Table::read(&path, kind & 0x80 == 0, &limits);
});
