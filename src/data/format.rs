//! The forms that a data file comes in, told by the end of its name.

/// How rows and columns are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Fields split at tabs; quotes are ordinary.
    Tsv,
    /// Fields split at commas, quoted as RFC 4180 has it.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// An array of objects, an object of equally long columns, or JSON lines under this name.
    Json,
    /// Apache Parquet.
    Parquet,
}

/// What a file is packed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Packing {
    /// Nothing.
    Plain,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::Tsv,
        Self::Csv,
        Self::JsonLines,
        Self::Json,
        Self::Parquet,
    ];

    /// The ends of names that mean it, without the dot; the usual one first.
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

    /// Whether its files are packed as a whole; Parquet packs its columns itself.
    #[must_use]
    pub fn is_packed_whole(self) -> bool {
        self != Self::Parquet
    }

    /// Format and packing of a file of this name.
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
    /// Every packing.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Gzip, Self::Zstd];

    /// The end of a name that means it, without the dot.
    #[must_use]
    pub fn end(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gz"),
            Self::Zstd => Some("zst"),
        }
    }
}

/// The ends of names of data files, each with its dot: `.tsv`, `.tsv.gz`, ..
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

/// The formats in a sentence: ".tsv, .csv, .jsonl, .ndjson, .json or .parquet; all but Parquet also as .gz or .zst".
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
