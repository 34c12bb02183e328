//! Entities as spans of labels with prefixes, by the rules of the CoNLL evaluation script.
//!
//! A label is `O`, or a prefix and a type: `B` begins a span, `I` continues one, `E` ends one, and `S` is a span of one
//! position. A span also begins when the type changes, so that the schemes IOB1, IOB2, IOE and IOBES are all read.

/// Prefix of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    Outside,
    Begin,
    Inside,
    End,
    Single,
}

/// A label as a prefix and the type of its entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    prefix: Prefix,
    kind: &'a str,
}

/// An entity: its type, and its first and last position.
pub type Span<'a> = (&'a str, usize, usize);

impl<'a> Tag<'a> {
    const OUTSIDE: Self = Self {
        prefix: Prefix::Outside,
        kind: "",
    };

    /// Parses a label. Returns `None` if it has no prefix.
    #[must_use]
    pub fn parse(label: &'a str) -> Option<Self> {
        if label == "O" {
            return Some(Self::OUTSIDE);
        }
        let (prefix, kind) = label.split_once('-')?;
        let prefix = match prefix {
            "B" => Prefix::Begin,
            "I" => Prefix::Inside,
            "E" => Prefix::End,
            "S" => Prefix::Single,
            _ => return None,
        };
        Some(Self { prefix, kind })
    }

    /// Whether a span ends between the previous label and this one.
    fn ends_after(self, previous: Self) -> bool {
        match previous.prefix {
            Prefix::Outside => false,
            Prefix::End | Prefix::Single => true,
            Prefix::Begin | Prefix::Inside => {
                matches!(
                    self.prefix,
                    Prefix::Begin | Prefix::Single | Prefix::Outside
                ) || self.kind != previous.kind
            }
        }
    }

    /// Whether a span begins with this label.
    fn begins_after(self, previous: Self) -> bool {
        match self.prefix {
            Prefix::Outside => false,
            Prefix::Begin | Prefix::Single => true,
            Prefix::Inside | Prefix::End => {
                matches!(
                    previous.prefix,
                    Prefix::Outside | Prefix::End | Prefix::Single
                ) || self.kind != previous.kind
            }
        }
    }
}

/// Returns the entities of a sequence of labels.
#[must_use]
pub fn spans<'a>(tags: &[Tag<'a>]) -> Vec<Span<'a>> {
    let mut spans = Vec::new();
    let mut previous = Tag::OUTSIDE;
    let mut begin = 0;
    for (position, &tag) in tags.iter().chain([&Tag::OUTSIDE]).enumerate() {
        if tag.ends_after(previous) {
            spans.push((previous.kind, begin, position - 1));
        }
        if tag.begins_after(previous) {
            begin = position;
        }
        previous = tag;
    }
    spans
}
