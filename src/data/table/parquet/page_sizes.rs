//! The sizes of the decompressed pages of a column, from the headers of the pages.
//!
//! The library allocates the size that a header declares, up to 2 GiB for each column, and does not compare it with the
//! size that the footer declares. So the sizes are added up before any page is decoded.
//!
//! A header is a struct in the compact protocol of Thrift.

use std::io::{self, Read, Seek, SeekFrom};

use super::stop::Stop;

/// Maximum size of the footer of a file, in bytes. It takes about 25 times as much memory.
const MAX_FOOTER_BYTES: u32 = 8 << 20;

/// Size of the end of a file, in bytes: the size of the footer, and a magic number.
const TAIL_BYTES: i64 = 8;

/// Maximum depth of structs in a header.
const MAX_DEPTH: usize = 8;

/// Fields of the header of a page.
const UNPACKED: i16 = 2;
const PACKED: i16 = 3;

/// Checks the size of the footer of a file.
///
/// # Errors
/// Returns [`Stop`] if the file is too short, or if its footer is too large.
pub(in crate::data) fn check_footer(file: &mut (impl Read + Seek)) -> Result<(), Stop> {
    let mut tail = [0; 4];
    file.seek(SeekFrom::End(-TAIL_BYTES))?;
    file.read_exact(&mut tail)?;
    match u32::from_le_bytes(tail) > MAX_FOOTER_BYTES {
        true => Err(Stop::LongFooter),
        false => Ok(()),
    }
}

/// Returns the size of all decompressed pages in a part of a file, in bytes.
///
/// # Errors
/// Returns [`Stop`] if the part does not consist of pages.
pub(in crate::data) fn unpacked(
    file: &mut (impl Read + Seek),
    (first, length): (u64, u64),
) -> Result<u64, Stop> {
    let end = first.checked_add(length).ok_or(Stop::Unreadable)?;
    let (mut at, mut total) = (first, 0_u64);
    while at < end {
        file.seek(SeekFrom::Start(at))?;
        let mut header = Header { file: &mut *file };
        let [unpacked, packed] = header.sizes()?;
        total = total.saturating_add(unpacked);
        let content = file.stream_position()?;
        at = content.checked_add(packed).ok_or(Stop::Unreadable)?;
    }
    match at == end {
        true => Ok(total),
        false => Err(Stop::Unreadable),
    }
}

/// A header that is being read.
struct Header<'a, R> {
    file: &'a mut R,
}

impl<R: Read + Seek> Header<'_, R> {
    /// Returns the sizes of the page, decompressed and as it is stored.
    fn sizes(&mut self) -> Result<[u64; 2], Stop> {
        let (mut unpacked, mut packed) = (None, None);
        let mut id = 0;
        while let Some(kind) = self.field(&mut id)? {
            match id {
                UNPACKED => unpacked = Some(self.size(kind)?),
                PACKED => packed = Some(self.size(kind)?),
                _ => self.skip(kind, MAX_DEPTH)?,
            }
        }
        match (unpacked, packed) {
            (Some(unpacked), Some(packed)) => Ok([unpacked, packed]),
            _ => Err(Stop::Unreadable),
        }
    }

    /// Reads the start of a field: its type, and its id. `None` at the end of a struct.
    fn field(&mut self, id: &mut i16) -> Result<Option<u8>, Stop> {
        let start = self.byte()?;
        let (step, kind) = (start >> 4, start & 0xf);
        if kind == 0 {
            return Ok(None);
        }
        *id = match step {
            0 => i16::try_from(self.number()?).map_err(|_| Stop::Unreadable)?,
            step => id.checked_add(i16::from(step)).ok_or(Stop::Unreadable)?,
        };
        Ok(Some(kind))
    }

    fn size(&mut self, kind: u8) -> Result<u64, Stop> {
        match kind {
            5 => u64::try_from(self.number()?).map_err(|_| Stop::Unreadable),
            _ => Err(Stop::Unreadable),
        }
    }

    /// Skips a value of a type, with at most this depth of structs.
    fn skip(&mut self, kind: u8, depth: usize) -> Result<(), Stop> {
        let inner = depth.checked_sub(1).ok_or(Stop::Unreadable)?;
        match kind {
            // The type of a flag is its value.
            1 | 2 => Ok(()),
            3 => self.skip_bytes(1),
            4..=6 => self.number().map(drop),
            7 => self.skip_bytes(8),
            8 => {
                let length = self.unsigned()?;
                self.skip_bytes(length)
            }
            12 => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, inner)?;
                }
                Ok(())
            }
            // No header of a page has a list or a map.
            _ => Err(Stop::Unreadable),
        }
    }

    fn skip_bytes(&mut self, count: u64) -> Result<(), Stop> {
        let count = i64::try_from(count).map_err(|_| Stop::Unreadable)?;
        self.file.seek_relative(count)?;
        Ok(())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.file.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    /// Reads a number of 7 bits a byte, lowest first.
    fn unsigned(&mut self) -> Result<u64, Stop> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Stop::Unreadable)
    }

    /// Reads a number with a sign, which is its lowest bit.
    fn number(&mut self) -> Result<i64, Stop> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}
