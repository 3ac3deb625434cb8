//! The way from a live schema to the declared one.

use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::lexer::Dialect;
use crate::database::schema::model::Schema;
use crate::database::schema::mysql;
use crate::database::schema::sqlite;
use crate::database::schema::step::Step;
use crate::database::schema::target::Target;

#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("failed to try the declared schema: the server refuses \"{statement}\"")]
    Declared {
        /// Its beginning.
        statement: String,
        #[source]
        source: DatabaseError,
    },
    #[error(
        "failed to try the declared schema: the statement \"{0}\" cannot be tried in the site's own database"
    )]
    Untried(String),
    #[error(
        "failed to plan the change of the schema: the foreign key {key} of {table} is not the release's, \
         and does not fit the types that the release gives to its columns"
    )]
    InTheWay { table: String, key: String },
    #[error("failed to try the declared schema: {0} is declared and not made by any statement")]
    Missing(String),
}

impl Fault for SchemaError {
    fn exit(&self) -> Exit {
        match self {
            SchemaError::Database(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SchemaError::Database(error) => error.hints(),
            SchemaError::Declared { .. } | SchemaError::Missing(_) => {
                vec!["tell whoever publishes the release; this server cannot take its schema".into()]
            }
            SchemaError::InTheWay { table, key } => {
                vec![format!(
                    "drop it (ALTER TABLE {table} DROP FOREIGN KEY {key}) and make it again after the update"
                )]
            }
            SchemaError::Untried(_) => {
                vec!["let the database user make a scratch database: GRANT ALL ON `entracte\\_scratch\\_%`.* TO the user".into()]
            }
        }
    }
}

/// What is done, in this order. Asks no server.
pub fn steps(live: &Schema, target: &Target, dialect: Dialect) -> Result<Vec<Step>, SchemaError> {
    match dialect {
        Dialect::MySql => match mysql::steps::in_the_way(live, target) {
            Some((table, key)) => Err(SchemaError::InTheWay {
                table: escape::text(&table).into_owned(),
                key: escape::text(&key).into_owned(),
            }),
            None => Ok(mysql::steps::steps(live, target)?),
        },
        Dialect::Sqlite => Ok(sqlite::write::steps(live, target)?),
    }
}

/// Does one step. In SQLite it is done whole or not at all; in MySQL each
/// statement is.
pub fn carry_out(db: &mut dyn Database, step: &Step) -> Result<(), DatabaseError> {
    match db.dialect() {
        Dialect::MySql => step.statements.iter().try_for_each(|statement| db.execute(statement).map(|_| ())),
        Dialect::Sqlite => sqlite::run::carry_out(db, step),
    }
}
