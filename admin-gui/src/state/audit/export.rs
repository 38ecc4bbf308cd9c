//! Events on their way into a file.

use std::path::PathBuf;

use super::Query;
use crate::{
    rules::Invalid,
    state::{
        Dialog, State,
        exchange::{Command, Effect},
        failure::{Failure, FailureKind},
        form::Field,
    },
};

/// What the file is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table, for a spreadsheet.
    Csv,
    /// All that the server answers, for programs, and for proof.
    Json,
}

impl Format {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Csv, Self::Json];

    /// The word for it, and the ending of its files.
    pub const fn word(self) -> (&'static str, &'static str) {
        match self {
            Self::Csv => ("CSV, for a spreadsheet", "csv"),
            Self::Json => ("JSON, with what proves it", "json"),
        }
    }
}

/// Events that are to be put into a file.
#[derive(Debug, Clone)]
pub struct ExportForm {
    /// Which.
    pub query: Query,
    /// Into what.
    pub format: Format,
    /// Into which.
    pub file: Field,
    /// The file that the system's dialog named, and asked about if it was there.
    pub chosen: Option<PathBuf>,
    /// How far it is.
    pub progress: ExportProgress,
    /// Which run this is: what comes of an earlier one is dropped.
    run: u64,
}

/// How far an export is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportProgress {
    /// Not begun.
    Nothing,
    /// So many events are written.
    Writing(u64),
    /// It failed.
    Failed(Failure),
}

/// What the worker says of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exported {
    /// So many events are written.
    Some(u64),
    /// All are.
    All(u64),
    /// It failed; nothing is left of it.
    Failed(Failure),
}

impl ExportForm {
    /// The file.
    pub fn file(&self) -> Result<PathBuf, Invalid> {
        let text = self.file.text.trim();
        let path = PathBuf::from(text);
        if text.is_empty() {
            return Err(Invalid("must not be empty".into()));
        }
        if !path.is_absolute() {
            return Err(Invalid("must be the whole path of a file, such as /home/ana/audit.csv".into()));
        }
        Ok(path)
    }

    /// Ends with the session in which it was begun: nothing is left of it.
    pub(in crate::state) fn interrupt(&mut self) {
        if self.is_on() {
            let title = "The session ended before the file was whole. It was not written.";
            self.progress = ExportProgress::Failed(Failure::new(FailureKind::Local, title, "Export once more."));
        }
    }

    /// Whether it is on its way.
    pub fn is_on(&self) -> bool {
        matches!(self.progress, ExportProgress::Writing(_))
    }

    /// Takes another format; the file's ending follows.
    pub fn choose(&mut self, format: Format) {
        let (_, before) = self.format.word();
        let (_, after) = format.word();
        if let Some(stem) = self.file.text.trim().strip_suffix(before) {
            self.file.text = format!("{stem}{after}");
        }
        self.format = format;
    }
}

impl State {
    /// Asks into which file the events that are shown are to be put.
    pub(in crate::state) fn ask_export(&mut self) {
        let (today, run) = (self.clock.date(self.clock.now), self.next_load());
        let folder = self.export_folder.clone();
        let clock = self.clock.clone();
        let Some(console) = self.console_mut() else { return };
        let (_, ending) = Format::Csv.word();
        let name = format!("audit-{today}.{ending}");
        let form = ExportForm {
            query: console.audit.asks(&clock),
            format: Format::Csv,
            file: Field::of(folder.join(name).to_string_lossy()),
            chosen: None,
            progress: ExportProgress::Nothing,
            run,
        };
        self.open_dialog(Dialog::Export(Box::new(form)));
    }

    /// Has the system's dialog ask for the file.
    pub(in crate::state) fn browse(&mut self) {
        let Some(Dialog::Export(form)) = self.dialog() else { return };
        let file = PathBuf::from(form.file.text.trim());
        self.ask(Command::ChooseFileToWrite { file });
    }

    /// Takes the file that the system's dialog named; none if it was closed.
    pub(in crate::state) fn hear_file_to_write(&mut self, file: Option<PathBuf>) {
        let Some(Dialog::Export(form)) = self.dialog() else { return };
        if let Some(file) = file.filter(|_| !form.is_on()) {
            form.file = Field::of(file.to_string_lossy());
            form.chosen = Some(file);
        }
    }

