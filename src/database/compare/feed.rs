//! The rows of one side, read in a thread of its own and handed over in
//! batches, so that both servers work and memory stays small.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;

use crate::database::compare::side::Side;
use crate::database::compare::value::Stored;
use crate::database::connection::DatabaseError;

const BATCH_ROWS: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;
/// Batches that wait for the slower side.
pub(super) const WAITING: usize = 4;

pub(super) enum Batch<T> {
    Rows(Vec<T>),
    /// A query has been read to its end.
    End,
    Failed(DatabaseError),
}

/// Why a feed ends early.
enum Ended {
    Failed(DatabaseError),
    /// Nobody wants more.
    Unwanted,
}

impl From<DatabaseError> for Ended {
    fn from(error: DatabaseError) -> Ended {
        Ended::Failed(error)
    }
}

/// What `make` makes of each row of the queries, one query after the other;
/// `size` is about how many bytes it takes.
pub(super) fn feed<T>(
    side: &mut Side,
    queries: impl Iterator<Item = Result<String, DatabaseError>>,
    make: impl Fn(Vec<Stored>) -> Option<T>,
    size: impl Fn(&T) -> usize,
    to: &SyncSender<Batch<T>>,
) {
    let send = |batch| to.send(batch).map_err(|_| Ended::Unwanted);
    let all = || {
        for query in queries {
            let (mut rows, mut bytes) = (Vec::new(), 0);
            side.stream(&query?, |row| {
                let Some(made) = make(row) else { return Ok(()) };
                bytes += size(&made);
                rows.push(made);
                if rows.len() < BATCH_ROWS && bytes < BATCH_BYTES {
                    return Ok(());
                }
                bytes = 0;
                send(Batch::Rows(std::mem::take(&mut rows)))
            })?;
            send(Batch::Rows(rows))?;
            send(Batch::End)?;
        }
        Ok(())
    };
    if let Err(Ended::Failed(error)) = all() {
        // Who is gone needs not be told.
        let _ = to.send(Batch::Failed(error));
    }
}

/// The other end.
pub(super) struct Reader<T> {
    from: Receiver<Batch<T>>,
    waiting: VecDeque<T>,
    has_ended: bool,
}

impl<T> Reader<T> {
    pub fn new(from: Receiver<Batch<T>>) -> Reader<T> {
        Reader { from, waiting: VecDeque::new(), has_ended: false }
    }

    /// The next row of this query; nothing at its end.
    pub fn next(&mut self) -> Result<Option<T>, DatabaseError> {
        loop {
            if let Some(row) = self.waiting.pop_front() {
                return Ok(Some(row));
            }
            if self.has_ended {
                return Ok(None);
            }
            match self.from.recv() {
                Ok(Batch::Rows(rows)) => self.waiting = rows.into(),
                Ok(Batch::End) => self.has_ended = true,
                Ok(Batch::Failed(error)) => return Err(error),
                Err(_) => return Err(DatabaseError::answer("SELECT", "less than all of it")),
            }
        }
    }

    pub fn next_query(&mut self) {
        self.has_ended = false;
    }
}
