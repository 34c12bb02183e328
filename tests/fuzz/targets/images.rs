//! Fuzzes sources of images: folders, archives, arrays and tables, some of whose files and bytes are changed. Each is opened as an
//! upload, and a job is planned with it and a small valid model.
#![no_main]

use std::path::{Path, PathBuf};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use optin::data::format::ends;
use optin::prune::admission::Kind;
use optin_fuzz::edit::{Edit, File, apply, splice};
use optin_fuzz::pieces::{folder, gzip, run, tar, write, zip, zstd};
use optin_fuzz::{child, seeds};

/// Paths that readers know, and some that they refuse.
const PATHS: [&str; 18] = [
    "cat/a.png",
    "cat/b.jpg",
    "dog/a.webp",
    "dog/b.bmp",
    "images/a.png",
    "images/b.png",
    "annotations/a.png",
    "annotations/b.png",
    "metadata.csv",
    "metadata.jsonl",
    "x.npy",
    "y.npy",
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "a.parquet",
    "../a.png",
    "/a.png",
    "a/b/c/d/e/f/g/h/i/j/k/l.png",
];

const METADATA: &str = "file_name,label\ncat/a.png,0\ncat/b.jpg,1\n";

#[derive(Arbitrary, Debug)]
struct Input {
    model: u8,
    /// Changes of the image processor and of the configuration.
    edits: Vec<Edit>,
    form: Form,
    entries: Vec<Entry>,
    /// Changes of the source as a whole, if it is a file.
    changes: Vec<(u16, u8, Vec<u8>)>,
    is_evaluated: bool,
}

#[derive(Arbitrary, Debug)]
enum Form {
    Folder,
    /// Packed with gzip, Zstandard or not at all.
    Tar(u8),
    Zip {
        is_compressed: bool,
    },
    Npz {
        is_compressed: bool,
    },
    /// The content of the first entry, with one of the ends of data files.
    Alone {
        end: u8,
    },
}

#[derive(Arbitrary, Debug)]
struct Entry {
    path: EntryPath,
    content: Content,
    changes: Vec<(u16, u8, Vec<u8>)>,
}

#[derive(Arbitrary, Debug)]
enum EntryPath {
    Known(u8),
    Other(String),
}

#[derive(Arbitrary, Debug)]
enum Content {
    Image(u8),
    Array {
        kind: u8,
        width: u8,
        shape: [u32; 4],
        dimensions: u8,
        data: u16,
    },
    Idx {
        kind: u8,
        shape: [u32; 3],
        dimensions: u8,
        data: u16,
    },
    Metadata,
    Zeros {
        doublings: u8,
    },
    Bytes(Vec<u8>),
}

impl Content {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Image(index) => seeds::image(*index).to_vec(),
            Self::Array {
                kind,
                width,
                shape,
                dimensions,
                data,
            } => {
                let kind = ["|u", "|i", "<i", ">i", "<f", "|b", "|O", "<U"][usize::from(kind % 8)];
                let shape = &shape[..usize::from(dimensions % 5)];
                let shape: Vec<String> = shape.iter().map(u32::to_string).collect();
                let header = format!(
                    "{{'descr': '{kind}{}', 'fortran_order': False, 'shape': ({},), }}",
                    width % 9,
                    shape.join(", ")
                );
                let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
                bytes.extend((header.len() as u16).to_le_bytes());
                bytes.extend(header.as_bytes());
                bytes.extend(vec![7; usize::from(*data)]);
                bytes
            }
            Self::Idx {
                kind,
                shape,
                dimensions,
                data,
            } => {
                let count = dimensions % 4;
                let mut bytes = vec![0, 0, *kind, count];
                for side in &shape[..usize::from(count)] {
                    bytes.extend(side.to_be_bytes());
                }
                bytes.extend(vec![1; usize::from(*data)]);
                bytes
            }
            Self::Metadata => METADATA.as_bytes().to_vec(),
            Self::Zeros { doublings } => vec![0; 1 << (doublings % 24)],
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

fuzz_target!(init: child::keep_panics(), |input: Input| {
    let mut model_files = seeds::image_model(input.model).files();
    apply(&mut model_files, &input.edits);
    let root = folder();
    let model = root.path().join("model");
    std::fs::create_dir(&model).expect("write to /dev/shm");
    write(&model, &model_files);
    let source = source(root.path(), &input);
    let _ = child::open(&source, Kind::Data);
    let calibration = match input.is_evaluated {
        true => valid(root.path()),
        false => source.clone(),
    };
    let evaluation = input.is_evaluated.then_some(source.as_path());
    let (places, recipe) = run(&model, &calibration, evaluation);
    let _ = child::estimate(&places, &recipe);
});

/// Writes the source, and returns its path.
fn source(root: &Path, input: &Input) -> PathBuf {
    let files: Vec<File> = input.entries.iter().take(16).map(file).collect();
    let (name, mut bytes) = match &input.form {
        Form::Folder => {
            let path = root.join("data");
            std::fs::create_dir(&path).expect("write to /dev/shm");
            write(&path, &files);
            return path;
        }
        Form::Tar(packing) => match packing % 3 {
            0 => ("data.tar".to_owned(), tar(&files)),
            1 => ("data.tar.gz".to_owned(), gzip(&tar(&files))),
            _ => ("data.tar.zst".to_owned(), zstd(&tar(&files))),
        },
        Form::Zip { is_compressed } => ("data.zip".to_owned(), zip(&files, *is_compressed)),
        Form::Npz { is_compressed } => ("data.npz".to_owned(), zip(&files, *is_compressed)),
        Form::Alone { end } => {
            let ends = ends();
            let end = &ends[usize::from(*end) % ends.len()];
            let first = files.into_iter().next();
            let content = first.map(|file| file.content).unwrap_or_default();
            let packed = match () {
                () if end.ends_with("gz") => gzip(&content),
                () if end.ends_with("zst") => zstd(&content),
                () => content,
            };
            (format!("data{end}"), packed)
        }
    };
    for (at, over, change) in input.changes.iter().take(8) {
        splice(&mut bytes, *at, *over, change);
    }
    let path = root.join(name);
    std::fs::write(&path, bytes).expect("write to /dev/shm");
    path
}

fn file(entry: &Entry) -> File {
    let name = match &entry.path {
        EntryPath::Known(index) => PATHS[usize::from(*index) % PATHS.len()].to_owned(),
        EntryPath::Other(name) => name.clone(),
    };
    let mut content = entry.content.bytes();
    for (at, over, change) in entry.changes.iter().take(8) {
        splice(&mut content, *at, *over, change);
    }
    File { name, content }
}

/// Writes a folder of valid images.
fn valid(root: &Path) -> PathBuf {
    let path = root.join("valid");
    let file = File {
        name: "class/a.png".to_owned(),
        content: seeds::image(20).to_vec(),
    };
    write(&path, &[file]);
    path
}
