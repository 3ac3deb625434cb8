//! `console`: typed and told. The pages are a face of their own.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use serde::Serialize;
use url::Url;

use crate::app::console::accounts;
use crate::app::console::accounts::Account;
use crate::app::console::home::Home;
use crate::app::console::places;
use crate::app::console::role::Role;
use crate::app::console::role::Scope;
use crate::app::console::said::Said;
use crate::app::console::tokens;
use crate::app::console::tokens::Token;
use crate::app::console::typed;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::secret::Secret;
use crate::cli::dispatch::Session;
use crate::cli::output;
use crate::cli::output::Manner;
use crate::cli::page::Page;

#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ConsoleArgs {
    #[command(subcommand)]
    pub what: Option<ConsoleVerb>,
    /// Folders of sites; default: the site of this folder, or of --site
    #[arg(value_name = "SITE")]
    pub sites: Vec<PathBuf>,
    /// Show the sites whose folders FILE names, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "sites")]
    pub list: Option<PathBuf>,
    /// Show every site that `tick --all` goes through
    #[arg(long, conflicts_with_all = ["sites", "list"])]
    pub all: bool,
    /// Address and port; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where people reach it, when a proxy that speaks TLS stands before it
    #[arg(long, value_name = "URL")]
    pub public_url: Option<Url>,
    /// Speak TLS with this certificate and those that vouch for it (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// Start a browser with the link
    #[arg(long)]
    pub open: bool,
    #[command(flatten)]
    pub home: HomeArgs,
}

