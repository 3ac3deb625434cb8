//! What a release may not tell the web server: settings that make PHP run what
//! nobody asked for, take the gate's place, or take a protection away.
//!
//! `.htaccess` as Apache 2.4 reads it ("Configuration Files": one directive a
//! line, a backslash at its end goes on, quotes around words), and `.user.ini`
//! as PHP does. Releases ship both for good reasons; only what stands here is
//! refused, and what cannot be told apart from it.

use crate::base::path::SitePath;
use crate::release::archive::error::Why;
use crate::release::archive::opened::MemberKind;

/// Bytes of the largest settings that are read; real ones have some hundred lines.
const LARGEST: u64 = 1 << 20;
/// Variables by which PHP is given another configuration.
const PHP_VARIABLES: [&str; 4] = ["php_value", "php_admin_value", "phprc", "php_ini_scan_dir"];
/// Names of files that a pattern may hold and still mean PHP's own files only:
/// `\.php[3-7]?$`, `\.ph(ar|p|tml)$`.
const PHP_WORDS: [&str; 10] = ["i", "ph", "p", "ar", "ps", "t", "tml", "phar", "pht", "phtml"];

const PREPENDS: &str = "sets a file that PHP runs before or after every page";
const HANDS_OVER: &str = "makes PHP run files that are no PHP files";
const SWITCHES_ON: &str = "switches PHP on where it may be off on purpose";
const UNBOUND: &str = "lifts PHP's limit to the site's folders";
const INCLUDES: &str = "lets PHP run code from other servers";
const CONFIGURES: &str = "gives PHP another configuration";
const HIDES: &str = "hides which setting it sets";

/// Whose language a file of settings is in.
#[derive(Clone, Copy)]
enum Dialect {
    Apache,
    Php,
}

impl Dialect {
    /// In which a web server reads the file of this name, if it takes it as settings.
    fn of(path: &SitePath) -> Option<Dialect> {
        match path.name().to_ascii_lowercase().as_str() {
            ".htaccess" => Some(Dialect::Apache),
            ".user.ini" => Some(Dialect::Php),
            _ => None,
        }
    }
}

/// Whether the content has to be judged: it is settings of a web server.
pub(super) fn is_settings(path: &SitePath, kind: &MemberKind) -> Result<bool, Why> {
    if Dialect::of(path).is_none() {
        return Ok(false);
    }
    match *kind {
        MemberKind::Folder => Ok(false),
        // What it leads to was not read as settings.
        MemberKind::Link { .. } => Err(Why::Kind { what: "a link in place of server settings" }),
        MemberKind::File { size } if size > LARGEST => {
            Err(Why::Malformed { what: "server settings of more than a MiB" })
        }
        MemberKind::File { .. } => Ok(true),
    }
}

/// Refuses hostile settings.
pub(super) fn check(path: &SitePath, content: &[u8]) -> Result<(), Why> {
    let text = String::from_utf8_lossy(content).to_ascii_lowercase();
    match Dialect::of(path) {
        Some(Dialect::Apache) => apache(&text),
        Some(Dialect::Php) => user_ini(&text),
        None => Ok(()),
    }
}

/// Judges every directive of an `.htaccess`; `text` is in lower case.
fn apache(text: &str) -> Result<(), Why> {
    // The patterns of the sections `Files` and `FilesMatch` around a line.
    let mut files: Vec<String> = Vec::new();
    for (line, text) in directives(text) {
        let Some(section) = text.strip_prefix('<') else {
            judge(&words(&text), files.last()).map_err(|what| Why::Setting { line, what })?;
            continue;
        };
        let words = words(section.trim_end().trim_end_matches('>'));
        match words.first().map(String::as_str) {
            Some("files" | "filesmatch") => files.push(words[1..].join(" ")),
            Some("/files" | "/filesmatch") => _ = files.pop(),
            Some("macro") => return Err(Why::Setting { line, what: HIDES }),
            _ => {}
        }
    }
    Ok(())
}

/// The lines that are not comments, each with the number it begins at.
fn directives(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (at, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (line, continues) = match line.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        match found.last_mut() {
            Some((_, before)) if goes_on => before.push_str(line),
            _ => found.push((at + 1, line.trim_start().to_owned())),
        }
        goes_on = continues && !found.last().is_some_and(|(_, line)| line.starts_with('#'));
    }
    found.retain(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    found
}

/// The words of a directive, without their quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let quoted = matches!(first, '"' | '\'');
        let inner = if quoted { &rest[1..] } else { rest };
        let mut end = inner.len();
        let mut escaped = false;
        for (at, c) in inner.char_indices() {
            if !escaped && (if quoted { c == first } else { c.is_whitespace() }) {
                end = at;
                break;
            }
            escaped = quoted && c == '\\' && !escaped;
        }
        words.push(inner[..end].to_owned());
        rest = inner[end..].trim_start_matches(|c| quoted && c == first).trim_start();
    }
    words
}

