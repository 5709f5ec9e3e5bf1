//! The bytes between a process that builds a plugin and its child that evaluates the script.

use std::io::{self, Write};

/// Writes pieces, each after its length.
pub(super) fn pieces_write(to: &mut dyn Write, pieces: &[&[u8]]) -> io::Result<()> {
    for piece in pieces {
        to.write_all(&(piece.len() as u64).to_le_bytes())?;
        to.write_all(piece)?;
    }
    Ok(())
}

/// Returns exactly `N` pieces. Returns `None` if there are more or fewer.
pub(super) fn pieces_read<const N: usize>(mut bytes: &[u8]) -> Option<[&[u8]; N]> {
    let mut pieces = [&[][..]; N];
    for piece in &mut pieces {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        (*piece, bytes) = rest.split_at_checked(length)?;
    }
    bytes.is_empty().then_some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_read_as_they_were_written() {
        let mut bytes = Vec::new();
        pieces_write(&mut bytes, &[b"one", b"", b"three"]).expect("memory can be written");
        let read: Option<[&[u8]; 3]> = pieces_read(&bytes);
        assert_eq!(read, Some([&b"one"[..], b"", b"three"]));
        assert_eq!(pieces_read::<2>(&bytes), None);
        assert_eq!(pieces_read::<4>(&bytes), None);
        assert_eq!(pieces_read::<3>(&bytes[..bytes.len() - 1]), None);
        let length = [0xff; 8];
        assert_eq!(pieces_read::<1>(&length), None);
    }
}
