//! Secrets in texts and files: found here, so that nothing but them leaves the computer.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use astral_client::types::IdentifiedKey;
use zeroize::Zeroizing;

use super::{answers::instant, failure};
use crate::{
    rules::{FoundSecret, find_secrets},
    state::{
        change::Sending,
        failure::{Failure, FailureKind},
        keys::{FoundKey, Key, OtherSecret, Place, SecretKind, Suspect},
        secret::Secret,
    },
};

/// How many bytes are searched at most, in all files together.
const MOST: u64 = 10 << 20;

/// A secret that stands in a text.
pub struct Candidate {
    /// What it is for.
    pub kind: SecretKind,
    /// By which it can be recognized.
    pub hint: String,
    /// All of it.
    pub secret: Secret,
    /// Where it stands.
    pub place: Place,
}

/// What was searched, as one says it, and each secret in it once.
pub struct Candidates {
    /// `the pasted text`, `chat.txt`, `3 files`.
    pub searched: String,
    /// In their order.
    pub found: Vec<Candidate>,
    /// What could not be searched, and why.
    pub unread: Vec<Failure>,
}

/// Finds the secrets in what is suspected of holding some.
///
/// # Errors
/// If nothing of it can be read; in words for the coach.
pub fn search(suspect: Suspect) -> Result<Candidates, Failure> {
    let mut search = SearchedTexts::default();
    match suspect {
        Suspect::Text(text) => {
            search.make_room(text.reveal().len() as u64, "The text")?;
            search.add(text.reveal().as_bytes(), None);
            Ok(Candidates { searched: "the pasted text".to_owned(), found: search.found, unread: Vec::new() })
        }
        Suspect::Files(files) => {
            let (mut read, mut unread) = (Vec::new(), Vec::new());
            for file in &files {
                let name = name_of(file);
                match search.read(file, &name) {
                    Ok(bytes) => {
                        search.add(&bytes, (files.len() > 1).then_some(&name));
                        read.push(name);
                    }
                    Err(failure) => unread.push(failure),
                }
            }
            let searched = match (&read[..], unread.first()) {
                ([], Some(failure)) => return Err(failure.clone()),
                ([file], _) => file.clone(),
                (files, _) => format!("{} files", files.len()),
            };
            Ok(Candidates { searched, found: search.found, unread })
        }
    }
}

/// All that is sent of a text: the secrets in it that could be keys, each on a line of its own.
pub fn keys_of(found: &[Candidate]) -> String {
    let keys = found.iter().filter(|candidate| candidate.kind == SecretKind::ApiKey);
    keys.map(|candidate| candidate.secret.reveal()).collect::<Vec<_>>().join("\n")
}

/// What the server says of those lines, put to what was found: the club's keys, and all others.
pub fn told_apart(
    found: Vec<Candidate>,
    identified: &[IdentifiedKey],
    keys: &HashMap<String, Key>,
) -> (Vec<FoundKey>, Vec<OtherSecret>) {
    let by_line: HashMap<i64, &IdentifiedKey> = identified.iter().map(|key| (key.line, key)).collect();
    let (mut ours, mut others, mut line) = (Vec::new(), Vec::new(), 0);
    for Candidate { kind, hint, secret, place } in found {
        let sending = Sending::default();
        let mut known = None;
        if kind == SecretKind::ApiKey {
            line += 1;
            known = by_line.get(&line).and_then(|known| Some((keys.get(&known.id)?.clone(), known)));
        }
        match known {
            Some((read, known)) => {
                let last_used_at = known.last_used_at.map(instant);
                ours.push(FoundKey { read, hint, last_used_at, place, sending });
            }
            None => others.push(OtherSecret { kind, hint, secret, place, reported: false, sending }),
        }
    }
    (ours, others)
}

#[derive(Default)]
struct SearchedTexts {
    bytes: u64,
    found: Vec<Candidate>,
    /// Where in `found` each secret is, by its hash.
    known: HashMap<[u8; 32], usize>,
}

impl SearchedTexts {
    /// Takes so many more bytes into account, if they are not too many.
    fn make_room(&mut self, bytes: u64, name: &str) -> Result<(), Failure> {
        if self.bytes + bytes <= MOST {
            self.bytes += bytes;
            return Ok(());
        }
        let with = if self.bytes > 0 { ", with what was searched before it" } else { "" };
        Err(Failure::new(
            FailureKind::Local,
            format!("{name} is too long{with}: at most 10 MB can be searched at once."),
            "Take a part of it, or have whoever runs the server search it where it lies: astral-server scan.",
        ))
    }

