//! Targets: finding secrets in the midst of anything, and reading what git writes.

use std::{
    collections::HashSet,
    ffi::OsStr,
    io::{self, Read},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::{
    git::output::{self, Leaks, Records},
    report::Finding,
    search::{OVERLAP, Place, Searcher},
};
use crate::{
    fuzzing::{kind_of, with_checksums},
    service::{SecretKind, find_secrets},
};

/// A secret where it stands: where it begins and ends, how wide its characters are, its hash.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    start: usize,
    end: usize,
    width: usize,
    hash: [u8; 32],
}

/// The secrets in `bytes`, looked for at each byte of them.
fn looked_for(bytes: &[u8]) -> Vec<Found> {
    let mut all = Vec::new();
    for start in (0..bytes.len()).filter(|start| bytes[*start] == b'a') {
        for (width, kind) in [1, 2].into_iter().flat_map(|width| SecretKind::ALL.iter().map(move |kind| (width, kind)))
        {
            let end = start + (kind.length() - 1) * width + 1;
            let Some(letters) = bytes.get(start..end) else { continue };
            let between_is_empty = width == 1 || letters.iter().skip(1).step_by(2).all(|byte| *byte == 0);
            let letters: Vec<u8> = letters.iter().step_by(width).copied().collect();
            if between_is_empty && kind_of(&letters) == Some(*kind) {
                all.push(Found { start, end, width, hash: Sha256::digest(&letters).into() });
            }
        }
    }
    all
}

/// As editors count it.
fn place_of(bytes: &[u8], found: &Found) -> Place {
    let before = &bytes[..found.start];
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let column = match found.width {
        1 => line.iter().filter(|byte| !(0x80..0xc0).contains(*byte)).count(),
        width => line.len() / width,
    };
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    Place { line: lines as u64 + 1, column: column as u64 + 1 }
}

/// Gives what it has in pieces of one size.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.1.min(buffer.len());
        (&mut self.0).read(&mut buffer[..size])
    }
}

/// Any bytes, in which the secrets are found that are there, wherever the buffer ends; as a path they are not told.
pub fn scan(data: &[u8]) {
    let mended = with_checksums(data);
    let wide: Vec<u8> = mended.iter().flat_map(|byte| [*byte, 0]).collect();
    for bytes in [data, &mended, &wide] {
        let expected = looked_for(bytes);
        let found: Vec<_> = find_secrets(bytes)
            .map(|found| Found {
                start: found.start,
                end: found.end(),
                width: found.width,
                hash: *found.secret.hash().as_bytes(),
            })
            .collect();
        assert_eq!(found, expected);
        let places: Vec<_> = expected.iter().map(|found| (place_of(bytes, found), found.hash)).collect();
        for piece in [1 + data.len() % 97, usize::MAX] {
            let mut met = Vec::new();
            let searched = Searcher::with_buffer(OVERLAP + 1 + data.len() % 61)
                .search(Pieces(bytes, piece), |place, secret| met.push((place, *secret.hash().as_bytes())));
            searched.expect("pieces can be read");
            assert_eq!(met, places, "in pieces of {piece}");
        }
        let path = Path::new(OsStr::from_bytes(bytes));
        let Some(secret) = find_secrets(bytes).next() else { continue };
        let finding = Finding::new(path, Place { line: 1, column: 1 }, &secret.secret);
        let told = looked_for(finding.path.as_os_str().as_bytes());
        assert!(told.iter().all(|told| expected.iter().all(|found| found.hash != told.hash)), "a path tells a secret");
    }
}

/// What git writes: of objects, of changes and of the index, each behind a line `====`. And any bytes as an object.
pub fn git(data: &[u8]) {
    let mended = with_checksums(data);
    let parts = mended.split(|byte| *byte == b'\n').collect::<Vec<_>>();
    let parts: Vec<_> = parts.split(|line| *line == b"====").map(|lines| lines.join(&b'\n')).collect();
    let part = |number: usize| Records::new(parts.get(number).map_or(&[][..], Vec::as_slice));
    let mut leaks = Leaks::default();
    let name = |kind: &str, id: &str| Path::new("top").join(format!("{kind} {id}"));
    let whole = "bytes in memory can be read";
    // What git cannot read is told, and the rest is searched.
    let _unreadable = output::objects(&mut part(0), &mut leaks, name).expect(whole);
    let all_read = output::changes(&mut part(1), &mut leaks, Path::new("top")).expect(whole);
    assert!(all_read || leaks.blobs.is_empty(), "it stops where all is named, and no sooner");
    output::index(&mut part(2), &mut leaks, Path::new("top")).expect(whole);
    let there: HashSet<String> = looked_for(&mended).iter().map(|found| HEXLOWER.encode(&found.hash)).collect();
    for finding in leaks.placed.iter().chain(leaks.blobs.values().flatten()) {
        assert!(there.contains(&finding.fingerprint), "it is found and is not there");
    }

    let object = [format!("0123abcd blob {}\n", mended.len()).as_bytes(), &mended, b"\n"].concat();
    let mut leaks = Leaks::default();
    let readable = output::objects(&mut Records::new(&object[..]), &mut leaks, name).expect(whole);
    assert_eq!((readable, leaks.searched), (Ok(()), 1));
    let found: Vec<_> = leaks.blobs.values().flatten().map(|finding| finding.fingerprint.clone()).collect();
    let expected: Vec<_> = looked_for(&mended).iter().map(|found| HEXLOWER.encode(&found.hash)).collect();
    assert_eq!(found, expected);
    let change = b"0123456789abcdef\0:100644 100644 0000 0123abcd M\0a.txt\0";
    output::changes(&mut Records::new(&change[..]), &mut leaks, Path::new("top")).expect(whole);
    assert!(leaks.blobs.is_empty(), "the blob has a name");
    assert_eq!(leaks.placed.len(), expected.len());
    for finding in &leaks.placed {
        assert_eq!((finding.path.to_str(), finding.commit.as_deref()), (Some("top/a.txt"), Some("0123456789ab")));
    }
}
