//! Files whose content does not match their name: failed downloads, and other formats with a changed name.

use optin::checkpoint::content::Content;
use optin::prune::failure::Code;

use super::{assert_rejected, tiny};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\n\
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 133466304\n";

#[test]
fn the_error_for_weights_of_another_format_names_the_format() {
    let cases: [(&[u8], Code, &[&str]); 8] = [
        (
            POINTER.as_bytes(),
            Code::InvalidCheckpoint,
            &["is a Git LFS pointer, not the weights", "git lfs pull"],
        ),
        (
            b"\n<!DOCTYPE html><html class=\"\"><title>Log In</title>",
            Code::InvalidCheckpoint,
            &["is a web page", "hf download"],
        ),
        (
            b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0archive/data.pkl",
            Code::UnsafeFormat,
            &["PyTorch", "safe_serialization"],
        ),
        (
            b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j",
            Code::UnsafeFormat,
            &["PyTorch", "safe_serialization"],
        ),
        (
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
            Code::InvalidCheckpoint,
            &["gzip", "unpack"],
        ),
        (
            b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0model.safetensors",
            Code::InvalidCheckpoint,
            &["zip archive"],
        ),
        (b"GGUF\x03\0\0\0\0\0", Code::InvalidCheckpoint, &["GGUF"]),
        (
            b"",
            Code::InvalidCheckpoint,
            &["is empty", "fetch it again"],
        ),
    ];
    for (content, code, words) in cases {
        let folder = tiny();
        std::fs::write(folder.path().join("model.safetensors"), content).unwrap();
        assert_rejected(
            folder.path(),
            code,
            &[words, &["model.safetensors"]].concat(),
        );
    }
}

#[test]
fn a_header_length_that_looks_like_another_format_is_accepted() {
    // Files with headers of 640 and of 35,615 bytes start with the same bytes as a pickle and as gzip.
    for length in [0x0280_u64, 0x8b1f] {
        let mut first = length.to_le_bytes().to_vec();
        first.extend_from_slice(b"{\"a\"");
        assert_eq!(Content::of_weights(&first), None);
        assert!(Content::of(&first).is_some());
    }
}

#[test]
fn the_error_for_a_config_of_another_format_names_the_format() {
    for (content, word) in [
        (POINTER, "Git LFS pointer"),
        ("<html><body>Log in</body></html>", "web page"),
        ("", "is empty"),
    ] {
        let folder = tiny();
        std::fs::write(folder.path().join("config.json"), content).unwrap();
        assert_rejected(
            folder.path(),
            Code::InvalidCheckpoint,
            &["config.json", word],
        );
    }
}

#[test]
fn the_error_for_invalid_json_names_the_line_or_the_cause() {
    for (text, words) in [
        ("[1]", ["not a valid JSON object", "a list"]),
        ("3", ["not a valid JSON object", "a single value"]),
        ("\u{feff}{}", ["byte order mark", "without one"]),
        ("{\"a\": 1,\n\"b\"", ["too early", "line 2"]),
        (
            "{\"a\": 1,\n\"b\" 2}",
            ["line 2, column 5", "is not valid JSON"],
        ),
        (
            "{\"a\": 1,\n \"layer_norm_eps\": NaN}",
            ["line 2 contains NaN", "number"],
        ),
        ("{\"a\": -Infinity}", ["line 1 contains Infinity", "number"]),
    ] {
        let folder = tiny();
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        assert_rejected(
            folder.path(),
            Code::InvalidCheckpoint,
            &[&words[..], &["config.json"]].concat(),
        );
    }
}