    fn read(&mut self, file: &Path, name: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let read = || -> io::Result<Zeroizing<Vec<u8>>> {
            if file.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            let opened = File::open(file)?;
            // Room for all of it: growing would leave copies behind.
            let length = usize::try_from(opened.metadata()?.len().min(MOST)).unwrap_or_default();
            let mut bytes = Zeroizing::new(Vec::with_capacity(length + 2));
            opened.take(MOST + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error| failure::of_reading(&error, name))?;
        self.make_room(bytes.len() as u64, name)?;
        Ok(bytes)
    }

    fn add(&mut self, text: &[u8], file: Option<&String>) {
        let (mut line, mut counted) = (1, 0);
        for FoundSecret { start, secret, .. } in find_secrets(text) {
            line += text[counted..start].iter().filter(|byte| **byte == b'\n').count();
            counted = start;
            match self.known.get(secret.hash().as_bytes()) {
                Some(&place) => self.found[place].place.times += 1,
                None => {
                    self.known.insert(*secret.hash().as_bytes(), self.found.len());
                    let place = Place { file: file.cloned(), line, times: 1 };
                    let (kind, hint) = (secret.kind(), secret.hint());
                    self.found.push(Candidate { kind, hint, secret: Secret::new(secret.reveal()), place });
                }
            }
        }
    }
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::desk::key;

    const VECTOR: &str = "astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr";

    fn places(suspect: Suspect) -> Vec<String> {
        search(suspect).expect("searched").found.iter().map(|candidate| candidate.place.in_words()).collect()
    }

    #[test]
    fn each_secret_is_found_once_with_its_first_line() {
        let text = format!("one\ntwo {VECTOR}x\n{VECTOR}\n");
        assert_eq!(places(Suspect::Text(Secret::new(text))), ["Line 2 and 1 more place"]);
        assert!(places(Suspect::Text(Secret::new("nothing".into()))).is_empty());
    }

    #[test]
    fn files_are_named_where_there_are_several_and_need_not_be_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            path
        };
        let (chat, dump) = (write("chat.txt", b"hello\n"), write("dump", &[b"\xff\0\n", VECTOR.as_bytes()].concat()));
        assert_eq!(places(Suspect::Files(vec![dump.clone()])), ["Line 2"]);
        assert_eq!(places(Suspect::Files(vec![chat, dump])), ["dump, line 2"]);
    }

    #[test]
    fn what_cannot_be_searched_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = |suspect| search(suspect).err().expect("refused").title;
        let missing = vec![folder.path().join("gone.txt")];
        assert_eq!(refused(Suspect::Files(missing)), "There is no file gone.txt any more.");
        assert!(refused(Suspect::Files(vec![folder.path().to_owned()])).contains("is a folder"));
        let long = " ".repeat(1 + (10 << 20));
        assert!(refused(Suspect::Text(Secret::new(long.clone()))).contains("at most 10 MB"));
        let file = |name: &str, length: usize| {
            let path = folder.path().join(name);
            std::fs::write(&path, &long[..length]).expect("written");
            path
        };
        let (one, two, three) = (file("one", 6 << 20), file("two", 6 << 20), file("three", 6));
        let searched = search(Suspect::Files(vec![one, two, folder.path().to_owned(), three])).expect("searched");
        assert_eq!(searched.searched, "2 files", "what can be read is");
        let titles: Vec<_> = searched.unread.iter().map(|failure| failure.title.as_str()).collect();
        assert!(titles[0].starts_with("two is too long, with what was searched before it"), "{titles:?}");
        assert!(titles[1].ends_with("is a folder."));
    }

    /// Of a text nothing is sent but what could be a key of the club.
    #[test]
    fn keys_alone_are_sent_and_what_is_said_of_them_is_put_to_the_right_one() {
        let secret = |kind| rules_secret(kind);
        let (session, invitation) = (secret(SecretKind::Session), secret(SecretKind::Invitation));
        let (theirs, ours) = (secret(SecretKind::ApiKey), secret(SecretKind::ApiKey));
        let text = format!("{session}\n{theirs}\n\n{ours} {invitation} {ours}");
        let found = search(Suspect::Text(Secret::new(text))).expect("searched").found;
        assert_eq!(keys_of(&found), format!("{theirs}\n{ours}"));
        let identified: IdentifiedKey = serde_json::from_value(serde_json::json!({
            "id": "key_1", "name": "Sync", "status": "active", "hint": "astral_live_abc…xyz", "standing": "current",
            "works": true, "last_used_at": null, "line": 2, "occurrences": 1,
        }))
        .expect("an answer");
        let keys = HashMap::from([("key_1".to_owned(), key("key_1", "Sync"))]);
        let (ours, others) = told_apart(found, &[identified], &keys);
        assert_eq!(ours.iter().map(|found| found.place.in_words()).collect::<Vec<_>>(), ["Line 4 and 1 more place"]);
        let kinds: Vec<_> = others.iter().map(|other| (other.kind, other.place.line)).collect();
        assert_eq!(kinds, [(SecretKind::Session, 1), (SecretKind::ApiKey, 2), (SecretKind::Invitation, 4)]);
    }

    fn rules_secret(kind: SecretKind) -> String {
        let random = || {
            let half = || *uuid::Uuid::new_v4().as_bytes();
            let [first, second] = [half(), half()];
            std::array::from_fn(|at| if at < 16 { first[at] } else { second[at - 16] })
        };
        crate::rules::Secret::generate(kind, random).reveal()
    }
}
