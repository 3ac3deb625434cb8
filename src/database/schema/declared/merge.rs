//! All files of a release together: what extends what, what contradicts what.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::database::lexer;
use crate::database::lexer::Dialect;
use crate::database::schema::declared::Declaration;
use crate::database::schema::declared::DeclarationError;
use crate::database::schema::declared::Place;
use crate::database::schema::declared::Stage;
use crate::database::schema::declared::draft::KeyDraft;
use crate::database::schema::declared::draft::PartOf;
use crate::database::schema::declared::draft::TableDraft;
use crate::database::schema::declared::draft::ViewDraft;
use crate::database::schema::declared::mysql;
use crate::database::schema::declared::names;
use crate::database::schema::declared::sql::Created;
use crate::database::schema::declared::sql::SaidInSql;
use crate::database::schema::declared::sqlite;
use crate::database::schema::declared::toml::Drop;
use crate::database::schema::declared::toml::Said;
use crate::database::schema::declared::views;

type Result<T> = std::result::Result<T, DeclarationError>;

const MAX_TABLES: usize = 2000;
const MAX_COLUMNS: usize = 1000;

pub(super) struct Merged<'m> {
    dialect: Dialect,
    prefix: &'m str,
    drafts: Vec<TableDraft>,
    extensions: Vec<TableDraft>,
    created: Vec<Created>,
    added: Vec<(Place, String, String)>,
    indexes: Vec<(Place, String, String)>,
    views: Vec<ViewDraft>,
    drops: Vec<Drop>,
    order: Option<(Place, Vec<Stage>)>,
}

/// What one table needs, in the order in which it comes.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub create: Vec<String>,
    /// Columns and keys that come once all tables are there.
    pub add: Vec<String>,
    pub foreign: Vec<String>,
}

