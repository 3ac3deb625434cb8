//! What a step costs, asked of the server before anything is done.

use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::lexer::Dialect;
use crate::database::schema::model::Schema;
use crate::database::schema::mysql;
use crate::database::schema::step::Cost;
use crate::database::schema::step::Step;
use crate::database::schema::target::Target;

/// The cost of one step of [`crate::database::schema::steps`], as the database
/// is now; `live` was read from it.
pub fn cost(
    db: &mut dyn Database,
    live: &Schema,
    target: &Target,
    step: &Step,
) -> Result<Cost, DatabaseError> {
    match db.dialect() {
        Dialect::MySql => mysql::cost::cost(db, live, target, step),
        Dialect::Sqlite => todo!("schema/sqlite/cost.rs"),
    }
}
