//! Archives of images are read in place; malicious ones are rejected.

use std::io::Cursor;

use optin::data::limits::Limits;
use optin::prune::failure::Code;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::setup::{Setup, levels, truths};
use crate::fixture::hostile::arrays;
use crate::fixture::hostile::packed::{gzip, tar_of, zip_of};
use crate::fixture::pictures::png;
use crate::fixture::refusal::assert_says;

fn pets() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("pets/dog/b.png", png(30)),
        ("pets/cat/a.png", png(10)),
        ("pets/notes.txt", b"text".to_vec()),
        ("pets/dog/a.png", png(20)),
        ("__MACOSX/pets/dog/._a.png", b"properties".to_vec()),
    ]
}

#[test]
fn archives_give_the_same_as_their_folder() {
    let setup = Setup::new();
    for (path, bytes) in pets() {
        setup.file(path, bytes);
    }
    let folder = setup.evaluation(&setup.path("pets")).unwrap();
    assert_eq!(levels(&folder), [10, 20, 30]);
    let tar = tar_of(&pets());
    let archives = [
        ("a.zip", zip_of(&pets(), CompressionMethod::Deflated)),
        ("b.zip", zip_of(&pets(), CompressionMethod::Stored)),
        ("c.tar", tar.clone()),
        ("d.tar.gz", gzip(&tar)),
        ("e.tgz", gzip(&tar)),
        ("f.tar.zst", zstd::encode_all(tar.as_slice(), 1).unwrap()),
    ];
    for (name, bytes) in archives {
        let path = setup.file(name, &bytes);
        let data = setup.evaluation(&path).unwrap();
        assert_eq!(levels(&data), [10, 20, 30], "{name}");
        assert_eq!(truths(&data), [0, 1, 1], "{name}");
        assert_eq!(data.sha256, folder.sha256, "{name}");
        assert_eq!(data.files.len(), 1, "{name}");
        assert_eq!(data.files[0].bytes, bytes.len() as u64, "{name}");
    }
}

#[test]
fn a_table_within_an_archive_gives_the_labels() {
    let setup = Setup::new();
    let files = [
        (
            "set/metadata.csv",
            b"file_name,label\nx/2.png,dog\nx/1.png,bird\n".to_vec(),
        ),
        ("set/x/1.png", png(10)),
        ("set/x/2.png", png(20)),
        ("set/x/3.png", png(30)),
    ];
    let archives = [
        ("a.zip", zip_of(&files, CompressionMethod::Deflated)),
        ("a.tar", tar_of(&files)),
        ("a.tar.gz", gzip(&tar_of(&files))),
    ];
    for (name, bytes) in archives {
        let data = setup.evaluation(&setup.file(name, bytes)).unwrap();
        assert_eq!(
            (levels(&data), truths(&data)),
            (vec![20, 10], vec![1, 2]),
            "{name}"
        );
    }
}

#[test]
fn paths_that_lead_out_of_an_archive_are_rejected() {
    let setup = Setup::new();
    for hostile in arrays::outside() {
        let failure = setup
            .calibration(&setup.file(hostile.name, hostile.content))
            .unwrap_err();
        assert_says(&failure, hostile.code, &hostile.words);
    }
}

#[test]
fn links_and_repeated_entries_are_rejected() {
    let setup = Setup::new();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.add_symlink("cat/a.png", "/etc/passwd", options)
        .unwrap();
    let path = setup.file("a.zip", zip.finish().unwrap().into_inner());
    let failure = setup.calibration(&path).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["links instead of images", "cat/a.png", "zip -y"],
    );
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link] {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        tar.append_link(&mut header, "cat/a.png", "/etc/passwd")
            .unwrap();
        let path = setup.file("a.tar", tar.into_inner().unwrap());
        let failure = setup.calibration(&path).unwrap_err();
        assert_says(
            &failure,
            Code::InvalidData,
            &["links instead of images", "cat/a.png", "tar -h"],
        );
    }
    let twice = [("cat/a.png", png(1)), ("cat/a.png", png(2))];
    let failure = setup
        .calibration(&setup.file("b.tar", tar_of(&twice)))
        .unwrap_err();
    assert_says(&failure, Code::InvalidData, &["contains cat/a.png twice"]);
}

