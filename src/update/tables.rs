//! The declared tables against the site's database: what both are, and the
//! way from one to the other. Nothing of the site's own is changed by looking.

use std::path::Path;
use std::path::PathBuf;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::database;
use crate::database::Database;
use crate::database::DatabaseError;
use crate::database::address::Address;
use crate::database::lexer::Dialect;
use crate::database::schema;
use crate::database::schema::SchemaError;
use crate::database::schema::declared::Declaration;
use crate::database::schema::declared::DeclarationError;
use crate::database::schema::declared::Stage;
use crate::database::schema::model::Schema;
use crate::database::schema::step::Cost;
use crate::database::schema::step::Step;
use crate::database::schema::target::Target;
use crate::database::scope::Scope;
use crate::database::sqlite_copy;
use crate::site::config::Found;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::random;

#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    #[error(transparent)]
    Declaration(#[from] DeclarationError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl TablesError {
    fn inner(&self) -> &dyn Fault {
        match self {
            TablesError::Declaration(error) => error,
            TablesError::Schema(error) => error,
            TablesError::Database(error) => error,
            TablesError::Io(error) => error,
        }
    }
}

impl Fault for TablesError {
    /// Whatever it is: nothing was begun.
    fn exit(&self) -> Exit {
        match self.inner().exit() {
            Exit::Failed => Exit::Refused,
            exit => exit,
        }
    }

    fn hints(&self) -> Vec<String> {
        self.inner().hints()
    }
}

/// A file that declares tables, and what stands in it.
pub type Text = (SitePath, Vec<u8>);

/// Where the database stands, where it should, and what leads there.
pub struct Way {
    pub order: Vec<Stage>,
    pub live: Schema,
    pub target: Target,
    pub steps: Vec<Step>,
    /// One for each step.
    pub costs: Vec<Cost>,
}

impl Way {
    /// Finds it. An SQLite file is looked at in a copy below `scratch`, since
    /// even a look may leave files beside it.
    pub fn find(found: &Found, texts: &[Text], scratch: &Path) -> Result<Way, TablesError> {
        let declaration = Declaration::parse(texts, dialect(&found.address), &found.prefix)?;
        let mut look = Look::at(&found.address, scratch)?;
        let database = look.database.as_mut();
        let live = schema::read(database, &Scope::of_prefix(&found.prefix))?;
        let target = schema::settled(&live, schema::target(database, &declaration)?);
        let steps = schema::steps(&live, &target, database.dialect())?;
        let cost = |step| schema::cost(look.database.as_mut(), &live, &target, step);
        let costs = steps.iter().map(cost).collect::<Result<_, _>>()?;
        Ok(Way { order: declaration.order, live, target, steps, costs })
    }
}

/// What the site's database holds now.
pub fn live(found: &Found, scratch: &Path) -> Result<Schema, TablesError> {
    let mut look = Look::at(&found.address, scratch)?;
    Ok(schema::read(look.database.as_mut(), &Scope::of_prefix(&found.prefix))?)
}

pub fn dialect(address: &Address) -> Dialect {
    match address {
        Address::Sqlite(_) => Dialect::Sqlite,
        Address::MySql(_) => Dialect::MySql,
    }
}

/// A connection to look with, and the copy behind it, if it needs one.
struct Look {
    database: Box<dyn Database>,
    copy: Option<PathBuf>,
}

impl Look {
    fn at(address: &Address, scratch: &Path) -> Result<Look, TablesError> {
        let Address::Sqlite(path) = address else {
            return Ok(Look { database: database::open(address)?, copy: None });
        };
        let folder = scratch.join(random::hex(8));
        fs::create_folders(&folder, 0o700)?;
        let opened = sqlite_copy(path, &folder).and_then(|copy| database::open(&Address::Sqlite(copy)));
        match opened {
            Ok(database) => Ok(Look { database, copy: Some(folder) }),
            Err(error) => {
                fs::remove_folder_all(&folder)?;
                Err(error.into())
            }
        }
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        if let Some(folder) = &self.copy {
            // What stays is a copy in a folder of ours, which housekeeping takes away.
            let _ = fs::remove_folder_all(folder);
        }
    }
}
