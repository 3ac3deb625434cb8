//! The gate's pieces of PHP, as text: the guard, the answer, WordPress's lock.
//!
//! None holds the pass, only its SHA-256, since others on the machine may read
//! them.

use crate::base::secret::Secret;
use crate::site::gate::live::MARK;
use crate::site::gate::page::Pages;
use crate::site::gate::token;

/// The answer beside the site's front page, for an Apache without mod_headers.
pub const CLOSED_PHP: &str = "entracte-closed.php";

/// What a lock file of a profile may say in place of the pass's SHA-256.
pub const FINGERPRINT_WORD: &str = "{pass_sha256}";

/// WordPress's `.maintenance`: always fresh, so that it does not expire after
/// ten minutes, and over for whoever carries the pass.
pub const WORDPRESS_LOCK: &str = "<?php /* entracte gate */
$entracte_pass = $_SERVER['HTTP_X_ENTRACTE_PASS'] ?? $_COOKIE['entracte_pass'] ?? getenv('ENTRACTE_PASS');
$upgrading = is_string($entracte_pass) && hash_equals('{pass_sha256}', hash('sha256', $entracte_pass)) ? 0 : time();
unset($entracte_pass);
";

/// A page that PHP answers with 503. Its source has no `>` in its code: where
/// PHP does not run, a browser still shows the page.
pub fn answer(retry_after: u32, pages: &Pages) -> String {
    let body = if pages.default == pages.french {
        inert(&pages.default)
    } else {
        format!(
            "<?php if (preg_match('/^ *fr/i', $_SERVER['HTTP_ACCEPT_LANGUAGE'] ?? '')): ?>\n{}\
             <?php else: ?>\n{}<?php endif ?>\n",
            inert(&pages.french),
            inert(&pages.default)
        )
    };
    format!(
        "<?php /* {MARK} */ http_response_code(503); header('Retry-After: {retry_after}'); \
         header('Cache-Control: no-store'); header('{}: closed'); \
         header('Content-Type: text/html; charset=utf-8'); ?>\n{body}",
        token::MARK_HEADER
    )
}

/// The script that `auto_prepend_file` names: it looks for the flag beside
/// itself and answers in place of the application.
pub fn guard(pass: &Secret) -> String {
    GUARD.replace(FINGERPRINT_WORD, &token::fingerprint(pass))
}

/// A profile's lock file with the pass's SHA-256 in place, marked as ours.
pub fn lock(content: &str, pass: &Secret) -> String {
    let text = content.replace(FINGERPRINT_WORD, &token::fingerprint(pass));
    match (text.contains(MARK), text.starts_with("<?php")) {
        (true, _) => text,
        (false, true) => format!("<?php /* {MARK} */{}", &text["<?php".len()..]),
        (false, false) => format!("{text}\n# {MARK}\n"),
    }
}

fn inert(page: &str) -> String {
    page.replace("<?", "&lt;?")
}

const GUARD: &str = r#"<?php
// entracte gate. While the file "closed" stands beside this one, visitors get
// 503 and the page in closed.html; the operator's pass gets through.
(static function () {
    if (PHP_SAPI === 'cli' || PHP_SAPI === 'phpdbg') {
        return;
    }
    $knows = static function ($given) {
        return is_string($given) && hash_equals('{pass_sha256}', hash('sha256', $given));
    };
    $asked = isset($_SERVER['HTTP_X_ENTRACTE_PROBE']) && $knows($_SERVER['HTTP_X_ENTRACTE_PROBE']);
    clearstatcache(true, __DIR__ . '/closed');
    if (!$asked) {
        if (!file_exists(__DIR__ . '/closed')) {
            return;
        }
        if (isset($_SERVER['HTTP_X_ENTRACTE_PASS']) && $knows($_SERVER['HTTP_X_ENTRACTE_PASS'])
            || isset($_COOKIE['entracte_pass']) && $knows($_COOKIE['entracte_pass'])) {
            return;
        }
    }
    $flag = json_decode((string) @file_get_contents(__DIR__ . '/closed'), true);
    $seconds = is_array($flag) && isset($flag['retry_after']) ? (int) $flag['retry_after'] : 300;
    http_response_code(503);
    header('Retry-After: ' . max(1, $seconds));
    header('Cache-Control: no-store');
    header('X-Entracte: ' . ($asked ? 'gate' : 'closed'));
    header('Content-Type: text/html; charset=utf-8');
    $language = isset($_SERVER['HTTP_ACCEPT_LANGUAGE']) ? (string) $_SERVER['HTTP_ACCEPT_LANGUAGE'] : '';
    $page = preg_match('/^ *fr/i', $language) ? '/closed.fr.html' : '/closed.html';
    if (!isset($_SERVER['REQUEST_METHOD']) || $_SERVER['REQUEST_METHOD'] !== 'HEAD') {
        @readfile(__DIR__ . $page);
    }
    exit;
})();
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Pages {
        Pages { default: "<p>en <?php evil(); ?></p>\n".into(), french: "<p>fr</p>\n".into() }
    }

    #[test]
    fn an_answer_runs_no_page_and_reads_well_where_php_does_not_run() {
        let text = answer(60, &pages());
        assert!(!text.contains("<?php evil"), "{text}");
        for code in text.split("<?php").skip(1) {
            let code = code.split("?>").next().unwrap();
            assert!(!code.contains('>'), "a browser would show the rest of: {code}");
        }
    }

    #[test]
    fn no_piece_of_php_holds_the_pass() {
        let pass = Secret::new("0123456789abcdef0123456789abcdef");
        for text in [guard(&pass), lock(WORDPRESS_LOCK, &pass), answer(1, &pages())] {
            assert!(!text.contains(pass.reveal()) && !text.contains(FINGERPRINT_WORD));
        }
    }

    #[test]
    fn every_lock_is_marked_as_ours() {
        let pass = Secret::new("0123456789abcdef0123456789abcdef");
        assert_eq!(lock("<?php\n$a = 1;", &pass), "<?php /* entracte gate */\n$a = 1;");
        assert_eq!(lock("closed", &pass), "closed\n# entracte gate\n");
        assert_eq!(lock(WORDPRESS_LOCK, &pass).matches(MARK).count(), 1);
    }
}
