//! The settings that a form offers, each with what may stand there. All others
//! are changed in the text.

use serde::Serialize;

use crate::app::settings::masks;

/// What may stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "of", rename_all = "kebab-case")]
pub enum Kind {
    Text,
    /// Never shown; kept while nothing is typed.
    Secret,
    /// A list, one entry a line.
    Lines,
    Choice(&'static [&'static str]),
    /// Some of these; what counts while nothing is said.
    Several {
        all: &'static [&'static str],
        usual: &'static [&'static str],
    },
    Whole,
    Decimal,
    /// `false` while nothing is said.
    Flag,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Field {
    pub key: &'static str,
    #[serde(flatten)]
    pub kind: Kind,
    /// What counts while nothing is said; empty: nothing does, or words are needed to tell it.
    pub usual: &'static str,
}

/// One field with what stands in the file.
#[derive(Clone, Debug, Serialize)]
pub struct FieldView {
    #[serde(flatten)]
    pub field: Field,
    /// Of a list each entry; empty where nothing is said, or what is said is not shown.
    pub values: Vec<String>,
    pub is_set: bool,
    /// Something stands there that is not shown.
    pub is_masked: bool,
}

const fn field(key: &'static str, kind: Kind, usual: &'static str) -> Field {
    Field { key, kind, usual }
}

const KINDS: &[&str] = &["failed", "rolled-back", "needs-approval", "closed-too-long", "findings", "success"];
const ASK: &[&str] = &["major", "schema", "scripts", "conflicts", "warnings", "always"];
const ASK_USUAL: &[&str] = &["major", "conflicts", "warnings"];
const KINDS_USUAL: &[&str] = &["failed", "rolled-back", "needs-approval", "closed-too-long", "findings"];

/// In the order of the page; what stands before the first dot is its group.
pub const FIELDS: &[Field] = &[
    field("url", Kind::Text, ""),
    field("language", Kind::Choice(&["visitor", "en", "fr"]), "visitor"),
    field("product", Kind::Text, ""),
    field("keep", Kind::Lines, ""),
    field("volatile", Kind::Lines, ""),
    field("outside", Kind::Lines, ""),
    field("inbox", Kind::Text, ""),
    field("incoming", Kind::Text, ""),
    field("gate.kind", Kind::Choice(&["none", "apache", "nginx", "prepend", "wordpress", "command"]), "none"),
    field("gate.title", Kind::Text, ""),
    field("gate.page", Kind::Text, ""),
    field("gate.drain_seconds", Kind::Decimal, "1.0"),
    field("policy.from", Kind::Text, "inbox"),
    field("policy.versions", Kind::Text, ""),
    field("policy.channel", Kind::Choice(&["stable", "testing"]), "stable"),
    field("policy.trust", Kind::Choice(&["signed", "list", "none"]), "signed"),
    field("policy.conflicts", Kind::Choice(&["ours", "theirs", "stop"]), "ours"),
    field("policy.ask", Kind::Several { all: ASK, usual: ASK_USUAL }, ""),
    field("policy.windows", Kind::Lines, ""),
    field("policy.zone", Kind::Text, ""),
    field("policy.min_age_hours", Kind::Whole, "0"),
    field("policy.closed_alarm_minutes", Kind::Whole, "60"),
    field("schedule.update", Kind::Text, ""),
    field("schedule.watch", Kind::Text, ""),
    field("schedule.prune", Kind::Text, ""),
    field("schedule.zone", Kind::Text, ""),
    field("schedule.jitter_minutes", Kind::Whole, "0"),
    field("schedule.unproven", Kind::Flag, ""),
    field("notify.language", Kind::Choice(&["en", "fr"]), ""),
    field("notify.kinds", Kind::Several { all: KINDS, usual: KINDS_USUAL }, ""),
    field("notify.digest", Kind::Choice(&["each", "daily", "weekly"]), "weekly"),
    field("notify.repeat_hours", Kind::Whole, "24"),
    field("notify.mail.to", Kind::Lines, ""),
    field("notify.mail.from", Kind::Text, ""),
    field("notify.mail.smtp", Kind::Text, ""),
    field("notify.mail.password_file", Kind::Text, ""),
    field("notify.webhook.url", Kind::Secret, ""),
    field("notify.webhook.secret_file", Kind::Text, ""),
    field("notify.heartbeat.url", Kind::Secret, ""),
    field("database.url", Kind::Text, ""),
    field("database.password_file", Kind::Text, ""),
    field("database.prefix", Kind::Text, ""),
    field("database.none", Kind::Flag, ""),
    field("database.optimize", Kind::Flag, ""),
    field("health.error_log", Kind::Text, ""),
    field("health.tries", Kind::Whole, "3"),
    field("recovery.after_seconds", Kind::Whole, "600"),
    field("retention.runs", Kind::Whole, "10"),
    field("retention.days", Kind::Whole, "90"),
    field("retention.backups", Kind::Whole, "3"),
    field("retention.bytes", Kind::Whole, ""),
    field("retention.staged_days", Kind::Whole, "30"),
    field("retention.logs_days", Kind::Whole, "30"),
    field("network.proxy", Kind::Text, ""),
    field("network.mirrors", Kind::Lines, ""),
    field("network.ca_file", Kind::Text, ""),
    field("network.insecure_http", Kind::Flag, ""),
    field("vendor.channel", Kind::Choice(&["stable", "testing"]), ""),
    field("vendor.pin", Kind::Text, ""),
    field("vendor.locale", Kind::Text, "en_US"),
];

impl Field {
    /// `site` for what stands in no table.
    pub fn group(&self) -> &'static str {
        self.key.split_once('.').map_or("site", |(group, _)| group)
    }

    pub fn is_list(&self) -> bool {
        matches!(self.kind, Kind::Lines | Kind::Several { .. })
    }
}

impl FieldView {
    pub fn text(&self) -> String {
        self.values.join("\n")
    }

    /// Of [`Kind::Several`]: whether this one counts.
    pub fn has(&self, word: &str) -> bool {
        match (self.is_set, self.field.kind) {
            (false, Kind::Several { usual, .. }) => usual.contains(&word),
            _ => self.values.iter().any(|value| value == word),
        }
    }
}

pub fn find(key: &str) -> Option<Field> {
    FIELDS.iter().copied().find(|field| field.key == key)
}

/// All fields with what a text says of them.
pub fn views(text: &str) -> Vec<FieldView> {
    let table = text.parse::<toml::Table>().unwrap_or_default();
    FIELDS.iter().map(|field| view(*field, &table)).collect()
}

fn view(field: Field, table: &toml::Table) -> FieldView {
    let mut value: Option<&toml::Value> = None;
    for (at, name) in field.key.split('.').enumerate() {
        value = match at {
            0 => table.get(name),
            _ => value.and_then(|value| value.get(name)),
        };
    }
    let values: Vec<String> = match value {
        None => Vec::new(),
        Some(toml::Value::Array(values)) => values.iter().map(said).collect(),
        Some(value) => vec![said(value)],
    };
    let is_masked = values.iter().any(|value| masks::is_secret(field.key, value));
    let is_set = value.is_some();
    FieldView { field, values: if is_masked { Vec::new() } else { values }, is_set, is_masked }
}

fn said(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
