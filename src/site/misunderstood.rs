//! What is wrong with a text of settings, told without the text.

/// A place in a TOML text and its fault. The crate's own message shows the
/// line and the value, and that may be an address with a password.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Misunderstood {
    line: usize,
    what: String,
}

impl Misunderstood {
    /// Counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    pub fn of(error: &toml::de::Error, text: &str) -> Misunderstood {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
        Misunderstood { line, what: without_values(error.message()) }
    }
}

/// Everything between the first and the last quotation mark left out.
fn without_values(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}…{}", &message[..=first], &message[last..])
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_is_told_and_the_value_is_not() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Known {
            #[serde(rename = "url")]
            _url: Option<url::Url>,
            #[serde(rename = "port")]
            _port: Option<u16>,
        }
        for (text, told) in [
            ("\nurl = \"http://u:hu\\\"sh@h:99999/\"", "line 2: invalid port number: \"…\""),
            ("port = \"a \\\"hush\\\" b\"", "line 1: invalid type: string \"…\", expected u16"),
            ("\n\nurl = \"http://u:hush@h/", "line 3: "),
            ("url = http://u:hush@h/", "line 1: "),
            ("kid = 1", "unknown field `kid`"),
        ] {
            let error = toml::from_str::<Known>(text).unwrap_err();
            let said = Misunderstood::of(&error, text).to_string();
            assert!(said.contains(told) && !said.contains("sh"), "{text}: {said}");
        }
    }
}
