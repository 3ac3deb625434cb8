//! `schema`, typed and told.

use clap::Args;
use clap::Subcommand;

use crate::app::schema;
use crate::app::schema::Schema;
use crate::app::schema::SchemaDiff;
use crate::app::schema::TableStepView;
use crate::app::schema::Which;
use crate::app::schema::Whose;
use crate::base::count;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::output::Manner;
use crate::cli::page::Page;
use crate::cli::page::bytes;
use crate::cli::work;

#[derive(Debug, Subcommand)]
pub enum SchemaVerb {
    /// The tables of the database, or those that a release declares
    #[command(after_help = "Example: entracte schema show --declared")]
    Show(ShowArgs),
    /// The statements that would bring the database to what the release declares
    #[command(after_help = "Example: entracte schema diff --staged")]
    Diff(WhoseArgs),
    /// Whether the database is what the installed release declares (exit 7 if not)
    #[command(after_help = "Example: entracte schema check --json")]
    Check,
    /// Bring it there: shown, asked for, behind the closed gate, with a way back
    #[command(after_help = "Example: entracte --yes schema apply")]
    Apply,
}

#[derive(Args, Debug)]
pub struct ShowArgs {
    /// What the installed release declares, as the site's own server reads it
    #[arg(long)]
    pub declared: bool,
    #[command(flatten)]
    pub whose: WhoseArgs,
}

#[derive(Args, Debug)]
pub struct WhoseArgs {
    /// What the staged release declares
    #[arg(long)]
    pub staged: bool,
}

impl WhoseArgs {
    fn whose(&self) -> Whose {
        if self.staged { Whose::Staged } else { Whose::Installed }
    }
}

pub(super) fn schema(session: &mut Session, verb: &SchemaVerb) -> Exit {
    match verb {
        SchemaVerb::Show(args) => {
            let which = match args.declared || args.whose.staged {
                true => Which::Declared(args.whose.whose()),
                false => Which::Live,
            };
            session.show("schema", schema::show(&session.place, which), tables)
        }
        SchemaVerb::Diff(args) => {
            let next = if args.staged { PLAN } else { APPLY };
            let text = |found: &SchemaDiff, manner: &Manner| difference(found, next, manner);
            session.show("schema", schema::diff(&session.place, args.whose()), text)
        }
        SchemaVerb::Check => {
            let text = |found: &SchemaDiff, manner: &Manner| difference(found, APPLY, manner);
            session.show("schema", schema::check(&session.place), text)
        }
        SchemaVerb::Apply => work::apply_schema(session),
    }
}

fn tables(schema: &Schema, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    for (name, table) in &schema.tables {
        text.line(&escape::text(name));
        for column in &table.columns {
            let null = if column.nullable { "" } else { " not null" };
            let default = column.default.as_ref().map(|default| format!(" default {default}"));
            let counter = if column.auto_increment { " auto_increment" } else { "" };
            let line =
                format!("{}  {}{null}{}{counter}", column.name, column.sql_type, default.unwrap_or_default());
            text.line(&format!("  {}", escape::text(&line)));
        }
        for (key, of) in &table.keys {
            let parts: Vec<&str> = of.parts.iter().map(|part| part.of.as_str()).collect();
            text.line(&format!("  key {}", escape::text(&format!("{key} ({})", parts.join(", ")))));
        }
        for (key, of) in &table.foreign {
            let line =
                format!("{key} ({}) -> {} ({})", of.columns.join(", "), of.table, of.referenced.join(", "));
            text.line(&format!("  foreign key {}", escape::text(&line)));
        }
    }
    for (name, query) in &schema.views {
        text.line(&escape::text(&format!("view {name}: {query}")));
    }
    if schema.tables.is_empty() && schema.views.is_empty() {
        text.line("no tables");
    }
    text.into_text()
}

/// What to type next, and what for.
type Next = (&'static str, &'static str);

const APPLY: Next = ("entracte schema apply", "bring it there, behind the closed gate, with a way back");
const PLAN: Next = ("entracte plan", "all that the staged release changes");

fn difference(found: &SchemaDiff, next: Next, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    if found.steps.is_empty() {
        text.line(&format!("the database is what release {} declares", escape::text(&found.version)));
    }
    for step in &found.steps {
        text.line(&step_line(step));
        for statement in &step.statements {
            text.line(&format!("    {}", escape::block(statement).replace('\n', "\n    ")));
        }
    }
    if !found.steps.is_empty() {
        text.next(next.0, next.1);
    }
    text.into_text()
}

/// A step in a line: what changes, and what that costs.
pub(super) fn step_line(step: &TableStepView) -> String {
    let lost: Vec<String> = step
        .narrowed
        .iter()
        .filter(|one| one.rows > 0)
        .map(|one| {
            let how = match (one.is_allowed, one.rows) {
                (true, _) => "will be cut",
                (false, 1) => "does not fit",
                (false, _) => "do not fit",
            };
            format!(", {} of {} {how}", count::of(one.rows, "row"), one.column)
        })
        .collect();
    let rows = match step.rows {
        0 => String::new(),
        rows => format!(", about {}, {}", count::of(rows, "row"), bytes(step.bytes)),
    };
    let what = format!("{}: {}", step.table, step.what.join("; "));
    format!("{} [{}{rows}{}]", escape::text(&what), step.risk, escape::text(&lost.concat()))
}
