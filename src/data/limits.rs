//! Limits on the size of data files.

/// Limits on one data file, or on all shards of a folder together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of the decompressed data, in bytes.
    pub file_bytes: u64,
    /// Maximum size of a row in a text file, and of a text in any file, in bytes.
    pub row_bytes: usize,
    /// Maximum number of columns.
    pub columns: usize,
    /// Maximum number of rows.
    pub rows: usize,
    /// Maximum number of fields: rows times columns, plus the items of the lists that are read.
    pub fields: usize,
    /// Maximum size of all images that a job uses, in bytes.
    pub image_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 1 << 30,
            row_bytes: 16 << 20,
            columns: 10_000,
            rows: 5_000_000,
            fields: 20_000_000,
            image_bytes: 16 << 30,
        }
    }
}
