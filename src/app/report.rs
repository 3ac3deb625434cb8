//! What the use cases answer: the `result` of the JSON contract, and what the
//! terminal and the pages are drawn from.

mod lists;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

pub use self::lists::ConvertView;
pub use self::lists::Digests;
pub use self::lists::FileView;
pub use self::lists::FindingsView;
pub use self::lists::LineWarning;
pub use self::lists::ManifestDiffView;
pub use self::lists::ManifestView;
use crate::app::failure::Failure;
use crate::app::schema::TableStepView;
use crate::base::check::Check;
use crate::base::exit::Exit;
use crate::release::staging::Signed;
use crate::update::error::Written;

/// What a verb answers, and how it ended.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    pub exit: Exit,
    pub result: T,
    /// What went wrong, where something did and there is a result all the same.
    pub failure: Option<Failure>,
}

impl<T> Answer<T> {
    pub fn done(result: T) -> Answer<T> {
        Answer { exit: Exit::Done, result, failure: None }
    }

    pub fn ending(exit: Exit, result: T) -> Answer<T> {
        Answer { exit, result, failure: None }
    }

    pub fn failing(failure: Failure, result: T) -> Answer<T> {
        Answer { exit: failure.exit, result, failure: Some(failure) }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Init {
    pub profile: String,
    pub version: String,
    pub state: String,
    pub settings: String,
    /// `release`, `list` or `observed`.
    pub baseline: String,
    pub counts: InitCounts,
    /// At most a hundred paths of each, for people.
    pub modified: Vec<String>,
    pub missing: Vec<String>,
    pub gate: String,
    /// Where newer releases come from from now on.
    pub follows: Option<String>,
    pub dry_run: bool,
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct InitCounts {
    pub exact: u64,
    pub modified: u64,
    pub missing: u64,
    pub unknown: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    pub version: String,
    pub files: u64,
    pub bytes: u64,
    pub fetched_bytes: u64,
    pub requests: u64,
    pub trust: String,
    /// What a full download would have been, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_bytes: Option<u64>,
    /// Who signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<Signed>,
    /// The id of the plan, where one was made as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SourceView {
    pub from: String,
    pub trust: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<Signed>,
    /// What of it is proved, and what is not.
    pub notes: Vec<String>,
}

impl SourceView {
    /// In a sentence.
    pub fn told(&self) -> String {
        match (&self.signed, self.trust.as_str()) {
            (Some(signed), _) => format!(
                "signed: {}, by keys that lead back to the root {}, which this site trusts",
                signed.reference,
                signed.root.short()
            ),
            (None, "signed") => "signed by a key that this site trusts".into(),
            (None, "list") => "digests from a published list".into(),
            _ => "nobody signed it: it is as trustworthy as the place you got it from".into(),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Version {
    pub version: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct PlanView {
    pub id: String,
    pub from: Version,
    pub to: Version,
    /// Where the release came from, and why it is believed.
    pub source: Option<SourceView>,
    pub changes: Vec<ChangeView>,
    pub counts: BTreeMap<String, u64>,
    pub statements: Vec<String>,
    /// The steps towards the declared tables, with what each costs.
    pub schema: Vec<TableStepView>,
    pub scripts: Vec<String>,
    pub bytes_to_fetch: u64,
    pub bytes_needed: u64,
    pub checks: Vec<Check>,
    pub closed_seconds: f64,
    /// What rollback cannot restore, and what else a person should know first.
    pub warnings: Vec<String>,
    /// The owner's own programs that run before or after steps, and when they fail.
    pub hooks: Vec<String>,
    pub approved: bool,
    /// Differences of content, when asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diffs: Vec<DiffView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ChangeView {
    pub path: String,
    pub kind: String,
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DiffView {
    pub path: String,
    /// A unified diff, or a line on sizes and digests where the content is not text.
    pub text: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Approved {
    pub plan: String,
    pub by: String,
}

/// How `apply`, `resume`, `rollback` and `update` ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunView {
    pub run: String,
    pub plan: String,
    /// `finished`, `stopped`, `failed` or `rolled-back`.
    pub outcome: String,
    /// The step that the run stands at.
    pub step: Option<String>,
    pub closed_seconds: f64,
    pub warnings: Vec<String>,
    /// It can only be taken back.
    #[serde(default)]
    pub goes_back: bool,
    /// Tables that visitors wrote to since the site was opened again, where that
    /// is why it was not taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written_since: Vec<WrittenView>,
}

/// A table with how many rows it had when the site was opened again, and has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WrittenView {
    pub table: String,
    /// `None`: there was, or is, no such table.
    pub rows_then: Option<u64>,
    pub rows_now: Option<u64>,
}

impl WrittenView {
    pub(super) fn of(written: &Written) -> WrittenView {
        let Written { table, then, now } = written;
        WrittenView { table: table.clone(), rows_then: *then, rows_now: *now }
    }
}

impl RunView {
    /// With something that went wrong beside the run.
    #[must_use]
    pub fn with_warning(mut self, wrong: Option<impl Into<Failure>>) -> RunView {
        if let Some(Failure { message, causes, .. }) = wrong.map(Into::into) {
            self.warnings.push([vec![message], causes].concat().join(": "));
        }
        self
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Show {
    pub run: String,
    pub plan: String,
    pub outcome: String,
    pub step: Option<String>,
    pub closed_seconds: f64,
    pub warnings: Vec<String>,
    pub from: Version,
    pub to: Version,
    pub steps: Vec<StepView>,
    pub folder: String,
    /// Visitors are shut out by it now.
    pub is_closed: bool,
    /// Who approved, opened, resumed it and so on, as the history says.
    pub people: Vec<DeedView>,
}

/// What somebody did about a run.
#[derive(Clone, Debug, Serialize)]
pub struct DeedView {
    pub at: String,
    pub event: String,
    pub by: Option<String>,
    pub detail: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct StepView {
    pub step: String,
    /// `waiting`, `started`, `done`, `failed`, `undoing` or `undone`.
    pub state: String,
    pub started: Option<String>,
    pub seconds: Option<f64>,
    pub note: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub site: String,
    pub installed: Option<Version>,
    pub gate: GateStatus,
    pub plan: Option<PlanStatus>,
    pub run: Option<RunStatus>,
    pub next: Vec<String>,
    /// Who works on the site now.
    pub holder: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct GateStatus {
    pub closed: bool,
    pub by: Option<String>,
    pub since: Option<String>,
    pub reason: Option<String>,
    /// What did not go as it should when it was closed or opened just now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PlanStatus {
    pub id: String,
    /// `waiting` or `approved`.
    pub state: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct RunStatus {
    pub id: String,
    pub plan: String,
    pub step: Option<String>,
    /// `waiting`, `running`, `stopped`, `failed`, `finished` or `rolled-back`.
    pub state: String,
    pub closed: bool,
    pub message: Option<String>,
    /// It can only be taken back.
    pub goes_back: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct GateView {
    pub kind: String,
    pub instructions: String,
    pub installed: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ScanView {
    pub extensions: Vec<ExtensionView>,
    pub vanished: Vec<String>,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ExtensionView {
    pub id: String,
    pub kind: String,
    pub source: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Scripts {
    pub scripts: Vec<ScriptView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ScriptView {
    pub path: String,
    /// `pending` or `done`.
    pub state: String,
}
