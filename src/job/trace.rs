//! The trace of a request (W3C Trace Context, level 1). It is stored with the job and used by its worker, so that the
//! log lines of both have the same trace id.

use uuid::Uuid;

/// A `traceparent` of version 00.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: String,
    span: String,
    flags: String,
}

impl TraceParent {
    /// Parses a header. Returns `None` if it is not a valid header of version 00; it is then ignored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let ["00", trace, span, flags] = parts.as_slice() else {
            return None;
        };
        let hex = |part: &str, length: usize| {
            let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            part.len() == length && part.bytes().all(digits)
        };
        let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
        let good = hex(trace, 32) && hex(span, 16) && hex(flags, 2) && !zero(trace) && !zero(span);
        good.then(|| Self {
            trace: (*trace).to_owned(),
            span: (*span).to_owned(),
            flags: (*flags).to_owned(),
        })
    }

    /// Creates a new trace.
    #[must_use]
    pub fn fresh() -> Self {
        Self {
            trace: Uuid::new_v4().simple().to_string(),
            span: fresh_span(),
            flags: "00".to_owned(),
        }
    }

    /// Returns a child: the same trace with a new span id.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            span: fresh_span(),
            ..self.clone()
        }
    }

    /// Returns the trace id, which log lines contain.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.trace
    }
}

impl std::fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "00-{}-{}-{}", self.trace, self.span, self.flags)
    }
}

/// Returns a new span id: the second half of a version 4 UUID, in which all but two bits are random.
fn fresh_span() -> String {
    Uuid::new_v4().simple().to_string()[16..].to_owned()
}
