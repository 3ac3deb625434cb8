//! `check`, told: what is new, who offers it, and what it is worth.

use crate::app::check;
use crate::app::check::CheckView;
use crate::app::check::OfferView;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::output::Manner;
use crate::cli::page::Page;

pub(super) fn check(session: &mut Session) -> Exit {
    let place = session.place.clone();
    let answer = check::check(&place, &mut session.listener());
    session.show("check", answer, text)
}

fn text(view: &CheckView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    let installed = view.installed.as_ref().map_or("of unknown version", |known| known.version.as_str());
    match &view.newest {
        Some(offer) => newest(&mut text, offer, installed),
        None => text.line(&format!("nothing newer than {} is offered", crate::base::escape::text(installed))),
    }
    text.row("offered by", &format!("{} ({}, {})", view.vendor, view.feed, view.channel));
    if let Some(date) = &view.end_of_life {
        text.row("looked after", &until(date));
    }
    let held_back: Vec<String> =
        view.held_back.iter().map(|held| format!("{}: {}", held.version, held.why)).collect();
    text.list("held back", &held_back);
    if view.newest.is_some() {
        text.next(view.next, "bring it, show the plan, ask");
    }
    text.into_text()
}

fn newest(text: &mut Page, offer: &OfferView, installed: &str) {
    let (version, installed) = (&offer.version, crate::base::escape::text(installed));
    text.line(&format!("new: version {version}; installed is {installed}"));
    if let Some(archive) = &offer.archive {
        text.row("archive", archive);
    }
    text.row("verified", worth(offer.verified));
    if let Some(php) = &offer.requires_php {
        text.row("needs", &format!("PHP {php} or newer"));
    }
    if let Some(notes) = &offer.notes {
        text.row("notes", notes);
    }
}

fn until(date: &str) -> String {
    match date {
        "over" => "no longer".into(),
        date => format!("until {date}"),
    }
}

fn worth(verified: &str) -> &'static str {
    match verified {
        "signature" => "by the vendor's signature",
        "sha512" => "by the SHA-512 that is published",
        "sha256" => "by the SHA-256 that is published",
        "sha1" => "by a SHA-1, which finds accidents, not attackers; else by TLS alone",
        "md5" => "by an MD5, which finds accidents, not attackers; else by TLS alone",
        _ => "by TLS alone",
    }
}
