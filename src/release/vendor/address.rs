//! The vendor's addresses: templates of the profile, filled in, and led to a mirror.

use url::Url;

use crate::release::vendor::offer;
use crate::site::settings::Mirror;

#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("{{{name}}} in the template {template} stands for nothing here")]
    Unknown { template: String, name: String },
    #[error("the template {template} makes no address of the network")]
    NoAddress { template: String },
}

/// What may stand in the braces of a template.
#[derive(Clone, Debug, Default)]
pub struct Values(Vec<(&'static str, String)>);

impl Values {
    /// `version`, and the `branch` that it belongs to.
    pub fn of_version(version: &str) -> Values {
        let branch: Vec<&str> = version.split('.').take(2).collect();
        Values::default().with("version", version).with("branch", &branch.join("."))
    }

    /// A value that is written for an address.
    #[must_use]
    pub fn with(self, name: &'static str, value: &str) -> Values {
        self.with_raw(name, encoded(value))
    }

    /// A version, as it is and with `x` for its dots.
    #[must_use]
    pub fn with_version(self, name: &'static str, name_with_x: &'static str, value: &str) -> Values {
        self.with(name, value).with(name_with_x, &value.replace('.', "x"))
    }

    /// The beginning of an address.
    #[must_use]
    pub fn with_raw(mut self, name: &'static str, value: String) -> Values {
        self.0.push((name, value));
        self
    }

    /// The address that the template makes of them.
    pub fn fill(&self, template: &str) -> Result<Url, TemplateError> {
        let (mut text, mut rest) = (String::new(), template);
        while let Some((before, behind)) = rest.split_once('{') {
            let no_address = || TemplateError::NoAddress { template: template.to_owned() };
            let (name, after) = behind.split_once('}').ok_or_else(no_address)?;
            let known = self.0.iter().find(|(known, _)| *known == name);
            let unknown = || TemplateError::Unknown { template: template.to_owned(), name: name.to_owned() };
            let (_, value) = known.ok_or_else(unknown)?;
            text.push_str(before);
            text.push_str(value);
            rest = after;
        }
        text.push_str(rest);
        offer::address(&text).ok_or_else(|| TemplateError::NoAddress { template: template.to_owned() })
    }
}

/// As one word of an address: nothing in it can begin another part.
fn encoded(value: &str) -> String {
    let letter = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(letter).collect()
}

/// Where the address is really asked for.
pub fn led(url: Url, mirror: Option<&Mirror>) -> Url {
    match mirror {
        Some(mirror) => mirror.of(&url).unwrap_or(url),
        None => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in() {
        let values = Values::of_version("1.43.0-rc.1+x").with_version("php", "php_x", "8.2.1");
        let filled = values.fill("https://a.org/{branch}/w-{version}.zip?php={php}&v={php_x}").unwrap();
        assert_eq!(filled.as_str(), "https://a.org/1.43/w-1.43.0-rc.1%2Bx.zip?php=8.2.1&v=8x2x1");
        let hostile = Values::of_version("../..?x#y/{z}");
        assert_eq!(
            hostile.fill("https://a.org/w-{version}.zip").unwrap().as_str(),
            "https://a.org/w-..%2F..%3Fx%23y%2F%7Bz%7D.zip"
        );
    }

    #[test]
    fn what_stands_for_nothing_is_told() {
        let values = Values::of_version("1");
        for (template, said) in [
            ("https://a.org/{nothing}", "{nothing} in the template"),
            ("https://a.org/{version", "no address of the network"),
            ("file:///{version}", "no address of the network"),
        ] {
            let error = values.fill(template).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
