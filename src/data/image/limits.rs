//! Limits on one image. They are checked before memory for its pixels is allocated.

/// Maximum size of the file of an image, in bytes.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// Maximum number of pixels of an image.
pub(super) const MAX_PIXELS: u64 = 64 << 20;

/// Maximum ratio of the longer to the shorter side of an image. A resize to a shorter side lengthens the other side by
/// the same ratio.
pub(super) const MAX_RATIO: u32 = 100;
