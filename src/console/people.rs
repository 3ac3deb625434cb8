//! Who may come in: accounts, links, sessions and tokens, and what was done with them.

use askama::Template;
use axum::http::StatusCode;

use crate::app::console::accounts;
use crate::app::console::accounts::Account;
use crate::app::console::log;
use crate::app::console::log::Act;
use crate::app::console::log::Entry;
use crate::app::console::role::Scope;
use crate::app::console::tokens;
use crate::app::console::tokens::Token;
use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::base::secret::Secret;
use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::guard;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::act;
use crate::console::routes::look;
use crate::console::session::Role;
use crate::console::session::Session;
use crate::console::signing::Tried;

pub const ROUTES: &[Route] = &[
    look("/people", people).needs(Some(Role::Operator)),
    act("/people/invite", invite),
    act("/people/role", change_role),
    act("/people/remove", remove),
    act("/people/end", end_session),
    act("/people/tokens", create_token),
    act("/people/tokens/revoke", revoke_token),
    look("/account", account),
    act("/account", change_password).needs(Some(Role::Viewer)),
];

const SHOWN_ENTRIES: usize = 50;
const USUAL_DAYS: u32 = 90;

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    frame: Frame,
    accounts: Vec<Account>,
    sessions: Vec<Session>,
    /// The mark of the session that looks.
    own: String,
    tokens: Vec<Token>,
    entries: Vec<Entry>,
    roles: &'static [Role],
    scopes: &'static [Scope],
    usual_days: u32,
    most_days: u32,
    /// Shown once: for whom or what, and what opens the door.
    link: Option<(String, Secret)>,
    token: Option<(String, Secret)>,
}

impl People {
    fn new(ask: &Ask) -> Result<People, Wrong> {
        let home = &ask.console.home;
        Ok(People {
            frame: Frame::new(ask, ask.words.t("people.title"), ""),
            accounts: accounts::list(home)?,
            sessions: ask.console.sessions().all(),
            own: ask.session.as_ref().map(|session| session.mark.clone()).unwrap_or_default(),
            tokens: tokens::list(home)?,
            entries: log::last(home, SHOWN_ENTRIES)?,
            roles: Role::ALL,
            scopes: Scope::ALL,
            usual_days: USUAL_DAYS,
            most_days: tokens::MAX_DAYS,
            link: None,
            token: None,
        })
    }

    fn act(&self, act: &Act) -> String {
        self.frame.t(&format!("people.act_{}", act.name()))
    }

    fn scope(&self, scope: &Scope) -> String {
        self.frame.t(&format!("people.scope_{}", scope.name()))
    }
}

fn people(ask: &mut Ask) -> Result<Reply, Wrong> {
    page(&People::new(ask)?)
}

/// A link that lets one person in, once. Nobody is invited under the name of
/// an account: what that one does would stand under a name that is not theirs.
fn invite(ask: &mut Ask) -> Result<Reply, Wrong> {
    let name = ask.form.get("name").trim().to_owned();
    accounts::check_name(&name)?;
    if accounts::find(&ask.console.home, &name)?.is_some() {
        return Err(Failure::new(
            Exit::Refused,
            format!("{name} has an account and signs in with its password"),
        )
        .hint("`entracte console user password NAME` gives it another one")
        .into());
    }
    let role = role(ask)?;
    let link = ask.console.sessions().invite(role, &name);
    ask.console.note(ask.person(), Act::Invited, &name, role.name());
    let link = Secret::new(format!("{}enter/{}", ask.console.address.own(), link.reveal()));
    page(&People { link: Some((name, link)), ..People::new(ask)? })
}

fn role(ask: &Ask) -> Result<Role, Wrong> {
    Role::named(ask.form.get("role")).ok_or_else(|| Wrong::Question("no such role".into()))
}

fn change_role(ask: &mut Ask) -> Result<Reply, Wrong> {
    accounts::change(&ask.console.home, ask.form.get("name"), Some(role(ask)?), None, ask.person())?;
    Ok(Reply::See("/people".into()))
}

