//! The settings: a form for the common ones, the whole file as text, and what
//! comes back when it would not be understood or somebody else was faster.

use askama::Template;
use axum::http::StatusCode;

use crate::app::settings;
use crate::app::settings::Change;
use crate::app::settings::FIELDS;
use crate::app::settings::Field;
use crate::app::settings::FieldChange;
use crate::app::settings::FieldView;
use crate::app::settings::Kind;
use crate::app::settings::Outcome;
use crate::app::settings::Request;
use crate::app::settings::SettingsView;
use crate::console::ask::Ask;
use crate::console::ask::Fields;
use crate::console::diff;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::Takes;
use crate::console::routes::act;
use crate::console::routes::look;
use crate::console::words::Words;

pub const ROUTES: &[Route] = &[
    look("/sites/{site}/settings", show),
    act("/sites/{site}/settings", save_fields).takes(Takes::LongForm),
    act("/sites/{site}/settings/text", save_text).takes(Takes::LongForm),
];

/// So long is nothing that a person types into one field.
const MAX_FIELD: usize = 8 << 10;

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    view: SettingsView,
    groups: Vec<Group>,
    /// In place of what stands in the file.
    text: String,
    notice: Option<String>,
    wrong: Option<WrongText>,
    conflict: Option<Vec<diff::Line>>,
    shows_form: bool,
}

struct WrongText {
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
}

struct Group {
    name: &'static str,
    title: String,
    is_open: bool,
    fields: Vec<Shown>,
}

/// One field as a form shows it.
struct Shown {
    view: FieldView,
    id: String,
    label: String,
    help: String,
    /// What counts while nothing is said.
    usual: String,
    options: Vec<Choice>,
    is_wrong: bool,
    /// What stood there when the form was made.
    was: String,
    widget: &'static str,
}

struct Choice {
    value: &'static str,
    label: String,
    is_chosen: bool,
}

fn show(ask: &mut Ask) -> Result<Reply, Wrong> {
    let view = settings::read(ask.place()?)?;
    let done = match ask.query.get("done") {
        "saved" => Some("settings.saved"),
        "same" => Some("settings.same"),
        _ => None,
    };
    let notice = done.map(|key| ask.words.t(key));
    let text = view.text.clone();
    page(&Page { notice, ..made(ask, view, text, &Typed::default()) })
}

/// What somebody typed that could not be taken.
#[derive(Default)]
struct Typed<'a> {
    form: Option<&'a Fields>,
    wrong: Option<&'a str>,
}

fn made(ask: &Ask, view: SettingsView, text: String, typed: &Typed) -> Page {
    let frame = Frame::new(ask, ask.words.t("settings.title"), "settings");
    let groups = groups(ask.words, &view, typed);
    let shows_form = view.problem.is_none();
    Page { frame, view, groups, text, notice: None, wrong: None, conflict: None, shows_form }
}

fn groups(words: Words, view: &SettingsView, typed: &Typed) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for field in &view.fields {
        let name = field.field.group();
        if groups.last().is_none_or(|group| group.name != name) {
            let title = words.t(&format!("settings.group_{name}"));
            groups.push(Group { name, title, is_open: groups.is_empty(), fields: Vec::new() });
        }
        if let Some(group) = groups.last_mut() {
            let shown = shown(words, field, typed);
            group.is_open |= shown.is_wrong;
            group.fields.push(shown);
        }
    }
    groups
}

