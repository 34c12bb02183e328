//! A tar archive: nothing lands outside the folder, nor more bytes than the cap.
#![no_main]

use libfuzzer_sys::fuzz_target;
use optin::worker::source::archive::unpack;

const CAP_BYTES: u64 = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let root = tempfile::tempdir_in("/dev/shm").expect("room in memory");
    let folder = root.path().join("folder");
    std::fs::create_dir(&folder).expect("room in memory");
    let whole = unpack(std::io::Cursor::new(bytes), &folder, CAP_BYTES).is_ok();
    let entries = |folder| std::fs::read_dir(folder).expect("it is there");
    assert_eq!(entries(root.path()).count(), 1, "something escaped");
    let mut total = 0;
    for entry in entries(&folder) {
        let found = entry.expect("it is there").metadata().expect("it is there");
        assert!(found.is_file());
        total += found.len();
    }
    assert!(!whole || total <= CAP_BYTES);
});
