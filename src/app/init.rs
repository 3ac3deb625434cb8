//! `init`: a site is adopted. Nothing in the site's folder changes, unless the
//! state is to be kept inside it.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::app::baseline::Known;
use crate::app::baseline::baseline;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::network::Typed;
use crate::app::plan::who;
use crate::app::published::Published;
use crate::app::report::Answer;
use crate::app::report::Init;
use crate::app::report::InitCounts;
use crate::app::trust::Belief;
use crate::base::digest::Algorithms;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Tree;
use crate::integrity::manifest::Manifest;
use crate::integrity::scan;
use crate::integrity::verify::Findings;
use crate::site::config;
use crate::site::detect;
use crate::site::exposure;
use crate::site::exposure::Canary;
use crate::site::extension;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::history::News;
use crate::site::installed::Baseline;
use crate::site::installed::Current;
use crate::site::installed::FORMAT;
use crate::site::installed::Installed;
use crate::site::installed::Ledger;
use crate::site::installed::LedgerEntry;
use crate::site::installed::Owners;
use crate::site::probe::Probe;
use crate::site::profile::Profile;
use crate::site::settings;
use crate::site::settings::UserNetwork;
use crate::site::state;
use crate::site::state::DENY;
use crate::site::state::State;
use crate::sys::beneath::Root;
use crate::sys::clock;
use crate::sys::env;
use crate::sys::fs;

/// Paths of each kind that are told.
const SHOWN: usize = 100;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub dir: Option<PathBuf>,
    pub profile: Option<String>,
    pub url: Option<String>,
    pub database: Option<String>,
    pub password_file: Option<PathBuf>,
    pub manifest: Option<PathBuf>,
    pub release: Option<PathBuf>,
    /// The version of `release`, where it does not say it, or has several.
    pub version: Option<String>,
    /// Whom to believe, where `release` is a reference.
    pub belief: Option<Belief>,
    /// How the network is used, now and by the site from then on.
    pub network: Typed,
    /// How visitors are kept out, where that is known already.
    pub gate: Option<String>,
    pub inside: bool,
    pub dry_run: bool,
}

/// What was found out before anything is written.
struct Survey {
    root: PathBuf,
    profile: Profile,
    url: Option<Url>,
    tree: Tree,
    manifest: Manifest,
    baseline: Baseline,
    findings: Findings,
    notes: Vec<String>,
    /// The reference that it follows from now on.
    published: Option<Published>,
}

pub fn init(place: &Place, request: &Request, listener: Listener) -> Result<Answer<Init>, Failure> {
    let root = request.dir.clone().or_else(|| place.site.clone()).map_or_else(env::current_folder, Ok)?;
    detect::may_adopt(&root)?;
    let root = fs::canonical(&root)?;
    let url = request.url.as_deref().map(parse_url).transpose()?;
    let state = State::choose(&root, &where_to(place, request), url.as_ref())?;
    if request.inside {
        refuse_if_served(&root, url.as_ref())?;
    }
    let mut survey = survey(root, url, request, listener)?;
    let gate = request.gate.clone().unwrap_or_else(|| gate_kind(&survey).to_owned());
    if !request.dry_run {
        adopt(&survey, &state, request, &gate)?;
    }
    let told = about_place(&survey, &state, place, request);
    survey.notes.extend(told);
    Ok(Answer::done(report(&survey, &state, &gate, request.dry_run)))
}

/// A state inside the site would be public where the server hands out such folders.
fn refuse_if_served(root: &Path, url: Option<&Url>) -> Result<(), Failure> {
    let Some(url) = url else { return Ok(()) };
    match Canary::guarded(root)?.is_heard_at(std::slice::from_ref(url)) {
        false => Ok(()),
        true => {
            let message = format!("anybody could fetch what entracte keeps in {}", fs::shown(root));
            Err(Failure::new(Exit::Refused, message).hint(exposure::FORBID))
        }
    }
}

fn where_to(place: &Place, request: &Request) -> state::Place {
    match &place.state {
        Some(folder) => state::Place::At(folder.clone()),
        None if request.inside => state::Place::Inside,
        None => state::Place::Beside,
    }
}

