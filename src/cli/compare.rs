//! `compare`, typed and told: counts first, then lists that are cut.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;

use crate::app::compare;
use crate::app::compare::CompareView;
use crate::app::compare::Exact;
use crate::app::compare::Files;
use crate::app::compare::MovedFolder;
use crate::app::compare::Part;
use crate::app::compare::Request;
use crate::app::compare::Show;
use crate::app::compare::Subject;
use crate::app::compare::Wanted;
use crate::base::count;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::path::TreePath;
use crate::cli::dispatch::Session;
use crate::cli::network::NetworkArgs;
use crate::cli::output::Manner;
use crate::cli::output::Paint;
use crate::cli::page;
use crate::cli::page::Page;
use crate::cli::text::coloured_diff;
use crate::cli::trust::PinArgs;

#[derive(Args, Debug)]
pub struct CompareArgs {
    /// A site, folder, archive, manifest file, URL of an archive (`#sha256=DIGEST` behind it is verified),
    /// reference (`https://host/path/`, `#VERSION` behind it), mysql://USER@HOST/NAME or sqlite:PATH
    pub a: String,
    /// What it is held against
    pub b: String,
    /// Only the files
    #[arg(long, conflicts_with = "database")]
    pub files: bool,
    /// Only the databases
    #[arg(long)]
    pub database: bool,
    /// Read every row instead of comparing sums that the servers compute
    #[arg(long)]
    pub exact: bool,
    /// Write a report as one HTML page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Keep what differs in FILE, as the JSON of `result`
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Show the lines that differ, of all files or of some. Settings files of the owner, which hold
    /// passwords, are shown only where they are named
    #[arg(long, value_name = "PATH", num_args = 0..)]
    pub diff: Option<Vec<PathBuf>>,
    /// Owners of files count, too (between folders)
    #[arg(long)]
    pub owners: bool,
    /// Times of files count, too, in whole seconds (between folders)
    #[arg(long)]
    pub times: bool,
    /// Show values of rows that differ; they may be what people wrote
    #[arg(long)]
    pub show_values: bool,
    /// A file (0600) that holds the password of a database address
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// The same for B, where it is another
    #[arg(long, value_name = "FILE")]
    pub password_file_b: Option<PathBuf>,
    /// Of a database address: only tables whose names begin so
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// The same for B, where it is another
    #[arg(long, value_name = "PREFIX")]
    pub prefix_b: Option<String>,
    #[command(flatten)]
    pub pin: PinArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
}

pub(super) fn compare(session: &mut Session, args: CompareArgs) -> Exit {
    let subject = |text, password_file, prefix| Subject { text, password_file, prefix };
    let (password_b, prefix_b) = (
        args.password_file_b.or_else(|| args.password_file.clone()),
        args.prefix_b.or_else(|| args.prefix.clone()),
    );
    let request = Request {
        a: subject(args.a, args.password_file, args.prefix),
        b: subject(args.b, password_b, prefix_b),
        part: match (args.files, args.database) {
            (true, _) => Part::Files,
            (_, true) => Part::Database,
            _ => Part::Everything,
        },
        exactness: if args.exact { Exact::EveryRow } else { Exact::BySums },
        values: if args.show_values { Show::Values } else { Show::Keys },
        html: args.html,
        save: args.save,
        belief: args.pin.belief(),
        network: args.network.into(),
        diff: wanted(args.diff),
        owners: args.owners,
        times: args.times,
    };
    let answer = compare::compare(&request, &mut session.listener());
    session.show("compare", answer, text)
}

fn wanted(paths: Option<Vec<PathBuf>>) -> Wanted {
    match paths {
        None => Wanted::Nothing,
        Some(paths) if paths.is_empty() => Wanted::All,
        Some(paths) => Wanted::These(paths.iter().map(|path| tree_path(path)).collect()),
    }
}

/// A name of any bytes; `./lib/` is `lib`.
fn tree_path(path: &Path) -> TreePath {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    TreePath::from_bytes(parts.collect::<PathBuf>().as_os_str().as_bytes())
}

fn text(view: &CompareView, manner: &Manner) -> String {
    let mut page = Page::new(manner);
    page.row("A", &view.a);
    page.row("B", &view.b);
    if view.has_files {
        files(&mut page, view, manner);
    }
    if let Some(database) = &view.database {
        page.raw_row(
            "database",
            &format!(
                "{} of schema; other rows in {} of {}",
                count::of(database.schema.len(), "difference"),
                database.rows.len(),
                count::of(database.tables.len(), "table")
            ),
        );
        page.list("schema", &database.schema);
        rows(&mut page, database, manner);
    }
    page.notes(&view.notes);
    for diff in &view.diffs {
        if let Some(from) = &diff.from {
            page.line(&format!("\n{from} -> {}", diff.path));
        } else {
            page.line(&format!("\n{}", diff.path));
        }
        page.line(&coloured_diff(&diff.text, manner));
    }
    match &view.html {
        Some(path) => page.row("report", &path.to_string_lossy()),
        None if is_long(view) => {
            page.next("entracte compare A B --html report.html", "shows all of it; so does --json")
        }
        None => {}
    }
    page.into_text()
}

