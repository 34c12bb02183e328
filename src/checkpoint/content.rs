//! What a file really holds, by its first bytes: a download that went wrong keeps the name of what it should be.

use std::fmt;

/// Bytes from the beginning of a file that tell its content.
pub const FIRST_BYTES: usize = 512;

/// Content that no file of a model has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Empty,
    /// The small text that Git keeps in place of a large file.
    LfsPointer,
    /// A web page.
    Html,
    /// PyTorch's own format: pickle, bare or in a zip archive.
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
    /// The content that begins with these bytes; `None` where they are of no such kind.
    ///
    /// Give it [`FIRST_BYTES`] where the file has as many. Some of these beginnings can be the length that a
    /// safetensors file begins with: [`of_weights`](Self::of_weights) knows.
    #[must_use]
    pub fn of(first: &[u8]) -> Option<Self> {
        let begins = |magic: &[u8]| first.starts_with(magic);
        let found = match first {
            [] => Self::Empty,
            _ if begins(b"version https://git-lfs.github.com/spec/") => Self::LfsPointer,
            _ if is_html(first) => Self::Html,
            // `torch.save` makes a zip archive whose first entry is `<name>/data.pkl`.
            _ if begins(b"PK\x03\x04") && holds(first, b".pkl") => Self::Pickle,
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

    /// The same for a file that should be safetensors: 8 bytes of length, then a JSON object.
    #[must_use]
    pub fn of_weights(first: &[u8]) -> Option<Self> {
        match first.get(8) {
            Some(b'{') => None,
            _ => Self::of(first),
        }
    }

    /// Whether opening it could run code.
    #[must_use]
    pub fn can_run_code(self) -> bool {
        self == Self::Pickle
    }

    /// What it is and what to do, to follow the file's name: "is a Git LFS pointer, not the weights: run ..".
    #[must_use]
    pub fn instead_of(self, wanted: &str) -> String {
        let remedy = match self {
            Self::Empty => "its download or copy did not finish: fetch it again",
            Self::LfsPointer => "run `git lfs pull` in the clone that it comes from",
            Self::Html => {
                "what was downloaded is a page of the site, perhaps its login; fetch the file itself, \
                 for example with `hf download`"
            }
            Self::Pickle => {
                "pickle can run code and is never opened: save the model with save_pretrained(.., safe_serialization=True)"
            }
            Self::Zip | Self::Gzip | Self::Zstandard | Self::Xz | Self::Bzip2 | Self::Tar => {
                "unpack it"
            }
            Self::Gguf | Self::Hdf5 => {
                "use the checkpoint that save_pretrained(..) wrote in PyTorch"
            }
        };
        format!("{self}, not {wanted}: {remedy}")
    }
}

/// As a predicate: "is a web page".
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

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
