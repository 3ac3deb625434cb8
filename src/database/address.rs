//! Where a database is: read from a URL or from an application's settings.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::secret::Secret;

/// Where a site's database is, and how to get in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    MySql(MySqlAddress),
    /// The database file.
    Sqlite(PathBuf),
}

/// A MySQL or MariaDB database. `Display` and `Debug` hide the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MySqlAddress {
    pub host: String,
    /// `None` when none was named: 3306, or the local socket on `localhost`.
    pub port: Option<u16>,
    pub socket: Option<PathBuf>,
    pub user: String,
    pub password: Secret,
    /// The database's name.
    pub name: String,
    pub tls: Tls,
}

/// How what goes over the network is kept from others. Where it is asked for,
/// nothing is sent without it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    #[default]
    Off,
    /// Encrypted, but whoever answers is believed.
    Unverified,
    /// The server must prove that it is the host: by an authority of this
    /// file, or one of those that the web trusts.
    Verified { authorities: Option<PathBuf> },
}

/// The text is no database address. The URL itself is never repeated, since it
/// may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("failed to read the database address: it is no URL")]
    NoUrl(#[source] url::ParseError),
    #[error("failed to read the database address: \"{0}\" is no kind of database known here")]
    Kind(String),
    #[error("failed to read the database address: it names no {0}")]
    Missing(&'static str),
    #[error("failed to read the database address: its {0} is not UTF-8")]
    Text(&'static str),
    #[error("failed to read the database address: \"{0}\" is no option known here")]
    Option(String),
    #[error("failed to read the database address: {0}")]
    Conflict(&'static str),
}

impl Fault for AddressError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hints(&self) -> Vec<String> {
        vec![
            "write it as mysql://USER@HOST:PORT/NAME, mysql://USER@localhost/NAME?socket=PATH or sqlite:PATH"
                .into(),
            "over a network, add ?tls=verify or ?ca=FILE (the server proves who it is), or ?tls=unverified"
                .into(),
        ]
    }
}

impl Address {
    /// Reads `mysql://user[:password]@host:port/name`, `mariadb://…`,
    /// `…?socket=/path`, `…?tls=verify`, `…?ca=/file`, or `sqlite:PATH` (paths
    /// relative to `base`). A `password` given beside the URL wins over one
    /// inside it.
    pub fn parse(url: &str, password: Option<Secret>, base: &Path) -> Result<Address, AddressError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return sqlite(path, base);
        }
        let url = url::Url::parse(url).map_err(AddressError::NoUrl)?;
        match url.scheme() {
            "mysql" | "mariadb" => mysql(&url, password, base).map(Address::MySql),
            other => Err(AddressError::Kind(escape::text(other).into_owned())),
        }
    }
}

impl MySqlAddress {
    /// Reads the host as PHP applications write it: `host`, `host:3307`,
    /// `[::1]:3307`, `localhost:/path.sock` or `:/path.sock`.
    pub fn from_parts(host: &str, user: &str, password: Secret, name: &str) -> MySqlAddress {
        let (host, port, socket) = host_parts(host.trim());
        MySqlAddress {
            host: if host.is_empty() { "localhost".into() } else { host.into() },
            port,
            socket,
            user: user.into(),
            password,
            name: name.into(),
            tls: Tls::Off,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::MySql(address) => address.fmt(f),
            Address::Sqlite(path) => write!(f, "sqlite:{}", crate::sys::fs::shown(path)),
        }
    }
}

impl fmt::Display for MySqlAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        write!(f, "mysql://{}@{}", escape::text(&self.user), escape::text(&host))?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", escape::text(&self.name))?;
        match (&self.socket, &self.tls) {
            (Some(socket), _) => write!(f, "?socket={}", crate::sys::fs::shown(socket)),
            (None, Tls::Off) => Ok(()),
            (None, Tls::Unverified) => write!(f, "?tls=unverified"),
            (None, Tls::Verified { authorities: None }) => write!(f, "?tls=verify"),
            (None, Tls::Verified { authorities: Some(file) }) => {
                write!(f, "?ca={}", crate::sys::fs::shown(file))
            }
        }
    }
}

