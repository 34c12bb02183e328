//! Names of result files: the rule, and the listing of a folder.

use optin::artifact::key::Key;
use optin::file_name::{FileName, MAX_BYTES};
use proptest::prelude::*;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Component, Path};

fn parse(text: &str) -> Option<FileName> {
    text.parse().ok()
}

#[test]
fn names_are_relative_paths_of_plain_parts() {
    let part = "a".repeat(128);
    let long = format!("{part}/{part}/{part}/{}", "a".repeat(125));
    assert_eq!(long.len(), MAX_BYTES);
    for valid in [
        "model.safetensors",
        "SHA256SUMS",
        "onnx/model.onnx",
        "1/model.onnx",
        "1_Pooling/config.json",
        "a/b/c/d/e/f/g/h",
        "a..b",
        &part,
        &long,
    ] {
        assert_eq!(parse(valid).unwrap().as_str(), valid);
    }
    for invalid in [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/.",
        "a/..",
        "../a",
        "a/../b",
        "a/./b",
        ".a",
        "a/.b",
        "-a",
        "a/-b",
        "_a",
        "a\\b",
        "C:\\a",
        "C:a",
        "a\0",
        "a\n",
        "a\u{7f}",
        "a b",
        "a%2fb",
        "ä",
        "a/b/c/d/e/f/g/h/i",
        &format!("{part}a"),
        &format!("{long}a"),
    ] {
        assert_eq!(parse(invalid), None, "{invalid:?}");
    }
}

/// The pattern that the OpenAPI document states for the name of an artifact.
fn pattern() -> String {
    let document = optin::api::openapi();
    let name = &document["components"]["schemas"]["Artifact"]["properties"]["name"];
    assert_eq!(name["maxLength"], MAX_BYTES);
    let pattern = name["pattern"].as_str().unwrap();
    // The generator supports no anchors.
    let whole = pattern.strip_prefix('^').unwrap().strip_suffix('$');
    whole.unwrap().to_owned()
}

proptest! {
    #[test]
    fn every_name_of_the_documented_pattern_is_valid_and_stays_in_its_folder(text in pattern().as_str()) {
        prop_assume!(text.len() <= MAX_BYTES);
        let name = parse(&text).unwrap();
        let path = name.within(Path::new("/folder"));
        let below = path.strip_prefix("/folder").unwrap();
        prop_assert!(below.components().all(|part| matches!(part, Component::Normal(_))));
        prop_assert_eq!(below.to_str().unwrap(), &text);
        let parts: Vec<&str> = text.split('/').collect();
        prop_assert_eq!(name.last(), parts[parts.len() - 1]);
        let folders: Vec<String> = (1..parts.len()).map(|end| parts[..end].join("/")).collect();
        prop_assert_eq!(name.folders().collect::<Vec<_>>(), folders);
        let key = Key::attempt_file("job_a", 1, &name).unwrap();
        prop_assert_eq!(Key::parse(key.as_str()).unwrap(), key);
    }

    #[test]
    fn no_valid_name_has_a_part_with_another_meaning(text in r"([a-b0./\\_\-%:~ é\x00\n]|\.\.){0,12}") {
        if let Some(name) = parse(&text) {
            for part in name.as_str().split('/') {
                prop_assert!(part.starts_with(|first: char| first.is_ascii_alphanumeric()));
                prop_assert!(!part.contains(['\\', '%', ':', '~', ' ', '\0', '\n']) && part.is_ascii());
            }
        }
    }
}

#[test]
fn a_folder_is_listed_with_its_subfolders_and_holds_only_files_with_valid_names() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    assert_eq!(FileName::all_in(root).unwrap(), []);
    for name in ["b", "a/c", "a.b", "a/b/c"] {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    let names = FileName::all_in(root).unwrap();
    let names: Vec<&str> = names.iter().map(FileName::as_str).collect();
    assert_eq!(names, ["a.b", "a/b/c", "a/c", "b"]);
    let error = || FileName::all_in(root).unwrap_err().to_string();
    symlink("/etc", root.join("a/link")).unwrap();
    assert!(error().contains("a/link is a link"), "{}", error());
    std::fs::remove_file(root.join("a/link")).unwrap();
    let not_unicode = root.join(std::ffi::OsStr::from_bytes(b"x\xff"));
    for path in [root.join("a/b c"), not_unicode] {
        std::fs::write(&path, "").unwrap();
        assert!(error().contains("not a valid file name"), "{}", error());
        std::fs::remove_file(path).unwrap();
    }
    assert!(FileName::all_in(&root.join("missing")).is_err());
}
