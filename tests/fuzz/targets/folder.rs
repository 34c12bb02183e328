//! Fuzzes folders of models: a small valid model of any architecture with some changed files, alone or in the archive of an
//! upload. It is opened as an upload, and a job is planned with it.
#![no_main]

use std::path::{Path, PathBuf};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use optin::prune::admission::Kind;
use optin_fuzz::edit::{Edit, File, apply, splice};
use optin_fuzz::pieces::{folder, run, tar, write};
use optin_fuzz::{child, seeds};

#[derive(Arbitrary, Debug)]
struct Input {
    model: u8,
    edits: Vec<Edit>,
    archive: Option<Archive>,
}

/// The archive that holds the folder, with some changed bytes.
#[derive(Arbitrary, Debug)]
struct Archive {
    is_within_folder: bool,
    changes: Vec<(u16, u8, Vec<u8>)>,
}

fuzz_target!(init: child::keep_panics(), |input: Input| {
    let seed = seeds::model(input.model);
    let mut files = seed.files();
    apply(&mut files, &input.edits);
    let root = folder();
    let model = root.path().join("model");
    std::fs::create_dir(&model).expect("write to /dev/shm");
    match &input.archive {
        None => write(&model, &files),
        Some(archive) => {
            if child::unpack(&packed(files, archive), &model).is_err() {
                return;
            }
        }
    }
    let _ = child::open(&model, Kind::Model);
    let data = data(root.path(), seed.reads_texts);
    let (places, recipe) = run(&model, &data, None);
    let _ = child::estimate(&places, &recipe);
});

fn packed(mut files: Vec<File>, archive: &Archive) -> Vec<u8> {
    if archive.is_within_folder {
        files
            .iter_mut()
            .for_each(|file| file.name.insert_str(0, "model/"));
    }
    let mut bytes = tar(&files);
    for (at, over, change) in archive.changes.iter().take(8) {
        splice(&mut bytes, *at, *over, change);
    }
    bytes
}

/// Writes rows that the model reads.
fn data(root: &Path, are_texts: bool) -> PathBuf {
    if are_texts {
        let path = root.join("data.tsv");
        let rows = "text\tlabel\na b\t0\nc a dog.\t1\ncat 1\t0\n";
        std::fs::write(&path, rows).expect("write to /dev/shm");
        return path;
    }
    let path = root.join("data");
    let files = [(2, "a.png"), (20, "b.png")].map(|(index, name)| File {
        name: format!("class/{name}"),
        content: seeds::image(index).to_vec(),
    });
    write(&path, &files);
    path
}