fn shown(words: Words, stored: &FieldView, typed: &Typed) -> Shown {
    let id = word_of(stored.field);
    let view = &as_typed(stored, typed.form);
    let choice = |value: &'static str| Choice {
        value,
        label: words.t(&format!("settings.o_{value}")),
        is_chosen: view.has(value),
    };
    let (widget, options) = match view.field.kind {
        Kind::Text => ("text", Vec::new()),
        Kind::Secret => ("secret", Vec::new()),
        Kind::Lines => ("lines", Vec::new()),
        Kind::Choice(all) => ("choice", all.iter().copied().map(choice).collect()),
        Kind::Several { all, .. } => ("several", all.iter().copied().map(choice).collect()),
        Kind::Whole | Kind::Decimal => ("number", Vec::new()),
        Kind::Flag => ("flag", Vec::new()),
    };
    let usual = match (view.field.usual, view.field.kind) {
        ("", _) => words.t("settings.usual_nothing"),
        (usual, Kind::Choice(_)) => words.say("settings.usual", &[&words.t(&format!("settings.o_{usual}"))]),
        (usual, _) => words.say("settings.usual", &[&usual]),
    };
    Shown {
        label: words.t(&format!("settings.f_{id}")),
        help: words.t(&format!("settings.h_{id}")),
        usual,
        options,
        is_wrong: typed.wrong.is_some_and(|key| is_about(key, view.field.key)),
        was: was(stored),
        widget: if view.is_masked { "secret" } else { widget },
        id,
        view: view.clone(),
    }
}

/// The field with what stands in a form; of a secret nothing comes back.
fn as_typed(stored: &FieldView, form: Option<&Fields>) -> FieldView {
    let key = stored.field.key;
    match form {
        Some(form) if form.find(&format!("was.{key}")).is_some() && !stored.is_masked => {
            let lines = form.all(key).flat_map(str::lines).filter(|line| !settings::is_secret(key, line));
            FieldView { values: lines.map(str::to_owned).collect(), is_set: true, ..stored.clone() }
        }
        _ => stored.clone(),
    }
}

fn word_of(field: Field) -> String {
    field.key.replace('.', "_")
}

/// A fault of a whole table is one of each of its fields.
fn is_about(wrong: &str, key: &str) -> bool {
    wrong == key || key.strip_prefix(wrong).is_some_and(|rest| rest.starts_with('.'))
}

/// As the form will send it back.
fn was(view: &FieldView) -> String {
    match view.field.kind {
        Kind::Several { all, .. } => {
            all.iter().copied().filter(|word| view.has(word)).collect::<Vec<_>>().join("\n")
        }
        _ => view.text(),
    }
}

fn save_fields(ask: &mut Ask) -> Result<Reply, Wrong> {
    let changes = FIELDS.iter().filter_map(|field| changed(*field, &ask.form)).collect();
    saved(ask, Change::Fields(changes))
}

fn save_text(ask: &mut Ask) -> Result<Reply, Wrong> {
    saved(ask, Change::Text(ask.form.get("text").to_owned()))
}

/// What a form says of a field, where that is other than what it was made with.
fn changed(field: Field, form: &Fields) -> Option<FieldChange> {
    let name = |what: &str| format!("{what}.{}", field.key);
    let key = field.key.to_owned();
    if form.get(&name("clear")) == "1" {
        return Some(FieldChange { key, value: None });
    }
    // A form that does not know the field changes nothing of it.
    let was = form.find(&name("was"))?.replace("\r\n", "\n");
    let typed: Vec<&str> =
        form.pairs().iter().filter(|(other, _)| *other == field.key).map(|(_, text)| text.as_str()).collect();
    if typed.iter().map(|text| text.len()).sum::<usize>() > MAX_FIELD {
        return None;
    }
    let values: Vec<String> = match field.kind {
        Kind::Lines => {
            let lines = typed.iter().flat_map(|text| text.lines()).map(str::trim);
            lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
        }
        _ => typed.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect(),
    };
    let is_hidden = form.get(&name("hidden")) == "1";
    if values.join("\n") == was.trim() || (is_hidden && values.is_empty()) {
        return None;
    }
    let is_said = !values.is_empty() || matches!(field.kind, Kind::Several { .. });
    Some(FieldChange { key, value: is_said.then_some(values) })
}

