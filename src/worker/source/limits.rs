//! Limits on the sizes of sources.

use crate::checkpoint::limits::Limits;
use crate::data;

/// Maximum size of the small files of a model (all but its weights), in bytes.
const SMALL_FILES_BYTES: u64 = 1 << 30;

/// Returns the maximum size of a source, in bytes.
pub(super) fn max_bytes(model: bool) -> u64 {
    match model {
        true => Limits::default().weights_bytes + SMALL_FILES_BYTES,
        false => data::limits::Limits::default().file_bytes,
    }
}
