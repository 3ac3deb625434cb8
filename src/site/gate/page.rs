//! The page that visitors see while a site is closed.
//!
//! It is rendered once, when the gate closes, in English and in French, to
//! pure ASCII: a server may label it with any character set.

use std::path::Path;
use std::path::PathBuf;

use minijinja::AutoEscape;
use minijinja::Environment;
use minijinja::context;

use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::site::gate::flag::Closing;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// By this a page is known as ours where no header could be set.
pub const PAGE_MARK: &str = "<!-- entracte: closed -->";

const BUILT_IN: &str = include_str!("page.html");
/// Largest template of an owner, in bytes.
const MAX_TEMPLATE: u64 = 1 << 20;

/// Which language the page speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// French to visitors who ask for it first, else English.
    #[default]
    Visitor,
    English,
    French,
}

/// What a site's owner may say about the page.
#[derive(Clone, Debug, Default)]
pub struct PageOptions {
    pub language: Language,
    /// A minijinja template in place of the built-in one; it gets `title`,
    /// `reason`, `since`, `retry_after_minutes`, `refresh_seconds`, `language`.
    pub template: Option<PathBuf>,
    /// In place of the built-in title.
    pub title: Option<String>,
}

/// The two renderings; the same twice when the owner chose one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    pub default: String,
    pub french: String,
}

#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("failed to render the page template {}", fs::shown(path))]
    Render {
        path: PathBuf,
        #[source]
        source: minijinja::Error,
    },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for PageError {
    fn exit(&self) -> Exit {
        Exit::Refused
    }

    fn hints(&self) -> Vec<String> {
        vec!["correct the template, or take its setting away to use the built-in page".into()]
    }
}

impl PageOptions {
    /// Renders the owner's template, or the built-in one when there is none.
    pub fn render(&self, closing: &Closing) -> Result<Pages, PageError> {
        match &self.template {
            None => Ok(self.render_built_in(closing)),
            Some(path) => {
                let template = fs::read_text(path, MAX_TEMPLATE)?;
                self.both(&template, closing)
                    .map_err(|source| PageError::Render { path: path.clone(), source })
            }
        }
    }

    /// Renders the built-in page: what is used when the owner's template fails,
    /// since a curtain that cannot close is worse than a plain one.
    pub fn render_built_in(&self, closing: &Closing) -> Pages {
        self.both(BUILT_IN, closing).unwrap_or_else(|_| {
            let bare = format!("<!doctype html><title>503</title><h1>503</h1>\n{PAGE_MARK}\n");
            Pages { default: bare.clone(), french: bare }
        })
    }

    fn both(&self, template: &str, closing: &Closing) -> Result<Pages, minijinja::Error> {
        let english = || self.one(template, closing, "en");
        let french = || self.one(template, closing, "fr");
        let (default, french) = match self.language {
            Language::Visitor => (english()?, french()?),
            Language::English => (english()?, english()?),
            Language::French => (french()?, french()?),
        };
        Ok(Pages { default, french })
    }

    fn one(&self, template: &str, closing: &Closing, language: &str) -> Result<String, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        let title = self.title.as_deref().unwrap_or(match language {
            "fr" => "Nous revenons tout de suite",
            _ => "We will be right back",
        });
        let page = environment.render_str(
            template,
            context! {
                title => escape::text(title),
                reason => escape::text(closing.reason.trim()),
                since => closing.since.strftime("%Y-%m-%d %H:%M UTC").to_string(),
                retry_after_minutes => closing.retry_after_seconds.div_ceil(60).max(1),
                refresh_seconds => closing.retry_after_seconds.clamp(15, 600),
                language => language,
            },
        )?;
        Ok(format!("{}\n{PAGE_MARK}\n", ascii(page.trim_end())))
    }
}

/// Writes both pages where the server and the guard find them (0644).
pub fn write(folder: &Path, pages: &Pages) -> Result<(), IoError> {
    fs::write_durable_with(&folder.join("closed.html"), pages.default.as_bytes(), 0o644)?;
    fs::write_durable_with(&folder.join("closed.fr.html"), pages.french.as_bytes(), 0o644)
}

