//! The databases that a run saves: the application's own, and others of the
//! site that scripts and the upgrade may change as well.

use crate::base::event::Watch;
use crate::base::json;
use crate::base::step::Step;
use crate::database::address::Address;
use crate::database::dump;
use crate::database::dump::DumpRecord;
use crate::database::dump::restore;
use crate::database::scope::Scope;
use crate::site::config::Found;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::error::StepError;
use crate::update::plan::OtherDatabase;
use crate::update::run::RunFolder;
use crate::update::sealed;
use crate::update::work::Work;

/// One of them, and where its dump stands.
pub struct Kept<'a> {
    /// 0 is the application's own.
    pub number: usize,
    pub found: &'a Found,
    /// What is saved of it.
    pub dumped: Scope,
    folder: &'a RunFolder,
}

/// Those that the plan saves.
pub fn kept<'a>(work: &'a Work) -> Result<Vec<Kept<'a>>, StepError> {
    let plan = &work.run.plan.sealed;
    let folder = &work.run.folder;
    let mut all = Vec::new();
    if let Some(dumped) = plan.database.dumped() {
        let found = work.databases.main.as_ref().ok_or(StepError::NoDatabase)?;
        all.push(Kept { number: 0, found, dumped, folder });
    }
    for (index, other) in plan.others.iter().enumerate() {
        let is_meant = |found: &&Found| OtherDatabase::of(found) == *other;
        let found = work.databases.others.iter().find(is_meant).ok_or(StepError::NoDatabase)?;
        all.push(Kept { number: index + 1, found, dumped: Scope::of_prefix(&other.prefix), folder });
    }
    Ok(all)
}

impl Kept<'_> {
    pub fn address(&self) -> &Address {
        &self.found.address
    }

    /// All that is the site's in it.
    pub fn scope(&self) -> Scope {
        Scope::of_prefix(&self.found.prefix)
    }

    pub fn save(&self, watch: Watch) -> Result<DumpRecord, StepError> {
        let (folder, path) = (self.folder.dump(self.number), self.folder.dump_record(self.number));
        // A dump that was cut off is worth nothing, and what it held is not known yet.
        fs::remove_file_if_present(&path)?;
        fs::sync_folder(self.folder.path())?;
        fs::remove_folder_all(&folder)?;
        fault::point("save.dump").map_err(|source| IoError::new("dump into", &folder, source))?;
        fs::create_folders(&folder, 0o700)?;
        let tell = &mut |_, event| watch(Some(Step::Save), event);
        let record = dump::dump(self.address(), &self.dumped, &folder, tell)?;
        let text =
            json::pretty(&record).map_err(|source| StepError::Damaged { path: fs::shown(&path), source })?;
        sealed::write(&path, &text)?;
        Ok(record)
    }

    /// What its dump holds; `None` when none was made.
    pub fn record(&self) -> Result<Option<DumpRecord>, StepError> {
        let path = self.folder.dump_record(self.number);
        let Some(bytes) = sealed::read(&path)? else { return Ok(None) };
        let record =
            json::read(&bytes).map_err(|source| StepError::Damaged { path: fs::shown(&path), source })?;
        Ok(Some(record))
    }

    /// Proves that the dump is whole.
    pub fn prove(&self) -> Result<(), StepError> {
        match self.record()? {
            Some(record) => Ok(dump::check(&record, &self.folder.dump(self.number))?),
            None => Ok(()),
        }
    }

    /// Makes it what it was when it was saved; whether there was anything to bring back.
    pub fn restore(&self, watch: Watch) -> Result<bool, StepError> {
        let Some(record) = self.record()? else { return Ok(false) };
        let tell = &mut |_, event| watch(Some(Step::Migrate), event);
        restore::restore(self.address(), &record, &self.folder.dump(self.number), tell)?;
        Ok(true)
    }

    /// Saves what it holds now beside what it held before.
    pub fn save_newer(&self, watch: Watch) -> Result<(), StepError> {
        let folder = self.folder.dump_newer(self.number);
        fs::remove_folder_all(&folder)?;
        fs::create_folders(&folder, 0o700)?;
        let tell = &mut |_, event| watch(Some(Step::Migrate), event);
        dump::dump(self.address(), &self.dumped, &folder, tell)?;
        Ok(())
    }

    /// What a table of it is called where tables of all databases stand together.
    pub fn name_of(&self, table: &str) -> String {
        match self.number {
            0 => table.to_owned(),
            number => format!("database {number}: {table}"),
        }
    }
}
