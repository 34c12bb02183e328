//! What a child writes to its standard error.

use std::io::Read;

/// Number of bytes that are kept for the log.
const KEPT_BYTES: usize = 4_096;

/// What the standard library writes before it aborts a process without memory. A long backtrace can follow.
const NO_MEMORY: &[u8] = b"memory allocation of ";

/// The errors of a child.
#[derive(Debug, Default)]
pub(super) struct Errors {
    /// The last of them, as text.
    pub(super) text: String,
    /// Whether the child had no memory left.
    pub(super) lack_memory: bool,
}

impl Errors {
    /// Reads a stream to its end.
    pub(super) fn read(mut stream: impl Read) -> Self {
        let (mut kept, mut buffer) = (Vec::new(), [0; KEPT_BYTES]);
        let mut lack_memory = false;
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            kept.extend_from_slice(&buffer[..count]);
            // What is kept from earlier reads finds words across two of them.
            lack_memory |= kept.windows(NO_MEMORY.len()).any(|part| part == NO_MEMORY);
            kept.drain(..kept.len().saturating_sub(KEPT_BYTES));
        }
        Self {
            text: String::from_utf8_lossy(&kept).trim().to_owned(),
            lack_memory,
        }
    }
}