#[derive(Args, Clone, Debug)]
pub struct HomeArgs {
    /// Where accounts and tokens are kept; default: in the configuration of the user
    /// who owns the site
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum ConsoleVerb {
    /// Accounts that sign in with a password
    User {
        #[command(subcommand)]
        what: UserVerb,
    },
    /// Tokens for programs that speak to the API
    Token {
        #[command(subcommand)]
        what: TokenVerb,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub enum UserVerb {
    /// Add an account; its password is asked for, or read
    #[command(after_help = "Example: entracte console user add ada --role operator")]
    Add {
        name: String,
        #[arg(long, value_enum, default_value_t = RoleArg::Viewer)]
        role: RoleArg,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List the accounts
    #[command(after_help = "Example: entracte console user list --json")]
    List {
        #[command(flatten)]
        home: HomeArgs,
    },
    /// Remove an account and end its sessions
    #[command(after_help = "Example: entracte console user remove ada")]
    Remove {
        name: String,
        #[command(flatten)]
        home: HomeArgs,
    },
    /// Give an account another password and end its sessions
    #[command(after_help = "Example: entracte console user password ada")]
    Password {
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Give an account another role and end its sessions
    #[command(after_help = "Example: entracte console user role ada viewer")]
    Role {
        name: String,
        #[arg(value_enum)]
        role: RoleArg,
        #[command(flatten)]
        home: HomeArgs,
    },
}

#[derive(Args, Clone, Debug)]
pub struct PasswordArgs {
    /// Read the password from the first line of FILE (0600), or of standard input with `-`
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    #[command(flatten)]
    pub home: HomeArgs,
}

#[derive(Clone, Debug, Subcommand)]
pub enum TokenVerb {
    /// Create a token, and show it once
    #[command(after_help = "Example: entracte console token add deploy --scope read --scope plan --days 90")]
    Add {
        name: String,
        #[arg(long = "scope", value_enum, required = true)]
        scopes: Vec<ScopeArg>,
        /// How long it works
        #[arg(long, default_value_t = 90)]
        days: u32,
        #[command(flatten)]
        home: HomeArgs,
    },
    /// List the tokens
    #[command(after_help = "Example: entracte console token list --json")]
    List {
        #[command(flatten)]
        home: HomeArgs,
    },
    /// Revoke a token
    #[command(after_help = "Example: entracte console token revoke deploy")]
    Revoke {
        name: String,
        #[command(flatten)]
        home: HomeArgs,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleArg {
    /// Looks at everything
    Viewer,
    /// Does everything
    Operator,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ScopeArg {
    /// Look at everything
    Read,
    /// Stage and plan
    Plan,
    /// Approve, apply, go back, close and open
    Operate,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Role {
        match role {
            RoleArg::Viewer => Role::Viewer,
            RoleArg::Operator => Role::Operator,
        }
    }
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Scope {
        match scope {
            ScopeArg::Read => Scope::Read,
            ScopeArg::Plan => Scope::Plan,
            ScopeArg::Operate => Scope::Operate,
        }
    }
}

#[derive(Serialize)]
struct Opened<'a> {
    address: &'a str,
    /// Lets one person in, once.
    link: &'a str,
}

#[derive(Serialize)]
struct AccountsView {
    accounts: Vec<Account>,
}

#[derive(Serialize)]
struct TokensView {
    tokens: Vec<Token>,
}

#[derive(Serialize)]
struct NewToken {
    #[serde(flatten)]
    token: Token,
    /// What opens the door, this once.
    secret: String,
}

pub(super) fn console(session: &mut Session, mut args: ConsoleArgs) -> Exit {
    match args.what.take() {
        Some(ConsoleVerb::User { what }) => return user(session, what),
        Some(ConsoleVerb::Token { what }) => return token(session, what),
        None => {}
    }
    if args.sites.is_empty() && args.list.is_none() && !args.all {
        args.sites.push(session.place.site.clone().unwrap_or_else(|| ".".into()));
    }
    let (manner, mut is_open) = (session.manner, false);
    let ended = (session.faces.console)(args, &mut |said| match said {
        Said::Open { address, link } => {
            is_open = true;
            opened(&manner, &Opened { address, link: link.reveal() });
        }
        Said::Note(note) => output::talk(&format!("{}\n", escape::text(note))),
    });
    match ended {
        Ok(()) => Exit::Done,
        // The one document is written.
        Err(failure) if is_open => {
            manner.complain(&failure);
            failure.exit
        }
        Err(failure) => session.show("console", Err::<Answer<()>, _>(failure), |(), _| String::new()),
    }
}

/// Whoever waits for the link gets it now, and the end of the console later.
fn opened(manner: &Manner, opened: &Opened) {
    match manner.json {
        true => drop(manner.answer("console", Ok(Answer::done(opened)), |_, _| String::new())),
        false => output::put(&format!("{}\n", opened.link)),
    }
}

/// The first site that is shown; its owner is who the console works as.
pub(super) fn place(args: &ConsoleArgs, usual: &Place) -> Option<Place> {
    match (&args.list, args.sites.first()) {
        (Some(list), _) => places::of_file(list).ok()?.into_iter().next(),
        (None, _) if args.all => None,
        (None, Some(site)) => Some(Place { site: Some(site.clone()), ..usual.clone() }),
        (None, None) => Some(usual.clone()),
    }
}

fn user(session: &mut Session, what: UserVerb) -> Exit {
    let by = typed::person();
    let find = |home: &HomeArgs| Home::find(home.home.as_deref());
    let one = |answer: Result<Account, Failure>| {
        answer.map(|account| Answer::done(AccountsView { accounts: vec![account] }))
    };
    let answer = match what {
        UserVerb::List { home } => {
            accounts::list(&find(&home)).map(|accounts| Answer::done(AccountsView { accounts }))
        }
        UserVerb::Add { name, role, password } => one(read_password(&password)
            .and_then(|secret| accounts::add(&find(&password.home), &name, role.into(), &secret, &by))),
        UserVerb::Remove { name, home } => one(accounts::remove(&find(&home), &name, &by)),
        UserVerb::Password { name, password } => one(read_password(&password)
            .and_then(|secret| accounts::change(&find(&password.home), &name, None, Some(&secret), &by))),
        UserVerb::Role { name, role, home } => {
            one(accounts::change(&find(&home), &name, Some(role.into()), None, &by))
        }
    };
    session.show("console user", answer, told_accounts)
}

fn read_password(args: &PasswordArgs) -> Result<Secret, Failure> {
    match &args.password_file {
        Some(file) => typed::secret_from(file),
        None => typed::new_password(),
    }
}

fn token(session: &mut Session, what: TokenVerb) -> Exit {
    let by = typed::person();
    let find = |home: &HomeArgs| Home::find(home.home.as_deref());
    match what {
        TokenVerb::Add { name, scopes, days, home } => {
            let scopes: Vec<Scope> = scopes.into_iter().map(Scope::from).collect();
            let answer = tokens::create(&find(&home), &name, &scopes, days, &by);
            let answer = answer
                .map(|(token, secret)| Answer::done(NewToken { token, secret: secret.reveal().to_owned() }));
            session.show("console token", answer, |new, _| format!("{}\n", new.secret))
        }
        TokenVerb::List { home } => {
            let answer = tokens::list(&find(&home)).map(|tokens| Answer::done(TokensView { tokens }));
            session.show("console token", answer, told_tokens)
        }
        TokenVerb::Revoke { name, home } => {
            let answer = tokens::revoke(&find(&home), &name, &by);
            let answer = answer.map(|token| Answer::done(TokensView { tokens: vec![token] }));
            session.show("console token", answer, told_tokens)
        }
    }
}

fn told_accounts(view: &AccountsView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    for account in &view.accounts {
        let told = format!("{}, password of {}", account.role.name(), account.changed.strftime("%Y-%m-%d"));
        text.row(&account.name, &told);
    }
    text.into_text()
}

fn told_tokens(view: &TokensView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    for token in &view.tokens {
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.name()).collect();
        let told = format!("{}; until {}", scopes.join(", "), token.expires.strftime("%Y-%m-%d"));
        text.row(&token.name, &told);
    }
    text.into_text()
}