fn saved(ask: &Ask, change: Change) -> Result<Reply, Wrong> {
    let request = Request { digest: ask.form.get("digest").to_owned(), change };
    let to = |done: &str| -> Result<Reply, Wrong> {
        Ok(Reply::See(format!("/sites/{}/settings?done={done}", ask.site()?.word)))
    };
    match settings::change(&ask.place_of_person()?, &request)? {
        Outcome::Same => to("same"),
        Outcome::Written(_) => to("saved"),
        Outcome::Stale(conflict) => {
            let lines = diff::lines(&conflict.diff);
            let mut page = made(ask, conflict.now, conflict.wanted, &Typed::default());
            (page.conflict, page.shows_form) = (Some(lines), false);
            answered(StatusCode::CONFLICT, &page)
        }
        Outcome::Wrong(fault) => {
            let now = settings::read(ask.place()?)?;
            let failure = fault.failure;
            let is_text = matches!(request.change, Change::Text(_));
            let (text, form) =
                if is_text { (fault.wanted, None) } else { (now.text.clone(), Some(&ask.form)) };
            let mut page = made(ask, now, text, &Typed { form, wrong: fault.key.as_deref() });
            page.shows_form &= !is_text;
            let mut causes = failure.causes;
            causes.extend(fault.key.map(|key| ask.words.say("settings.wrong_key", &[&key])));
            page.wrong = Some(WrongText { message: failure.message, causes, hints: failure.hints });
            answered(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

fn answered(status: StatusCode, page: &Page) -> Result<Reply, Wrong> {
    let text = page.render().map_err(|error| Wrong::Question(error.to_string()))?;
    Ok(Reply::PageWith(status, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::words::Language;

    #[test]
    fn every_field_is_explained_in_both_languages() {
        for language in Language::ALL {
            let words = Words(*language);
            let is_said = |key: String| assert_ne!(words.t(&key), key);
            for field in FIELDS {
                let word = word_of(*field);
                is_said(format!("settings.f_{word}"));
                is_said(format!("settings.h_{word}"));
                is_said(format!("settings.group_{}", field.group()));
                let (Kind::Choice(all) | Kind::Several { all, .. }) = field.kind else { continue };
                all.iter().for_each(|option| is_said(format!("settings.o_{option}")));
            }
        }
    }

    #[test]
    fn only_what_was_changed_is_asked_for() {
        let form = |pairs: &[(&str, &str)]| {
            Fields::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        };
        let change = |key: &str, pairs: &[(&str, &str)]| {
            let field = *FIELDS.iter().find(|field| field.key == key).unwrap();
            changed(field, &form(pairs)).map(|change| change.value.map(|values| values.join("|")))
        };
        for (key, pairs, expected) in [
            ("url", &[("was.url", "a"), ("url", "a")][..], None),
            ("url", &[("was.url", "a"), ("url", " b ")], Some(Some("b"))),
            ("url", &[("was.url", "a"), ("url", "")], Some(None)),
            ("url", &[("url", "b")], None),
            ("keep", &[("was.keep", "a\nb"), ("keep", "a\r\nb\r\n")], None),
            ("keep", &[("was.keep", "a\r\nb"), ("keep", "a\r\n\r\n c")], Some(Some("a|c"))),
            (
                "notify.webhook.url",
                &[
                    ("was.notify.webhook.url", ""),
                    ("hidden.notify.webhook.url", "1"),
                    ("notify.webhook.url", ""),
                ],
                None,
            ),
            (
                "notify.webhook.url",
                &[
                    ("was.notify.webhook.url", ""),
                    ("hidden.notify.webhook.url", "1"),
                    ("notify.webhook.url", "x"),
                ],
                Some(Some("x")),
            ),
            ("notify.webhook.url", &[("clear.notify.webhook.url", "1")], Some(None)),
            (
                "policy.ask",
                &[("was.policy.ask", "major\nwarnings"), ("policy.ask", "major"), ("policy.ask", "warnings")],
                None,
            ),
            ("policy.ask", &[("was.policy.ask", "major")], Some(Some(""))),
            ("database.none", &[("was.database.none", ""), ("database.none", "true")], Some(Some("true"))),
            ("database.none", &[("was.database.none", "true")], Some(None)),
        ] {
            assert_eq!(change(key, pairs), expected.map(|value| value.map(str::to_owned)), "{key} {pairs:?}");
        }
    }
}