fn sqlite(path: &str, base: &Path) -> Result<Address, AddressError> {
    let path = path.strip_prefix("//").unwrap_or(path);
    match path.is_empty() {
        true => Err(AddressError::Missing("file")),
        false => Ok(Address::Sqlite(base.join(path))),
    }
}

fn mysql(url: &url::Url, password: Option<Secret>, base: &Path) -> Result<MySqlAddress, AddressError> {
    let name = decoded(url.path().strip_prefix('/').unwrap_or_default(), "name")?;
    let user = decoded(url.username(), "user")?;
    let in_url = url.password().map(|text| decoded(text, "password")).transpose()?;
    let password = password.or(in_url.map(Secret::new)).unwrap_or_else(|| Secret::new(""));
    if name.is_empty() {
        return Err(AddressError::Missing("database"));
    }
    if user.is_empty() {
        return Err(AddressError::Missing("user"));
    }
    let host = decoded(url.host_str().ok_or(AddressError::Missing("host"))?, "host")?;
    let mut address = MySqlAddress::from_parts("", &user, password, &name);
    address.host = host.trim_matches(['[', ']']).to_owned();
    address.port = url.port();
    read_options(url.query().unwrap_or_default(), base, &mut address)?;
    Ok(address)
}

fn read_options(query: &str, base: &Path, address: &mut MySqlAddress) -> Result<(), AddressError> {
    let (mut tls, mut ca) = (None, None);
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let (key, value) = (decoded(key, "option")?, decoded(value, "option")?);
        let before = match (key.as_str(), value.as_str()) {
            ("socket", path) => address.socket.replace(base.join(path)).map(drop),
            ("ca", path) => ca.replace(base.join(path)).map(drop),
            ("tls", "off") => tls.replace(Tls::Off).map(drop),
            ("tls", "unverified") => tls.replace(Tls::Unverified).map(drop),
            ("tls", "verify") => tls.replace(Tls::Verified { authorities: None }).map(drop),
            ("tls", _) => return Err(AddressError::Conflict("tls is verify, unverified or off")),
            _ => return Err(AddressError::Option(escape::text(&key).into_owned())),
        };
        if before.is_some() {
            return Err(AddressError::Conflict("an option stands twice"));
        }
    }
    address.tls = match (tls, ca) {
        (None | Some(Tls::Verified { .. }), Some(file)) => Tls::Verified { authorities: Some(file) },
        (Some(_), Some(_)) => return Err(AddressError::Conflict("ca= asks for tls=verify")),
        (tls, None) => tls.unwrap_or_default(),
    };
    match address.socket.is_some() && address.tls != Tls::Off {
        true => Err(AddressError::Conflict("there is no TLS on a socket")),
        false => Ok(()),
    }
}

