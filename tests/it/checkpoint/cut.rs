//! Long texts are cut before they are tokenized, and have the same tokens as without the cut.

use std::path::Path;

use optin::checkpoint::error::CheckpointError;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::tokenizer::Tokenizer;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::json;
use tempfile::TempDir;
use tokenizers::{TruncationDirection, TruncationParams};

use crate::fixture::sentences;

/// Number of tokens of the tokenizer.
const VOCABULARY: usize = 40;

/// Maximum number of tokens of a text, with special tokens.
const LENGTH: usize = 24;

/// Parts of texts: words, and characters that normalizers remove, replace or divide at.
const PARTS: [&str; 24] = [
    "w1",
    "W7",
    "w3,w4",
    "x",
    "[MASK]",
    "[SEP]w1",
    "é",
    "e\u{301}",
    "\u{301}",
    "İ",
    "你好",
    "w1你",
    "!",
    "…",
    "\u{b}",
    "w1\u{b}w2",
    "\u{200b}",
    "\u{fffd}",
    "\u{a0}",
    "\u{85}",
    "\u{2028}",
    "",
    "\u{ac00}",
    "w1\u{0}",
];

const SPACES: [&str; 6] = [" ", "\t", "\n", "\r\n", "  ", ""];

/// A folder with a tokenizer, and the library's tokenizer of the same files, which truncates.
struct Setup {
    folder: TempDir,
    whole: tokenizers::Tokenizer,
}

impl Setup {
    fn new(direction: TruncationDirection) -> Self {
        let folder = tempfile::tempdir().unwrap();
        sentences::write_tokenizer(folder.path(), VOCABULARY);
        let side = direction.as_ref();
        let config = json!({
            "tokenizer_class": "BertTokenizer",
            "model_max_length": LENGTH,
            "truncation_side": side,
        });
        let path = folder.path().join("tokenizer_config.json");
        std::fs::write(path, config.to_string()).unwrap();
        let mut whole =
            tokenizers::Tokenizer::from_file(folder.path().join("tokenizer.json")).unwrap();
        let truncation = TruncationParams {
            max_length: LENGTH,
            direction,
            ..TruncationParams::default()
        };
        whole.with_truncation(Some(truncation)).unwrap();
        Self { folder, whole }
    }

    fn open(&self) -> Tokenizer {
        open(self.folder.path())
    }
}

fn open(folder: &Path) -> Tokenizer {
    Tokenizer::open(folder, 512, &Limits::default()).unwrap()
}

fn text(random: &mut ChaCha8Rng, parts: usize) -> String {
    let mut text = String::new();
    // Some texts have few words, and some have long ones.
    let spaces = random.random_range(1..=SPACES.len());
    for _ in 0..random.random_range(0..=parts) {
        text.push_str(PARTS[random.random_range(0..PARTS.len())]);
        text.push_str(SPACES[random.random_range(0..spaces)]);
    }
    text
}

#[test]
fn cut_texts_and_pairs_have_the_same_tokens() {
    for direction in [TruncationDirection::Right, TruncationDirection::Left] {
        let setup = Setup::new(direction);
        let tokenizer = setup.open();
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for _ in 0..300 {
            let one = text(&mut random, 600);
            let found = tokenizer.encode(&one, None).unwrap();
            let wanted = setup.whole.encode(one.as_str(), true).unwrap();
            assert_eq!(found.ids, wanted.get_ids(), "{one:?}");
            let short = random.random_range(0..3) == 0;
            let other = text(&mut random, if short { 12 } else { 600 });
            // An empty text counts as missing.
            if one.is_empty() || other.is_empty() {
                continue;
            }
            for [one, other] in [[&one, &other], [&other, &one]] {
                let found = tokenizer.encode(one, Some(other)).unwrap();
                let both = (one.as_str(), other.as_str());
                let wanted = setup.whole.encode(both, true).unwrap();
                assert_eq!(found.ids, wanted.get_ids(), "{one:?}, {other:?}");
                assert_eq!(found.types, wanted.get_type_ids(), "{one:?}, {other:?}");
            }
        }
    }
}

#[test]
fn cut_lists_of_words_have_the_same_tokens() {
    for direction in [TruncationDirection::Right, TruncationDirection::Left] {
        let setup = Setup::new(direction);
        let tokenizer = setup.open();
        let mut random = ChaCha8Rng::seed_from_u64(6);
        for _ in 0..300 {
            let count = random.random_range(0..200);
            let words: Vec<&str> = (0..count)
                .map(|_| PARTS[random.random_range(0..PARTS.len())])
                .collect();
            let found = tokenizer.encode_words(&words).unwrap();
            let wanted = setup.whole.encode(words.as_slice(), true).unwrap();
            assert_eq!(found.encoding.ids, wanted.get_ids(), "{words:?}");
            let of_words: Vec<Option<usize>> = wanted
                .get_word_ids()
                .iter()
                .map(|word| word.map(|word| word as usize))
                .collect();
            assert_eq!(found.words, of_words, "{words:?}");
        }
    }
}

#[test]
fn a_text_of_many_words_is_read_and_one_without_spaces_is_limited() {
    let setup = Setup::new(TruncationDirection::Right);
    let tokenizer = setup.open();
    let long = "w1 w2 ".repeat(2 << 20);
    assert_eq!(
        tokenizer.encode(&long, None).unwrap(),
        tokenizer.encode(&long[..600], None).unwrap()
    );
    let words = vec!["w1"; 2 << 20];
    assert_eq!(
        tokenizer.encode_words(&words).unwrap(),
        tokenizer.encode_words(&words[..100]).unwrap()
    );
    for long in ["w".repeat((1 << 20) + 1), "你".repeat(1 << 20)] {
        let error = tokenizer.encode(&long, None).unwrap_err();
        assert!(matches!(error, CheckpointError::Limit(_)), "{error}");
        assert!(error.to_string().contains("1048576 bytes"), "{error}");
    }
}

#[test]
fn a_token_with_spaces_prevents_the_cut() {
    let setup = Setup::new(TruncationDirection::Right);
    let path = setup.folder.path().join("tokenizer.json");
    let mut document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let many = vec!["w1"; 100].join(" ");
    let token = json!({"id": VOCABULARY, "content": many, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true});
    document["added_tokens"].as_array_mut().unwrap().push(token);
    std::fs::write(path, document.to_string()).unwrap();
    let tokenizer = setup.open();
    let text = format!("{many} w2");
    let ids = tokenizer.encode(&text, None).unwrap().ids;
    assert_eq!(ids[1], VOCABULARY as u32, "{ids:?}");
    assert_eq!(ids.len(), 4);
}
