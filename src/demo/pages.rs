//! The demo's pages: templates of the site's folder, rows of its database.

use std::path::Path;

use minijinja::Environment;
use minijinja::Value;
use minijinja::context;
use rusqlite::Connection;

use crate::sys::fs;

const TITLE: &str = "The Entr'acte Gazette";

/// Makes the database as version 1.0 has it.
pub fn make_database(path: &Path) -> Result<(), rusqlite::Error> {
    let database = Connection::open(path)?;
    database.execute_batch(
        "CREATE TABLE pages (id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL);
         INSERT INTO pages (title, body) VALUES
           ('The curtain', 'Between two acts the curtain is closed, and behind it the set is changed without haste.'),
           ('The set', 'What the audience sees next stands ready beside the stage long before the bell rings.'),
           ('The bell', 'When everything is in its place and was looked at once more, the curtain opens again.');",
    )
}

/// A page as HTML; `None` when there is no such page.
pub fn render(site: &Path, path: &str) -> Result<Option<String>, minijinja::Error> {
    let broken = |error: &dyn std::fmt::Display| {
        minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, error.to_string())
    };
    let pages = rows(&site.join("data/site.db")).map_err(|error| broken(&error))?;
    let version = fs::read_text(&site.join("VERSION"), 100).map_err(|error| broken(&error))?;
    let (name, page) = match path.strip_prefix("/page/") {
        Some(id) => match pages.iter().find(|page| page.id.to_string() == id) {
            Some(page) => ("page.html", Some(page.clone())),
            None => return Ok(None),
        },
        None if path == "/" => ("home.html", None),
        None => return Ok(None),
    };
    let source =
        fs::read_text(&site.join("templates").join(name), 1 << 20).map_err(|error| broken(&error))?;
    let mut templates = Environment::new();
    templates.add_template(name, &source)?;
    let pages: Vec<Value> = pages.iter().map(Page::value).collect();
    let page = page.as_ref().map(Page::value);
    let values = context! { title => TITLE, version => version.trim(), pages => pages, page => page };
    templates.get_template(name)?.render(values).map(Some)
}

#[derive(Clone)]
struct Page {
    id: i64,
    title: String,
    body: String,
    summary: String,
}

impl Page {
    fn value(&self) -> Value {
        let Page { id, title, body, summary } = self;
        context! { id => id, title => title, body => body, summary => summary }
    }
}

fn rows(path: &Path) -> Result<Vec<Page>, rusqlite::Error> {
    let database = Connection::open(path)?;
    let has_summary = database.prepare("SELECT summary FROM pages").is_ok();
    let column = if has_summary { "summary" } else { "''" };
    let mut query = database.prepare(&format!("SELECT id, title, body, {column} FROM pages ORDER BY id"))?;
    let rows = query.query_map([], |row| {
        Ok(Page { id: row.get(0)?, title: row.get(1)?, body: row.get(2)?, summary: row.get(3)? })
    })?;
    rows.collect()
}
