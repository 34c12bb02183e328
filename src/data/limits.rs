//! How large a data file may be.

/// Caps on what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The file, in bytes.
    pub file_bytes: u64,
    /// Rows of the file.
    pub rows: usize,
    /// Fields of the file: rows times columns.
    pub fields: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 1 << 30,
            rows: 10_000_000,
            fields: 100_000_000,
        }
    }
}
