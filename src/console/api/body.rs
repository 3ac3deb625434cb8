//! What a program may send: one JSON object of known fields.

use std::io::Read;

use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::base::json;
use crate::console::ask::Ask;
use crate::console::reply::Wrong;

/// Where nothing is sent, nothing is asked for but the verb.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    pub from: Option<String>,
    pub version: Option<String>,
    #[serde(default)]
    pub complete: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// Every file is read anew.
    #[serde(default)]
    pub paranoid: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doctor {
    #[serde(default)]
    pub deep: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    pub id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    #[serde(default)]
    pub step: bool,
    pub stop_before: Option<String>,
    /// Seconds.
    pub budget: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    pub done: Option<String>,
    pub again: Option<String>,
    #[serde(default)]
    pub step: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    pub run: Option<String>,
    pub database: Option<Database>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Database {
    Restore,
    Keep,
}

impl Database {
    pub fn name(self) -> &'static str {
        match self {
            Database::Restore => "restore",
            Database::Keep => "keep",
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    pub run: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    pub paths: Vec<String>,
    pub note: String,
}

/// The object that came; an empty body is an empty object.
pub fn read<T: DeserializeOwned>(ask: &mut Ask) -> Result<T, Wrong> {
    let mut text = Vec::new();
    // It was bounded when it was taken from the connection.
    ask.body.read_to_end(&mut text).map_err(|error| Wrong::Question(error.to_string()))?;
    let text = if text.is_empty() { b"{}" } else { &text[..] };
    json::read(text).map_err(|error| Wrong::Question(format!("the body of the request: {error}")))
}

/// A name as runs have them: no option of a command line, no path.
pub fn run_id(id: String) -> Result<String, Wrong> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match (1..=64).contains(&id.len()) && !id.starts_with('-') && id.bytes().all(is_plain) {
        true => Ok(id),
        false => Err(Wrong::Question("`run` is no name of a run".into())),
    }
}

/// Where a program may have a release from: not from a folder of this machine,
/// whose files it could then read in the plan.
pub fn source(from: String) -> Result<String, Wrong> {
    let is_named = ["vendor", "incoming", "inbox"].contains(&from.as_str()) || from.starts_with("inbox:");
    let schemes = ["https://", "http://", "git+https://", "yacs+https://", "yacs+http://"];
    match is_named || schemes.iter().any(|scheme| from.starts_with(scheme)) {
        true => Ok(from),
        false => Err(Failure::new(Exit::Refused, "`from` names nothing that a program may stage from")
            .hint("a URL, `vendor`, `inbox`, `inbox:NAME` or `incoming`; folders of the machine are for its command line")
            .into()),
    }
}

/// What a body must say of itself.
pub fn is_json(content_type: Option<&str>) -> Result<(), (StatusCode, &'static str)> {
    let kind = content_type.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    match kind.trim().eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "api.refused_kind")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_fields_with_one_meaning() {
        assert!(json::read::<Stage>(br#"{"from": "vendor"}"#).is_ok());
        for wrong in
            [r#"{"form": "vendor"}"#, r#"{"from": "a", "from": "b"}"#, r#"{"complete": "yes"}"#, "[]", "7"]
        {
            assert!(json::read::<Stage>(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(json::read::<Nothing>(b"{}").is_ok() && json::read::<Nothing>(br#"{"a": 1}"#).is_err());
        assert!(json::read::<Approve>(b"{}").is_err() && json::read::<Accept>(br#"{"paths": []}"#).is_err());
    }

    #[test]
    fn sources_are_no_folders_of_the_machine() {
        for from in ["vendor", "inbox", "inbox:shop.zip", "incoming", "https://r.example.org/shop/"] {
            assert!(source(from.into()).is_ok(), "{from}");
        }
        for from in [
            "/etc",
            "release-2",
            "../x",
            "file:///etc",
            "git+file:///srv",
            "git+ssh://h/x",
            "--from",
            "vendor/../x",
            "",
        ] {
            assert!(source(from.into()).is_err(), "{from}");
        }
        assert!(run_id("20261122-045223-c580".into()).is_ok());
        for run in ["", "-v", "--database", "../x", "a b", "é"] {
            assert!(run_id(run.into()).is_err(), "{run}");
        }
    }
}
