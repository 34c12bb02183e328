//! The draft of an output folder: files in subfolders, their digests, and names that are refused.

use optin::prune::failure::Code;
use optin::prune::surgery::folder::Draft;
use std::process::Command;

#[test]
fn a_draft_with_subfolders_is_moved_to_its_destination_and_its_digests_match() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let draft = Draft::begin(&out).unwrap();
    draft.write("config.json", b"{}").unwrap();
    draft.write("onnx/model.onnx", b"graph").unwrap();
    draft.write_json("1/meta/config.json", &[1, 2]).unwrap();
    std::fs::write(draft.file("2/weights.bin").unwrap(), "weights").unwrap();
    assert!(!out.exists());
    draft.finish().unwrap();
    assert_eq!(
        std::fs::read(out.join("onnx/model.onnx")).unwrap(),
        b"graph"
    );
    let sums = std::fs::read_to_string(out.join("SHA256SUMS")).unwrap();
    let names = sums.lines().map(|line| line.split_once("  ").unwrap().1);
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "1/meta/config.json",
            "2/weights.bin",
            "config.json",
            "onnx/model.onnx"
        ]
    );
    let check = || {
        let mut command = Command::new("sha256sum");
        command.args(["--check", "--strict", "SHA256SUMS"]);
        command.current_dir(&out).output().unwrap().status.success()
    };
    assert!(check());
    std::fs::write(out.join("2/weights.bin"), "others").unwrap();
    assert!(!check());
    // Only the destination is left.
    assert_eq!(root.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_draft_refuses_names_that_lead_out_of_it() {
    let root = tempfile::tempdir().unwrap();
    let draft = Draft::begin(&root.path().join("out")).unwrap();
    for name in ["../a", "/a", "a/../../b", "a//b", "", "a\\b"] {
        let failure = draft.write(name, b"x").unwrap_err();
        assert_eq!(failure.code, Code::Internal, "{name}");
    }
    draft.write("a", b"file").unwrap();
    assert_eq!(
        draft.write("a/b", b"x").unwrap_err().code,
        Code::StorageError
    );
    drop(draft);
    assert_eq!(root.path().read_dir().unwrap().count(), 0);
}
