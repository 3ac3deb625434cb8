//! The snippet that an administrator pastes once into nginx's `server { }`.
//!
//! It is pasted, not included: a file that the site's owner can write must
//! never be read by nginx's root. Everything happens in the server's rewrite
//! phase, before a location is chosen, so static files and PHP alike are
//! covered. 590 is a status of our own: a 503 of the application, or of
//! `limit_req`, never gets our page.

use std::path::Path;

use crate::base::digest::Sha256;
use crate::base::path::RESERVED;
use crate::base::secret::Secret;
use crate::site::gate::token::MARK_HEADER;

/// Seconds that a static configuration tells visitors to wait.
pub const RETRY_AFTER: u32 = 300;

/// The snippet for the site served below `url_path` (`/` or `/blog/`).
pub fn snippet(folder: &Path, url_path: &str, pass: &Secret) -> String {
    let folder = folder.display();
    let answer = format!("/entracte-{}.html", Sha256::of(folder.to_string().as_bytes()).short());
    let pass = pass.reveal();
    let below = match url_path.trim_end_matches('/') {
        "" => String::new(),
        path => format!("    if ($uri !~ \"^{}(/|$)\") {{ set $entracte \"\"; }}\n", literal(path)),
    };
    let private = format!("{}/{RESERVED}", url_path.trim_end_matches('/'));
    format!(
        r#"    # BEGIN entracte gate
    set $entracte "";
    set $entracte_page closed.html;
    if (-f "{folder}/closed") {{ set $entracte closed; }}
    if ($http_x_entracte_pass = {pass}) {{ set $entracte ""; }}
    if ($cookie_entracte_pass = {pass}) {{ set $entracte ""; }}
    if ($http_x_entracte_probe = {pass}) {{ set $entracte gate; }}
    if ($http_accept_language ~* "^ *fr") {{ set $entracte_page closed.fr.html; }}
{below}    if ($uri ~ "^/entracte-[0-9a-f]+\.html$") {{ set $entracte ""; }}
    if ($entracte) {{ set $entracte_says $entracte; set $entracte_answer {answer}; return 590; }}
    error_page 590 =503 $entracte_answer;
    location ^~ "{private}" {{ return 404; }}
    location = {answer} {{
        internal;
        root "{folder}";
        default_type text/html;
        charset utf-8;
        add_header Retry-After {RETRY_AFTER} always;
        add_header Cache-Control no-store always;
        add_header {MARK_HEADER} $entracte_says always;
        try_files /$entracte_page =503;
    }}
    # END entracte gate
"#
    )
}

/// Text that a regular expression matches as it stands.
fn literal(text: &str) -> String {
    text.chars()
        .flat_map(|c| (!c.is_alphanumeric() && !"/-_~".contains(c)).then_some('\\').into_iter().chain([c]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_below_a_prefix_closes_only_itself() {
        let pass = Secret::new("0123456789abcdef0123456789abcdef");
        let snippet = |path| snippet(Path::new("/srv/.entracte-a/gate"), path, &pass);
        assert!(!snippet("/").contains("$uri !~"));
        assert!(snippet("/").contains(r#"location ^~ "/.entracte" "#));
        assert!(snippet("/blog.v2/").contains(r#"location ^~ "/blog.v2/.entracte" "#));
        assert!(
            snippet("/blog.v2/").contains(r#"if ($uri !~ "^/blog\.v2(/|$)")"#),
            "{}",
            snippet("/blog.v2/")
        );
    }
}