#[test]
fn damaged_archives_are_rejected() {
    let setup = Setup::new();
    let (tar, zip) = (
        tar_of(&pets()),
        zip_of(&pets(), CompressionMethod::Deflated),
    );
    for (name, bytes, words) in [
        (
            "a.tar",
            tar[..540].to_vec(),
            "it ends within pets/dog/b.png",
        ),
        ("b.tar.gz", gzip(&tar)[..120].to_vec(), "not a readable tar"),
        ("c.tar", png(1), "not a readable tar"),
        (
            "d.zip",
            zip[..zip.len() - 30].to_vec(),
            "not a readable zip",
        ),
        ("e.zip", tar.clone(), "not a readable zip"),
        ("f.zip", Vec::new(), "not a readable zip"),
    ] {
        let failure = setup.calibration(&setup.file(name, bytes)).unwrap_err();
        assert_says(&failure, Code::InvalidData, &[name, words]);
    }
    // The content of one entry is damaged, which its checksum tells.
    let mut bytes = zip_of(&[("cat/a.png", png(1))], CompressionMethod::Stored);
    let at = bytes.windows(4).position(|part| part == b"IDAT").unwrap();
    bytes[at + 6] ^= 0x55;
    let failure = setup.calibration(&setup.file("g.zip", bytes)).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["g.zip, cat/a.png", "create the zip archive again"],
    );
    let empty = setup.file("h.zip", zip_of(&[], CompressionMethod::Stored));
    let failure = setup.calibration(&empty).unwrap_err();
    assert_says(&failure, Code::InvalidData, &["h.zip contains no images"]);
}

#[test]
fn bombs_are_rejected() {
    let setup = Setup::new();
    let zeros = [("cat/a.bmp", vec![0; 80 << 20])];
    let zip = setup.file("a.zip", zip_of(&zeros, CompressionMethod::Deflated));
    assert!(std::fs::metadata(&zip).unwrap().len() < 1 << 20);
    let failure = setup.calibration(&zip).unwrap_err();
    assert_says(
        &failure,
        Code::LimitExceeded,
        &["a.zip, cat/a.bmp", "too large", "67108864 bytes"],
    );
    let limits = Limits {
        file_bytes: 1 << 20,
        image_bytes: 200,
        rows: 4,
        ..Limits::default()
    };
    let tar = setup.file("a.tar.gz", gzip(&tar_of(&zeros)));
    let failure = setup.sampled(&tar, &limits).unwrap_err();
    assert_says(
        &failure,
        Code::LimitExceeded,
        &["a.tar.gz", "too large when decompressed", "1048576"],
    );
    let many: Vec<(String, Vec<u8>)> = (0..5)
        .map(|index| (format!("cat/{index}.png"), png(1)))
        .collect();
    let many: Vec<(&str, Vec<u8>)> = many
        .iter()
        .map(|(path, bytes)| (path.as_str(), bytes.clone()))
        .collect();
    for (name, bytes) in [
        ("b.zip", zip_of(&many, CompressionMethod::Stored)),
        ("b.tar", tar_of(&many)),
    ] {
        let failure = setup
            .sampled(&setup.file(name, bytes), &limits)
            .unwrap_err();
        assert_says(
            &failure,
            Code::LimitExceeded,
            &[name, "too many entries", "4"],
        );
    }
    let all = zip_of(&many[..4], CompressionMethod::Stored);
    let failure = setup
        .sampled(&setup.file("c.zip", all), &limits)
        .unwrap_err();
    assert_says(
        &failure,
        Code::LimitExceeded,
        &["4 images", "the limit is 200", "fewer samples"],
    );
}
