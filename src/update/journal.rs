//! The journal of a run: append-only lines of JSON, the intent written before
//! an effect and the result after it. Where a run stands is a fold over them.
//! The stored format is `docs/journal.md`.

use std::fs::File;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::base::path::SitePath;
use crate::base::step::Step;
use crate::sys::clock;
use crate::sys::disk;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::standing::IllegalEntry;
use crate::update::standing::Standing;

/// The one version of the format that this program writes.
pub const FORMAT: u32 = 1;
/// Room taken for a journal at its start, so that later lines cannot fail for want of space.
const RESERVED_BYTES: u64 = 1 << 20;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub at: Timestamp,
    pub entry: Entry,
}

/// What happened, or is about to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Entry {
    /// The run begins; always the first line.
    Opened {
        format: u32,
        run: String,
        plan: Sha256,
        from: String,
        to: String,
    },
    Started {
        step: Step,
    },
    Done {
        step: Step,
        note: String,
    },
    Failed {
        step: Step,
        message: String,
    },
    /// A person, a budget or `--stop-before` ended the work in good order.
    Stopped {
        before: Step,
    },
    /// From here on the run only goes back.
    UndoOpened {
        why: String,
        database: DatabaseBack,
    },
    UndoStarted {
        step: Step,
    },
    UndoDone {
        step: Step,
        note: String,
    },
    UndoFailed {
        step: Step,
        message: String,
    },
    /// Nothing was undone yet, and nothing will be: the run stands where it stood
    /// when it turned back.
    UndoWithdrawn,
    RolledBack,
    Finished,
    Committed,
    /// The gate is about to be closed, or was opened again.
    Closing,
    Opening,
    /// This connection keeps others out of the database of that number.
    Guarded {
        connection: u64,
        #[serde(default, skip_serializing_if = "is_first")]
        database: usize,
    },
    /// A statement of a versioned SQL file, counted from 0.
    Sql {
        file: SitePath,
        index: usize,
        connection: u64,
        state: EffectState,
    },
    /// A step towards the declared tables.
    Table {
        table: String,
        connection: u64,
        state: EffectState,
    },
    /// The database is back at its dump; the migration begins again.
    MigrationReset,
    Upgrade {
        state: EffectState,
    },
    Script {
        path: SitePath,
        state: EffectState,
        status: Option<i32>,
    },
    /// Something a person should know, which stopped nothing.
    Warning {
        step: Option<Step>,
        message: String,
    },
    /// Written by a newer entracte: kept, not understood.
    #[serde(other)]
    Unknown,
}

/// The application's own database goes without saying.
fn is_first(database: &usize) -> bool {
    *database == 0
}

/// Where an effect outside the file system stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EffectState {
    /// Begun; without a later word its outcome is unknown.
    Started,
    Done,
    Failed,
    /// A person said that it is done.
    Vouched,
}

/// What going back does with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseBack {
    /// It becomes what it was when it was saved.
    Restore,
    /// It stays as it is.
    Keep,
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("line {line} of the journal {path} cannot be understood")]
    Damaged {
        path: String,
        line: usize,
        #[source]
        source: serde_json::Error,
    },
    #[error("the journal {path} is of format {found}; this entracte knows {FORMAT}")]
    Format { path: String, found: u32 },
    #[error("line {line} of the journal {path} cannot follow what stands before it")]
    Illegal {
        path: String,
        line: usize,
        #[source]
        source: IllegalEntry,
    },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for JournalError {
    fn exit(&self) -> Exit {
        match self {
            JournalError::Io(error) => error.exit(),
            JournalError::Format { .. } => Exit::Refused,
            _ => Exit::Stuck,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            JournalError::Io(error) => error.hints(),
            JournalError::Format { .. } => {
                vec!["use the entracte that began this run, or a newer one".into()]
            }
            _ => vec!["RESTORE.txt in the run's folder says how to put everything back by hand".into()],
        }
    }
}

/// An open journal and where it stands.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    records: Vec<Record>,
    standing: Standing,
    /// Why nothing can be written any more: the system's error number.
    broken: Option<i32>,
}

impl Journal {
    /// Begins a journal; there must be none at `path`.
    pub fn create(path: &Path, opened: Entry) -> Result<Journal, JournalError> {
        let file = fs::create_new(path)?;
        disk::reserve(&file, path, RESERVED_BYTES)?;
        let mut journal = Journal::over(path, file, Vec::new(), Standing::default());
        journal.write(opened)?;
        fs::sync_folder(path.parent().unwrap_or(Path::new(".")))?;
        Ok(journal)
    }

