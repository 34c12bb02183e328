//! Folders without a usable model. The message says what the folder contains and what to do.

use optin::prune::failure::Code;
use std::path::Path;
use tempfile::TempDir;

use super::{assert_rejected, open, tiny};

/// Creates a folder with these files, each with the content `{}`.
fn folder(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "{}").unwrap();
    }
    folder
}

#[test]
fn the_kind_of_a_folder_is_recognized_by_its_files() {
    let cases: [(&[&str], Code, &[&str]); 16] = [
        (
            &["adapter_config.json", "adapter_model.safetensors"],
            Code::UnsupportedModel,
            &["PEFT adapter", "merge_and_unload()"],
        ),
        (
            &["config.json", "adapter_config.json", "adapter_model.bin"],
            Code::UnsupportedModel,
            &["PEFT adapter", "merge_and_unload()"],
        ),
        (
            &["config.json", "adapter_model.safetensors"],
            Code::SourceNotFound,
            &["adapter_model.safetensors", "merge_and_unload()"],
        ),
        (
            &["model_index.json", "unet/config.json"],
            Code::UnsupportedModel,
            &["diffusers pipeline"],
        ),
        (
            &[
                "modules.json",
                "0_Transformer/config.json",
                "0_Transformer/pytorch_model.bin",
                "1_Pooling/config.json",
            ],
            Code::SourceNotFound,
            &["subfolder 0_Transformer/ does", "name that folder"],
        ),
        (
            &["config.json", "onnx/model.onnx", "tokenizer.json"],
            Code::UnsupportedModel,
            &["onnx/model.onnx", "made from"],
        ),
        (
            &["config.json", "tf_model.h5"],
            Code::UnsupportedModel,
            &["tf_model.h5", "TensorFlow", "from_tf=True"],
        ),
        (
            &["config.json", "flax_model.msgpack"],
            Code::UnsupportedModel,
            &["flax_model.msgpack", "from_flax=True"],
        ),
        (
            &["model.Q4_K_M.gguf"],
            Code::UnsupportedModel,
            &["model.Q4_K_M.gguf", "llama.cpp"],
        ),
        (
            &["config.json", "pytorch_model.bin", "training_args.bin"],
            Code::UnsafeFormat,
            &["pytorch_model.bin", "safe_serialization"],
        ),
        (
            &["config.json", "optimizer.pt", "training_args.bin"],
            Code::SourceNotFound,
            &["no model.safetensors"],
        ),
        (
            &["config.json", "model.fp16.safetensors"],
            Code::SourceNotFound,
            &["variant=\"fp16\""],
        ),
        (
            &["config.json", "consolidated.safetensors"],
            Code::SourceNotFound,
            &["consolidated.safetensors", "rename it"],
        ),
        (
            &["config.json", "model-00001-of-00002.safetensors"],
            Code::SourceNotFound,
            &["one shard", "model.safetensors.index.json"],
        ),
        (
            &["config.json", "weights/model.safetensors"],
            Code::InvalidCheckpoint,
            &["another folder, weights/"],
        ),
        (
            &["notes.txt"],
            Code::SourceNotFound,
            &["no config.json", "save_pretrained"],
        ),
    ];
    for (files, code, words) in cases {
        let folder = folder(files);
        let path = folder.path().display().to_string();
        assert_rejected(folder.path(), code, &[words, &[&path]].concat());
    }
}

#[test]
fn the_error_names_models_in_subfolders() {
    for (files, word) in [
        (
            &[
                "checkpoint-500/config.json",
                "checkpoint-500/model.safetensors",
            ][..],
            "subfolder checkpoint-500/ is",
        ),
        (
            &[
                "snapshots/0a1b/config.json",
                "snapshots/0a1b/model.safetensors",
            ],
            "subfolder snapshots/0a1b/ is",
        ),
        (
            &[
                "config.json",
                "pytorch_model.bin",
                "a/config.json",
                "a/model.safetensors",
                "b/config.json",
                "b/model.safetensors",
            ],
            "subfolder a/ or b/ is",
        ),
    ] {
        assert_rejected(
            folder(files).path(),
            Code::SourceNotFound,
            &[word, "name that folder"],
        );
    }
}

#[test]
fn the_error_for_a_broken_link_names_its_target() {
    for name in ["config.json", "model.safetensors"] {
        let folder = tiny();
        let path = folder.path().join(name);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("../../blobs/0a1b", &path).unwrap();
        assert_rejected(
            folder.path(),
            Code::SourceNotFound,
            &[name, "broken symbolic link", "../../blobs/0a1b", "cp -rL"],
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("model");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert_rejected(
        &link,
        Code::SourceNotFound,
        &["broken symbolic link", "nowhere"],
    );
    // A valid link is accepted.
    let (folder, other) = (tiny(), tiny());
    let path = folder.path().join("model.safetensors");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(other.path().join("model.safetensors"), &path).unwrap();
    open(folder.path(), &optin::checkpoint::limits::Limits::default()).unwrap();
}

#[test]
fn a_file_in_place_of_a_folder_and_the_reverse_are_rejected() {
    let file = |content: &[u8], word: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        std::fs::write(&path, content).unwrap();
        assert_rejected(&path, Code::SourceNotFound, &[word]);
    };
    file(b"GGUF\x03\0\0\0", "is a GGUF file");
    file(b"\x1f\x8b\x08\0", "gzip");
    file(b"{}", "is a file; name the folder");
    for name in ["config.json", "model.safetensors"] {
        let folder = tiny();
        let path: &Path = &folder.path().join(name);
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
        assert_rejected(
            folder.path(),
            Code::InvalidCheckpoint,
            &[name, "is a folder"],
        );
    }
}
