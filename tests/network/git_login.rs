//! A repository that asks who comes, behind Apache and TLS: git logs in as the
//! site's owner has set it up, through the site's proxy, and no password is seen.

use std::fs;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::bench::Bench;
use crate::git::Origin;
use crate::git::refused;
use crate::git::stage;
use crate::support::effort;
use crate::support::mounts;
use crate::support::mounts::Mounted;
use crate::support::process;
use crate::support::proxy::Manner;
use crate::support::proxy::Proxy;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;
use crate::support::tls::Authority;

const OWN_HELPER: &str = "[credential]\n\thelper = HELPER\n";
const USER: &str = "anna";
/// Of the repository, and of the proxy; the word that stands in all of them.
const PASSWORD: &str = "tell-nobody-this";
const PROXY_PASSWORD: &str = "tell-nobody-either";
const SECRET: &str = "tell-nobody";
/// `me` with that password, as a proxy is told.
const KNOWN: Manner = Manner::Known("Basic bWU6dGVsbC1ub2JvZHktZWl0aGVy");

/// What everybody on this machine sees of processes while git is answered, and the answer.
const BACKEND: &str = r#"#!/bin/sh
for one in /proc/[0-9]*/cmdline; do tr '\0' ' ' <"$one"; echo; done >>SEEN 2>/dev/null
exec git http-backend
"#;
/// A helper as owners write them; what it is asked for is noted.
const HELPER: &str = r#"#!/bin/sh
{ echo "$1"; cat; } >>HOME/asked
test "$1" = get && printf 'username=%s\npassword=%s\n' USER "$(cat HOME/password)"
"#;

/// An Apache that lets one user in, as long as the test runs.
struct Guarded {
    folder: PathBuf,
    port: u16,
}

