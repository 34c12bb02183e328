//! Fuzzes the preparation of a run: a tiny model with its tokenizer, and two tables.
//!
//! The input replaces some of the files. It is a list of sections, separated by two zero bytes. The first byte of a
//! section selects a file, and the rest of the section is its new content. A file that no section selects is unchanged.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use optin::model::device::Device;
use optin::prune::places::Places;
use optin::prune::prepare::Prepared;
use optin::prune::recipe::{
    Calibration, Constraints, Evaluation, Mapping, Method, Metric, Recipe, Source, Target, Output};

/// Names and default contents. A file without default content exists only if a section provides it.
const FILES: [(&str, &[u8]); 9] = [
    (
        "config.json",
        include_bytes!("../../goldens/bert/gelu/config.json"),
    ),
    (
        "tokenizer.json",
        include_bytes!("../seeds/prepare/tokenizer.json"),
    ),
    (
        "tokenizer_config.json",
        b"{\"tokenizer_class\": \"BertTokenizer\", \"model_max_length\": 20}",
    ),
    ("special_tokens_map.json", b""),
    ("added_tokens.json", b""),
    ("vocab.txt", b""),
    ("calibration.tsv", b"text\tlabel\na b\t0\nc a\t1\n"),
    (
        "evaluation.jsonl",
        b"{\"text\": \"a\", \"label\": 0}\n{\"text\": \"b c\", \"label\": \"class_1\"}\n",
    ),
    (
        "model.safetensors",
        include_bytes!("../../goldens/bert/gelu/model.safetensors"),
    ),
];

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir_in("/dev/shm").expect("write to /dev/shm");
    let write = |name: &str, content: &[u8]| {
        std::fs::write(folder.path().join(name), content).expect("write to /dev/shm");
    };
    for (name, content) in FILES.iter().filter(|(_, content)| !content.is_empty()) {
        write(name, content);
    }
    for section in sections(bytes) {
        if let Some((file, content)) = section.split_first() {
            // The weights have a separate fuzz target.
            write(FILES[usize::from(*file) % (FILES.len() - 1)].0, content);
        }
    }
    let (places, recipe) = run(folder.path());
    let _ = Prepared::read(&places, &recipe);
});

/// Splits the input into its sections.
fn sections(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut sections = Vec::new();
    while let Some(end) = bytes.windows(2).position(|pair| pair == [0, 0]) {
        sections.push(&bytes[..end]);
        bytes = &bytes[end + 2..];
    }
    sections.push(bytes);
    sections
}

/// Returns the paths and the recipe of the run.
fn run(folder: &Path) -> (Places, Recipe) {
    let source = || Source::new("file:///fuzz");
    let places = Places {
        model: folder.to_owned(),
        calibration: folder.join("calibration.tsv"),
        evaluation: Some(folder.join("evaluation.jsonl")),
        out: folder.join("out"),
        device: Device::Cpu,
    };
    let recipe = Recipe {
        model: source(),
        calibration: Calibration {
            source: source(),
            mapping: Mapping::default(),
            max_samples: 64,
            max_positions: 4_096,
            seed: 0,
        },
        evaluation: Some(Evaluation {
            source: source(),
            mapping: Mapping::default(),
            max_samples: None,
        }),
        target: Target {
            metric: Metric::Flops,
            keep: 0.5,
            tolerance: 0.1,
        },
        constraints: Constraints::default(),
        method: Method::default(),
        outputs: Output::all(),
    };
    (places, recipe)
}