impl<'m> Merged<'m> {
    pub fn new(dialect: Dialect, prefix: &'m str) -> Merged<'m> {
        Merged {
            dialect,
            prefix,
            drafts: Vec::new(),
            extensions: Vec::new(),
            created: Vec::new(),
            added: Vec::new(),
            indexes: Vec::new(),
            views: Vec::new(),
            drops: Vec::new(),
            order: None,
        }
    }

    pub fn toml(&mut self, said: Said) -> Result<()> {
        let (extensions, drafts) = said.tables.into_iter().partition(|table| table.extends);
        self.extensions.extend::<Vec<_>>(extensions);
        self.drafts.extend::<Vec<_>>(drafts);
        self.views.extend(said.views);
        self.drops.push(said.drop);
        match (&self.order, said.order) {
            (Some((other, _)), Some((place, _))) => {
                return Err(place.wrong(format!("the order stands in {other} already"), "say it once"));
            }
            (None, Some(order)) => self.order = Some(order),
            (_, None) => {}
        }
        Ok(())
    }

    pub fn sql(&mut self, said: SaidInSql) -> Result<()> {
        self.created.extend(said.tables);
        self.added.extend(said.added);
        self.indexes.extend(said.indexes);
        self.views.extend(said.views);
        self.drops.push(said.drop);
        Ok(())
    }

    pub fn finished(mut self) -> Result<Declaration> {
        self.unique_names()?;
        self.extend()?;
        for draft in self.drafts.iter().chain(&self.extensions) {
            self.check(draft)?;
        }
        let mut declaration = self.declaration();
        self.hints(&mut declaration)?;
        let statements = self.statements()?;
        for (place, statement) in &statements {
            let parts = lexer::split(statement, self.dialect).unwrap_or_default();
            if !matches!(parts.as_slice(), [only] if only.text == *statement) {
                return Err(place.wrong("this would be more than one statement", ""));
            }
        }
        declaration.statements = statements.into_iter().map(|(_, statement)| statement).collect();
        Ok(declaration)
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn declaration(&self) -> Declaration {
        let tables = self.drafts.iter().map(|table| &table.name);
        let tables = tables.chain(self.created.iter().map(|table| &table.name));
        Declaration {
            tables: tables.map(|name| self.full(name)).collect(),
            views: self.views.iter().map(|view| self.full(&view.name)).collect(),
            order: self.order.as_ref().map_or_else(|| Stage::ALL.to_vec(), |(_, order)| order.clone()),
            ..Declaration::default()
        }
    }

    /// Tables and views share their names, which engines compare without case.
    fn unique_names(&self) -> Result<()> {
        let mut seen: BTreeMap<String, &Place> = BTreeMap::new();
        let tables = self.drafts.iter().map(|table| (&table.name, &table.place));
        let created = self.created.iter().map(|table| (&table.name, &table.place));
        let views = self.views.iter().map(|view| (&view.name, &view.place));
        for (name, place) in tables.chain(created).chain(views) {
            if let Some(why) = names::objection(&self.full(name)) {
                return Err(place.wrong(format!("\"{}\" cannot be a name: {why}", self.full(name)), ""));
            }
            if let Some(other) = seen.insert(name.to_lowercase(), place) {
                let what = format!("table {name} is declared in {other} already");
                return Err(place.wrong(what, "to add columns to it, write extends = true"));
            }
        }
        match seen.len() > MAX_TABLES {
            true => Err(seen.values().next_back().map_or_else(
                || DeclarationError::Prefix(self.prefix.into()),
                |place| place.wrong("there are more than 2000 tables", ""),
            )),
            false => Ok(()),
        }
    }

    /// Puts what extends a table of the TOML form into it; what extends one of
    /// the SQL form stays for itself.
    fn extend(&mut self) -> Result<()> {
        let mut apart = Vec::new();
        for extension in std::mem::take(&mut self.extensions) {
            if let Some(table) = self.drafts.iter_mut().find(|table| table.name == extension.name) {
                if !extension.primary.is_empty() || !extension.was.is_empty() {
                    let instead = "an extension adds columns, keys, foreign keys and checks";
                    return Err(extension.place.wrong("primary and was belong to the table itself", instead));
                }
                table.columns.extend(extension.columns);
                table.keys.extend(extension.keys);
                table.foreign.extend(extension.foreign);
                table.checks.extend(extension.checks);
            } else if self.created.iter().any(|table| table.name == extension.name) {
                apart.push(extension);
            } else {
                let what = format!("table {} is declared nowhere", extension.name);
                return Err(extension.place.wrong(what, "leave extends out to declare it here"));
            }
        }
        self.extensions = apart;
        let others = self.added.iter().chain(&self.indexes);
        for (place, table, _) in others {
            if !self.created.iter().any(|created| created.name == *table) {
                let what = format!("table {table} is declared in no file of SQL");
                return Err(place.wrong(what, "add to a table of the TOML form with extends = true"));
            }
        }
        Ok(())
    }

    fn check(&self, table: &TableDraft) -> Result<()> {
        let mut columns: BTreeMap<String, &str> = BTreeMap::new();
        for column in &table.columns {
            if columns.insert(column.name.to_lowercase(), &column.name).is_some() {
                let what = format!("table {}: the column {} stands twice", table.name, column.name);
                return Err(column.place.wrong(what, "name each column once"));
            }
        }
        let created = self.created.iter().find(|created| created.name == table.name);
        for (name, _) in created.into_iter().flat_map(|created| &created.columns) {
            columns.insert(name.to_lowercase(), name);
        }
        if columns.is_empty() {
            return Err(table
                .place
                .wrong(format!("table {} has no columns", table.name), "declare some in `columns`"));
        }
        if columns.len() > MAX_COLUMNS {
            return Err(table.place.wrong(format!("table {} has more than 1000 columns", table.name), ""));
        }
        let known = |name: &str, place: &Place, of: &str| match columns.get(&name.to_lowercase()) {
            Some(spelt) if *spelt == name => Ok(()),
            Some(spelt) => Err(place.wrong(
                format!("table {}, {of}: the column is written {spelt}, not {name}", table.name),
                "write it the same everywhere",
            )),
            None => Err(place.wrong(
                format!("table {}, {of}: there is no column {name}", table.name),
                "declare it, or correct the name",
            )),
        };
        table.primary.iter().try_for_each(|name| known(name, &table.place, "primary"))?;
        for key in &table.keys {
            let of = format!("key {}", key.name);
            columns_of(key).try_for_each(|name| known(name, &key.place, &of))?;
        }
        for key in &table.foreign {
            let of = format!("foreign key {}", key.name);
            key.columns.iter().try_for_each(|name| known(name, &key.place, &of))?;
        }
        self.unique_keys(table)?;
        self.counting(table)
    }

    fn unique_keys(&self, table: &TableDraft) -> Result<()> {
        let mut seen = BTreeSet::new();
        let keys = table.keys.iter().map(|key| (&key.name, &key.place));
        let foreign = table.foreign.iter().map(|key| (&key.name, &key.place));
        let checks = table.checks.iter().map(|check| (&check.name, &table.place));
        for (name, place) in keys.chain(foreign).chain(checks) {
            if !seen.insert(name.to_lowercase()) || name.eq_ignore_ascii_case("primary") {
                let what = format!("table {}: {name} cannot be the name of another key or check", table.name);
                return Err(place.wrong(what, "give each key, foreign key and check a name of its own"));
            }
        }
        Ok(())
    }

    fn counting(&self, table: &TableDraft) -> Result<()> {
        let mut counting = table.columns.iter().filter(|column| column.definition.auto_increment);
        let (Some(column), second) = (counting.next(), counting.next()) else { return Ok(()) };
        let alone = table.primary == [column.name.clone()];
        let first_of = |key: &KeyDraft| columns_of(key).next() == Some(column.name.as_str());
        let is_key = table.primary.first() == Some(&column.name) || table.keys.iter().any(first_of);
        let fits = if self.dialect == Dialect::Sqlite { alone } else { is_key };
        if fits && second.is_none() {
            return Ok(());
        }
        let what = format!("table {}: only the primary key can count, and only one column", table.name);
        Err(column.place.wrong(what, format!("write primary = [\"{}\"]", column.name)))
    }

    fn hints(&self, declaration: &mut Declaration) -> Result<()> {
        let hints = &mut declaration.hints;
        let tables = self.drafts.iter().chain(&self.extensions);
        for table in tables {
            let full = self.full(&table.name);
            self.renamed_table(&mut hints.renamed_tables, &table.name, &table.was, &table.place)?;
            for column in &table.columns {
                let declared = |name: &str| table.columns.iter().any(|column| column.name == name);
                former(&column.was, &column.place, declared)?;
                if !column.was.is_empty() {
                    let of = hints.renamed_columns.entry(full.clone()).or_default();
                    of.insert(column.name.clone(), column.was.clone());
                }
                if column.may_narrow {
                    hints.may_narrow.entry(full.clone()).or_default().insert(column.name.clone());
                }
            }
        }
        for table in &self.created {
            let full = self.full(&table.name);
            self.renamed_table(&mut hints.renamed_tables, &table.name, &table.was, &table.place)?;
            for (column, was) in &table.columns_were {
                former(was, &table.place, |name| table.columns.iter().any(|(column, _)| column == name))?;
                hints.renamed_columns.entry(full.clone()).or_default().insert(column.clone(), was.clone());
            }
            if !table.may_narrow.is_empty() {
                hints.may_narrow.entry(full).or_default().extend(table.may_narrow.iter().cloned());
            }
        }
        self.drops.iter().try_for_each(|drop| self.dropped(drop, declaration))
    }

    fn renamed_table(
        &self,
        renamed: &mut BTreeMap<String, Vec<String>>,
        name: &str,
        was: &[String],
        place: &Place,
    ) -> Result<()> {
        if was.is_empty() {
            return Ok(());
        }
        let declared = |name: &str| {
            self.drafts.iter().any(|table| table.name == name)
                || self.created.iter().any(|table| table.name == name)
        };
        former(was, place, declared)?;
        renamed.insert(self.full(name), was.iter().map(|name| self.full(name)).collect());
        Ok(())
    }

    fn dropped(&self, drop: &Drop, declaration: &mut Declaration) -> Result<()> {
        let gone = |(place, name): &(Place, String)| {
            let full = self.full(name);
            let declared = declaration.tables.contains(&full) || declaration.views.contains(&full);
            match declared {
                true => Err(place.wrong(format!("{name} is declared and dropped"), "do one of the two")),
                false => Ok(full),
            }
        };
        let tables: Vec<String> = drop.tables.iter().map(&gone).collect::<Result<_>>()?;
        let views: Vec<String> = drop.views.iter().map(&gone).collect::<Result<_>>()?;
        let hints = &mut declaration.hints;
        hints.dropped_tables.extend(tables);
        hints.dropped_views.extend(views);
        for (table, columns) in &drop.columns {
            for (place, column) in columns {
                if self.declares(table, column) {
                    let what = format!("table {table}: the column {column} is declared and dropped");
                    return Err(place.wrong(what, "do one of the two"));
                }
                hints.dropped_columns.entry(self.full(table)).or_default().insert(column.clone());
            }
        }
        for (table, keys) in &drop.keys {
            // A key of that name, or what the TOML form would have called it.
            for (_, key) in keys {
                let of = hints.dropped_keys.entry(self.full(table)).or_default();
                of.extend([key.clone(), format!("{}_{key}", self.full(table))]);
            }
        }
        Ok(())
    }

    fn declares(&self, table: &str, column: &str) -> bool {
        let drafts = self.drafts.iter().chain(&self.extensions).filter(|draft| draft.name == table);
        let created = self.created.iter().filter(|created| created.name == table);
        drafts.flat_map(|draft| &draft.columns).any(|draft| draft.name == column)
            || created.flat_map(|created| &created.columns).any(|(name, _)| name == column)
    }

    fn statements(&self) -> Result<Vec<(Place, String)>> {
        let (mut create, mut add, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
        create.extend(self.created.iter().map(|table| (table.place.clone(), table.statement.clone())));
        for draft in self.drafts.iter().chain(&self.extensions) {
            let rendered = match self.dialect {
                Dialect::MySql => mysql::render(draft, self.prefix)?,
                Dialect::Sqlite => sqlite::render(draft, self.prefix)?,
            };
            let placed =
                |statements: Vec<String>| statements.into_iter().map(|one| (draft.place.clone(), one));
            create.extend(placed(rendered.create));
            add.extend(placed(rendered.add));
            foreign.extend(placed(rendered.foreign));
        }
        let said = self.added.iter().chain(&self.indexes);
        create.extend(said.map(|(place, _, statement)| (place.clone(), statement.clone())));
        create.extend(add);
        create.extend(foreign);
        for view in views::in_order(&self.views, self.prefix) {
            let name = match self.dialect {
                Dialect::MySql => mysql::quoted(&self.full(&view.name), &view.place)?,
                Dialect::Sqlite => sqlite::quoted(&self.full(&view.name), &view.place)?,
            };
            create.push((view.place.clone(), format!("CREATE VIEW {name} {}", view.text)));
        }
        Ok(create)
    }
}

fn columns_of(key: &KeyDraft) -> impl Iterator<Item = &str> {
    key.parts.iter().filter_map(|part| match &part.of {
        PartOf::Column { name, .. } => Some(name.as_str()),
        PartOf::Expression(_) => None,
    })
}

/// A name of the past that something else has today renames nothing.
fn former(was: &[String], place: &Place, declared: impl Fn(&str) -> bool) -> Result<()> {
    for name in was {
        if let Some(why) = names::objection(name) {
            return Err(place.wrong(format!("\"{name}\" cannot be a name: {why}"), ""));
        }
        if declared(name) {
            return Err(
                place.wrong(format!("was = \"{name}\", which is declared itself"), "leave one of them out")
            );
        }
    }
    Ok(())
}
