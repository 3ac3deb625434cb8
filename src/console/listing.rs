//! Long lists, a page at a time, sifted on the server.

use url::form_urlencoded;

use crate::console::ask::Ask;
use crate::console::frame::Frame;

/// Entries of one page.
pub const PAGE: usize = 200;

/// What of a list is shown, and how to get to the rest.
#[derive(Clone, Debug)]
pub struct Pager {
    /// Counted from 1.
    pub page: usize,
    pub pages: usize,
    /// Of all pages.
    pub total: usize,
    /// The address with what it was sifted by; a number of a page goes behind it.
    address: String,
}

impl Pager {
    /// Cuts the page out that was asked for. `kept` are the names of the query that stay.
    pub fn cut<T>(ask: &Ask, items: Vec<T>, path: &str, kept: &[&str]) -> (Vec<T>, Pager) {
        let total = items.len();
        let pages = total.div_ceil(PAGE).max(1);
        let page = ask.query.get("page").parse::<usize>().unwrap_or(1).clamp(1, pages);
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in kept.iter().filter(|name| !ask.query.get(name).is_empty()) {
            query.append_pair(name, ask.query.get(name));
        }
        query.append_pair("page", "");
        let address = format!("{path}?{}", query.finish());
        let shown = items.into_iter().skip((page - 1) * PAGE).take(PAGE).collect();
        (shown, Pager { page, pages, total, address })
    }

    /// Which page of how many.
    pub fn told(&self, frame: &Frame) -> String {
        frame.words.say("common.page_of", &[&self.page, &self.pages])
    }

    pub fn before(&self) -> Option<String> {
        (self.page > 1).then(|| format!("{}{}", self.address, self.page - 1))
    }

    pub fn after(&self) -> Option<String> {
        (self.page < self.pages).then(|| format!("{}{}", self.address, self.page + 1))
    }
}

/// Whether a name holds what is looked for, whatever the case.
pub fn holds(text: &str, wanted: &str) -> bool {
    wanted.is_empty() || text.to_lowercase().contains(&wanted.to_lowercase())
}

/// A value of a query.
pub fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
