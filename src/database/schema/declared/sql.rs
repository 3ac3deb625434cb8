//! The SQL form of declared tables: plain `CREATE TABLE`, `CREATE INDEX`,
//! `CREATE VIEW` and `ALTER TABLE … ADD`, with hints in comments.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::path::SitePath;
use crate::database::connection::quote_identifier;
use crate::database::lexer::Dialect;
use crate::database::lexer::tokens::Kind;
use crate::database::lexer::tokens::Token;
use crate::database::lexer::tokens::behind_parentheses;
use crate::database::lexer::tokens::tokens;
use crate::database::schema::declared::draft::ViewDraft;
use crate::database::schema::declared::error::DeclarationError;
use crate::database::schema::declared::error::Place;
use crate::database::schema::declared::names;
use crate::database::schema::declared::sql_hints;
use crate::database::schema::declared::toml::Drop;

type Result<T> = std::result::Result<T, DeclarationError>;

/// What one file says; names of tables are without the prefix, statements are ready.
#[derive(Debug, Default)]
pub(super) struct SaidInSql {
    pub tables: Vec<Created>,
    /// Statements that add to a table, by its name.
    pub added: Vec<(Place, String, String)>,
    pub indexes: Vec<(Place, String, String)>,
    pub views: Vec<ViewDraft>,
    pub drop: Drop,
}

#[derive(Debug)]
pub(super) struct Created {
    pub name: String,
    pub place: Place,
    pub statement: String,
    /// With their lines.
    pub columns: Vec<(String, usize)>,
    pub was: Vec<String>,
    pub columns_were: BTreeMap<String, Vec<String>>,
    pub may_narrow: Vec<String>,
}

/// Changes names of tables from what the release calls them to what the site does.
#[derive(Clone, Copy)]
pub(super) struct Renaming<'r> {
    /// What stands before each name in the file.
    pub release: &'r str,
    pub site: &'r str,
    pub dialect: Dialect,
}

impl Renaming<'_> {
    /// A name that holds in the whole database: the site's prefix goes before it.
    fn global(&self, name: &str) -> String {
        format!("{}{}", self.site, name.strip_prefix(self.release).unwrap_or(name))
    }

    fn quoted(&self, name: &str, place: &Place) -> Result<String> {
        quote_identifier(self.dialect, name)
            .map_err(|_| place.wrong(format!("\"{name}\" cannot be a name"), ""))
    }
}

const KNOWN: &str = "a file of declared tables has CREATE TABLE, CREATE INDEX, CREATE VIEW and ALTER TABLE … ADD only; \
                     what changes rows belongs into the release's SQL files that run once";

pub(super) fn read(file: &SitePath, text: &str, dialect: Dialect, prefix: &str) -> Result<SaidInSql> {
    let filled = text.replace("{prefix}", prefix);
    let all = tokens(&filled, dialect)
        .map_err(|source| DeclarationError::Unclosed { file: file.clone(), source })?;
    let place = |line| Place { file: file.clone(), line };
    if let Some(token) = all.iter().find(|token| token.kind == Kind::Executable) {
        return Err(place(token.line).wrong("a comment that MySQL executes", "take it out of its comment"));
    }
    let said = sql_hints::prefix(&all, file)?;
    let is_filled = text.contains("{prefix}");
    if let (Some((place, _)), true) = (&said, is_filled) {
        return Err(place.wrong("there are {prefix} and a line `-- prefix:`", "use one of them"));
    }
    let said = said.map(|(_, prefix)| prefix).unwrap_or_default();
    let release = if is_filled { prefix } else { &said };
    let renaming = Renaming { release, site: prefix, dialect };
    let mut found = SaidInSql::default();
    let code: Vec<Token<'_>> = all.iter().filter(|token| token.kind != Kind::Comment).copied().collect();
    for statement in code.split(|token| token.is_mark(';')).filter(|tokens| !tokens.is_empty()) {
        let statement = Statement {
            tokens: statement,
            place: place(statement[0].line),
            renaming,
            edits: BTreeMap::new(),
            text: &filled,
        };
        statement.read(&mut found)?;
    }
    sql_hints::apply(&all, file, release, &mut found)?;
    Ok(found)
}

struct Statement<'s> {
    tokens: &'s [Token<'s>],
    text: &'s str,
    place: Place,
    renaming: Renaming<'s>,
    /// The token that is written differently.
    edits: BTreeMap<usize, String>,
}

