//! What names and bytes tell of a file: whether a web server runs it, and
//! whether that does anything. Nothing is executed.

/// What a web server with PHP runs, whatever stands behind it: Apache's
/// `AddHandler` takes any part of a name, as in `a.php.jpg`.
const PHP: [&str; 11] =
    ["php", "php3", "php4", "php5", "php6", "php7", "php8", "phtml", "pht", "phar", "phtm"];
/// What else servers run, by the last part of the name.
const PROGRAMS: [&str; 11] = ["cgi", "fcgi", "pl", "py", "rb", "sh", "asp", "aspx", "jsp", "jspx", "shtml"];
/// What is handed out as it is, and shown, played or drawn.
const MEDIA: [&str; 24] = [
    "jpg", "jpeg", "jpe", "png", "gif", "webp", "avif", "bmp", "ico", "svg", "tif", "tiff", "mp3", "mp4",
    "ogg", "webm", "wav", "mov", "avi", "woff", "woff2", "ttf", "otf", "eot",
];
const SERVER_CONFIGS: [&str; 4] = [".htaccess", ".user.ini", "php.ini", "web.config"];

/// Whether a server runs a file of this name when it is asked for.
pub fn is_code(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let mut parts = name.split('.').skip(1);
    let last = name.rsplit('.').next().filter(|_| name.contains('.'));
    parts.any(|part| PHP.contains(&part)) || last.is_some_and(|last| PROGRAMS.contains(&last))
}

pub fn is_media(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    name.rsplit_once('.').is_some_and(|(_, last)| MEDIA.contains(&last))
}

/// Whether it tells the server what to do with the files beside it.
pub fn is_server_config(name: &[u8]) -> bool {
    SERVER_CONFIGS.iter().any(|config| name.eq_ignore_ascii_case(config.as_bytes()))
}

/// Whether it makes a server run what it would only hand out. Rules that
/// forbid, which many applications put beside uploads, do not.
pub fn turns_handlers_on(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let lines = || text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    // `AddHandler cgi-script .php` with this is an old way to forbid.
    let forbids_cgi = lines().any(|line| line.starts_with("options") && line.contains("-execcgi"));
    lines().any(|line| {
        let mut words = line.split(|c: char| c.is_whitespace() || c == '=').filter(|word| !word.is_empty());
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let rest: Vec<&str> = words.collect();
        match first {
            "addhandler" | "sethandler" | "addtype" | "forcetype" | "action" => {
                let runs =
                    second.contains("php") || second.contains("fcgi") || second.contains("server-parsed");
                (runs && !second.contains("source") && !second.contains("no_php"))
                    || (second.contains("cgi-script") && !forbids_cgi)
            }
            "options" => line.contains("execcgi") && !forbids_cgi,
            "php_flag" | "php_admin_flag" => second == "engine" && rest.iter().any(|word| is_on(word)),
            "php_value" | "php_admin_value" => {
                is_prepend(second) && rest.first().is_some_and(|word| !is_nothing(word))
            }
            first if is_prepend(first) => !is_nothing(second),
            _ => line.contains("<add") && line.contains("scriptprocessor"),
        }
    })
}

fn is_on(word: &str) -> bool {
    matches!(word.trim_matches(['"', '\'']), "on" | "1" | "true" | "yes")
}

fn is_prepend(word: &str) -> bool {
    matches!(word, "auto_prepend_file" | "auto_append_file")
}

fn is_nothing(word: &str) -> bool {
    matches!(word.trim_matches(['"', '\'']), "" | "none")
}

/// Looks for `<?php` in bytes that come piece by piece.
#[derive(Debug, Default)]
pub struct PhpFinder {
    tail: Vec<u8>,
    found: bool,
}

impl PhpFinder {
    pub fn take(&mut self, bytes: &[u8]) {
        const MARK: &[u8] = b"<?php";
        let mut joined = std::mem::take(&mut self.tail);
        joined.extend_from_slice(&bytes[..bytes.len().min(MARK.len() - 1)]);
        let is_in = |bytes: &[u8]| bytes.windows(MARK.len()).any(|seen| seen.eq_ignore_ascii_case(MARK));
        self.found = self.found || is_in(&joined) || is_in(bytes);
        let whole = if bytes.len() < MARK.len() { &joined } else { bytes };
        self.tail = whole[whole.len().saturating_sub(MARK.len() - 1)..].to_vec();
    }

    pub fn is_found(&self) -> bool {
        self.found
    }
}

