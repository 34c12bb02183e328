//! Fuzzes tables of texts: valid tables in every format with some changed bytes and values. Each is opened as an upload, and a job
//! is planned with it and a small valid model.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use optin::data::format::ends;
use optin::prune::admission::Kind;
use optin_fuzz::edit::{File, splice};
use optin_fuzz::json::{self, Change};
use optin_fuzz::pieces::{folder, gzip, run, write, zstd};
use optin_fuzz::{child, seeds};

const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../goldens/tables");

/// Tables as text, one in each format.
const TEXTS: [&str; 5] = [
    "text\tlabel\na b\t0\nc a dog.\t1\n",
    "text,label\n\"a, b\",0\nc,1\n",
    "{\"text\": \"a b\", \"label\": 0}\n{\"text\": \"c\", \"label\": 1}\n",
    "[{\"text\": \"a b\", \"label\": 0, \"list\": [1, 2]}, {\"text\": \"c\", \"label\": 1, \"list\": []}]",
    "{\"text\": [\"a b\", \"c\"], \"label\": [0, 1]}",
];

/// The tables as text, and the tables in Parquet of the goldens.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let entries = std::fs::read_dir(TABLES).expect("the goldens");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the goldens").path())
        .filter(|path| path.extension().is_some_and(|end| end == "parquet"))
        .collect();
    paths.sort();
    let parquet = paths
        .iter()
        .map(|path| std::fs::read(path).expect("the goldens"));
    TEXTS
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .chain(parquet)
        .collect()
});

#[derive(Arbitrary, Debug)]
struct Input {
    seed: u8,
    end: u8,
    json: Vec<Change>,
    /// Number of times that the table is doubled. The whole stays below 1 MiB.
    doublings: u8,
    changes: Vec<(u16, u8, Vec<u8>)>,
    /// Changes of the packed file.
    packed: Vec<(u16, u8, Vec<u8>)>,
    is_shard: bool,
    is_evaluated: bool,
}

fuzz_target!(init: child::keep_panics(), |input: Input| {
    let root = folder();
    let model = root.path().join("model");
    std::fs::create_dir(&model).expect("write to /dev/shm");
    write(&model, &seeds::text_model().files());
    let ends = ends();
    let end = &ends[usize::from(input.end) % ends.len()];
    let content = packed(content(&input), end, &input.packed);
    let valid = File {
        name: "valid.tsv".to_owned(),
        content: TEXTS[0].as_bytes().to_vec(),
    };
    let name = match input.is_shard {
        true => format!("shards/data{end}"),
        false => format!("data{end}"),
    };
    write(root.path(), &[valid, File { name: name.clone(), content }]);
    let source = match input.is_shard {
        true => root.path().join("shards"),
        false => root.path().join(name),
    };
    let _ = child::open(&source, Kind::Data);
    let (places, recipe) = match input.is_evaluated {
        true => run(&model, &root.path().join("valid.tsv"), Some(&source)),
        false => run(&model, &source, None),
    };
    let _ = child::estimate(&places, &recipe);
});

fn content(input: &Input) -> Vec<u8> {
    let seeds = &*SEEDS;
    let mut content = seeds[usize::from(input.seed) % seeds.len()].clone();
    for change in input.json.iter().take(8) {
        json::edit(&mut content, change);
    }
    for (at, over, change) in input.changes.iter().take(8) {
        splice(&mut content, *at, *over, change);
    }
    let times = (1_usize << (input.doublings % 17)).min((1 << 20) / content.len().max(1));
    content.repeat(times.max(1))
}

fn packed(content: Vec<u8>, end: &str, changes: &[(u16, u8, Vec<u8>)]) -> Vec<u8> {
    let mut packed = match () {
        () if end.ends_with("gz") => gzip(&content),
        () if end.ends_with("zst") => zstd(&content),
        () => content,
    };
    for (at, over, change) in changes.iter().take(8) {
        splice(&mut packed, *at, *over, change);
    }
    packed
}