    /// Opens a journal to go on with it; a last line that a crash tore is cut off.
    pub fn open(path: &Path) -> Result<Journal, JournalError> {
        let text = fs::read(path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (records, standing) = parse(path, &text[..whole])?;
        let mut file = fs::open_to_change(path)?;
        let cut = |source| IoError::new("cut the torn last line of", path, source);
        file.set_len(whole as u64).map_err(cut)?;
        file.seek(SeekFrom::End(0)).map_err(cut)?;
        disk::reserve(&file, path, RESERVED_BYTES)?;
        Ok(Journal::over(path, file, records, standing))
    }

    fn over(path: &Path, file: File, records: Vec<Record>, standing: Standing) -> Journal {
        Journal { path: path.to_owned(), file, records, standing, broken: None }
    }

    /// Writes one line and waits until it is on the disk.
    pub fn write(&mut self, entry: Entry) -> Result<(), JournalError> {
        let mut standing = self.standing.clone();
        let line = self.records.len() + 1;
        standing.follow(&entry, clock::now()).map_err(|source| self.illegal(line, source))?;
        let record = Record { at: clock::now(), entry };
        self.append(&summed(&record)).map_err(|source| IoError::new("write", &self.path, source))?;
        self.records.push(record);
        self.standing = standing;
        Ok(())
    }

    /// A line that may not last is taken out again, so that what is read later
    /// is what was believed here; where that fails too, nothing follows it.
    fn append(&mut self, text: &[u8]) -> std::io::Result<()> {
        crate::sys::fault::point("journal.write")?;
        if let Some(code) = self.broken {
            return Err(std::io::Error::from_raw_os_error(code));
        }
        let end = self.file.stream_position()?;
        if let Err(error) = self.file.write_all(text).and_then(|()| self.file.sync_data()) {
            let cut = self.file.set_len(end).and_then(|()| self.file.seek(SeekFrom::Start(end)));
            self.broken = cut.is_err().then(|| error.raw_os_error().unwrap_or_default());
            return Err(error);
        }
        crate::sys::fault::point("journal.written")
    }

    fn illegal(&self, line: usize, source: IllegalEntry) -> JournalError {
        JournalError::Illegal { path: fs::shown(&self.path), line, source }
    }

    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }
}

/// Reads a journal without touching it; a torn last line is passed over.
pub fn read(path: &Path) -> Result<(Vec<Record>, Standing), JournalError> {
    let text = fs::read(path)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    parse(path, &text[..whole])
}

/// Reads the whole lines of a journal; `path` is for messages.
pub fn parse(path: &Path, text: &[u8]) -> Result<(Vec<Record>, Standing), JournalError> {
    let (mut records, mut standing) = (Vec::new(), Standing::default());
    let lines = text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    for (at, line) in lines {
        let (path, line_number) = (fs::shown(path), at + 1);
        let damaged = |source| JournalError::Damaged { path: path.clone(), line: line_number, source };
        check_sum(line).map_err(damaged)?;
        let record: Record = json::read(line).map_err(damaged)?;
        if let Entry::Opened { format, .. } = record.entry
            && format != FORMAT
        {
            return Err(JournalError::Format { path, found: format });
        }
        standing.follow(&record.entry, record.at).map_err(|source| JournalError::Illegal {
            path,
            line: line_number,
            source,
        })?;
        records.push(record);
    }
    Ok((records, standing))
}

/// The line of a record: at its end stands a sum of what comes before.
fn summed(record: &Record) -> Vec<u8> {
    // Plain enums and strings always serialise.
    let mut text = json::line(record).unwrap_or_default();
    text.pop();
    let sum = sum(&text);
    text.extend(sum.bytes().chain(*b"\n"));
    text
}

fn sum(body: &[u8]) -> String {
    let digest = Sha256::of(body).to_string();
    format!(",\"sum\":\"{}\"}}", &digest[..16])
}

/// A line without a sum is taken as it is.
fn check_sum(line: &[u8]) -> Result<(), serde_json::Error> {
    let Some((body, end)) = line.len().checked_sub(sum(b"").len()).map(|at| line.split_at(at)) else {
        return Ok(());
    };
    match end.starts_with(b",\"sum\":\"") && end != sum(body).as_bytes() {
        true => Err(serde::de::Error::custom("it is no longer what was written")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Entry {
        Entry::Opened {
            format: FORMAT,
            run: "r".into(),
            plan: Sha256::of(b"p"),
            from: "1".into(),
            to: "2".into(),
        }
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_rest_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::create(&path, opened()).unwrap();
        journal.write(Entry::Started { step: Step::Close }).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"{\"at\":\"20"].concat()).unwrap();
        assert_eq!(read(&path).unwrap().0.len(), 2);
        let mut journal = Journal::open(&path).unwrap();
        journal.write(Entry::Done { step: Step::Close, note: String::new() }).unwrap();
        assert_eq!(read(&path).unwrap().0.len(), 3);
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        drop(Journal::create(&path, opened()).unwrap());
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"garbage\n{}\n");
        std::fs::write(&path, text).unwrap();
        assert!(matches!(read(&path), Err(JournalError::Damaged { line: 2, .. })));
    }

    #[test]
    fn an_unknown_kind_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        drop(Journal::create(&path, opened()).unwrap());
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(
            b"{\"at\":\"2026-11-21T05:00:00Z\",\"entry\":{\"event\":\"from-the-future\",\"x\":1}}\n",
        );
        std::fs::write(&path, text).unwrap();
        assert_eq!(read(&path).unwrap().0[1].entry, Entry::Unknown);
    }
}