fn ascii(page: &str) -> String {
    let mut plain = String::with_capacity(page.len());
    for c in page.chars() {
        match c.is_ascii() {
            true => plain.push(c),
            false => plain.push_str(&format!("&#{};", c as u32)),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closing(reason: &str) -> Closing {
        Closing {
            reason: reason.into(),
            by: "operator".into(),
            since: "2026-11-21T05:00:00Z".parse().unwrap(),
            retry_after_seconds: 300,
        }
    }

    /// The page without its style sheet.
    fn spoken(page: &str) -> String {
        let (head, rest) = page.split_once("<style>").unwrap();
        format!("{head}{}", rest.split_once("</style>\n").unwrap().1)
    }

    #[test]
    fn the_english_page() {
        let pages = PageOptions::default().render(&closing("update to 7.1.4")).unwrap();
        insta::assert_snapshot!(spoken(&pages.default), @r#"
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="robots" content="noindex, nofollow">
        <meta http-equiv="refresh" content="300">
        <title>We will be right back</title>
        </head>
        <body>
        <main>
        <h1>We will be right back</h1>
        <p>The site is closed for a moment while it is being updated. Nothing is lost: please come back in about 5 minutes. This page reloads by itself.</p>
        <p>Reason: update to 7.1.4</p>
        <p class="since">Closed since 2026-11-21 05:00 UTC.</p>
        </main>
        </body>
        </html>
        <!-- entracte: closed -->
        "#);
    }

    #[test]
    fn the_french_page() {
        let pages = PageOptions::default().render(&closing("")).unwrap();
        insta::assert_snapshot!(spoken(&pages.french), @r#"
        <!doctype html>
        <html lang="fr">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="robots" content="noindex, nofollow">
        <meta http-equiv="refresh" content="300">
        <title>Nous revenons tout de suite</title>
        </head>
        <body>
        <main>
        <h1>Nous revenons tout de suite</h1>
        <p>Le site est ferm&#233; quelques instants, le temps d&#8217;une mise &#224; jour. Rien n&#8217;est perdu&#160;: revenez dans environ 5&#160;minutes. Cette page se recharge toute seule.</p>
        <p class="since">Ferm&#233; depuis 2026-11-21 05:00 UTC.</p>
        </main>
        </body>
        </html>
        <!-- entracte: closed -->
        "#);
    }

    #[test]
    fn nothing_in_a_page_comes_from_elsewhere_or_is_taken_for_markup() {
        let hostile = "<script>alert(1)</script> <?php phpinfo(); ?> \"%{HTTP_HOST}\" \u{202e}x";
        let options = PageOptions { title: Some("A & B".into()), ..PageOptions::default() };
        let page = options.render(&closing(hostile)).unwrap().default;
        assert!(page.is_ascii() && page.contains("A &amp; B") && page.ends_with(&format!("{PAGE_MARK}\n")));
        for forbidden in ["<script", "<?", "http://", "https://", "src=", "url(", "@import"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn one_language_may_be_chosen() {
        let options = PageOptions { language: Language::French, ..PageOptions::default() };
        let pages = options.render(&closing("")).unwrap();
        assert_eq!(pages.default, pages.french);
        assert!(pages.default.contains("lang=\"fr\""));
    }

    #[test]
    fn an_owner_s_template_is_used_and_a_broken_one_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        std::fs::write(&path, "<p>{{ title }} {{ reason }} {{ retry_after_minutes }} {{ since }}</p>")
            .unwrap();
        let options = PageOptions { template: Some(path.clone()), ..PageOptions::default() };
        assert_eq!(
            options.render(&closing("a<b")).unwrap().default,
            format!("<p>We will be right back a&lt;b 5 2026-11-21 05:00 UTC</p>\n{PAGE_MARK}\n")
        );
        for broken in ["{{ title", "{{ title | no_such_filter }}"] {
            std::fs::write(&path, broken).unwrap();
            let error = options.render(&closing("")).unwrap_err();
            assert!(error.to_string().starts_with("failed to render the page template /"), "{error}");
        }
        assert!(options.render_built_in(&closing("")).default.contains("right back"));
    }
}
