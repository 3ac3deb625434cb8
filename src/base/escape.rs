//! Text from outside made safe to show: no control byte, escape sequence or
//! bidirectional mark reaches a terminal, a log or a page raw.

use std::borrow::Cow;

/// The bytes as text; whatever is not UTF-8, a control character or a
/// direction mark appears as `\xNN` or `\u{…}`.
pub fn bytes(raw: &[u8]) -> String {
    let mut shown = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        shown.push_str(&text(chunk.valid()));
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}

/// One line of text with its dangerous characters escaped.
pub fn text(raw: &str) -> Cow<'_, str> {
    if !raw.chars().any(is_dangerous) {
        return Cow::Borrowed(raw);
    }
    let mut shown = String::with_capacity(raw.len() + 8);
    for c in raw.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_dangerous(c) && (c as u32) < 0x100 => {
                shown.push_str(&format!("\\x{:02x}", c as u32));
            }
            c if is_dangerous(c) => shown.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Several lines of text: line breaks and tabs stay, the rest as in [`text`].
pub fn block(raw: &str) -> String {
    raw.split('\n')
        .map(|line| {
            let line = line.strip_suffix('\r').unwrap_or(line);
            line.split('\t').map(text).collect::<Vec<_>>().join("\t")
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// One word of a command that people may copy into a shell.
pub fn word(raw: &str) -> String {
    let shown = text(raw);
    let is_plain = |c: char| c.is_alphanumeric() || "/.:_-+=@,%".contains(c);
    match !shown.is_empty() && shown.chars().all(is_plain) {
        true => shown.into_owned(),
        false => format!("'{}'", shown.replace('\'', "'\\''")),
    }
}

/// Whether a terminal or a page would act upon it instead of showing it.
pub fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
        // Letters that are never seen, and that some programs read all the same.
        || ('\u{e0000}'..='\u{e007f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_into_a_shell_is_one_word() {
        for (raw, shown) in [
            ("https://x.org:8/r/", "https://x.org:8/r/"),
            ("https://x/;reboot;/", "'https://x/;reboot;/'"),
            ("a'b", "'a'\\''b'"),
            ("$(id) `id`", "'$(id) `id`'"),
            ("", "''"),
            ("a\nb", "'a\\nb'"),
        ] {
            assert_eq!(word(raw), shown);
        }
    }

    #[test]
    fn dangerous_characters_are_shown_as_escapes() {
        for (raw, shown) in [
            (&b"plain.php"[..], "plain.php"),
            ("été".as_bytes(), "été"),
            (b"a\xffb", "a\\xffb"),
            (b"a\x1b[31m", "a\\x1b[31m"),
            (b"a\nb", "a\\nb"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            ("a\u{9b}b".as_bytes(), "a\\x9bb"),
        ] {
            assert_eq!(bytes(raw), shown);
        }
    }

    #[test]
    fn a_block_keeps_its_lines() {
        assert_eq!(block("a\tb\r\nc\x07"), "a\tb\nc\\x07");
    }
}