fn is_long(view: &CompareView) -> bool {
    let files = &view.files;
    let schema = view.database.as_ref().map_or(0, |database| database.schema.len());
    [files.only_a.len(), files.only_b.len(), files.different.len(), files.moved.len(), schema]
        .iter()
        .any(|length| *length > page::SHOWN)
}

fn files(page: &mut Page, view: &CompareView, manner: &Manner) {
    let files = &view.files;
    page.raw_row(
        "files",
        &format!(
            "{} only in A, {} only in B, {} different, {} unreadable; {} looked at ({})",
            files.only_a.len(),
            files.only_b.len(),
            files.different.len(),
            files.unreadable.len(),
            files.checked,
            page::bytes(files.bytes)
        ),
    );
    let list = |page: &mut Page, name: &str, rows: Vec<String>| match manner.verbose {
        true => page.whole_list(name, &rows),
        false => page.list(name, &rows),
    };
    let moved: BTreeSet<&TreePath> = files.moved_or_renamed().flat_map(|(from, to)| [from, to]).collect();
    let shown = |paths: &[TreePath]| -> Vec<String> {
        paths.iter().filter(|path| !moved.contains(path)).map(ToString::to_string).collect()
    };
    list(page, "only in A", shown(&files.only_a));
    list(page, "only in B", shown(&files.only_b));
    let details = files.details.iter().map(|detail| format!("{}  {}", detail.path, detail.what.join("; ")));
    list(page, "different", details.collect());
    list(page, "moved or renamed", moved_lines(files, manner.verbose));
    let alike = files.alike.iter().map(|alike| format!("{} and {}", alike.a, alike.b));
    list(page, "the same name on some disks", alike.collect());
    let unreadable = files
        .unreadable
        .iter()
        .map(|one| format!("{}  in {}: {}", one.path, one.side.to_uppercase(), one.reason));
    list(page, "could not be read", unreadable.collect());
}

/// A folder that moved is one line, unless all are wanted.
fn moved_lines(files: &Files, all: bool) -> Vec<String> {
    let folders: BTreeSet<(&TreePath, &TreePath)> =
        files.moved_folders.iter().map(|moved| (&moved.from, &moved.to)).collect();
    let is_told = |from: &TreePath, to: &TreePath| {
        let of = compare::folders_of(from, to);
        !all && of.is_some_and(|(from, to)| folders.contains(&(&from, &to)))
    };
    let mut lines: Vec<String> = match all {
        true => Vec::new(),
        false => files.moved_folders.iter().map(folder_line).collect(),
    };
    let moved = files.moved.iter().filter(|moved| !is_told(&moved.from, &moved.to));
    lines.extend(moved.map(|moved| format!("{} -> {}", moved.from, moved.to)));
    // What changed on the way is told by itself.
    let renamed = files.renamed.iter();
    lines.extend(renamed.map(|one| format!("{} -> {}  {} % the same", one.from, one.to, one.percent)));
    lines
}

fn folder_line(moved: &MovedFolder) -> String {
    let shown = |folder: &TreePath| match folder.as_bytes() {
        b"" => "./".to_owned(),
        _ => format!("{folder}/"),
    };
    format!("{} -> {}  {}", shown(&moved.from), shown(&moved.to), count::of(moved.files, "file"))
}

fn rows(page: &mut Page, database: &compare::Comparison, manner: &Manner) {
    for table in &database.rows {
        page.line(&format!(
            "  {} {} only in A, {} only in B, {} different (of {} and {} rows)",
            manner.paint(Paint::Bold, &escape::text(&table.table)),
            table.only_a,
            table.only_b,
            table.different,
            table.rows_a,
            table.rows_b
        ));
        for example in &table.examples {
            page.line(&format!("    {}", example_line(example)));
        }
        let all = table.only_a + table.only_b + table.different;
        let more = all.saturating_sub(table.examples.len() as u64);
        if more > 0 && !table.examples.is_empty() {
            page.line(&format!("    … and {more} more"));
        }
    }
    let left_out = database.excluded.iter().map(|one| format!("{}: {}", one.table, one.what));
    page.list("left out, since it changes by itself", &left_out.collect::<Vec<_>>());
}

fn example_line(example: &compare::Example) -> String {
    let found = match example.found {
        compare::Found::OnlyA => "only in A ",
        compare::Found::OnlyB => "only in B ",
        compare::Found::Different => "different ",
    };
    let key = example.key.iter().map(|one| format!("{}={}", one.column, one.value));
    let columns = example.columns.iter().map(|column| match (&column.a, &column.b) {
        (Some(a), Some(b)) => format!("{} {a} / {b}", column.column),
        _ => column.column.clone(),
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    format!("{found}{}  {columns}", key.collect::<Vec<_>>().join(", ")).trim_end().to_owned()
}