fn survey(root: PathBuf, url: Option<Url>, request: &Request, listener: Listener) -> Result<Survey, Failure> {
    let profile = detect::profile(&root, request.profile.as_deref())?;
    let nothing = Patterns::default();
    let options =
        scan::Options { algorithms: Algorithms::Sha256, skip: &nothing, digests: scan::Digests::Read };
    let watch = &mut |step, event| listener(None, step, event);
    let tree = scan::scan(&Root::open(&root)?, &options, watch)?.tree;
    let mut notes = Vec::new();
    if request.belief.is_some() && request.release.is_none() {
        return Err(Failure::new(Exit::Usage, "--root and --digest say whom to believe of --release")
            .hint("name the reference: `--release https://…/`"));
    }
    let Known { manifest, baseline, findings, published } =
        baseline(&root, &tree, &profile, request, &mut notes, listener)?;
    notes.extend(published.iter().map(|published| {
        let Published { source, signed, .. } = published;
        format!("it follows {source}, whose root {} is trusted from now on", signed.root)
    }));
    Ok(Survey { root, profile, url, tree, manifest, baseline, findings, notes, published })
}

fn parse_url(text: &str) -> Result<Url, Failure> {
    // It is not repeated: it may hold a password.
    let wrong = || Failure::new(Exit::Usage, "what `--url` says is no web address");
    let mut url = Url::parse(text).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong().hint("it begins with http:// or https://"));
    }
    if !url.path().ends_with('/') && !url.path().ends_with(".php") {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// How visitors can be kept out: as the web server says it is, else as the
/// profile says.
fn gate_kind(survey: &Survey) -> &'static str {
    let server = survey.url.as_ref().and_then(|url| Probe::new().ok()?.get(url, None).ok()?.server);
    let server = server.unwrap_or_default().to_ascii_lowercase();
    if server.contains("apache") || server.contains("litespeed") {
        return "apache";
    }
    if server.contains("nginx") {
        return "nginx";
    }
    let fallback = survey.profile.gate.first().map(String::as_str);
    match fallback {
        Some("apache") => "apache",
        Some("nginx") => "nginx",
        Some("wordpress") => "wordpress",
        // It would need its one-time installation to mean anything.
        Some("prepend") if survey.url.is_some() => "prepend",
        _ => "none",
    }
}

fn adopt(survey: &Survey, state: &State, request: &Request, gate: &str) -> Result<(), Failure> {
    let owner = fs::owner(&survey.root)?;
    state.create(owner)?;
    if request.inside {
        fs::write_durable_with(&state.folder().join(".htaccess"), DENY, 0o644)?;
        fs::write_durable_with(&state.folder().join("index.html"), b"", 0o644)?;
    }
    let published = survey.published.as_ref();
    let network = UserNetwork::load()?.lines(&request.network.options()?);
    let new = settings::New {
        root: &survey.root,
        profile: &survey.profile.name,
        url: survey.url.as_ref(),
        database_url: request.database.as_deref(),
        password_file: request.password_file.as_deref(),
        gate,
        from: published.filter(|one| one.is_followed).map(|one| one.source.as_str()),
        product: published
            .map(|one| one.manifest.product.as_str())
            .filter(|product| *product != survey.profile.name),
        network: &network,
    };
    if let Some(published) = published {
        published.keep_trust(&state.trust())?;
        let detail = format!("{} by the root {}", published.signed.reference, published.signed.root);
        let by = who();
        history::append(&state.history(), News { event: Deed::Trusted, run: None, by: Some(&by), detail })?;
    }
    let folder = state.installed();
    let installed = Installed(&folder);
    installed.save_ledger(&ledger(survey))?;
    fs::write_durable(&folder.join("extensions.json"), &extension::to_json(&extensions(survey)?))?;
    let current = Current {
        format: FORMAT,
        version: survey.manifest.version.clone(),
        manifest: survey.manifest.digest(),
        baseline: survey.baseline,
        deviations: BTreeMap::new(),
        accepted: BTreeMap::new(),
        owners: Some(owners(survey)),
        since: clock::now(),
        run: None,
    };
    installed.save(&current, &survey.manifest)?;
    let detail = format!("{} {}", survey.profile.name, survey.manifest.version);
    history::append(&state.history(), News { event: Deed::Adopted, run: None, by: None, detail })?;
    crate::site::gate::token::load_or_make(&state.gate_pass())?;
    // Last: with this file the site is known.
    fs::write_durable(&state.settings(), settings::render(&new).as_bytes())?;
    give_to(state.folder(), owner)
}

