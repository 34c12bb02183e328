//! Fuzzes the unpacking of tar archives: no file is written outside the folder, and the total size is limited.
#![no_main]

use libfuzzer_sys::fuzz_target;
use optin::worker::source::archive::unpack;

const CAP_BYTES: u64 = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let root = tempfile::tempdir_in("/dev/shm").expect("write to /dev/shm");
    let folder = root.path().join("folder");
    std::fs::create_dir(&folder).expect("write to /dev/shm");
    let whole = unpack(std::io::Cursor::new(bytes), &folder, CAP_BYTES).is_ok();
    let entries = |folder| std::fs::read_dir(folder).expect("read the folder");
    assert_eq!(
        entries(root.path()).count(),
        1,
        "a file was written outside the folder"
    );
    let mut total = 0;
    for entry in entries(&folder) {
        let found = entry
            .expect("read the folder")
            .metadata()
            .expect("read the metadata");
        assert!(found.is_file());
        total += found.len();
    }
    assert!(!whole || total <= CAP_BYTES);
});