/// Whether code does nothing: empty, or comments and an end, as the `index.php`
/// that many an application puts into folders so that nobody lists them.
pub fn is_inert(code: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(code) else { return false };
    let text = text.trim_start_matches('\u{feff}').trim();
    let Some(code) = text.strip_prefix("<?php") else { return text.is_empty() };
    let Some(code) = without_comments(code) else { return false };
    let code = code.trim().trim_end_matches("?>").trim().trim_end_matches(';').trim();
    matches!(code, "" | "exit" | "die" | "exit()" | "die()" | "return" | "exit(0)")
}

/// The code without its comments; `None` where they cannot be told from it.
fn without_comments(code: &str) -> Option<String> {
    let (mut left, mut rest) = (String::new(), code);
    while let Some(at) = rest.find(['/', '#']) {
        left.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = &comment[comment.find("*/")? + 2..];
        } else if rest.starts_with("//") || (rest.starts_with('#') && !rest.starts_with("#[")) {
            let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
            // PHP ends such a comment where its code ends.
            if rest[..end].contains("?>") {
                return None;
            }
            rest = &rest[end..];
        } else {
            return None;
        }
    }
    left.push_str(rest);
    Some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_server_runs() {
        for (name, runs) in [
            ("a.php", true),
            ("A.PHP", true),
            ("a.php5", true),
            ("a.phtml", true),
            ("a.phar", true),
            ("holiday.php.jpg", true),
            ("php", false),
            ("x.cgi", true),
            ("install.sh", true),
            ("jquery.sh.min.js", false),
            ("a.phps", false),
            ("photo.jpg", false),
            (".htaccess", false),
            ("sh", false),
        ] {
            assert_eq!(is_code(name.as_bytes()), runs, "{name}");
        }
    }

    #[test]
    fn rules_that_run_and_rules_that_forbid() {
        for (text, runs) in [
            ("AddHandler application/x-httpd-php .jpg\n", true),
            ("AddType application/x-httpd-php .png", true),
            (
                "<FilesMatch \"\\.jpg$\">\n  SetHandler \"proxy:unix:/run/php-fpm.sock|fcgi://x\"\n</FilesMatch>",
                true,
            ),
            ("Options +ExecCGI\nAddHandler cgi-script .jpg", true),
            ("php_value auto_prepend_file /tmp/x.php", true),
            ("auto_prepend_file = x.jpg", true),
            ("auto_prepend_file=x.jpg", true),
            ("php_flag engine on", true),
            ("php_flag engine off", false),
            ("auto_prepend_file =\n", false),
            ("; auto_prepend_file = x.jpg", false),
            ("# AddType application/x-httpd-php .png", false),
            ("Deny from all\nRequire all denied", false),
            ("SetHandler Drupal_Security_Do_Not_Remove_See_SA_2006_006\nSetHandler None", false),
            ("Options -ExecCGI\nAddHandler cgi-script .php .pl .py", false),
            ("AddHandler default-handler .php", false),
            ("AddType text/plain .php", false),
            ("<add name=\"x\" path=\"*.jpg\" scriptProcessor=\"php-cgi.exe\" />", true),
        ] {
            assert_eq!(turns_handlers_on(text.as_bytes()), runs, "{text}");
        }
    }

    #[test]
    fn php_is_found_however_the_bytes_come() {
        let holds = |text: &str, piece: usize| {
            let mut finder = PhpFinder::default();
            text.as_bytes().chunks(piece).for_each(|bytes| finder.take(bytes));
            finder.is_found()
        };
        for piece in 1..12 {
            assert!(holds("GIF89a....<?PhP eval", piece), "{piece}");
            assert!(holds("<?php", piece), "{piece}");
            assert!(!holds("<?xml version=\"1.0\"?> <?xpacket php <?ph p", piece), "{piece}");
        }
    }

    #[test]
    fn code_that_does_nothing() {
        for (code, inert) in [
            ("", true),
            ("<?php\n// Silence is golden.\n", true),
            ("<?php /* x */ # y\n exit; ?>\n", true),
            ("<?php die();", true),
            ("<?php // a ?><?php eval($_POST[1]);", false),
            ("<?php /* */ eval($_POST[1]); /* */", false),
            ("<?php /*", false),
            ("<?php #[A]\nfunction f() {}", false),
            ("<?= 1 ?>", false),
            ("x", false),
            ("<?php exit; ?> <?php eval(1);", false),
        ] {
            assert_eq!(is_inert(code.as_bytes()), inert, "{code}");
        }
        assert!(!is_inert(b"<?php \xff"));
    }
}