impl Guarded {
    fn serve(origin: &Origin) -> Guarded {
        let folder = tempfile::Builder::new().prefix("entracte-git-").tempdir_in("/tmp").unwrap().keep();
        process::clean_up_afterwards(&folder);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        for inside in ["run", "backend", "repositories", "seen"] {
            fs::create_dir(folder.join(inside)).unwrap();
        }
        Authority::make(&folder).sign("server", "IP:127.0.0.1", None);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let guarded = Guarded { folder, port };
        guarded.write("backend/git", &BACKEND.replace("SEEN", &guarded.path("seen/processes")), 0o755);
        guarded.write("secret", PASSWORD, 0o600);
        let digest = process::run("openssl", &["passwd", "-apr1", "-in", &guarded.path("secret")]);
        guarded.write("users", &format!("{USER}:{digest}"), 0o644);
        guarded.write("conf", &guarded.settings(), 0o644);
        let to = guarded.path("repositories/shop.git");
        process::run("git", &["clone", "-q", "--bare", origin.path().to_str().unwrap(), &to]);
        process::run("chown", &["-R", "www-data:", &to, &guarded.path("seen")]);
        let (log, conf) = (guarded.folder.join("log"), guarded.path("conf"));
        let pid = process::start(&["apache2", "-X", "-f", &conf], None, "TERM", &log);
        fs::write(guarded.folder.join("run/apache.pid"), format!("{pid}\n")).unwrap();
        process::wait_for("Apache", &log, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        guarded
    }

    fn settings(&self) -> String {
        let modules = ["mpm_prefork", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic"];
        let modules = modules.iter().chain(&["alias", "cgi", "env", "ssl", "socache_shmcb"]);
        let load: String = modules
            .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
            .collect();
        let (folder, port) = (self.folder.display(), self.port);
        format!(
            "ServerRoot {folder}/run\nServerName 127.0.0.1\nListen 127.0.0.1:{port}\n\
             PidFile {folder}/run/master\nErrorLog {folder}/log\nUser www-data\nGroup www-data\n{load}\
             SSLEngine on\nSSLCertificateFile {folder}/server.pem\nSSLCertificateKeyFile {folder}/server.key\n\
             SetEnv GIT_PROJECT_ROOT {folder}/repositories\nSetEnv GIT_HTTP_EXPORT_ALL 1\n\
             ScriptAlias / {folder}/backend/git/\n<Location />\nAuthType Basic\nAuthName repositories\n\
             AuthUserFile {folder}/users\nRequire valid-user\n</Location>\n"
        )
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn source(&self) -> String {
        format!("git+https://{}/shop.git#main", self.host())
    }

    /// What stands under `[network]` of a site that believes its certificate.
    fn believed(&self, more: &str) -> String {
        format!("tries = 1\nca_file = \"{}\"\n{more}", self.path("ca.pem"))
    }

    /// Whoever looked at this machine's processes saw git at work and no password.
    #[track_caller]
    fn showed_no_password(&self) {
        let seen = fs::read_to_string(self.path("seen/processes")).unwrap();
        assert!(seen.contains("remote-https"), "git was not seen: {seen}");
        assert!(!seen.contains(SECRET), "{seen}");
    }
}

/// A home folder of the site's owner, with his settings of git.
struct Home {
    folder: TempDir,
}

impl Home {
    fn with(settings: &str, password: &str) -> Home {
        let folder = tempfile::Builder::new().prefix("entracte-owner-").tempdir_in("/tmp").unwrap();
        let home = Home { folder };
        let helper = HELPER.replace("HOME", home.path("").trim_end_matches('/')).replace("USER", USER);
        fs::write(home.path("helper"), helper).unwrap();
        fs::set_permissions(home.path("helper"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(home.path("password"), password).unwrap();
        fs::write(home.path(".gitconfig"), settings.replace("HELPER", &home.path("helper"))).unwrap();
        home
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// What the helper was asked for, in order.
    fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("asked")).unwrap_or_default();
        text.lines().filter(|line| ["get", "store", "erase"].contains(line)).map(str::to_owned).collect()
    }

    /// Whoever works on the site from now on lives here.
    fn of(&self, bench: &mut Bench) {
        bench.entracte = Entracte::new(&bench.small.root()).with("HOME", &self.path(""));
    }
}

/// No file below it holds a password.
#[track_caller]
fn holds_no_password(folder: &Path) {
    let files = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    for file in files.filter(|entry| entry.file_type().is_file()) {
        let content = fs::read(file.path()).unwrap();
        let found = content.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "{} holds a password", file.path().display());
    }
}

#[test]
fn the_owners_helper_logs_in_and_no_password_is_seen() {
    let mut bench = Bench::new();
    let origin = Origin::of(&bench);
    let guarded = Guarded::serve(&origin);
    bench.set(&guarded.believed(""));

    let home = Home::with("", "");
    home.of(&mut bench);
    refused(&bench, &guarded.source(), 1, "credential helper");
    // A token, where others have a name.
    let said = refused(&bench, &guarded.source().replace("//", "//a-token@"), 1, "could not read Password");
    assert!(!said.contains("a-token"), "{said}");

    let home = Home::with(OWN_HELPER, "tell-nobody-wrong");
    home.of(&mut bench);
    let said = refused(&bench, &guarded.source(), 1, "wants a key or a password");
    assert!(!said.contains(SECRET), "{said}");
    assert_eq!(home.asked(), ["get", "erase"], "a password that did not help is forgotten");

    let home = Home::with(OWN_HELPER, PASSWORD);
    home.of(&mut bench);
    let ran = bench.entracte.run(&["--json", "--verbose", "stage", "--from", &guarded.source()]);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(SECRET), "{ran}");
    assert_eq!(ran.json().code(0)["version"], "v2");
    assert_eq!(home.asked(), ["get", "store", "get", "store"], "asking, and fetching");
    guarded.showed_no_password();
    holds_no_password(bench.small.folder.path());
    bench.is_untouched("after a login");
}

#[test]
fn the_sites_proxy_is_gone_through() {
    let mut bench = Bench::new();
    let origin = Origin::of(&bench);
    let guarded = Guarded::serve(&origin);
    let home = Home::with(&format!("{OWN_HELPER}\thelper = store\n"), PASSWORD);
    home.of(&mut bench);
    let secret = home.path("proxy");
    fs::write(&secret, format!("{PROXY_PASSWORD}\n")).unwrap();
    let through = |user: &str, proxy: &str, file: bool| {
        let file = if file { format!("proxy_password_file = \"{secret}\"\n") } else { String::new() };
        bench.set(&guarded.believed(&format!("proxy = \"http://{user}{proxy}\"\n{file}")));
    };
    let proxy = Proxy::start(KNOWN);
    let at = proxy.address.to_string();

    through("", &at, false);
    refused(&bench, &guarded.source(), 1, &format!("the proxy {at} wants to know who asks"));
    through("me@", &at, false);
    refused(&bench, &guarded.source(), 1, &format!("the proxy {at} wants to know who asks"));
    through("me@", &at, true);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&bench, &guarded.source(), 5, "0600");
    let keeps_out = Proxy::start(Manner::Never("403 Forbidden")).address.to_string();
    through("", &keeps_out, false);
    refused(&bench, &guarded.source(), 1, &format!("opens no way to {}", guarded.host()));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    through("", &nobody, false);
    refused(&bench, &guarded.source(), 1, &format!("the proxy {nobody} is not reached"));
    assert_eq!(proxy.opened(), [""; 0]);

    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    through("me@", &at, true);
    assert_eq!(stage(&bench, &guarded.source()).code(0)["version"], "v2");
    let opened = proxy.opened();
    assert!(!opened.is_empty() && opened.iter().all(|to| *to == guarded.host()), "{opened:?}");
    guarded.showed_no_password();
    holds_no_password(bench.small.folder.path());
    let kept = fs::read_to_string(home.path(".git-credentials")).unwrap();
    assert!(
        kept.contains(USER) && !kept.contains("//me:"),
        "the proxy's is no business of his helpers: {kept}"
    );
}

#[test]
fn the_proxy_of_the_environment_is_gone_through() {
    let bench = Bench::new();
    let origin = Origin::of(&bench);
    let guarded = Guarded::serve(&origin);
    let home = Home::with(OWN_HELPER, PASSWORD);
    let proxy = Proxy::start(KNOWN);
    bench.set(&guarded.believed(""));
    let by = |url: String| {
        Entracte::new(&bench.small.root()).with("HOME", &home.path("")).with("HTTPS_PROXY", &url)
    };
    let from = ["stage", "--from", &guarded.source()];
    let said = by(format!("http://me:wrong@{}", proxy.address)).json(&from).refused(1);
    assert!(said.contains("wants to know who asks"), "{said}");
    assert_eq!(
        by(format!("http://me:{PROXY_PASSWORD}@{}", proxy.address)).json(&from).code(0)["version"],
        "v2"
    );
    assert!(!proxy.opened().is_empty());
    guarded.showed_no_password();
}

/// Root becomes the owner of the site: the settings of git are the owner's, too.
#[test]
fn started_by_root_the_settings_are_the_owners() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("releases from git as another user", &reason);
    }
    let bench = Bench::new();
    let guarded = Guarded::serve(&Origin::of(&bench));
    let (roots, owners) = (Home::with("", ""), Home::with(OWN_HELPER, PASSWORD));
    process::run("chown", &["-R", "www-data:", &owners.path("")]);
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let own = format!("www-data:x:33:33::{}:/bin/sh", owners.path("").trim_end_matches('/'));
    let users: Vec<&str> =
        users.lines().map(|line| if line.starts_with("www-data:") { &own } else { line }).collect();
    fs::write(roots.path("passwd"), users.join("\n") + "\n").unwrap();
    let _users =
        Mounted::new(&["--bind"], Path::new(&roots.path("passwd")), Path::new("/etc/passwd")).unwrap();

    let small = SmallSite::new();
    process::run("chown", &["-R", "www-data:", small.folder.path().to_str().unwrap()]);
    small.adopt();
    let settings = small.root().parent().unwrap().join(".entracte-site/entracte.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}\n[network]\n{}", guarded.believed(""))).unwrap();
    let entracte = Entracte::new(&small.root()).with("HOME", &roots.path(""));
    assert_eq!(entracte.json(&["stage", "--from", &guarded.source()]).code(0)["version"], "v2");
    assert_eq!(owners.asked(), ["get", "store", "get", "store"]);
}
