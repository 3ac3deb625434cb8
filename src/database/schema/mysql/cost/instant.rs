//! Which changes the server makes without touching the rows. Where it is not
//! known to, a change counts as a rebuild.

use crate::database::schema::diff::Change;
use crate::database::schema::model::Column;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::PRIMARY;
use crate::database::schema::model::Table;
use crate::database::schema::mysql::spelling::Product;
use crate::database::schema::mysql::types;
use crate::database::schema::mysql::types::Type;
use crate::database::schema::step::Risk;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Server {
    product: Product,
    version: [u32; 3],
}

impl Server {
    /// By what `VERSION()` answers: `10.11.19-MariaDB-0+deb12u1`, `8.0.36`.
    pub fn of(version: &str) -> Server {
        // Old clients were told that MariaDB 10 is a MySQL 5.5.5.
        let bare = version.strip_prefix("5.5.5-").unwrap_or(version);
        let mut numbers = bare.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Server { product: Product::of(version), version: [next(), next(), next()] }
    }

    fn adds_at_once(self, is_last: bool) -> bool {
        let since = match (self.product, is_last) {
            (Product::MariaDb, true) => [10, 3, 2],
            (Product::MariaDb, false) => [10, 4, 0],
            (Product::MySql, true) => [8, 0, 12],
            (Product::MySql, false) => [8, 0, 29],
        };
        self.version >= since
    }
}

/// The risk of one statement: that of its worst part.
pub(super) fn risk(server: Server, live: &Table, changes: &[Change]) -> Risk {
    changes.iter().map(|change| of(server, live, changes, change)).max().unwrap_or(Risk::Instant)
}

fn of(server: Server, live: &Table, all: &[Change], change: &Change) -> Risk {
    let rebuild_unless = |instant: bool| if instant { Risk::Instant } else { Risk::Rebuild };
    match change {
        Change::DropTable | Change::DropColumn { .. } => Risk::Destructive,
        Change::DropKey { name } => {
            let comes_again =
                |other: &Change| matches!(other, Change::AddKey { name: added, .. } if added == name);
            match all.iter().any(comes_again) {
                true => rebuild_unless(name != PRIMARY),
                false => Risk::Destructive,
            }
        }
        Change::AddColumn { column, after } => rebuild_unless(is_added_at_once(server, live, column, after)),
        Change::ModifyColumn { from, to } | Change::RenameColumn { from, to } => {
            rebuild_unless(is_instant(from, to))
        }
        Change::AddKey { .. } | Change::AddForeignKey { .. } | Change::AddCheck { .. } => Risk::Rebuild,
        Change::SetOption { name, .. } => rebuild_unless(matches!(name.as_str(), "comment" | "collation")),
        Change::CreateTable(_)
        | Change::RenameTable { .. }
        | Change::DropForeignKey { .. }
        | Change::DropCheck { .. }
        | Change::CreateView { .. }
        | Change::ReplaceView { .. }
        | Change::DropView => Risk::Instant,
    }
}

fn is_added_at_once(server: Server, live: &Table, column: &Column, after: &Option<String>) -> bool {
    let is_last = after.as_ref() == live.columns.last().map(|last| &last.name);
    let is_plain = column.generated.is_none() && !column.auto_increment && column.check.is_none();
    let option = |name: &str| live.options.get(name).map(String::as_str).unwrap_or_default();
    let has_fulltext = live.keys.values().any(|key| key.kind == KeyKind::FullText);
    is_plain
        && server.adds_at_once(is_last)
        && option("engine") == "InnoDB"
        && option("row_format") != "COMPRESSED"
        && !has_fulltext
}

/// Only the definition changes: a name, a default, a comment, more words of
/// an ENUM at its end, or a VARCHAR whose length still takes as many bytes.
fn is_instant(from: &Column, to: &Column) -> bool {
    let unchanged = from.nullable == to.nullable
        && from.generated == to.generated
        && from.auto_increment == to.auto_increment
        && from.collation == to.collation
        && from.check == to.check;
    unchanged && (from.sql_type == to.sql_type || is_wider(from, to))
}

fn is_wider(from: &Column, to: &Column) -> bool {
    let is_varchar = from.sql_type.starts_with("varchar") && to.sql_type.starts_with("varchar");
    match (types::parse(&from.sql_type), types::parse(&to.sql_type)) {
        (Type::Text { characters: Some(before), .. }, Type::Text { characters: Some(after), .. })
            if is_varchar =>
        {
            // At worst four bytes a letter, at best one.
            after >= before && (after * 4 <= 255 || before > 255)
        }
        (Type::Enum(before), Type::Enum(after)) => {
            let bytes = |words: &[String]| words.len() / 256;
            after.starts_with(&before) && bytes(&before) == bytes(&after)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, last, any) in [
            ("10.11.19-MariaDB-0+deb12u1", true, true),
            ("5.5.5-10.3.39-MariaDB", true, false),
            ("5.5.68-MariaDB", false, false),
            ("11.4.2-MariaDB", true, true),
            ("8.0.36", true, true),
            ("8.0.28-0ubuntu0.20.04.3", true, false),
            ("5.7.44-log", false, false),
        ] {
            let server = Server::of(version);
            assert_eq!((server.adds_at_once(true), server.adds_at_once(false)), (last, any), "{version}");
        }
    }
}
