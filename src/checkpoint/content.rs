//! Recognizes the real content of a file by its first bytes. A failed download has the expected name but another
//! content.

use std::fmt;

/// Number of bytes at the beginning of a file that are needed to recognize its content.
pub const FIRST_BYTES: usize = 512;

/// Content that a file of a model must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// No content.
    Empty,
    /// The small text file that Git LFS stores in place of a large file.
    LfsPointer,
    /// A web page.
    Html,
    /// PyTorch's own format: pickle, directly or in a zip archive.
    Pickle,
    /// A zip archive.
    Zip,
    /// Compressed with gzip.
    Gzip,
    /// Compressed with Zstandard.
    Zstandard,
    /// Compressed with xz.
    Xz,
    /// Compressed with bzip2.
    Bzip2,
    /// The format of llama.cpp.
    Gguf,
    /// The format of Keras.
    Hdf5,
    /// A tar archive.
    Tar,
}

impl Content {
    /// Returns the content that begins with these bytes, or `None` if it is none of these kinds.
    ///
    /// Pass the first [`FIRST_BYTES`] bytes, or the whole file if it is shorter. A valid safetensors file can begin
    /// with the same bytes as some of these kinds, because it begins with a length. Use
    /// [`of_weights`](Self::of_weights) for such files.
    #[must_use]
    pub fn of(first: &[u8]) -> Option<Self> {
        let begins = |magic: &[u8]| first.starts_with(magic);
        let found = match first {
            [] => Self::Empty,
            _ if begins(b"version https://git-lfs.github.com/spec/") => Self::LfsPointer,
            _ if is_html(first) => Self::Html,
            // `torch.save` writes a zip archive whose first entry is `<name>/data.pkl`.
            _ if begins(b"PK\x03\x04") && contains(first, b".pkl") => Self::Pickle,
            _ if begins(b"PK\x03\x04") => Self::Zip,
            [0x80, 2..=5, ..] => Self::Pickle,
            [0x1f, 0x8b, ..] => Self::Gzip,
            _ if begins(b"\x28\xb5\x2f\xfd") => Self::Zstandard,
            _ if begins(b"\xfd7zXZ\0") => Self::Xz,
            _ if begins(b"BZh") => Self::Bzip2,
            _ if begins(b"GGUF") => Self::Gguf,
            _ if begins(b"\x89HDF\r\n\x1a\n") => Self::Hdf5,
            _ if first.get(257..262) == Some(b"ustar") => Self::Tar,
            _ => return None,
        };
        Some(found)
    }

    /// Does the same for a file that should be safetensors: 8 bytes of length, then a JSON object.
    #[must_use]
    pub fn of_weights(first: &[u8]) -> Option<Self> {
        match first.get(8) {
            Some(b'{') => None,
            _ => Self::of(first),
        }
    }

    /// Returns whether opening the content could run code.
    #[must_use]
    pub fn can_run_code(self) -> bool {
        self == Self::Pickle
    }

    /// Describes the content and the remedy, as a phrase that follows the file's name. For example: "is a Git LFS
    /// pointer, not the weights; run `git lfs pull` in the clone that it comes from".
    #[must_use]
    pub fn instead_of(self, wanted: &str) -> String {
        let remedy = match self {
            Self::Empty => "fetch it again, because its download or copy did not finish",
            Self::LfsPointer => "run `git lfs pull` in the clone that it comes from",
            Self::Html => {
                "fetch the file itself, for example with `hf download`, because a page of the site was downloaded, perhaps \
                 its login page"
            }
            Self::Pickle => {
                "save the model with save_pretrained(path, safe_serialization=True), because pickle can run code and is \
                 never opened"
            }
            Self::Zip | Self::Gzip | Self::Zstandard | Self::Xz | Self::Bzip2 | Self::Tar => {
                "unpack it"
            }
            Self::Gguf | Self::Hdf5 => "use the checkpoint that save_pretrained() wrote in PyTorch",
        };
        format!("{self}, not {wanted}; {remedy}")
    }
}

/// Writes the content as a predicate, for example "is a web page".
impl fmt::Display for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "is empty",
            Self::LfsPointer => "is a Git LFS pointer",
            Self::Html => "is a web page (HTML)",
            Self::Pickle => "is a PyTorch file (pickle)",
            Self::Zip => "is a zip archive",
            Self::Gzip => "is compressed with gzip",
            Self::Zstandard => "is compressed with Zstandard",
            Self::Xz => "is compressed with xz",
            Self::Bzip2 => "is compressed with bzip2",
            Self::Gguf => "is a GGUF file (llama.cpp)",
            Self::Hdf5 => "is an HDF5 file (Keras)",
            Self::Tar => "is a tar archive",
        })
    }
}

fn is_html(first: &[u8]) -> bool {
    let text = first.trim_ascii_start();
    [&b"<!doctype html"[..], b"<html"].iter().any(|tag| {
        text.get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
    })
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
