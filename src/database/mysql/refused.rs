//! Why the server refused a statement.

use crate::database::connection::DatabaseError;

/// The rights that the user has do not go so far.
const DENIED: [u16; 6] = [1044, 1045, 1142, 1227, 1370, 1410];

/// The server's number of the error, if it was the server who refused.
pub(in crate::database) fn code(error: &DatabaseError) -> Option<u16> {
    if let DatabaseError::Blocked(blocked) = error {
        return code(&blocked.source);
    }
    if let DatabaseError::BlockedUnseen { source, .. } = error {
        return code(source);
    }
    let DatabaseError::Statement { source, .. } = error else { return None };
    let boxed = source.downcast_ref::<Box<mysql::Error>>().map(Box::as_ref);
    match boxed.or(source.downcast_ref::<mysql::Error>()) {
        Some(mysql::Error::MySqlError(error)) => Some(error.code),
        _ => None,
    }
}

pub(in crate::database) fn is_denied(error: &DatabaseError) -> bool {
    code(error).is_some_and(|code| DENIED.contains(&code))
}
