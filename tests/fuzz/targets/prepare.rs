//! Fuzzes the preparation of a run: a tiny model with its tokenizer, and two tables.
//!
//! The input replaces some of the files. It is a list of sections, separated by two zero bytes. The first byte of a
//! section selects a file, and the rest of the section is its new content. A file that no section selects is unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use optin::prune::prepare::Prepared;
use optin_fuzz::pieces::{folder, run};

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
    let folder = folder();
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
    let [calibration, evaluation] =
        ["calibration.tsv", "evaluation.jsonl"].map(|name| folder.path().join(name));
    let (places, recipe) = run(folder.path(), &calibration, Some(&evaluation));
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
