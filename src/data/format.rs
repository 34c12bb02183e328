//! The formats of data files, which are recognized by the extension of the file name.

/// Format of the rows and columns of a file.
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
    /// Apache Parquet.
    Parquet,
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

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [
        Self::Tsv,
        Self::Csv,
        Self::JsonLines,
        Self::Json,
        Self::Parquet,
    ];

    /// Returns the file extensions of the format, without the dot. The usual one is first.
    #[must_use]
    pub fn ends(self) -> &'static [&'static str] {
        match self {
            Self::Tsv => &["tsv"],
            Self::Csv => &["csv"],
            Self::JsonLines => &["jsonl", "ndjson"],
            Self::Json => &["json"],
            Self::Parquet => &["parquet"],
        }
    }

    /// Returns whether files of this format are compressed as a whole. Parquet compresses its columns itself.
    #[must_use]
    pub fn is_packed_whole(self) -> bool {
        self != Self::Parquet
    }

    /// Returns the format and the compression of a file with this name, or `None` if they are not known.
    #[must_use]
    pub fn of(name: &str) -> Option<(Self, Packing)> {
        let name = name.to_lowercase();
        let packed = Packing::ALL.into_iter().find_map(|packing| {
            let stem = name.strip_suffix(packing.end()?)?.strip_suffix('.')?;
            Some((stem, packing))
        });
        let (stem, packing) = packed.unwrap_or((name.as_str(), Packing::Plain));
        let format = Self::ALL.into_iter().find(|format| {
            let mut ends = format.ends().iter();
            ends.any(|end| {
                stem.strip_suffix(end)
                    .is_some_and(|stem| stem.ends_with('.'))
            })
        })?;
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
    ends
}

/// Lists the formats for a message: ".tsv, .csv, .jsonl, .ndjson, .json or .parquet; all but Parquet also as .gz or
/// .zst".
#[must_use]
pub fn described() -> String {
    let or = |names: Vec<String>| match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    };
    let formats = Format::ALL.iter().flat_map(|format| format.ends());
    let packings = Packing::ALL.iter().filter_map(|packing| packing.end());
    format!(
        "{}; all but Parquet also as {}",
        or(formats.map(|end| format!(".{end}")).collect()),
        or(packings.map(|end| format!(".{end}")).collect()),
    )
}
