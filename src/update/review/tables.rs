//! What the planned tree declares of tables.

use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::database::schema::declared::Declaration;
use crate::database::schema::step::Cost;
use crate::integrity::manifest::Extent;
use crate::update::plan::TablesPlan;
use crate::update::plan::database::DeclaredFile;
use crate::update::planned::Planned;
use crate::update::review::Desk;
use crate::update::review::ReviewError;
use crate::update::tables::TablesError;
use crate::update::tables::Text;
use crate::update::tables::Way;

/// What is to become of them, and what each step costs.
#[derive(Default)]
pub(super) struct Tables {
    pub plan: Option<TablesPlan>,
    pub costs: Vec<Cost>,
    /// Tables and views that the steps may change in any way.
    pub touched: Vec<String>,
}

impl Desk<'_> {
    pub(super) fn tables(&self, planned: &Planned) -> Result<Tables, ReviewError> {
        let paths = self.declaring(planned);
        let Some(found) = self.database.as_ref().filter(|_| !paths.is_empty()) else {
            return Ok(Tables::default());
        };
        let text = |path: &SitePath| match self.planned_text(planned, path) {
            Some(text) => Ok((path.clone(), text)),
            None => Err(ReviewError::Unread { path: path.clone() }),
        };
        let texts = paths.iter().map(text).collect::<Result<Vec<Text>, _>>()?;
        let way = match Way::find(found, &texts, &self.site.state.scratch()) {
            // One that does not answer is found, and told, by its own check.
            Err(TablesError::Database(error)) if error.exit() == Exit::Refused => {
                return Ok(Tables::default());
            }
            way => way?,
        };
        let touched = touched(&way);
        let file = |(path, text): &Text| DeclaredFile { path: path.clone(), sha256: Sha256::of(text) };
        let files = texts.iter().map(file).collect();
        let plan = TablesPlan { files, order: way.order, steps: way.steps, target: way.target };
        Ok(Tables { plan: Some(plan), costs: way.costs, touched })
    }

    /// The files of the planned tree that declare tables: those of the release,
    /// of what it leaves alone, and descriptors of extensions.
    fn declaring(&self, planned: &Planned) -> Vec<SitePath> {
        let stands = |path: &&SitePath| planned.sha256(&TreePath::from(*path)).is_some();
        let new = &self.staged.manifest;
        let old = (new.extent == Extent::Partial).then_some(&self.installed.tables);
        let named = new.tables.iter().chain(old.into_iter().flatten()).filter(stands).cloned();
        let mut paths: Vec<SitePath> = named.collect();
        paths.extend(self.descriptors(planned).into_iter().filter(|path| {
            self.planned_text(planned, path).is_some_and(|text| Declaration::stands_in(path, &text))
        }));
        paths.sort();
        paths.dedup();
        paths
    }
}

/// Every table and view whose definition or rows a step may change: what it
/// names, what that was called before, and what refers to it.
fn touched(way: &Way) -> Vec<String> {
    let mut names: Vec<String> = way.steps.iter().map(|step| step.table.clone()).collect();
    for name in names.clone() {
        names.extend(way.target.hints.renamed_tables.get(&name).into_iter().flatten().cloned());
    }
    let mut referring = Vec::new();
    for (name, table) in &way.live.tables {
        let refers = table.foreign.values().any(|key| names.contains(&key.table));
        referring.extend(refers.then(|| name.clone()));
    }
    names.extend(referring);
    names.sort();
    names.dedup();
    names
}