impl Statement<'_> {
    fn words(&self, count: usize) -> String {
        let words = self.tokens.iter().take(count).map(|token| token.text.to_ascii_uppercase());
        words.collect::<Vec<_>>().join(" ")
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word(word))
    }

    fn read(self, found: &mut SaidInSql) -> Result<()> {
        let begin = self.words(3);
        let mut words = begin.split(' ');
        match (words.next().unwrap_or(""), words.next().unwrap_or(""), words.next().unwrap_or("")) {
            ("CREATE", "TABLE", _) => found.tables.push(self.table()?),
            ("CREATE", "INDEX", _) => found.indexes.push(self.index(2)?),
            ("CREATE", "UNIQUE" | "FULLTEXT" | "SPATIAL", "INDEX" | "KEY") => {
                found.indexes.push(self.index(3)?)
            }
            ("CREATE", "VIEW", _) => found.views.push(self.view(2)?),
            ("CREATE", "OR", "REPLACE") if self.is(3, "view") => found.views.push(self.view(4)?),
            ("ALTER", "TABLE", _) => found.added.push(self.addition()?),
            _ => return Err(self.place.wrong(format!("\"{begin} …\" declares nothing"), KNOWN)),
        }
        Ok(())
    }

    fn skip_if_not_exists(&mut self, at: usize) -> usize {
        if !(self.is(at, "if") && self.is(at + 1, "not") && self.is(at + 2, "exists")) {
            return at;
        }
        for word in at..at + 3 {
            self.edits.insert(word, String::new());
        }
        at + 3
    }

    /// The name at this place, without the prefix of the release; the site's
    /// name is written there. One of another database is refused.
    fn table_name(&mut self, at: usize) -> Result<String> {
        let name = self.raw_name(at)?;
        let release = self.renaming.release;
        let Some(bare) = name.strip_prefix(release).filter(|bare| !bare.is_empty()) else {
            let instead = format!("write {release}{name}, or another `-- prefix:`");
            return Err(self.place.wrong(format!("the table {name} does not begin with {release}"), instead));
        };
        self.write_global(at, &name)?;
        Ok(bare.to_owned())
    }

    fn raw_name(&self, at: usize) -> Result<String> {
        let Some(name) = self.tokens.get(at).and_then(Token::name) else {
            return Err(self.place.wrong(format!("a name is missing behind \"{}\"", self.words(at)), ""));
        };
        if self.tokens.get(at + 1).is_some_and(|token| token.is_mark('.')) {
            return Err(self.place.wrong(format!("\"{name}.\" names a database"), "leave it out"));
        }
        match names::objection(&name) {
            None => Ok(name.into_owned()),
            Some(why) => Err(self.place.wrong(format!("\"{name}\" cannot be a name: {why}"), "")),
        }
    }

    fn write_global(&mut self, at: usize, name: &str) -> Result<()> {
        let global = self.renaming.global(name);
        self.edits.insert(at, self.renaming.quoted(&global, &self.place)?);
        Ok(())
    }

    /// The statement from a token on, as it is to be run.
    fn written(&self, from: usize) -> String {
        let mut written = String::new();
        let mut end = self.tokens[from].at;
        for (at, token) in self.tokens.iter().enumerate().skip(from) {
            let edited = self.edits.get(&at).map(String::as_str);
            if edited == Some("") {
                continue;
            }
            let gap = &self.text[end..token.at];
            match gap {
                "" => {}
                _ if gap.contains('\n') => written.push('\n'),
                _ => written.push(' '),
            }
            written.push_str(edited.unwrap_or(token.text));
            end = token.end();
        }
        written
    }

    fn table(mut self) -> Result<Created> {
        let at = self.skip_if_not_exists(2);
        let name = self.table_name(at)?;
        let open = at + 1;
        let is_list = self.tokens.get(open).is_some_and(|token| token.is_mark('('));
        let close = if is_list { behind_parentheses(self.tokens, open) } else { None };
        let copies = ["like", "select", "with"].iter().any(|word| self.is(open + 1, word));
        let Some(close) = close.filter(|_| !copies) else {
            return Err(self
                .place
                .wrong(format!("table {name}: its columns are missing"), "write CREATE TABLE name (…)"));
        };
        for at in close..self.tokens.len() {
            if ["as", "select", "like", "values", "ignore", "replace"].iter().any(|word| self.is(at, word)) {
                let what = format!("table {name}: it takes rows from elsewhere");
                return Err(self.place.wrong(what, KNOWN));
            }
        }
        self.rename_constraints()?;
        let columns = self.columns(open + 1, close - 1)?;
        Ok(Created {
            statement: self.written(0),
            name,
            place: self.place,
            columns,
            was: Vec::new(),
            columns_were: BTreeMap::new(),
            may_narrow: Vec::new(),
        })
    }

    /// `REFERENCES table` and `CONSTRAINT name`: MySQL's names of foreign keys
    /// hold in the whole database.
    fn rename_constraints(&mut self) -> Result<()> {
        for at in 0..self.tokens.len() {
            if self.is(at, "references") {
                self.table_name(at + 1)?;
            } else if self.is(at, "constraint")
                && !["check", "primary", "unique", "foreign"].iter().any(|word| self.is(at + 1, word))
            {
                let name = self.raw_name(at + 1)?;
                self.write_global(at + 1, &name)?;
            }
        }
        Ok(())
    }

    /// The first names of the list's items, where they are columns.
    fn columns(&self, from: usize, to: usize) -> Result<Vec<(String, usize)>> {
        const OTHERS: [&str; 9] =
            ["primary", "unique", "key", "index", "fulltext", "spatial", "constraint", "check", "foreign"];
        let mut columns = Vec::new();
        let (mut depth, mut begins) = (0_usize, true);
        for at in from..to {
            let token = &self.tokens[at];
            if begins && depth == 0 && !OTHERS.iter().any(|word| token.is_word(word)) {
                let Some(name) = token.name().map(|name| name.into_owned()) else {
                    let what = format!("a column cannot begin with \"{}\"", token.text);
                    return Err(Place { line: token.line, ..self.place.clone() }.wrong(what, ""));
                };
                columns.push((name, token.line));
            }
            begins = depth == 0 && token.is_mark(',');
            depth = (depth + usize::from(token.is_mark('('))).saturating_sub(usize::from(token.is_mark(')')));
        }
        Ok(columns)
    }

    fn index(mut self, at: usize) -> Result<(Place, String, String)> {
        let at = self.skip_if_not_exists(at);
        let name = self.raw_name(at)?;
        if self.renaming.dialect == Dialect::Sqlite {
            self.write_global(at, &name)?;
        }
        let on = (at + 1..self.tokens.len()).find(|at| self.is(*at, "on"));
        let Some(on) = on else {
            return Err(self
                .place
                .wrong(format!("index {name}: ON is missing"), "write CREATE INDEX name ON table (…)"));
        };
        let table = self.table_name(on + 1)?;
        let statement = self.written(0);
        Ok((self.place, table, statement))
    }

    fn view(mut self, at: usize) -> Result<ViewDraft> {
        let at = self.skip_if_not_exists(at);
        let name = self.table_name(at)?;
        if at + 1 >= self.tokens.len() {
            return Err(self
                .place
                .wrong(format!("view {name}: its query is missing"), "write CREATE VIEW name AS SELECT …"));
        }
        self.rename_read_tables(at + 1)?;
        Ok(ViewDraft { text: self.written(at + 1), name, place: self.place })
    }

    /// The tables that a query reads: with a prefix of the release, all words
    /// that have it; without, what stands behind FROM or JOIN.
    fn rename_read_tables(&mut self, from: usize) -> Result<()> {
        let read = match self.renaming.release {
            "" => self.read_tables(from),
            release => {
                let has = |at: &usize| self.tokens[*at].name().is_some_and(|name| name.starts_with(release));
                (from..self.tokens.len()).filter(has).collect()
            }
        };
        let named: BTreeSet<String> = read.iter().filter_map(|at| self.name(*at)).collect();
        for at in from..self.tokens.len() {
            let Some(name) = self.name(at) else { continue };
            let qualifies = named.contains(&name) && self.is_mark(at + 1, '.') && !self.is_mark(at - 1, '.');
            if read.contains(&at) || qualifies {
                self.write_global(at, &name)?;
            }
        }
        Ok(())
    }

    fn name(&self, at: usize) -> Option<String> {
        self.tokens.get(at).and_then(Token::name).map(|name| name.into_owned())
    }

    fn is_mark(&self, at: usize, mark: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_mark(mark))
    }

    /// Where the names of tables stand in a query that names them plainly.
    fn read_tables(&self, from: usize) -> BTreeSet<usize> {
        const ENDS: [&str; 9] =
            ["where", "group", "order", "having", "limit", "union", "select", "on", "using"];
        let defined = |at: &usize| self.is(at + 1, "as") && self.is_mark(at + 2, '(');
        let defined: BTreeSet<String> =
            (from..self.tokens.len()).filter(defined).filter_map(|at| self.name(at)).collect();
        let mut found = BTreeSet::new();
        let mut lists = Vec::from([false]);
        for at in from..self.tokens.len() {
            let token = self.tokens[at];
            let opens = token.is_word("from") || token.is_word("join");
            if token.is_mark('(') {
                lists.push(lists.last() == Some(&true));
            } else if token.is_mark(')') {
                lists.pop();
            } else if opens || ENDS.iter().any(|word| token.is_word(word)) {
                lists.pop();
                lists.push(opens);
            } else if lists.last() == Some(&true)
                && self.name(at).is_some_and(|name| !defined.contains(&name))
            {
                let before = &self.tokens[at - 1];
                let begins = before.is_word("from") || before.is_word("join");
                if begins || before.is_mark(',') || before.is_mark('(') {
                    found.insert(at);
                }
            }
        }
        found
    }

    fn addition(mut self) -> Result<(Place, String, String)> {
        let name = self.table_name(2)?;
        let (mut depth, mut begins) = (0_usize, true);
        for at in 3..self.tokens.len() {
            let token = &self.tokens[at];
            if begins && !token.is_word("add") {
                return Err(self.place.wrong(format!("\"{} …\" declares nothing", self.words(4)), KNOWN));
            }
            begins = depth == 0 && token.is_mark(',');
            depth = (depth + usize::from(token.is_mark('('))).saturating_sub(usize::from(token.is_mark(')')));
        }
        if self.tokens.len() < 5 {
            return Err(self.place.wrong(format!("table {name}: what is added?"), KNOWN));
        }
        self.rename_constraints()?;
        let statement = self.written(0);
        Ok((self.place, name, statement))
    }
}
