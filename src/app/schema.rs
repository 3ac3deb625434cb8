//! `schema`: the site's database and the tables that its release declares.

use serde::Serialize;

use crate::app::desk::Held;
use crate::app::desk::Interrupt;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::own_release;
use crate::app::own_release::Text;
use crate::app::plan;
use crate::app::report::Answer;
use crate::app::report::RunView;
use crate::app::update::Ask;
use crate::app::update::carry_out;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::database::schema::declared::Declaration;
pub use crate::database::schema::model::Schema;
use crate::database::schema::step::Cost;
use crate::database::schema::step::Narrowed;
use crate::database::schema::step::Risk;
use crate::database::schema::step::Step;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::release::at_hand::AtHand;
use crate::release::staging::Staging;
use crate::site::Site;
use crate::site::SiteError;
use crate::site::config::Found;
use crate::site::extension;
use crate::site::installed::Installed;
use crate::update::compose::Reinstall;
use crate::update::tables;
use crate::update::tables::Way;

/// Of a file that declares tables, in bytes.
const MOST_TEXT_BYTES: u64 = 64 << 20;

/// Whose declaration is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Installed,
    Staged,
}

/// What a person wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Live,
    /// As the site's own server reads it.
    Declared(Whose),
}

#[derive(Clone, Debug, Serialize)]
pub struct SchemaDiff {
    /// The release that declares.
    pub version: String,
    pub steps: Vec<TableStepView>,
}

/// One thing to do.
#[derive(Clone, Debug, Serialize)]
pub struct TableStepView {
    pub table: String,
    pub what: Vec<String>,
    pub statements: Vec<String>,
    pub risk: Risk,
    /// Rows and bytes of the table, by the server's estimate.
    pub rows: u64,
    pub bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<Narrowed>,
}

impl TableStepView {
    pub(super) fn of((step, cost): (&Step, &Cost)) -> TableStepView {
        TableStepView {
            table: step.table.clone(),
            what: step.what.clone(),
            statements: step.statements.clone(),
            risk: cost.risk,
            rows: cost.rows,
            bytes: cost.bytes,
            narrowed: cost.narrowed.clone(),
        }
    }
}

pub fn show(place: &Place, which: Which) -> Result<Answer<Schema>, Failure> {
    let site = place.open()?;
    let found = database(&site)?;
    let schema = match which {
        Which::Live => tables::live(&found, &site.state.scratch())?,
        Which::Declared(whose) => {
            let declared = Declared::of(&site, whose)?;
            Way::find(&found, &declared.texts, &site.state.scratch())?.target.schema
        }
    };
    Ok(Answer::done(schema))
}

/// What would have to be done.
pub fn diff(place: &Place, whose: Whose) -> Result<Answer<SchemaDiff>, Failure> {
    let site = place.open()?;
    Ok(Answer::done(difference(&site, whose)?))
}

/// Whether nothing has to be done.
pub fn check(place: &Place) -> Result<Answer<SchemaDiff>, Failure> {
    let site = place.open()?;
    let found = difference(&site, Whose::Installed)?;
    let exit = if found.steps.is_empty() { Exit::Done } else { Exit::Differs };
    Ok(Answer::ending(exit, found))
}

/// Brings the database to what the installed release declares.
pub fn apply(
    place: &Place,
    interrupt: Interrupt,
    ask: Ask,
    listener: Listener,
) -> Result<Answer<RunView>, Failure> {
    let held = Held::take_idle(place, "schema")?;
    let declared = Declared::of(&held.site, Whose::Installed)?;
    if difference(&held.site, Whose::Installed)?.steps.is_empty() {
        return Err(Failure::new(Exit::NothingToDo, "the database is what the release declares"));
    }
    let (_, installed) = Installed(&held.site.state.installed()).load()?;
    let paths: Vec<SitePath> = declared.texts.iter().map(|(path, _)| path.clone()).collect();
    let roles = |manifest: &mut Manifest, _: &[Text]| {
        manifest.tables = paths.iter().filter(|path| installed.tables.contains(path)).cloned().collect();
    };
    own_release::stage(&held, &installed, &paths, roles, &interrupt, listener)?;
    let made = plan::make(&held.site, &held.gate, Reinstall::No, listener)?;
    carry_out(&held, made, Reinstall::No, interrupt, ask, listener)
}

/// The same for a site that is open already.
pub(super) fn difference(site: &Site, whose: Whose) -> Result<SchemaDiff, Failure> {
    let declared = Declared::of(site, whose)?;
    let way = Way::find(&database(site)?, &declared.texts, &site.state.scratch())?;
    let steps = way.steps.iter().zip(&way.costs).map(TableStepView::of).collect();
    Ok(SchemaDiff { version: declared.version, steps })
}

fn database(site: &Site) -> Result<Found, Failure> {
    let found = site.database().map_err(SiteError::from)?;
    found.ok_or_else(|| {
        Failure::new(Exit::Refused, "the site has no database that entracte knows of")
            .hint("set `url` under [database] in entracte.toml")
    })
}

/// The files that declare the tables of a release.
struct Declared {
    version: String,
    texts: Vec<Text>,
}

impl Declared {
    fn of(site: &Site, whose: Whose) -> Result<Declared, Failure> {
        let declared = match whose {
            Whose::Installed => Declared::installed(site)?,
            Whose::Staged => Declared::staged(site)?,
        };
        if declared.texts.is_empty() {
            let message = format!("release {} declares no tables", declared.version);
            return Err(Failure::new(Exit::NothingToDo, message));
        }
        Ok(declared)
    }

    /// As the files stand in the site, extensions included.
    fn installed(site: &Site) -> Result<Declared, Failure> {
        let (_, manifest) = Installed(&site.state.installed()).load()?;
        let live = site.tree()?;
        let stands = |path: &&SitePath| matches!(live.stat(*path), Ok(Some(_)));
        let named: Vec<SitePath> = manifest.tables.iter().filter(stands).cloned().collect();
        let mut texts = own_release::read(site, &named)?;
        let extensions = extension::scan_tree(&live, &site.profile.release.extensions)?;
        let mut sources: Vec<SitePath> = extensions.extensions.into_iter().map(|one| one.source).collect();
        sources.dedup();
        let of_extensions = own_release::read(site, &sources)?;
        texts.extend(of_extensions.into_iter().filter(|(path, text)| Declaration::stands_in(path, text)));
        Ok(Declared { version: manifest.version, texts })
    }

    fn staged(site: &Site) -> Result<Declared, Failure> {
        let staging = Staging::open(&site.state.staging())?;
        let staged = staging.staged()?.ok_or_else(|| {
            Failure::new(Exit::NothingToDo, "no release is staged").hint("`entracte stage` brings one")
        })?;
        let at_hand = AtHand::of(&staging, &staged.manifest, &site.root);
        let mut texts = Vec::new();
        for path in staged.manifest.tables.iter().chain(&staged.manifest.extensions) {
            let Some(sha256) = staged.manifest.entry(path).and_then(FileEntry::sha256) else { continue };
            let text = at_hand.read(&sha256, MOST_TEXT_BYTES)?;
            if staged.manifest.tables.contains(path) || Declaration::stands_in(path, &text) {
                texts.push((path.clone(), text));
            }
        }
        Ok(Declared { version: staged.manifest.version, texts })
    }
}
