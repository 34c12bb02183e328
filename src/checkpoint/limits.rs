//! How large a checkpoint may be. Checked before anything of that size is read or made.

/// Caps on what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A safetensors header, in bytes (the format's own cap).
    pub header_bytes: u64,
    /// Tensors of one checkpoint.
    pub tensors: usize,
    /// All weight files together, in bytes.
    pub weights_bytes: u64,
    /// `config.json`, and a shard index, in bytes.
    pub config_bytes: u64,
    /// `tokenizer.json`, in bytes.
    pub tokenizer_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 100 << 20,
            tensors: 100_000,
            weights_bytes: 16 << 30,
            config_bytes: 16 << 20,
            tokenizer_bytes: 64 << 20,
        }
    }
}