    /// Begins the export.
    pub(in crate::state) fn export(&mut self) {
        let (organization, run) = (self.organization(), self.next_load());
        let Some(Dialog::Export(form)) = self.dialog() else { return };
        let Ok(file) = form.file() else {
            form.file.left = true;
            return;
        };
        if form.is_on() {
            return;
        }
        (form.progress, form.run) = (ExportProgress::Writing(0), run);
        let replace = form.chosen.as_ref() == Some(&file);
        let (query, format) = (form.query.clone(), form.format);
        self.ask(Command::Export { organization, query, format, file, replace, run });
    }

    /// Gives the export up; what was written is removed.
    pub(in crate::state) fn stop_export(&mut self) {
        let Some(Dialog::Export(form)) = self.dialog() else { return };
        form.progress = ExportProgress::Nothing;
        form.run = 0;
        self.effects.push(Effect::ask(Command::StopExport));
    }

    /// Takes how far an export is.
    pub(in crate::state) fn hear_exported(&mut self, run: u64, exported: Exported) {
        let Some(Dialog::Export(form)) = self.dialog() else { return };
        if form.run != run {
            return;
        }
        match exported {
            Exported::Some(count) => form.progress = ExportProgress::Writing(count),
            Exported::Failed(failure) => {
                form.progress = ExportProgress::Failed(failure.clone());
                self.after(Some(failure));
            }
            Exported::All(count) => {
                let file = form.file.text.trim().to_owned();
                self.in_console(|console| console.dialog = None);
                let events = if count == 1 { "1 event".to_owned() } else { format!("{count} events") };
                self.say(format!("Put {events} into {file}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{
        Action, View,
        desk::{Desk, failure, signed_in},
        exchange::Event,
    };

    fn form(desk: &mut Desk) -> &mut ExportForm {
        match &mut desk.console().dialog {
            Some(Dialog::Export(form)) => form,
            _ => panic!("the form is open"),
        }
    }

    fn asked(desk: &Desk) -> (PathBuf, bool, u64) {
        match desk.asked.last() {
            Some(Command::Export { file, replace, run, .. }) => (file.clone(), *replace, *run),
            _ => panic!("it is asked for"),
        }
    }

    #[test]
    fn an_export_can_be_stopped_and_begun_again() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.act(Action::Show(View::Audit));
        desk.act(Action::AskExport);
        form(&mut desk).file = Field::of("audit.csv");
        desk.asked.clear();
        desk.act(Action::Export);
        assert!(desk.asked.is_empty() && form(&mut desk).file.left, "where would that be?");
        form(&mut desk).file = Field::of("/tmp/audit.csv");
        form(&mut desk).choose(Format::Json);
        desk.act(Action::Export);
        let (file, replace, first) = asked(&desk);
        assert_eq!((file, replace), (PathBuf::from("/tmp/audit.json"), false));
        desk.hear(Event::Exported { run: first, exported: Exported::Some(400) });
        assert_eq!(form(&mut desk).progress, ExportProgress::Writing(400));
        desk.act(Action::StopExport);
        assert!(matches!(desk.asked.last(), Some(Command::StopExport)));
        desk.act(Action::Export);
        let (.., second) = asked(&desk);
        desk.hear(Event::Exported { run: first, exported: Exported::All(500) });
        assert!(form(&mut desk).is_on(), "that was the one before");
        desk.hear(Event::Exported { run: second, exported: Exported::Failed(failure(FailureKind::Broken)) });
        assert!(matches!(form(&mut desk).progress, ExportProgress::Failed(_)));
        // The system's dialog has asked about the file that is there.
        desk.hear(Event::FileToWrite(Some("/tmp/there.csv".into())));
        desk.act(Action::Export);
        let (file, replace, third) = asked(&desk);
        assert_eq!((file, replace), (PathBuf::from("/tmp/there.csv"), true));
        desk.hear(Event::Exported { run: third, exported: Exported::All(1) });
        assert!(desk.console().dialog.is_none());
        assert!(desk.state.notices.iter().any(|notice| notice.text == "Put 1 event into /tmp/there.csv"));
    }

    /// It was said to go on for ever.
    #[test]
    fn an_export_ends_with_the_session() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.act(Action::AskExport);
        form(&mut desk).file = Field::of("/tmp/audit.csv");
        desk.act(Action::Export);
        desk.hear_club(Err(failure(FailureKind::SignedOut)));
        desk.hear(Event::SignedIn(Ok(signed_in(&["org_a"]))));
        assert!(
            matches!(&form(&mut desk).progress, ExportProgress::Failed(failure) if failure.title.contains("session ended"))
        );
    }
}
