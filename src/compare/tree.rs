//! What differs, as folders that open and close.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use minijinja::HtmlEscape;

use crate::base::escape;
use crate::base::path::TreePath;
use crate::compare::diffs::Diff;
use crate::compare::files::Files;

/// More make a page that browsers take long to open.
const MOST: usize = 100_000;
/// A page with no more entries opens unfolded.
const UNFOLDED: usize = 200;
/// Deeper folders are shown by their paths.
const DEEPEST: usize = 40;

pub(super) struct Html {
    pub html: String,
    pub shown: usize,
    pub left_out: usize,
}

/// One line of the tree.
struct Entry<'f> {
    /// `a`, `b`, `d`, `m` for another name, `u`.
    kind: char,
    tag: &'static str,
    what: String,
    diff: Option<&'f str>,
}

#[derive(Default)]
struct Folder<'f> {
    folders: BTreeMap<&'f [u8], Folder<'f>>,
    entries: Vec<(&'f [u8], Entry<'f>)>,
    /// Entries in it and below.
    count: usize,
}

pub(super) fn html(files: &Files, diffs: &[Diff]) -> Html {
    let mut entries = entries(files, diffs);
    entries.sort_by_key(|(path, _)| *path);
    let all = entries.len();
    entries.truncate(MOST);
    let shown = entries.len();
    let mut top = Folder::default();
    for (path, entry) in entries {
        top.put(path.as_bytes(), entry);
    }
    let mut html = String::new();
    if shown > 0 {
        html.push_str("<ul class=\"tree\" id=\"tree\">\n");
        top.write(&mut html, shown <= UNFOLDED);
        html.push_str("</ul>");
    }
    Html { html, shown, left_out: all - shown }
}

fn entries<'f>(files: &'f Files, diffs: &'f [Diff]) -> Vec<(&'f TreePath, Entry<'f>)> {
    let diffs: BTreeMap<&TreePath, &str> =
        diffs.iter().map(|diff| (&diff.path, diff.text.as_str())).collect();
    let mut others: BTreeMap<&TreePath, String> = BTreeMap::new();
    for moved in &files.moved {
        others.insert(&moved.from, format!("in B: {}", moved.to));
        others.insert(&moved.to, format!("in A: {}", moved.from));
    }
    for renamed in &files.renamed {
        let percent = renamed.percent;
        others.insert(&renamed.from, format!("in B: {}, {percent} % the same", renamed.to));
        others.insert(&renamed.to, format!("in A: {}, {percent} % the same", renamed.from));
    }
    let mut alone = |path: &'f TreePath, kind, tag| {
        let diff = diffs.get(path).copied();
        match others.remove(path) {
            Some(what) => (path, Entry { kind: 'm', tag: "other name", what, diff }),
            None => (path, Entry { kind, tag, what: String::new(), diff }),
        }
    };
    let mut found: Vec<_> = files.only_a.iter().map(|path| alone(path, 'a', "only in A")).collect();
    found.extend(files.only_b.iter().map(|path| alone(path, 'b', "only in B")));
    found.extend(files.details.iter().map(|detail| {
        let diff = diffs.get(&detail.path).copied();
        (&detail.path, Entry { kind: 'd', tag: "different", what: detail.what.join("; "), diff })
    }));
    found.extend(files.unreadable.iter().map(|one| {
        let what = format!("in {}: {}", one.side.to_uppercase(), one.reason);
        (&one.path, Entry { kind: 'u', tag: "unreadable", what, diff: None })
    }));
    found
}

impl<'f> Folder<'f> {
    fn put(&mut self, path: &'f [u8], entry: Entry<'f>) {
        let mut here = self;
        let mut rest = path;
        for _ in 0..DEEPEST {
            here.count += 1;
            let Some(at) = rest.iter().position(|byte| *byte == b'/') else { break };
            here = here.folders.entry(&rest[..at]).or_default();
            rest = &rest[at + 1..];
        }
        here.entries.push((rest, entry));
    }

    fn write(&self, html: &mut String, unfolded: bool) {
        for (name, folder) in &self.folders {
            let (mut name, mut folder) = (escape::bytes(name), folder);
            // A chain of folders with nothing else in them is one line.
            while let (Some((below, inner)), 1, true) =
                (folder.folders.first_key_value(), folder.folders.len(), folder.entries.is_empty())
            {
                name = format!("{name}/{}", escape::bytes(below));
                folder = inner;
            }
            folder.write_as(&name, html, unfolded);
        }
        for (name, entry) in &self.entries {
            entry.write(&escape::bytes(name), html);
        }
    }

    fn write_as(&self, name: &str, html: &mut String, unfolded: bool) {
        let open = if unfolded { " open" } else { "" };
        let (name, count) = (HtmlEscape(name), self.count);
        // Writing to a string cannot fail.
        let _ = writeln!(
            html,
            "<li class=\"f\"><details{open}><summary><code>{name}&#x2f;</code><span class=\"count\">{count}</span></summary><ul>"
        );
        self.write(html, unfolded);
        html.push_str("</ul></details></li>\n");
    }
}

impl Entry<'_> {
    fn write(&self, name: &str, html: &mut String) {
        let (kind, tag, name) = (self.kind, self.tag, HtmlEscape(name));
        let _ = write!(
            html,
            "<li class=\"{kind}\"><div class=\"line\"><span class=\"tag\">{tag}</span><code>{name}</code>"
        );
        if !self.what.is_empty() {
            let _ = write!(html, "<span class=\"what\">{}</span>", HtmlEscape(&self.what));
        }
        html.push_str("</div>");
        if let Some(diff) = self.diff {
            write_diff(diff, html);
        }
        html.push_str("</li>\n");
    }
}

fn write_diff(diff: &str, html: &mut String) {
    html.push_str("<details class=\"lines\"><summary>lines</summary><pre>");
    for line in diff.lines() {
        let class = match line.as_bytes() {
            [b'-', b'-', b'-', b' ', ..] | [b'+', b'+', b'+', b' ', ..] | [b'#', ..] | [b'\\', ..] => "t",
            [b'+', ..] => "p",
            [b'-', ..] => "r",
            [b'@', ..] => "h",
            _ => "",
        };
        let _ = match class {
            "" => write!(html, "<span>{}\n</span>", HtmlEscape(line)),
            class => write!(html, "<span class=\"{class}\">{}\n</span>", HtmlEscape(line)),
        };
    }
    html.push_str("</pre></details>");
}
