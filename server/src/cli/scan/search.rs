//! Searches a stream in a buffer that does not grow, however long the stream or its lines are.

use std::io::{self, ErrorKind, Read};

use memchr::{memchr_iter, memrchr};

use crate::service::{FoundSecret, Secret, find_secrets};

/// How much is in memory of one stream.
const BUFFER: usize = 128 << 10;
/// How much of what was searched is searched again with what follows: a secret may begin in it.
pub const OVERLAP: usize = FoundSecret::LONGEST - 1;

/// Where something stands, as editors count: from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: u64,
    pub column: u64,
}

/// A buffer, to be used for one stream after another.
pub struct Searcher {
    buffer: Box<[u8]>,
}

impl Searcher {
    pub fn new() -> Self {
        Self::with_buffer(BUFFER)
    }

    /// The same in a buffer of `size` bytes, more than [`OVERLAP`].
    pub fn with_buffer(size: usize) -> Self {
        Self { buffer: vec![0; size].into_boxed_slice() }
    }

    /// Reads `input` to its end, and hands over each secret in it, in their order. What was found before reading fails
    /// has been handed over.
    pub fn search(&mut self, mut input: impl Read, mut found: impl FnMut(Place, &Secret)) -> io::Result<()> {
        let mut position = Position { line: 1, bytes: 0, characters: 0 };
        // The buffer up to `filled` was searched; `position` is that of the byte `counted`. Lines are counted when
        // something is found behind them, or the buffer is left: most files fit in, and are never counted.
        let (mut filled, mut counted) = (0, 0);
        loop {
            if filled == self.buffer.len() {
                let kept = filled - OVERLAP;
                if counted < kept {
                    position.pass(&self.buffer[counted..kept]);
                    counted = kept;
                }
                self.buffer.copy_within(kept.., 0);
                filled -= kept;
                counted -= kept;
            }
            let read = match input.read(&mut self.buffer[filled..]) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let start = filled.saturating_sub(OVERLAP);
            for one in find_secrets(&self.buffer[start..filled + read]) {
                if start + one.end() > filled {
                    // None begins before the last one does, or ends before it.
                    position.pass(&self.buffer[counted..start + one.start]);
                    counted = start + one.start;
                    found(position.place(one.width), &one.secret);
                }
            }
            filled += read;
        }
    }
}

/// How far a stream was followed.
struct Position {
    line: u64,
    /// Since the line began.
    bytes: usize,
    /// Since the line began, in UTF-8.
    characters: usize,
}

impl Position {
    fn pass(&mut self, bytes: &[u8]) {
        self.line += memchr_iter(b'\n', bytes).count() as u64;
        let mut rest = bytes;
        if let Some(end) = memrchr(b'\n', bytes) {
            rest = &bytes[end + 1..];
            (self.bytes, self.characters) = (0, 0);
        }
        self.bytes += rest.len();
        self.characters += rest.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count();
    }

    const fn place(&self, width: usize) -> Place {
        let before = if width == 1 { self.characters } else { self.bytes / width };
        Place { line: self.line, column: before as u64 + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: &str = "astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr";

    /// Gives what it has in pieces of one size.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(buffer.len());
            (&mut self.0).read(&mut buffer[..size])
        }
    }

    fn places(searcher: &mut Searcher, input: impl Read) -> Vec<(u64, u64)> {
        let mut places = Vec::new();
        searcher.search(input, |place, _| places.push((place.line, place.column))).expect("read");
        places
    }

    #[test]
    fn a_secret_is_found_once_wherever_a_buffer_or_a_read_ends() {
        let mut searcher = Searcher::with_buffer(OVERLAP + 30);
        let wide: Vec<u8> = format!("\n\u{e9}{VECTOR}\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
        for shift in 0..2 * OVERLAP {
            let text = format!("{}\n\u{e9}{VECTOR}{VECTOR}\nx", "a\n\u{e9}".repeat(shift));
            let bytes = [text.as_bytes(), &wide].concat();
            let line = 2 + shift as u64;
            let expected = [(line, 2), (line, 2 + VECTOR.len() as u64), (line + 2, 2)];
            for size in [1, 7, 50, usize::MAX] {
                assert_eq!(places(&mut searcher, Pieces(&bytes, size)), expected, "{shift} in pieces of {size}");
            }
        }
    }

    #[test]
    fn a_line_that_is_longer_than_the_buffer_is_counted_in_characters() {
        let text = format!("{}{VECTOR}\n{VECTOR}", "\u{e9}".repeat(BUFFER));
        assert_eq!(places(&mut Searcher::new(), text.as_bytes()), [(1, BUFFER as u64 + 1), (2, 1)]);
    }

    #[test]
    fn what_was_found_before_reading_fails_is_told() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::PermissionDenied.into())
            }
        }
        let mut count = 0;
        let searched = Searcher::new().search(VECTOR.as_bytes().chain(Fails), |_, _| count += 1);
        assert_eq!((count, searched.expect_err("fails").kind()), (1, ErrorKind::PermissionDenied));
    }
}