fn host_parts(host: &str) -> (&str, Option<u16>, Option<PathBuf>) {
    if host.starts_with('/') {
        return ("", None, Some(PathBuf::from(host)));
    }
    if let Some((inner, rest)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (inner, rest.strip_prefix(':').and_then(|port| port.parse().ok()), None);
    }
    match host.split_once(':') {
        Some((host, socket)) if socket.starts_with('/') => (host, None, Some(PathBuf::from(socket))),
        // More than one colon without brackets: a bare IPv6 address.
        Some((before, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (before, Some(port), None),
            Err(_) if port.is_empty() => (before, None, None),
            Err(_) => (host, None, None),
        },
        _ => (host, None, None),
    }
}

/// Undoes percent-encoding.
fn decoded(text: &str, part: &'static str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%').and_then(|two| hex::decode(two).ok());
        bytes.push(escaped.as_ref().map_or(first, |byte| byte[0]));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).map_err(|_| AddressError::Text(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, AddressError> {
        Address::parse(url, None, Path::new("/site"))
    }

    #[test]
    fn urls_are_read_and_shown_without_the_password() {
        for (url, shown) in [
            ("mysql://web:p%40ss@db.example:3307/shop", "mysql://web@db.example:3307/shop"),
            ("mariadb://web@[::1]/shop", "mysql://web@[::1]/shop"),
            (
                "mysql://web@localhost/shop?socket=/run/x.sock",
                "mysql://web@localhost/shop?socket=/run/x.sock",
            ),
            (
                "mysql://web@localhost/shop?socket=/run/a+b%20c",
                "mysql://web@localhost/shop?socket=/run/a+b c",
            ),
            ("mysql://web@db/shop?tls=verify", "mysql://web@db/shop?tls=verify"),
            ("mysql://web@db/shop?tls=unverified", "mysql://web@db/shop?tls=unverified"),
            ("mysql://web@db/shop?tls=off", "mysql://web@db/shop"),
            ("mysql://web@db/shop?ca=my%20ca.pem", "mysql://web@db/shop?ca=/site/my ca.pem"),
            ("mysql://web@db/shop?ca=/ca.pem&tls=verify", "mysql://web@db/shop?ca=/ca.pem"),
            ("sqlite:data/a b.db", "sqlite:/site/data/a b.db"),
            ("sqlite:///var/a.db", "sqlite:/var/a.db"),
        ] {
            assert_eq!(parse(url).unwrap().to_string(), shown, "{url}");
        }
    }

    #[test]
    fn the_password_is_decoded_and_one_beside_the_url_wins() {
        let Address::MySql(address) = parse("mysql://web:p%40%2B%c3%a9@h/n").unwrap() else { panic!() };
        assert_eq!(address.password.reveal(), "p@+é");
        let beside = Some(Secret::new("other"));
        let address = Address::parse("mysql://web:one@h/n", beside, Path::new("/")).unwrap();
        let Address::MySql(inner) = &address else { panic!() };
        assert_eq!(inner.password.reveal(), "other");
        assert!(!format!("{address:?}{address}").contains("other"));
    }

    #[test]
    fn wrong_addresses_are_refused_without_repeating_them() {
        for url in [
            "",
            "shop",
            "postgres://u:hush@h/n",
            "mysql://u:hush@h/",
            "mysql://:hush@h/n",
            "sqlite:",
            "mysql://u:hush@h/n?x=1",
            "mysql://u:hush@h/n?tls",
            "mysql://u:hush@h/n?tls=yes",
            "mysql://u:hush@h/n?tls=verify&tls=off",
            "mysql://u:hush@h/n?tls=unverified&ca=/ca.pem",
            "mysql://u:hush@h/n?socket=/s&socket=/t",
            "mysql://u:hush@h/n?socket=/s&ca=/ca.pem",
            "mysql://u:hush@h/n?ca=%ff",
            "mysql://u:hush@h:99999/n",
            "mysql://u:hush%ff@h/n",
        ] {
            let error = parse(url).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("hush"), "{url}");
        }
    }

    #[test]
    fn hosts_of_php_settings() {
        for (host, expected) in [
            ("db", ("db", None, None)),
            ("db:3307", ("db", Some(3307), None)),
            ("localhost:/tmp/my.sock", ("localhost", None, Some("/tmp/my.sock"))),
            (":/tmp/my.sock", ("localhost", None, Some("/tmp/my.sock"))),
            ("/tmp/my.sock", ("localhost", None, Some("/tmp/my.sock"))),
            ("[::1]:3307", ("::1", Some(3307), None)),
            ("::1", ("::1", None, None)),
            ("", ("localhost", None, None)),
            ("db:", ("db", None, None)),
        ] {
            let address = MySqlAddress::from_parts(host, "u", Secret::new("p"), "n");
            let socket = address.socket.as_deref().and_then(Path::to_str);
            assert_eq!((address.host.as_str(), address.port, socket), expected, "{host}");
        }
    }
}
