//! The formats of data files, which are recognized by the extension of the file name.

/// Format of a data file: a table of rows and columns, or images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Fields separated by tabs. Quotes are ordinary characters.
    Tsv,
    /// Fields separated by commas, with quotes as in RFC 4180.
    Csv,
    /// One JSON object per line.
    JsonLines,
    /// An array of objects, an object of columns of equal length, or JSON lines in a file with this extension.
    Json,
    /// A word and its labels per line, in columns that white space separates, and an empty line after each sentence.
    Conll,
    /// Apache Parquet.
    Parquet,
    /// A zip archive of images.
    Zip,
    /// A tar archive of images.
    Tar,
    /// An array of images in the format of NumPy.
    Npy,
    /// Arrays of images and labels in the format of NumPy.
    Npz,
    /// Images in the format of the MNIST data.
    Idx,
}

/// Compression of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Packing {
    /// Not compressed.
    Plain,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// Another end of the names of tar archives that are compressed with gzip.
const TGZ: &str = ".tgz";

impl Format {
    /// All formats.
    pub const ALL: [Self; 11] = [
        Self::Tsv,
        Self::Csv,
        Self::JsonLines,
        Self::Json,
        Self::Conll,
        Self::Parquet,
        Self::Zip,
        Self::Tar,
        Self::Npy,
        Self::Npz,
        Self::Idx,
    ];

    /// Returns the file extensions of the format, without the dot. The usual one is first.
    #[must_use]
    pub fn ends(self) -> &'static [&'static str] {
        match self {
            Self::Tsv => &["tsv"],
            Self::Csv => &["csv"],
            Self::JsonLines => &["jsonl", "ndjson"],
            Self::Json => &["json"],
            Self::Conll => &["conll"],
            Self::Parquet => &["parquet"],
            Self::Zip => &["zip"],
            Self::Tar => &["tar"],
            Self::Npy => &["npy"],
            Self::Npz => &["npz"],
            Self::Idx => &["idx3-ubyte"],
        }
    }

    /// Returns whether files of this format are compressed as a whole. The other formats are not compressed, or compress
    /// their parts themselves.
    #[must_use]
    pub fn is_packed_whole(self) -> bool {
        !matches!(self, Self::Parquet | Self::Zip | Self::Npy | Self::Npz)
    }

    /// Returns whether the file is a table. A table in Parquet can hold images, too.
    #[must_use]
    pub fn is_table(self) -> bool {
        match self {
            Self::Tsv | Self::Csv | Self::JsonLines | Self::Json | Self::Conll | Self::Parquet => {
                true
            }
            Self::Zip | Self::Tar | Self::Npy | Self::Npz | Self::Idx => false,
        }
    }

    /// Returns whether a name without the end of its compression ends like files of this format. The files of MNIST have
    /// a hyphen where others have a dot.
    fn ends_name(self, name: &str) -> bool {
        let mut ends = self.ends().iter();
        ends.any(|end| {
            let stem = name.strip_suffix(end).unwrap_or_default();
            stem.ends_with('.') || (self == Self::Idx && stem.ends_with('-'))
        })
    }

    /// Returns the format and the compression of a file with this name, or `None` if they are not known.
    #[must_use]
    pub fn of(name: &str) -> Option<(Self, Packing)> {
        let mut name = name.to_lowercase();
        if let Some(stem) = name.strip_suffix(TGZ) {
            name = format!("{stem}.tar.gz");
        }
        let packed = Packing::ALL.into_iter().find_map(|packing| {
            let stem = name.strip_suffix(packing.end()?)?.strip_suffix('.')?;
            Some((stem, packing))
        });
        let (stem, packing) = packed.unwrap_or((name.as_str(), Packing::Plain));
        let format = Self::ALL
            .into_iter()
            .find(|format| format.ends_name(stem))?;
        (packing == Packing::Plain || format.is_packed_whole()).then_some((format, packing))
    }
}

impl Packing {
    /// All compressions.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Gzip, Self::Zstd];

    /// Returns the file extension of the compression, without the dot.
    #[must_use]
    pub fn end(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gz"),
            Self::Zstd => Some("zst"),
        }
    }
}

/// Returns all file extensions of data files, each with its dot, for example `.tsv` and `.tsv.gz`.
#[must_use]
pub fn ends() -> Vec<String> {
    let mut ends = Vec::new();
    for packing in Packing::ALL {
        for format in Format::ALL {
            if packing == Packing::Plain || format.is_packed_whole() {
                let packed = packing
                    .end()
                    .map(|end| format!(".{end}"))
                    .unwrap_or_default();
                ends.extend(format.ends().iter().map(|end| format!(".{end}{packed}")));
            }
        }
    }
    ends.push(TGZ.to_owned());
    ends
}

/// Lists the formats of tables for a message: ".tsv, .csv, .jsonl, .ndjson, .json, .conll or .parquet; all but Parquet also as
/// .gz or .zst".
#[must_use]
pub fn tables() -> String {
    let tables = Format::ALL.into_iter().filter(|format| format.is_table());
    format!("{}; all but Parquet also as {}", any_of(tables), packings())
}

/// Lists the formats of images for a message.
#[must_use]
pub fn images() -> String {
    let images = Format::ALL.into_iter().filter(|format| !format.is_table());
    format!(
        "{} or .parquet; .tar and .idx3-ubyte also as {}",
        commas(images),
        packings()
    )
}

/// Lists all formats for a message.
#[must_use]
pub fn described() -> String {
    format!("{}; or for images {}", tables(), images())
}

fn ends_of(formats: impl Iterator<Item = Format>) -> Vec<String> {
    let ends = formats.flat_map(|format| format.ends());
    ends.map(|end| format!(".{end}")).collect()
}

fn commas(formats: impl Iterator<Item = Format>) -> String {
    ends_of(formats).join(", ")
}

fn any_of(formats: impl Iterator<Item = Format>) -> String {
    or(&ends_of(formats))
}

fn packings() -> String {
    let packings = Packing::ALL.iter().filter_map(|packing| packing.end());
    let ends: Vec<String> = packings.map(|end| format!(".{end}")).collect();
    or(&ends)
}

fn or(names: &[String]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
