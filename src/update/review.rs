//! Step 2: the plan is built from what is installed, what stands there and
//! what is staged. Nothing outside the state folder changes.

mod tables;
mod warnings;

use std::collections::BTreeSet;

use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Tree;
use crate::database;
use crate::database::lexer;
use crate::database::lexer::Dialect;
use crate::database::lexer::LexError;
use crate::database::schema::step::Cost;
use crate::database::schema::step::Risk;
use crate::database::scope::Scope;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::RunOnce;
use crate::integrity::three_way::ChangeKind;
use crate::release::at_hand::AtHand;
use crate::release::staging::Staged;
use crate::release::staging::Staging;
use crate::release::staging::StagingError;
use crate::site::Site;
use crate::site::SiteError;
use crate::site::config::Databases;
use crate::site::config::Found;
use crate::site::extension;
use crate::site::gate::Gate;
use crate::site::installed::Current;
use crate::site::installed::Installed;
use crate::site::installed::InstalledError;
use crate::site::installed::Ledger;
use crate::site::settings::Winner;
use crate::sys::clock;
use crate::sys::fs::IoError;
use crate::sys::process;
use crate::update::checks;
use crate::update::compose::Composed;
use crate::update::compose::Reinstall;
use crate::update::compose::Sides;
use crate::update::compose::compose;
use crate::update::error::StepError;
use crate::update::hooks;
use crate::update::operations::Operation;
use crate::update::operations::operations;
use crate::update::plan::Change;
use crate::update::plan::DatabaseScope;
use crate::update::plan::Endpoint;
use crate::update::plan::Estimate;
use crate::update::plan::OtherDatabase;
use crate::update::plan::Plan;
use crate::update::plan::Resolution;
use crate::update::plan::Sealed;
use crate::update::plan::SqlFile;
use crate::update::plan::Thing;
use crate::update::plan::UpgradeCall;
use crate::update::planned::Planned;
use crate::update::review::tables::Tables;
use crate::update::steps::scan::ids;
use crate::update::tables::TablesError;
use crate::update::tables::dialect;
use crate::update::work::scan_site;

pub use self::warnings::warnings;
pub use self::warnings::worries;

/// Of a file that is read whole to see what it says, in bytes.
const MOST_TEXT_BYTES: u64 = 64 << 20;
/// Bytes a second that a dump is taken to run at, for the estimate.
const DUMP_RATE: f64 = 40e6;
/// Bytes a second that a table is taken to be written anew at, for the estimate.
const REBUILD_RATE: f64 = 20e6;
/// Operations a second of the swap, for the estimate.
const SWAP_RATE: f64 = 4000.0;