/// Judges one directive inside a section for `files`.
fn judge(words: &[String], files: Option<&String>) -> Result<(), &'static str> {
    let Some((directive, arguments)) = words.split_first() else { return Ok(()) };
    let first = arguments.first().map_or("", String::as_str);
    let names = |mark: &str| {
        let variable = |name: &&str| arguments.iter().any(|word| word.contains(&format!("{mark}{name}")));
        PHP_VARIABLES.iter().any(variable)
    };
    match directive.as_str() {
        "php_value" | "php_admin_value" | "php_flag" | "php_admin_flag" => {
            judge_php(first, &arguments[arguments.len().min(1)..].join(" "))
        }
        "addhandler" | "addtype"
            if is_php(first) && !arguments[1..].iter().all(|name| is_php_ending(name)) =>
        {
            Err(HANDS_OVER)
        }
        "sethandler" | "forcetype" if is_php(first) && !files.is_some_and(|files| is_for_php(files)) => {
            Err(HANDS_OVER)
        }
        "setenv" | "setenvif" | "setenvifnocase" | "setenvifexpr" | "browsermatch" | "browsermatchnocase"
            if names("") =>
        {
            Err(CONFIGURES)
        }
        "rewriterule" if names("e=") || names("env=") => Err(CONFIGURES),
        "suphp_configpath" => Err(CONFIGURES),
        "use" => Err(HIDES),
        directive if directive.contains(['$', '%']) => Err(HIDES),
        _ => Ok(()),
    }
}

/// Judges one setting of PHP.
fn judge_php(name: &str, value: &str) -> Result<(), &'static str> {
    let is_on = matches!(value, "on" | "1" | "yes" | "true");
    match name {
        // Whatever the value: `none` takes the gate's file away.
        "auto_prepend_file" | "auto_append_file" => Err(PREPENDS),
        "engine" if is_on => Err(SWITCHES_ON),
        "allow_url_include" if is_on => Err(INCLUDES),
        "open_basedir" if matches!(value, "" | "none" | "null" | "/") => Err(UNBOUND),
        name if name.contains(['$', '%']) => Err(HIDES),
        _ => Ok(()),
    }
}

/// Whether a handler or type makes PHP run a file.
fn is_php(handler: &str) -> bool {
    let shows_source = handler.starts_with("text/") || handler.ends_with("-source");
    handler.contains("fcgi://") || handler.contains("php") && !shows_source
}

