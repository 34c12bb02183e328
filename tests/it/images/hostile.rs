//! Archives, arrays and folders of images that are made to fill the memory or to wait without end.

use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;

use optin::data;
use optin::data::limits::Limits;
use optin::prune::failure::{Code, Failure};

use super::archives::{gzip, tar_of};
use super::setup::{Setup, png};
use crate::fixture::refusal::assert_says;

fn checked(path: &Path) -> Failure {
    checked_within(path, &Limits::default())
}

fn checked_within(path: &Path, limits: &Limits) -> Failure {
    data::check(path, limits).unwrap_err().into()
}

/// Returns a tar archive of one image with headers of this kind before it.
fn with_header(kind: tar::EntryType, content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_path("././@LongLink").unwrap();
    header.set_size(content.len() as u64);
    header.set_cksum();
    tar.append(&header, content).unwrap();
    let mut archive = tar.into_inner().unwrap();
    archive.truncate(archive.len() - 1024);
    archive.extend(tar_of(&[("cat/a.png", png(1))]));
    archive
}

#[test]
fn names_and_headers_of_archives_are_limited_before_they_are_kept() {
    let setup = Setup::new();
    let long = vec![b'a'; 20 << 20];
    for kind in [
        tar::EntryType::GNULongName,
        tar::EntryType::GNULongLink,
        tar::EntryType::XHeader,
    ] {
        let archive = with_header(kind, &long);
        for (name, bytes) in [
            ("long.tar", archive.clone()),
            ("long.tar.gz", gzip(&archive)),
            (
                "long.tar.zst",
                zstd::encode_all(archive.as_slice(), 1).unwrap(),
            ),
        ] {
            let failure = checked(&setup.file(name, bytes));
            assert_says(
                &failure,
                Code::LimitExceeded,
                &[name, "more than 1048576 bytes", "shorter names"],
            );
        }
    }
    let path = [&b"a".repeat(5_000)[..], b".png"].concat();
    let archive = with_header(tar::EntryType::GNULongName, &path);
    let failure = checked(&setup.file("path.tar", archive));
    assert_says(
        &failure,
        Code::LimitExceeded,
        &["a path of 5004 bytes", "4096"],
    );
    // Names within the limits are read, behind content of any size.
    let name = [&b"cat/".to_vec()[..], &b"b".repeat(300), b".png"].concat();
    let mut archive = tar_of(&[("notes.bin", vec![7; 3 << 20])]);
    archive.truncate(archive.len() - 1024);
    archive.extend(with_header(tar::EntryType::GNULongName, &name));
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

/// Returns a zip archive whose list has this many entries, each of about 130 kB. The entries themselves are missing.
fn with_long_list(entries: u16) -> Vec<u8> {
    let mut list = Cursor::new(Vec::new());
    for entry in 0..entries {
        let mut header = [0_u8; 46];
        header[..4].copy_from_slice(b"PK\x01\x02");
        header[28..30].copy_from_slice(&60_000_u16.to_le_bytes());
        header[32..34].copy_from_slice(&60_000_u16.to_le_bytes());
        list.write_all(&header).unwrap();
        list.write_all(&[vec![b'a'; 59_990], format!("{entry:010}").into_bytes()].concat())
            .unwrap();
        list.write_all(&vec![b'c'; 60_000]).unwrap();
    }
    let length = list.get_ref().len() as u32;
    let mut end = [0_u8; 22];
    end[..4].copy_from_slice(b"PK\x05\x06");
    end[8..10].copy_from_slice(&entries.to_le_bytes());
    end[10..12].copy_from_slice(&entries.to_le_bytes());
    end[12..16].copy_from_slice(&length.to_le_bytes());
    list.write_all(&end).unwrap();
    list.into_inner()
}

#[test]
fn the_list_of_a_zip_archive_is_limited_before_it_is_kept() {
    let setup = Setup::new();
    for name in ["long.zip", "long.npz"] {
        let failure = checked(&setup.file(name, with_long_list(600)));
        assert_says(
            &failure,
            Code::LimitExceeded,
            &[name, "67108864 bytes", "fewer images"],
        );
    }
}

#[test]
fn arrays_that_declare_more_than_they_hold_are_rejected() {
    let setup = Setup::new();
    let npy = |header: &str| {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes
    };
    let of_shape = |shape: &str| {
        npy(&format!(
            "{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
        ))
    };
    let mut long = b"\x93NUMPY\x02\x00".to_vec();
    long.extend(u32::MAX.to_le_bytes());
    let mut idx = vec![0, 0, 8, 3];
    idx.extend([0xff; 4]);
    idx.extend([0, 0, 0, 1, 0, 0, 0, 1]);
    for (name, bytes, code, words) in [
        ("header.npy", long, Code::InvalidData, "format of NumPy"),
        (
            "rows.npy",
            of_shape("(18446744073709551615, 4, 4)"),
            Code::LimitExceeded,
            "too large",
        ),
        (
            "pixels.npy",
            of_shape("(1, 4294967296, 4294967296)"),
            Code::LimitExceeded,
            "too large",
        ),
        (
            "few.npy",
            of_shape("(1000000, 4, 4)"),
            Code::InvalidData,
            "truncated",
        ),
        (
            "a-images-idx3-ubyte.gz",
            gzip(&idx),
            Code::LimitExceeded,
            "too large",
        ),
    ] {
        let failure = checked(&setup.file(name, bytes));
        assert_says(&failure, code, &[name, words]);
    }
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
