//! The marked block at the top of a site's `.htaccess`, as text.
//!
//! `<If>` with `Redirect 503` does the work: sections in `<If>` are merged
//! last, so they win over the site's own `ErrorDocument` and redirects, and
//! unlike rewrite rules they are not switched off by an `.htaccess` further
//! down. Rewrite rules are added only beside rules that are there already:
//! then the site's own external redirects must not come first, and elsewhere
//! `RewriteEngine` may be forbidden by the server's `Options`.

use crate::base::digest::Sha256;
use crate::base::secret::Secret;
use crate::site::gate::page::Pages;
use crate::site::gate::php::CLOSED_PHP;
use crate::site::gate::token::MARK_HEADER;
use crate::site::gate::token::PASS_COOKIE;
use crate::site::gate::token::PASS_HEADER;

/// First line of the block.
pub const BEGIN: &str = "# BEGIN entracte gate";
const END: &str = "# END entracte gate\n";
const BELOW: &str = "# below: ";

/// A live `.htaccess` that begins with our block.
#[derive(Debug, PartialEq, Eq)]
pub struct Ours<'a> {
    /// What stands below the block.
    pub rest: &'a [u8],
    /// Whether somebody changed that since the block was made.
    pub is_edited: bool,
}

/// The whole file: the block, then `rest` as it was.
pub fn file(pass: &Secret, url_path: &str, retry_after: u32, pages: &Pages, rest: &[u8]) -> Vec<u8> {
    let closed_php = format!("{url_path}{CLOSED_PHP}");
    let pass = pass.reveal();
    let visitor = format!(
        "%{{HTTP:{PASS_HEADER}}} != '{pass}' && \
         !(%{{HTTP_COOKIE}} =~ /(^|; *){PASS_COOKIE}={pass}(;|$)/) && %{{REQUEST_URI}} != '{closed_php}'"
    );
    let mut block = format!(
        "{BEGIN}\n\
         # Visitors are told to come back; `entracte open` takes these lines away.\n\
         {BELOW}{}\n\
         <If \"{visitor}\">\n\
         <IfModule mod_alias.c>\nRedirect 503 \"/\"\n</IfModule>\n\
         <IfModule mod_headers.c>\n\
         ErrorDocument 503 \"{}\"\n\
         Header always set Retry-After \"{retry_after}\"\n\
         Header always set Cache-Control \"no-store\"\n\
         Header always set {MARK_HEADER} \"closed\"\n\
         </IfModule>\n\
         <IfModule !mod_headers.c>\nErrorDocument 503 {closed_php}\n</IfModule>\n\
         </If>\n",
        Sha256::of(rest),
        quoted(&pages.default),
    );
    if pages.french != pages.default {
        block.push_str(&format!(
            "<If \"{visitor} && %{{HTTP:Accept-Language}} =~ /^ *fr/i\">\n\
             <IfModule mod_headers.c>\nErrorDocument 503 \"{}\"\n</IfModule>\n</If>\n",
            quoted(&pages.french)
        ));
    }
    if uses_rewrite(rest) {
        block.push_str(&format!(
            "<IfModule mod_rewrite.c>\nRewriteEngine On\n\
             RewriteCond %{{HTTP:{PASS_HEADER}}} !={pass} [NV]\n\
             RewriteCond %{{HTTP_COOKIE}} \"!(^|; *){PASS_COOKIE}={pass}(;|$)\" [NV]\n\
             RewriteCond %{{REQUEST_URI}} \"!={closed_php}\"\n\
             RewriteRule ^ - [R=503,L]\n</IfModule>\n"
        ));
    }
    block.push_str(END);
    [block.as_bytes(), rest].concat()
}

/// Reads a live `.htaccess`; `None` when it does not begin with our block.
pub fn read(bytes: &[u8]) -> Option<Ours<'_>> {
    if !bytes.starts_with(BEGIN.as_bytes()) {
        return None;
    }
    let Some(end) = find(bytes, format!("\n{END}").as_bytes()) else {
        // Our file and nothing else, cut in the middle: nothing below can be kept.
        return Some(Ours { rest: &[], is_edited: false });
    };
    let (block, rest) = bytes.split_at(end + 1 + END.len());
    let made_for = String::from_utf8_lossy(block)
        .lines()
        .find_map(|line| line.strip_prefix(BELOW)?.trim().parse::<Sha256>().ok());
    Some(Ours { rest, is_edited: made_for != Some(Sha256::of(rest)) })
}

/// A page as the argument of `ErrorDocument`: on one line, quoted, and without
/// the start of an expression.
fn quoted(page: &str) -> String {
    let mut line = String::with_capacity(page.len() + 64);
    for c in page.chars() {
        match c {
            '\n' | '\r' => line.push(' '),
            '\\' | '"' => {
                line.push('\\');
                line.push(c);
            }
            c => line.push(c),
        }
    }
    line.replace("%{", "% {")
}

fn uses_rewrite(rest: &[u8]) -> bool {
    String::from_utf8_lossy(rest).lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("RewriteEngine"))
            && words.next().is_some_and(|word| word.eq_ignore_ascii_case("on"))
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(rest: &str) -> Vec<u8> {
        let pages = Pages { default: "<p>\"a\\b\"\n%{x}</p>\n".into(), french: "<p>fr</p>".into() };
        file(&Secret::new("0123456789abcdef0123456789abcdef"), "/blog/", 300, &pages, rest.as_bytes())
    }

    #[test]
    fn what_stands_below_the_block_is_read_back() {
        for rest in ["", "RewriteEngine On\nRewriteRule . /index.php [L]\n", "no line break at the end"] {
            let bytes = made(rest);
            assert_eq!(read(&bytes), Some(Ours { rest: rest.as_bytes(), is_edited: false }), "{rest}");
            let edited = [&bytes[..], b"Deny from 1.2.3.4\n"].concat();
            assert!(read(&edited).unwrap().is_edited);
        }
        assert_eq!(read(b"RewriteEngine On\n# BEGIN entracte gate\n# END entracte gate\n"), None);
        assert_eq!(read(BEGIN.as_bytes()), Some(Ours { rest: b"", is_edited: false }));
    }

    #[test]
    fn rewrite_rules_are_added_only_beside_others() {
        let rules = |rest: &str| String::from_utf8(made(rest)).unwrap().contains("[R=503,L]");
        assert!(rules("<IfModule mod_rewrite.c>\n  rewriteengine on\n</IfModule>"));
        assert!(!rules("RewriteEngine Off\n# RewriteEngine On\n"));
    }

    #[test]
    fn a_page_stays_one_quoted_line() {
        let text = String::from_utf8(made("")).unwrap();
        assert!(text.contains("ErrorDocument 503 \"<p>\\\"a\\\\b\\\" % {x}</p> \"\n"), "{text}");
    }
}
