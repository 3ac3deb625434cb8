//! What comments in a file of SQL say: `-- prefix: wp_`, `-- was: old_name`,
//! `-- narrow`, `-- drop table: a, b`, `-- drop column: posts.headline`.

use std::collections::BTreeMap;

use crate::base::path::SitePath;
use crate::database::lexer::tokens::Kind;
use crate::database::lexer::tokens::Token;
use crate::database::schema::declared::error::DeclarationError;
use crate::database::schema::declared::error::Place;
use crate::database::schema::declared::names;
use crate::database::schema::declared::sql::SaidInSql;

type Result<T> = std::result::Result<T, DeclarationError>;

/// The prefix of the release, if a comment tells it.
pub(super) fn prefix(tokens: &[Token<'_>], file: &SitePath) -> Result<Option<(Place, String)>> {
    let mut said = None;
    for (at, token) in tokens.iter().enumerate() {
        let Some(prefix) = comment(token).and_then(|text| text.strip_prefix("prefix:")).map(str::trim) else {
            continue;
        };
        let place = Place { file: file.clone(), line: token.line };
        if tokens[..at].iter().any(|token| token.kind != Kind::Comment) || said.is_some() {
            return Err(place.wrong("a prefix is told too late", "let `-- prefix:` be the first line, once"));
        }
        if !names::is_prefix(prefix) {
            return Err(
                place.wrong(format!("\"{prefix}\" cannot be a prefix"), "letters, digits, _ and $ can")
            );
        }
        said = Some((place, prefix.to_owned()));
    }
    Ok(said)
}

fn comment<'t>(token: &Token<'t>) -> Option<&'t str> {
    if token.kind != Kind::Comment {
        return None;
    }
    let text = token.text.trim_start_matches("/*").trim_end_matches("*/");
    Some(text.trim_start_matches(['-', '#']).trim())
}

/// What a line declares: a table, or columns of it.
#[derive(Default)]
struct Line {
    table: Option<usize>,
    columns: Vec<(usize, String)>,
}

pub(super) fn apply(
    tokens: &[Token<'_>],
    file: &SitePath,
    release: &str,
    found: &mut SaidInSql,
) -> Result<()> {
    let mut lines: BTreeMap<usize, Line> = BTreeMap::new();
    for (at, table) in found.tables.iter().enumerate() {
        lines.entry(table.place.line).or_default().table = Some(at);
        for (column, line) in &table.columns {
            lines.entry(*line).or_default().columns.push((at, column.clone()));
        }
    }
    for token in tokens {
        let Some(text) = comment(token) else { continue };
        let hints = Hints { place: Place { file: file.clone(), line: token.line }, release };
        if text == "narrow" {
            let (table, column) = hints.column(lines.get(&token.line))?;
            found.tables[table].may_narrow.push(column);
        } else if let Some(list) = text.strip_prefix("was:") {
            hints.was(list, lines.get(&token.line), found)?;
        } else if let Some(list) = text.strip_prefix("drop ") {
            hints.drop(list, found)?;
        }
    }
    Ok(())
}

struct Hints<'h> {
    place: Place,
    release: &'h str,
}

impl Hints<'_> {
    fn list(&self, text: &str) -> Result<Vec<String>> {
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        let odd = names.iter().find_map(|name| Some((name, names::objection(name)?)));
        match odd {
            None => Ok(names),
            Some((name, why)) => Err(self.place.wrong(format!("\"{name}\" cannot be a name: {why}"), "")),
        }
    }

    fn bare(&self, name: String) -> String {
        name.strip_prefix(self.release).map(str::to_owned).unwrap_or(name)
    }

    fn column(&self, line: Option<&Line>) -> Result<(usize, String)> {
        match line.map(|line| line.columns.as_slice()) {
            Some([only]) => Ok(only.clone()),
            _ => Err(self.place.wrong(
                "this hint belongs to no single column",
                "let it stand behind the column, alone with it on its line",
            )),
        }
    }

    fn was(&self, list: &str, line: Option<&Line>, found: &mut SaidInSql) -> Result<()> {
        let former = self.list(list)?;
        if let Some(Line { table: Some(table), columns }) = line
            && columns.is_empty()
        {
            found.tables[*table].was = former.into_iter().map(|name| self.bare(name)).collect();
            return Ok(());
        }
        let (table, column) = self.column(line)?;
        found.tables[table].columns_were.insert(column, former);
        Ok(())
    }

    fn drop(&self, text: &str, found: &mut SaidInSql) -> Result<()> {
        // A comment that only speaks of dropping something.
        let Some((what, list)) = text.split_once(':') else { return Ok(()) };
        let placed = |names: Vec<String>| names.into_iter().map(|name| (self.place.clone(), name));
        let whole = || Ok(placed(self.list(list)?.into_iter().map(|name| self.bare(name)).collect()));
        match what.trim().trim_end_matches('s') {
            "table" => found.drop.tables.extend(whole()?),
            "view" => found.drop.views.extend(whole()?),
            "column" | "key" => {
                for dotted in list.split(',') {
                    let Some((table, name)) = dotted.trim().split_once('.') else {
                        return Err(self
                            .place
                            .wrong("a table is missing", format!("write table.{}", dotted.trim())));
                    };
                    let table = self.bare(self.list(table)?.remove(0));
                    let name = self.list(name)?.remove(0);
                    let of =
                        if what.starts_with('k') { &mut found.drop.keys } else { &mut found.drop.columns };
                    of.entry(table).or_default().push((self.place.clone(), name));
                }
            }
            _ => {
                let known = "known are drop table, drop view, drop column and drop key";
                return Err(self.place.wrong(format!("\"drop {what}\" is not known"), known));
            }
        }
        Ok(())
    }
}
