//! Limits on the size of checkpoints. They are checked before data of that size is read or memory for it is allocated.

/// Limits on one checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of a safetensors header, in bytes. The headers of the largest public models have a few MiB.
    pub header_bytes: u64,
    /// Maximum number of tensors of a checkpoint.
    pub tensors: usize,
    /// Maximum size of all weight files together, in bytes.
    pub weights_bytes: u64,
    /// Maximum size of `config.json`, of a shard index, and of each small tokenizer file, in bytes.
    pub config_bytes: u64,
    /// Maximum size of `tokenizer.json` or `vocab.txt`, in bytes.
    pub tokenizer_bytes: u64,
    /// Maximum number of values in a JSON file, and of tokens in `vocab.txt`. A value takes up to a hundred bytes of memory.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 32 << 20,
            tensors: 100_000,
            weights_bytes: 16 << 30,
            config_bytes: 16 << 20,
            tokenizer_bytes: 64 << 20,
            values: 2_000_000,
        }
    }
}