#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error("no release is staged")]
    NothingStaged,
    #[error("the SQL file {path} cannot be split into statements")]
    Sql {
        path: SitePath,
        #[source]
        source: LexError,
    },
    #[error("{path} declares tables and cannot be read")]
    Unread { path: SitePath },
    #[error(transparent)]
    Installed(#[from] InstalledError),
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Tables(#[from] TablesError),
}

impl Fault for ReviewError {
    fn exit(&self) -> Exit {
        match self {
            ReviewError::NothingStaged => Exit::NothingToDo,
            ReviewError::Sql { .. } | ReviewError::Unread { .. } => Exit::Refused,
            ReviewError::Installed(error) => error.exit(),
            ReviewError::Io(error) => error.exit(),
            ReviewError::Site(error) => error.exit(),
            ReviewError::Staging(error) => error.exit(),
            ReviewError::Step(error) => error.exit(),
            ReviewError::Tables(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ReviewError::Unread { .. } => {
                vec!["`entracte stage` brings staged files again; make one of the site readable".into()]
            }
            ReviewError::NothingStaged => vec!["`entracte stage --from ARCHIVE` brings one".into()],
            ReviewError::Site(error) => error.hints(),
            ReviewError::Staging(error) => error.hints(),
            ReviewError::Step(error) => error.hints(),
            ReviewError::Tables(error) => error.hints(),
            ReviewError::Io(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

/// Everything that a plan is made from.
struct Desk<'a> {
    site: &'a Site,
    database: Option<Found>,
    others: Vec<Found>,
    staged: Staged,
    at_hand: AtHand,
    current: Current,
    installed: Manifest,
    ledger: Ledger,
    live: Tree,
}

/// Builds the plan.
pub fn review(site: &Site, gate: &Gate, reinstall: Reinstall, watch: Watch) -> Result<Plan, ReviewError> {
    let mut desk = Desk::open(site, gate, watch)?;
    let composed = desk.compose(reinstall);
    // As long as the site's tree, and nobody asks for it any more.
    desk.installed.files = Vec::new();
    let operations = operations(&composed.changes, &desk.live);
    let planned = Planned::of(&desk.live, &operations);
    let tables = desk.tables(&planned)?;
    let sealed = desk.seal(composed, &planned, &tables)?;
    let estimate = desk.estimate(&sealed, &tables.costs, &operations);
    let checks = checks::all(&checks::Subject {
        site,
        gate,
        database: desk.database.as_ref(),
        others: &desk.others,
        staged: &desk.staged,
        at_hand: &desk.at_hand,
        ledger: &desk.ledger,
        live: &desk.live,
        sealed: &sealed,
        operations: &operations,
        estimate: &estimate,
        costs: &tables.costs,
    });
    Ok(Plan::seal(sealed, checks, estimate, tables.costs, clock::now()))
}

impl<'a> Desk<'a> {
    fn open(site: &'a Site, gate: &'a Gate, watch: Watch) -> Result<Desk<'a>, ReviewError> {
        let staging = Staging::open(&site.state.staging())?;
        let folder = site.state.installed();
        let (staged, installed) = rayon::join(|| staging.staged(), || Installed(&folder).load());
        let (staged, (current, installed)) = (staged?.ok_or(ReviewError::NothingStaged)?, installed?);
        let ledger = Installed(&folder).ledger()?;
        let live = scan_site(site, gate, watch)?;
        let Databases { main: database, others } = site.databases().map_err(SiteError::from)?;
        let at_hand = AtHand::of(&staging, &staged.manifest, &site.root);
        Ok(Desk { site, database, others, staged, at_hand, current, installed, ledger, live })
    }

    fn compose(&self, reinstall: Reinstall) -> Composed {
        let ran: BTreeSet<SitePath> = self.ledger.scripts.iter().map(|entry| entry.path.clone()).collect();
        let resolve = |path: &SitePath| match self.site.settings.winner(path) {
            Winner::Ours => Resolution::Ours,
            Winner::Theirs => Resolution::Theirs,
            Winner::Stop => Resolution::Stop,
        };
        compose(&Sides {
            installed: &self.installed,
            live: &self.live,
            new: &self.staged.manifest,
            keep: &self.site.keep(),
            ran: &ran,
            resolve: &resolve,
            reinstall,
        })
    }

    fn seal(&self, composed: Composed, planned: &Planned, tables: &Tables) -> Result<Sealed, ReviewError> {
        let Composed { changes, unchanged, .. } = composed;
        let manifest = &self.staged.manifest;
        let sql = self.sql()?;
        let scripts = self.scripts(&changes);
        let upgrade = self.upgrade();
        let by_programs = upgrade.is_some() || !scripts.is_empty();
        let anywhere = !sql.is_empty() || by_programs;
        let others = self.others.iter().filter(|_| by_programs).map(OtherDatabase::of).collect();
        let database = match &self.database {
            Some(found) if anywhere => DatabaseScope::All { prefix: found.prefix.clone() },
            Some(found) if !tables.touched.is_empty() => {
                DatabaseScope::Tables { prefix: found.prefix.clone(), names: tables.touched.clone() }
            }
            _ => DatabaseScope::None,
        };
        Ok(Sealed {
            product: manifest.product.clone(),
            from: Endpoint { version: self.current.version.clone(), manifest: self.current.manifest },
            to: Endpoint { version: manifest.version.clone(), manifest: self.staged.origin.manifest },
            observed: self.installed.made == Made::Observed,
            partial: manifest.extent == Extent::Partial,
            extensions: self.extensions(planned),
            tables: tables.plan.clone(),
            changes,
            unchanged,
            sql,
            upgrade,
            scripts,
            database,
            others,
            hooks: hooks::calls(&self.site.settings.hooks),
        })
    }

    /// The versioned SQL files that have not been applied.
    fn sql(&self) -> Result<Vec<SqlFile>, ReviewError> {
        let dialect = self.database.as_ref().map_or(Dialect::MySql, |found| dialect(&found.address));
        let mut files = Vec::new();
        for path in &self.staged.manifest.schema {
            let Some(sha256) = self.staged.manifest.entry(path).and_then(|entry| entry.sha256()) else {
                continue;
            };
            if Ledger::entry(&self.ledger.sql, path).is_some() {
                continue;
            }
            let text = self.at_hand.read_text(&sha256, MOST_TEXT_BYTES)?;
            let statements = lexer::split(&text, dialect)
                .map_err(|source| ReviewError::Sql { path: path.clone(), source })?;
            let statements = statements.into_iter().map(|statement| statement.text).collect();
            files.push(SqlFile { path: path.clone(), sha256, statements });
        }
        Ok(files)
    }

    /// The one-time scripts that have not run and will stand there.
    fn scripts(&self, changes: &[Change]) -> Vec<RunOnce> {
        let stays_away = |path: &SitePath| {
            changes.iter().any(|change| {
                change.path == *path && matches!(change.kind, ChangeKind::Keep | ChangeKind::Conflict)
            })
        };
        let pending = |script: &&RunOnce| {
            Ledger::entry(&self.ledger.scripts, &script.path).is_none() && !stays_away(&script.path)
        };
        self.staged.manifest.run_once.iter().filter(pending).cloned().collect()
    }

    /// The application's own upgrade, where the version changes and there is a
    /// database to upgrade.
    fn upgrade(&self) -> Option<UpgradeCall> {
        if self.current.version == self.staged.manifest.version {
            return None;
        }
        if let Some(own) = &self.site.settings.upgrade {
            return (!own.none).then(|| UpgradeCall {
                argv: own.argv.clone(),
                url: own.url.clone(),
                success: own.success.clone(),
                expect: own.expect.clone(),
                changes: own.changes.clone(),
                limit_seconds: own.limit_seconds,
            });
        }
        let rule = self.site.profile.upgrade.as_ref()?;
        self.database.as_ref()?;
        let program = rule.argv.first().is_some_and(|program| process::find(program).is_some());
        let (argv, expect) = match (program, &rule.url) {
            (false, Some(_)) => (Vec::new(), None),
            _ => (rule.argv.clone(), rule.expect.clone()),
        };
        Some(UpgradeCall {
            argv,
            url: rule.url.clone(),
            success: rule.success.clone(),
            expect,
            changes: rule.changes.clone(),
            limit_seconds: rule.limit_seconds,
        })
    }

    /// Ids of the extensions that the planned tree declares.
    fn extensions(&self, planned: &Planned) -> Vec<String> {
        let exists = |path: &SitePath| planned.stands(&TreePath::from(path));
        let read = |path: &SitePath| self.planned_text(planned, path);
        let patterns = &self.site.profile.release.extensions;
        ids(&extension::find(self.descriptors(planned).iter(), patterns, &read, &exists).extensions)
    }

    /// Descriptors of extensions in the planned tree.
    fn descriptors(&self, planned: &Planned) -> Vec<SitePath> {
        let patterns = &self.site.profile.release.extensions;
        let found = planned.non_folders().filter(|path| patterns.matches_bytes(path.as_bytes()));
        let mut found: Vec<SitePath> = found.filter_map(|path| path.to_site_path().ok()).collect();
        found.sort();
        found
    }

    /// What a file of the planned tree will hold.
    fn planned_text(&self, planned: &Planned, path: &SitePath) -> Option<Vec<u8>> {
        let digest = planned.sha256(&path.into())?;
        let staged = self.at_hand.read(&digest, MOST_TEXT_BYTES);
        staged.or_else(|_| crate::sys::fs::read(&self.site.root.join(path.as_path()))).ok()
    }

    fn estimate(&self, sealed: &Sealed, costs: &[Cost], operations: &[Operation]) -> Estimate {
        let put: u64 =
            operations.iter().filter_map(|operation| operation.new.as_ref()).map(Thing::size).sum();
        let saved_patterns = sealed.changed_by_programs().and(&self.site.profile.lock_changes());
        let (mut saved, mut saved_count) = (0, 0);
        for (path, node) in self.live.iter().filter(|(path, _)| saved_patterns.matches_bytes(path.as_bytes()))
        {
            let _ = path;
            saved += node.size();
            saved_count += 1;
        }
        let database_bytes = self.database_bytes(sealed);
        let plain = put + saved + database_bytes * 2;
        let php = self.site.settings.php.revalidate_seconds;
        let upgrade = if sealed.upgrade.is_some() { 5.0 } else { 0.0 };
        let rebuilt: u64 = costs.iter().filter(|cost| cost.risk > Risk::Instant).map(|cost| cost.bytes).sum();
        Estimate {
            bytes_to_fetch: 0,
            bytes_needed: plain + plain / 20 + (8 << 20),
            inodes_needed: operations.len() as u64 * 2 + saved_count + 64,
            database_bytes,
            closed_seconds: 1.0
                + php
                + upgrade
                + self.site.settings.gate.drain_seconds
                + operations.len() as f64 / SWAP_RATE
                + database_bytes as f64 / DUMP_RATE
                + rebuilt as f64 / REBUILD_RATE,
        }
    }

    fn database_bytes(&self, sealed: &Sealed) -> u64 {
        // An unreachable database is found, and told, by its own check.
        let bytes = |found: &Found, scope: &Scope| {
            let mut database = database::open(&found.address).ok()?;
            database::estimate(database.as_mut(), scope).ok()
        };
        let main =
            self.database.iter().zip(sealed.database.dumped()).filter_map(|(one, scope)| bytes(one, &scope));
        let others = self.others.iter().filter(|_| !sealed.others.is_empty());
        main.chain(others.filter_map(|one| bytes(one, &Scope::of_prefix(&one.prefix)))).sum()
    }
}
