//! Puts events into a file: beside it at first, so that a file with the name is there only once it is whole.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use astral_client::types::AuditEvent;

use crate::state::audit::Format;

/// A file that is being written.
pub struct Export {
    writer: Writer,
    file: tempfile::NamedTempFile,
    count: u64,
}

enum Writer {
    Csv(Box<csv::Writer<BufWriter<File>>>),
    Json(BufWriter<File>),
}

/// The columns of a table.
const COLUMNS: [&str; 12] = [
    "number",
    "at",
    "actor_kind",
    "actor_id",
    "actor",
    "action",
    "target_id",
    "target",
    "address",
    "request_id",
    "changes",
    "hash",
];

impl Export {
    /// Begins a file in the folder of `path`.
    ///
    /// # Errors
    /// If the folder is not there, or may not be written in; if `path` is there already and is not to be replaced.
    pub fn begin(path: &Path, format: Format, replace: bool) -> io::Result<Self> {
        if !replace && path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".astral-export-").tempfile_in(folder)?;
        let buffer = BufWriter::new(file.reopen()?);
        let writer = match format {
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(buffer);
                writer.write_record(COLUMNS)?;
                Writer::Csv(Box::new(writer))
            }
            Format::Json => {
                let mut writer = buffer;
                writer.write_all(b"[")?;
                Writer::Json(writer)
            }
        };
        Ok(Self { writer, file, count: 0 })
    }

    /// Adds events; how many there are now.
    ///
    /// # Errors
    /// If the disk is full or fails.
    pub fn add(&mut self, events: &[AuditEvent]) -> io::Result<u64> {
        for event in events {
            match &mut self.writer {
                Writer::Csv(writer) => writer.write_record(row(event).map(harmless))?,
                Writer::Json(writer) => {
                    writer.write_all(if self.count == 0 { b"\n" } else { b",\n" })?;
                    serde_json::to_writer(&mut *writer, event)?;
                }
            }
            self.count += 1;
        }
        Ok(self.count)
    }

    /// Ends the file and gives it its name; a file that has it already is replaced only if `replace` says so.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`]; or if the disk is full or fails.
    pub fn finish(self, path: &Path, replace: bool) -> io::Result<u64> {
        let file = match self.writer {
            Writer::Csv(writer) => writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?,
            Writer::Json(mut writer) => {
                writer.write_all(b"\n]\n")?;
                writer
            }
        };
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        let named = if replace { self.file.persist(path) } else { self.file.persist_noclobber(path) };
        named.map_err(|error| error.error)?;
        Ok(self.count)
    }
}

fn row(event: &AuditEvent) -> [String; 12] {
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        event.number.to_string(),
        event.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        event.actor.kind.to_string(),
        or_empty(&event.actor.id),
        or_empty(&event.actor.display_name),
        event.action.clone(),
        event.target.id.clone(),
        or_empty(&event.target.display_name),
        or_empty(&event.address),
        or_empty(&event.request_id),
        serde_json::to_string(&event.changes).unwrap_or_default(),
        event.hash.clone(),
    ]
}

/// A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection"): names are for others to choose.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: i64, name: &str) -> AuditEvent {
        serde_json::from_value(serde_json::json!({
            "id": "evt_01k4e2x7qaf0c2m8r1v5y0c4g2",
            "at": "2026-09-05T13:02:51.006Z",
            "actor": { "kind": "user", "id": "usr_01k43m8s0jtq4m0c9b2e5h8k3p", "display_name": "Ana Ruiz" },
            "action": "member.create",
            "target": { "id": "mem_01k4bqcv6n3h8k1p5s9w2z4b7e", "display_name": name },
            "address": null,
            "request_id": null,
            "changes": { "display_name": name },
            "number": number,
            "hash": "00",
            "content": "{}",
        }))
        .expect("an event")
    }

    #[test]
    fn a_table_is_read_as_it_was_meant_and_holds_no_formula() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.csv");
        let mut export = Export::begin(&path, Format::Csv, false).expect("begun");
        assert_eq!(
            export.add(&[event(1, "=HYPERLINK(\"https://evil.example\")"), event(0, "Ró, \"B\"")]).expect("added"),
            2
        );
        assert!(!path.exists(), "not before it is whole");
        assert_eq!(export.finish(&path, false).expect("finished"), 2);
        let mut read = csv::Reader::from_path(&path).expect("read");
        let names: Vec<String> = read.records().map(|row| row.expect("a row")[7].to_owned()).collect();
        assert_eq!(names, ["'=HYPERLINK(\"https://evil.example\")", "Ró, \"B\""]);
        assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_that_is_there_is_kept_unless_it_was_asked_about() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.json");
        std::fs::write(&path, "mine").expect("written");
        let export = |count: i64, replace: bool| {
            let mut export = Export::begin(&path, Format::Json, replace)?;
            let events: Vec<_> = (0..count).map(|number| event(number, "Nia")).collect();
            export.add(&events).expect("added");
            export.finish(&path, replace)
        };
        assert_eq!(
            export(1, false).expect_err("it is there").kind(),
            io::ErrorKind::AlreadyExists,
            "before a page is read"
        );
        // It came while the export ran.
        let meanwhile = folder.path().join("meanwhile.csv");
        let late = Export::begin(&meanwhile, Format::Csv, false).expect("begun");
        std::fs::write(&meanwhile, "mine").expect("written");
        assert_eq!(late.finish(&meanwhile, false).expect_err("it is there").kind(), io::ErrorKind::AlreadyExists);
        std::fs::remove_file(&meanwhile).expect("removed");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "mine");
        for count in [0, 1, 3] {
            export(count, true).expect("replaced");
            let read: Vec<AuditEvent> = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
            assert_eq!(read.len() as i64, count);
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 1);
    }
}
