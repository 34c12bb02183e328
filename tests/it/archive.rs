//! Archives that are sent in: a model comes out, or nothing outside the folder.

use optin::prune::failure::{Code, Failure};
use optin::worker::source::archive::unpack;
use tempfile::TempDir;

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        // Past the builder's own checks, as someone with bad intent would.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn unpacked(archive: &[u8], cap_bytes: u64) -> (TempDir, Result<Vec<String>, Failure>) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let outcome = unpack(archive, &folder, cap_bytes).map(|()| {
        let entries = std::fs::read_dir(&folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    });
    assert_eq!(
        std::fs::read_dir(root.path()).unwrap().count(),
        1,
        "something escaped"
    );
    (root, outcome)
}

const WHOLE: [(&str, &str); 2] = [("config.json", "{}"), ("model.safetensors", "weights")];

#[test]
fn a_model_at_the_root_or_in_one_folder_is_unpacked_without_the_rest() {
    let mut files = WHOLE.to_vec();
    files.extend([
        ("modeling.py", "import os"),
        ("pytorch_model.bin", "pickle"),
        ("a/b/config.json", "{}"),
    ]);
    assert_eq!(
        unpacked(&archive(&files), 100).1.unwrap(),
        ["config.json", "model.safetensors"]
    );
    let within = WHOLE.map(|(name, content)| (format!("./model/{name}"), content));
    let within: Vec<_> = within
        .iter()
        .map(|(name, content)| (name.as_str(), *content))
        .collect();
    assert_eq!(
        unpacked(&archive(&within), 100).1.unwrap(),
        ["config.json", "model.safetensors"]
    );
}

#[test]
fn what_is_no_whole_model_is_refused_with_its_reason() {
    let refused = |files: &[(&str, &str)], cap, code, word: &str| {
        let failure = unpacked(&archive(files), cap).1.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.detail.contains(word), "{failure}");
    };
    let [config, weights] = WHOLE;
    refused(&[weights], 100, Code::SourceNotFound, "config.json");
    refused(
        &[config, ("pytorch_model.bin", "")],
        100,
        Code::UnsafeFormat,
        "safetensors",
    );
    refused(&WHOLE, 8, Code::LimitExceeded, "8 bytes");
    refused(
        &[config, weights, config],
        100,
        Code::InvalidCheckpoint,
        "twice",
    );
    refused(
        &[config, ("other/model.safetensors", "")],
        100,
        Code::InvalidCheckpoint,
        "more than one folder",
    );
    refused(
        &[("../config.json", "{}"), ("/model.safetensors", "")],
        100,
        Code::SourceNotFound,
        "config.json",
    );
    for noise in [&b"no archive"[..], &[0xff; 2_000]] {
        let failure = unpacked(noise, 100).1.unwrap_err();
        assert!(failure.detail.contains("tar"), "{failure}");
    }
}
