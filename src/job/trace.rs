//! The trace that a request belongs to (W3C Trace Context, level 1): it goes with the job to its worker, so
//! that log lines of both are found under one id.

use uuid::Uuid;

/// A `traceparent` of version 00.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: String,
    span: String,
    flags: String,
}

impl TraceParent {
    /// Reads a header; `None` when it is none of version 00, which then counts as not given.
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

    /// A new trace.
    #[must_use]
    pub fn fresh() -> Self {
        Self {
            trace: Uuid::new_v4().simple().to_string(),
            span: fresh_span(),
            flags: "00".to_owned(),
        }
    }

    /// The same trace, one step on.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            span: fresh_span(),
            ..self.clone()
        }
    }

    /// The id under which log lines are found.
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

/// Half of a version 4 UUID that holds none of its fixed bits, but for two.
fn fresh_span() -> String {
    Uuid::new_v4().simple().to_string()[16..].to_owned()
}