fn remove(ask: &mut Ask) -> Result<Reply, Wrong> {
    accounts::remove(&ask.console.home, ask.form.get("name"), ask.person())?;
    Ok(Reply::See("/people".into()))
}

fn end_session(ask: &mut Ask) -> Result<Reply, Wrong> {
    let ended = ask.console.sessions().end(ask.form.get("session")).ok_or(Wrong::NotFound)?;
    ask.console.note(ask.person(), Act::SessionEnded, &ended.person, "");
    Ok(Reply::See("/people".into()))
}

fn create_token(ask: &mut Ask) -> Result<Reply, Wrong> {
    let scopes: Option<Vec<Scope>> = ask.form.all("scope").map(Scope::named).collect();
    let scopes = scopes.ok_or_else(|| Wrong::Question("no such scope".into()))?;
    let days = ask.form.get("days").trim().parse();
    let days = days.map_err(|_| Wrong::Question("how many days the token lives is no number".into()))?;
    let name = ask.form.get("name").trim();
    let (token, secret) = tokens::create(&ask.console.home, name, &scopes, days, ask.person())?;
    page(&People { token: Some((token.name, secret)), ..People::new(ask)? })
}

fn revoke_token(ask: &mut Ask) -> Result<Reply, Wrong> {
    tokens::revoke(&ask.console.home, ask.form.get("name"), ask.person())?;
    Ok(Reply::See("/people".into()))
}

#[derive(Template)]
#[template(path = "account.html")]
struct OwnAccount {
    frame: Frame,
    /// Signed in with a password, which is asked for again.
    has_account: bool,
    /// Whom a link let in under no name that an account may have.
    chooses_name: bool,
    refused: Option<String>,
    is_changed: bool,
}

impl OwnAccount {
    fn new(ask: &Ask) -> OwnAccount {
        let has_account = ask.session.as_ref().is_some_and(|session| session.account.is_some());
        OwnAccount {
            frame: Frame::new(ask, ask.words.t("people.account"), ""),
            has_account,
            chooses_name: !has_account && accounts::check_name(ask.person()).is_err(),
            refused: None,
            is_changed: ask.query.find("changed").is_some(),
        }
    }
}

fn account(ask: &mut Ask) -> Result<Reply, Wrong> {
    page(&OwnAccount::new(ask))
}

/// Another password for who has an account, a first one for whom a link let in.
fn change_password(ask: &mut Ask) -> Result<Reply, Wrong> {
    let own = OwnAccount::new(ask);
    let (new, again) = (Secret::new(ask.form.get("new")), Secret::new(ask.form.get("again")));
    if new != again {
        return refused(own, StatusCode::BAD_REQUEST, ask.words.t("people.differ"));
    }
    let home = &ask.console.home;
    let account = if own.has_account {
        let current = Secret::new(ask.form.get("current"));
        match ask.console.signing.try_in(home, ask.person(), &current, ask.address)? {
            Tried::Known(account) => accounts::change(home, &account.name, None, Some(&new), ask.person())?,
            Tried::Unknown => return refused(own, StatusCode::FORBIDDEN, ask.words.t("people.not_current")),
            Tried::TooMany(seconds) => {
                let why = ask.words.count("door.wait", seconds);
                return Ok(refused(own, StatusCode::TOO_MANY_REQUESTS, why)?.later(seconds));
            }
        }
    } else {
        let name = if own.chooses_name { ask.form.get("name").trim() } else { ask.person() };
        let role = ask.session.as_ref().map(|session| session.role).unwrap_or_default();
        accounts::add(home, name, role, &new, ask.person())?
    };
    // The session of before ends with the password of before.
    let mut sessions = ask.console.sessions();
    if let Some(cookie) = &ask.cookie {
        sessions.leave(cookie.reveal());
    }
    let id = sessions.recognise(&account);
    Ok(Reply::SeeWith { to: "/account?changed".into(), cookie: guard::cookie(ask.console, &id) })
}

fn refused(own: OwnAccount, status: StatusCode, why: String) -> Result<Reply, Wrong> {
    match page(&OwnAccount { refused: Some(why), ..own })? {
        Reply::Page(text) => Ok(Reply::PageWith(status, text)),
        other => Ok(other),
    }
}