fn is_php_ending(name: &str) -> bool {
    let name = name.trim_start_matches('.');
    matches!(name, "phtml" | "pht" | "phar" | "phps")
        || name.strip_prefix("php").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a section's pattern means PHP's own files and nothing else.
fn is_for_php(pattern: &str) -> bool {
    let mut words = pattern.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let is_known = |word: &str| {
        PHP_WORDS.contains(&word) || is_php_ending(word) || word.bytes().all(|byte| byte.is_ascii_digit())
    };
    pattern.contains("ph") && words.all(is_known)
}

/// Judges every line of a `.user.ini`; `text` is in lower case.
fn user_ini(text: &str) -> Result<(), Why> {
    for (at, line) in text.split('\n').enumerate() {
        for line in line.split('\r') {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            let value = value.split(';').next().unwrap_or_default();
            let plain = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
            judge_php(&plain(name), &plain(value)).map_err(|what| Why::Setting { line: at + 1, what })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::archive::fixtures::*;

    fn judged(name: &str, content: &str) -> Result<(), String> {
        let kind = MemberKind::File { size: content.len() as u64 };
        let path = SitePath::parse(name).unwrap();
        match is_settings(&path, &kind) {
            Ok(true) => check(&path, content.as_bytes()),
            judged => judged.map(drop),
        }
        .map_err(|why| why.to_string())
    }

    #[test]
    fn settings_that_releases_ship_are_taken() {
        for (why, content) in [
            (
                "denies",
                "Order Allow,Deny\nDeny from all\n<IfModule mod_authz_core.c>\nRequire all denied\n</IfModule>",
            ),
            (
                "front controller",
                "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^(.*)$ index.php [QSA,L]",
            ),
            (
                "authorization",
                "RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]\nSetEnvIfNoCase ^Authorization$ \"(.+)\" XAUTHORIZATION=$1",
            ),
            (
                "settings of PHP",
                "php_value upload_max_filesize 513M\nphp_flag engine off\nphp_value open_basedir /srv/x\nphp_flag allow_url_include Off",
            ),
            (
                "a firewall's own words",
                "RewriteCond %{QUERY_STRING} (auto_prepend_file|allow_url_include) [NC]\nRewriteRule .* - [F]",
            ),
            ("a comment", "# php_value auto_prepend_file x\n  # going on \\\nOptions -Indexes"),
            (
                "types",
                "AddType image/svg+xml svg svgz\nAddType text/javascript js mjs\nAddType text/x-php .txt",
            ),
            (
                "PHP's own files",
                "AddHandler application/x-httpd-ea-php82 .php .php8 .phtml\nAddType application/x-httpd-php-source .phps",
            ),
            (
                "PHP's own files in a section",
                "<FilesMatch \"\\.ph(ar|p[3-7]?|tml)$\">\nSetHandler \"proxy:unix:/run/php.sock|fcgi://localhost\"\n</FilesMatch>",
            ),
            (
                "no PHP in uploads",
                "SetHandler none\nOptions -ExecCGI\nRemoveHandler .php\n<Files *>\nSetHandler Do_Not_Run\n</Files>",
            ),
            (
                "some are served",
                "<FilesMatch \"\\.(css|js)$\">\nAllow from all\nRequire all granted\n</FilesMatch>",
            ),
        ] {
            assert_eq!(judged("a/.htaccess", content), Ok(()), "{why}");
        }
        let ini = "; auto_prepend_file = x\nupload_max_filesize=513M\noutput_buffering = 0\n[PATH=/x]\nengine = off";
        assert_eq!(judged(".user.ini", ini), Ok(()));
        assert_eq!(judged(".htaccess.dist", "php_value auto_prepend_file x"), Ok(()));
    }

    #[test]
    fn settings_that_run_foreign_code_are_refused_with_their_line() {
        for (what, line, content) in [
            (PREPENDS, 1, "php_value auto_prepend_file evil"),
            (PREPENDS, 2, "\n\t PHP_Admin_Value  \"auto_Append_file\" 'x'"),
            (PREPENDS, 2, "Options -Indexes\r\nphp_value auto_prepend_fi\\\r\nle x\r\n"),
            (
                PREPENDS,
                3,
                "<IfModule mod_php.c>\n# a comment \\\nphp_value auto_prepend_file none\n</IfModule>",
            ),
            (PREPENDS, 1, "php_value auto_prepend_file"),
            (HANDS_OVER, 1, "AddType application/x-httpd-php .php .jpg"),
            (HANDS_OVER, 1, "AddHandler php5-script png"),
            (HANDS_OVER, 1, "SetHandler application/x-httpd-php"),
            (HANDS_OVER, 2, "<Files *>\nForceType application/x-httpd-php\n</Files>"),
            (
                HANDS_OVER,
                2,
                "<FilesMatch \"\\.(php|gif)$\">\nSetHandler \"proxy:fcgi://127.0.0.1:9000\"\n</FilesMatch>",
            ),
            (HANDS_OVER, 3, "<FilesMatch \"\\.php$\">\n</FilesMatch>\nSetHandler php-script"),
            (SWITCHES_ON, 1, "php_flag engine on"),
            (INCLUDES, 1, "php_flag allow_url_include 1"),
            (UNBOUND, 1, "php_admin_value open_basedir none"),
            (CONFIGURES, 1, "SetEnv PHP_VALUE \"auto_prepend_file=/tmp/x\""),
            (CONFIGURES, 1, "SetEnvIf Request_URI . PHPRC=/tmp"),
            (CONFIGURES, 1, "RewriteRule .* - [E=PHP_ADMIN_VALUE:auto_prepend_file=x]"),
            (CONFIGURES, 1, "suPHP_ConfigPath /tmp"),
            (HIDES, 1, "<Macro m $a>\nphp_value auto_$a_file x\n</Macro>\nUse m prepend"),
            (HIDES, 1, "php_value ${NAME} x"),
        ] {
            let said = judged("uploads/.HTaccess", content).expect_err(content);
            assert!(said.contains(what) && said.contains(&format!("line {line} ")), "{content:?}: {said}");
        }
        for content in ["auto_prepend_file=x", "a=b\r auto_append_file = \"x\"", "\"auto_prepend_file\" ="] {
            let said = judged("a/.user.ini", content).expect_err(content);
            assert!(said.contains(PREPENDS), "{content:?}: {said}");
        }
    }

    #[test]
    fn settings_that_cannot_be_read_whole_are_refused() {
        let large = " ".repeat(LARGEST as usize + 1);
        assert!(judged(".htaccess", &large).unwrap_err().contains("more than a MiB"));
        let parts = [entry("a", b'0', b""), link(".htaccess", b'2', "a")];
        assert!(refusal(&tar(&parts)).contains("a link in place of server settings"));
    }

    #[test]
    fn both_formats_are_looked_into() {
        let evil = b"php_value auto_prepend_file evil";
        let files = [zipped("t/index.php", 0o100_644, b""), deflated("t/.htaccess", evil)];
        let parts = [entry("t/index.php", b'0', b""), entry("t/.htaccess", b'0', evil)];
        for bytes in [zip(&files, b""), tar(&parts)] {
            let said = refusal(&bytes);
            assert!(said.contains("t/.htaccess") && said.contains(PREPENDS), "{said}");
        }
    }
}