fn owners(survey: &Survey) -> Owners {
    let profile = &survey.profile;
    let keep = profile.keep.and(&profile.lock_changes());
    Owners::renewed(None, &keep, &profile.uploads.and(&profile.volatile), &survey.tree)
}

/// SQL files and scripts of the installed release count as done.
fn ledger(survey: &Survey) -> Ledger {
    let entry = |path: &SitePath| {
        let sha256 = survey.manifest.entry(path)?.sha256()?;
        Some(LedgerEntry { path: path.clone(), sha256, run: None, at: clock::now() })
    };
    Ledger {
        format: FORMAT,
        sql: survey.manifest.schema.iter().filter_map(entry).collect(),
        scripts: survey.manifest.run_once.iter().filter_map(|script| entry(&script.path)).collect(),
    }
}

fn extensions(survey: &Survey) -> Result<Vec<extension::Extension>, Failure> {
    let root = Root::open(&survey.root)?;
    Ok(extension::scan_tree(&root, &survey.profile.release.extensions)?.extensions)
}

/// What root made belongs to the site's owner, who works with it from now on.
fn give_to(folder: &Path, (uid, gid): (u32, u32)) -> Result<(), Failure> {
    if env::user_id() != 0 || uid == 0 {
        return Ok(());
    }
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        fs::set_owner(&next, uid, gid)?;
        if fs::metadata(&next)?.is_some_and(|metadata| metadata.is_dir()) {
            open.extend(fs::list(&next)?);
        }
    }
    Ok(())
}

/// Why the state does not stand where it usually does, or must not stay there.
fn about_place(survey: &Survey, state: &State, place: &Place, request: &Request) -> Option<String> {
    if state.folder().starts_with(&survey.root) {
        return None;
    }
    let is_usual = where_to(place, request) != state::Place::Beside;
    let is_beside = state.folder().parent() == survey.root.parent();
    (!is_usual && !is_beside).then(|| {
        "the state does not stand beside the site, since the folder above is served, not writable, or of another \
         file system"
            .into()
    })
}

fn report(survey: &Survey, state: &State, gate: &str, dry_run: bool) -> Init {
    let shown =
        |paths: &[crate::base::path::TreePath]| paths.iter().take(SHOWN).map(ToString::to_string).collect();
    let listed = |path: &crate::base::path::TreePath| {
        path.to_site_path().is_ok_and(|path| survey.manifest.entry(&path).is_some())
    };
    let unknown = survey.tree.iter().filter(|(path, node)| !node.is_folder() && !listed(path)).count() as u64;
    let mut notes = survey.notes.clone();
    let database =
        config::database(&survey.root, &settings::Database::default(), survey.profile.database.as_ref());
    match database {
        Ok(Some(found)) => notes.push(format!("database: {}", found.address)),
        Ok(None) => {}
        Err(error) => notes.push(format!("database: {error}; set it under [database] in the settings")),
    }
    match gate {
        "none" => notes.push("visitors will not be kept out: set `kind` under [gate] in the settings".into()),
        "nginx" | "prepend" => {
            notes.push("`entracte gate show` prints what the web server needs once".into())
        }
        _ => {}
    }
    Init {
        profile: survey.profile.name.clone(),
        version: survey.manifest.version.clone(),
        state: fs::shown(state.folder()),
        settings: fs::shown(&state.settings()),
        baseline: survey.baseline.name().into(),
        counts: InitCounts {
            exact: survey.findings.exact,
            modified: survey.findings.modified.len() as u64,
            missing: survey.findings.missing.len() as u64,
            unknown,
        },
        modified: shown(&survey.findings.modified),
        missing: shown(&survey.findings.missing),
        gate: gate.into(),
        follows: survey.published.as_ref().filter(|one| one.is_followed).map(|one| one.source.clone()),
        dry_run,
        notes,
    }
}
