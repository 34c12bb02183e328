//! Archives, arrays and folders of images that are made to fill the memory or to wait without end.

use std::path::Path;
use std::process::Command;

use optin::data;
use optin::data::limits::Limits;
use optin::prune::failure::{Code, Failure};

use super::setup::Setup;
use crate::fixture::hostile::HostileFile;
use crate::fixture::hostile::arrays;
use crate::fixture::hostile::packed::{gzip, tar_of, with_header};
use crate::fixture::pictures::png;
use crate::fixture::refusal::assert_says;

fn checked(path: &Path) -> Failure {
    checked_within(path, &Limits::default())
}

fn checked_within(path: &Path, limits: &Limits) -> Failure {
    data::check(path, limits).unwrap_err().into()
}

/// Asserts what the check of an upload says about each of these files.
fn assert_refused(files: Vec<HostileFile>) {
    let setup = Setup::new();
    for hostile in files {
        let failure = checked(&setup.file(hostile.name, hostile.content));
        assert_says(&failure, hostile.code, &hostile.words);
    }
}

#[test]
fn names_and_headers_of_archives_are_limited_before_they_are_kept() {
    assert_refused(arrays::long_names());
}

#[test]
fn long_names_within_the_limits_are_read() {
    let setup = Setup::new();
    // Behind content of any size.
    let name = [&b"cat/".to_vec()[..], &b"b".repeat(300), b".png"].concat();
    let mut archive = tar_of(&[("notes.bin", vec![7; 3 << 20])]);
    archive.truncate(archive.len() - 1024);
    archive.extend(with_header(
        tar::EntryType::GNULongName,
        &name,
        &tar_of(&[("cat/a.png", png(1))]),
    ));
    for (name, bytes) in [
        ("fine.tar", archive.clone()),
        ("fine.tar.gz", gzip(&archive)),
    ] {
        let data = setup.calibration(&setup.file(name, bytes)).unwrap();
        assert_eq!(data.len(), 1, "{name}");
    }
}

#[test]
fn archives_have_a_limited_number_of_entries() {
    let setup = Setup::new();
    let names: Vec<String> = (0..20).map(|at| format!("cat/{at}.png")).collect();
    let files: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), png(1))).collect();
    let limits = Limits {
        rows: 10,
        ..Limits::default()
    };
    let tar = tar_of(&files);
    for (name, bytes) in [("a.tar", tar.clone()), ("a.tar.gz", gzip(&tar))] {
        let failure = checked_within(&setup.file(name, bytes), &limits);
        assert_says(&failure, Code::LimitExceeded, &["too many entries", "10"]);
    }
}

#[test]
fn the_list_of_a_zip_archive_is_limited_before_it_is_kept() {
    assert_refused(arrays::long_lists());
}

#[test]
fn arrays_that_declare_more_than_they_hold_are_rejected() {
    assert_refused(arrays::arrays());
}

#[test]
fn folders_hold_regular_files() {
    let setup = Setup::new();
    setup.file("pipes/cat/a.png", png(1));
    let pipe = setup.path("pipes/cat/b.png");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let failure = setup.calibration(&setup.path("pipes")).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["cat/b.png", "not a regular file"],
    );
    std::fs::create_dir_all(setup.path("arrays/a-images-idx3-ubyte")).unwrap();
    let failure = setup.calibration(&setup.path("arrays")).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["a-images-idx3-ubyte", "is a folder"],
    );
}
