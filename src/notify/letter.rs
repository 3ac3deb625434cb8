//! A notice as a letter: a subject, plain text and HTML, in English or French.

use jiff::Timestamp;
use minijinja::AutoEscape;
use minijinja::Environment;
use minijinja::Value;
use minijinja::context;
use minijinja::syntax::SyntaxConfig;

use crate::base::escape;
use crate::notify::about::About;
use crate::notify::about::Language;
use crate::notify::about::moment;
use crate::notify::notice::Notice;

const TEXT: &str = include_str!("text/mail.txt");
const HTML: &str = include_str!("text/mail.html");
const ENGLISH: &str = include_str!("text/words.en.jinja");
const FRENCH: &str = include_str!("text/words.fr.jinja");
const HEADLINE: &str = "{% import \"words\" as w %}\
    {{ w.headline(notice.kind, notice.from, notice.to, notice.details | length) }}";

/// Longest subject, in characters.
const SUBJECT: usize = 180;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Writes it. What it is made of was made safe to show before.
pub fn write(about: &About, notice: &Notice, at: Timestamp) -> Letter {
    rendered(about, notice, at).unwrap_or_else(|_| plain(about, notice))
}

fn rendered(about: &About, notice: &Notice, at: Timestamp) -> Result<Letter, minijinja::Error> {
    let environment = environment(about.language)?;
    let values = context! { notice => notice_values(notice), about => about_values(about), at => moment(at) };
    let headline = environment.get_template("headline")?.render(values.clone())?;
    let subject = titled(&about.name, &headline);
    let values = context! { headline, ..values };
    let part = |name| environment.get_template(name)?.render(values.clone());
    Ok(Letter {
        subject,
        text: format!("{}\n", part("text")?.trim()),
        html: format!("{}\n", part("html")?.trim()),
    })
}

fn environment(language: Language) -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|name| match name {
        "html" => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    let words = match language {
        Language::En => ENGLISH,
        Language::Fr => FRENCH,
    };
    for (name, template) in [("words", words), ("headline", HEADLINE), ("text", TEXT), ("html", HTML)] {
        environment.add_template(name, template)?;
    }
    Ok(environment)
}

fn notice_values(notice: &Notice) -> Value {
    let Notice { kind, run, from, to, what, details, log, plan, next, key: _ } = notice.clone();
    context! { kind => kind.name(), run, from, to, what, details, log, plan, next }
}

fn about_values(about: &About) -> Value {
    let About { name, root, url, host, settings, closed, language: _ } = about.clone();
    context! { name, root, url, host, settings, closed }
}

fn titled(name: &str, headline: &str) -> String {
    escape::text(&format!("[{name}] {headline}")).chars().take(SUBJECT).collect()
}

/// What is told when the templates, which are ours, are broken: a plain letter is better than none.
fn plain(about: &About, notice: &Notice) -> Letter {
    let text = [&[notice.what.clone()][..], &notice.details, &notice.next].concat().join("\n");
    let html = format!("<pre>{}</pre>\n", text.replace('&', "&amp;").replace('<', "&lt;"));
    Letter { subject: titled(&about.name, notice.kind.name()), text: format!("{text}\n"), html }
}

#[cfg(test)]
mod tests;
