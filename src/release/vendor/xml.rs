//! As much of XML as feeds use: elements, attributes, text. No declarations of
//! types and no entities of their own, so that nothing can grow or lead elsewhere.

/// Deepest nesting.
const MAX_DEPTH: usize = 16;
/// Most elements in one text.
const MAX_ELEMENTS: usize = 50_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// All the text that stands directly in it.
    pub text: String,
    pub children: Vec<Element>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    #[error("it is not UTF-8")]
    Encoding,
    #[error("it ends too early")]
    Cut,
    #[error("at byte {at} stands what is not understood")]
    Syntax { at: usize },
    #[error("it is nested too deep or has too many elements")]
    TooMuch,
}

impl Element {
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of a child, without white space around it.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        Some(self.child(name)?.text.trim()).filter(|text| !text.is_empty())
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The one element that the text holds.
pub fn read(bytes: &[u8]) -> Result<Element, XmlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::Encoding)?;
    let mut reader = Reader { text, at: text.find(|c| c != '\u{feff}').unwrap_or(0), elements: 0 };
    reader.skip_prolog()?;
    let root = reader.whole()?;
    reader.skip_prolog()?;
    match reader.rest().is_empty() {
        true => Ok(root),
        false => Err(reader.syntax()),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    elements: usize,
}

/// What begins with `<`.
enum Tag {
    Open(Element),
    Empty(Element),
    Close(String),
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn syntax(&self) -> XmlError {
        match self.rest().is_empty() {
            true => XmlError::Cut,
            false => XmlError::Syntax { at: self.at },
        }
    }

    /// The declaration, comments, white space.
    fn skip_prolog(&mut self) -> Result<(), XmlError> {
        loop {
            self.skip_space();
            if !self.skip_aside()? {
                return Ok(());
            }
        }
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// A comment or an instruction, if one stands here.
    fn skip_aside(&mut self) -> Result<bool, XmlError> {
        let rest = self.rest();
        let end = match () {
            () if rest.starts_with("<?") => "?>",
            () if rest.starts_with("<!--") => "-->",
            () => return Ok(false),
        };
        self.at += rest.find(end).ok_or(XmlError::Cut)? + end.len();
        Ok(true)
    }

    /// The element that begins here, to its end.
    fn whole(&mut self) -> Result<Element, XmlError> {
        let mut here = match self.tag()? {
            Tag::Open(element) => element,
            Tag::Empty(element) => return Ok(element),
            Tag::Close(_) => return Err(self.syntax()),
        };
        let mut above = Vec::new();
        loop {
            self.text_into(&mut here)?;
            match self.tag()? {
                Tag::Open(_) if above.len() + 1 >= MAX_DEPTH => return Err(XmlError::TooMuch),
                Tag::Open(element) => above.push(std::mem::replace(&mut here, element)),
                Tag::Empty(element) => here.children.push(element),
                Tag::Close(name) if name != here.name => return Err(self.syntax()),
                Tag::Close(_) => match above.pop() {
                    None => return Ok(here),
                    Some(parent) => {
                        let done = std::mem::replace(&mut here, parent);
                        here.children.push(done);
                    }
                },
            }
        }
    }

    /// Text, up to the next tag.
    fn text_into(&mut self, element: &mut Element) -> Result<(), XmlError> {
        loop {
            let end = self.rest().find('<').ok_or(XmlError::Cut)?;
            let raw = &self.rest()[..end];
            self.unescape(raw, &mut element.text)?;
            self.at += end;
            if let Some(inside) = self.rest().strip_prefix("<![CDATA[") {
                let end = inside.find("]]>").ok_or(XmlError::Cut)?;
                element.text.push_str(&inside[..end]);
                self.at += "<![CDATA[".len() + end + "]]>".len();
            } else if !self.skip_aside()? {
                return Ok(());
            }
        }
    }

    fn tag(&mut self) -> Result<Tag, XmlError> {
        self.eat("<")?;
        if self.rest().starts_with('/') {
            self.at += 1;
            let name = self.name()?;
            self.skip_space();
            self.eat(">")?;
            return Ok(Tag::Close(name));
        }
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(XmlError::TooMuch);
        }
        let mut element = Element { name: self.name()?, ..Element::default() };
        loop {
            self.skip_space();
            if self.rest().starts_with("/>") {
                self.at += 2;
                return Ok(Tag::Empty(element));
            }
            if self.rest().starts_with('>') {
                self.at += 1;
                return Ok(Tag::Open(element));
            }
            let attribute = self.attribute()?;
            element.attributes.push(attribute);
        }
    }

    fn attribute(&mut self) -> Result<(String, String), XmlError> {
        let name = self.name()?;
        self.skip_space();
        self.eat("=")?;
        self.skip_space();
        let quote = self.rest().chars().next().filter(|c| "\"'".contains(*c)).ok_or_else(|| self.syntax())?;
        self.at += 1;
        let end = self.rest().find(quote).ok_or(XmlError::Cut)?;
        let (raw, mut value) = (&self.rest()[..end], String::new());
        self.unescape(raw, &mut value)?;
        self.at += end + 1;
        Ok((name, value))
    }

    fn name(&mut self) -> Result<String, XmlError> {
        let is_part = |c: char| c.is_alphanumeric() || "_:.-".contains(c);
        let end = self.rest().find(|c| !is_part(c)).ok_or(XmlError::Cut)?;
        if end == 0 || self.rest().starts_with(|c: char| c.is_ascii_digit() || ".-".contains(c)) {
            return Err(self.syntax());
        }
        let name = self.rest()[..end].to_owned();
        self.at += end;
        Ok(name)
    }

    fn eat(&mut self, wanted: &str) -> Result<(), XmlError> {
        match self.rest().starts_with(wanted) {
            true => {
                self.at += wanted.len();
                Ok(())
            }
            false => Err(self.syntax()),
        }
    }

    fn unescape(&self, raw: &str, into: &mut String) -> Result<(), XmlError> {
        let mut rest = raw;
        while let Some((before, behind)) = rest.split_once('&') {
            into.push_str(before);
            let (name, after) = behind.split_once(';').ok_or_else(|| self.syntax())?;
            into.push(entity(name).ok_or_else(|| self.syntax())?);
            rest = after;
        }
        into.push_str(rest);
        Ok(())
    }
}

fn entity(name: &str) -> Option<char> {
    let number = |text: &str, radix| u32::from_str_radix(text, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#')?.strip_prefix('x') {
            Some(text) => number(text, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_attributes_and_text_are_read() {
        let text = "\u{feff}<?xml version=\"1.0\"?><!-- x > y -->\n<a b='1 &lt; 2' c:d=\"\">\n one &#38;\
                    <e/><f><![CDATA[<b>&]]></f><!-- no --> two &amp; &#x41;</a>\n";
        let root = read(text.as_bytes()).unwrap();
        assert_eq!((root.name.as_str(), root.text.trim()), ("a", "one & two & A"));
        assert_eq!(
            (root.attribute("b"), root.attribute("c:d"), root.attribute("x")),
            (Some("1 < 2"), Some(""), None)
        );
        assert_eq!((root.text_of("f"), root.text_of("e"), root.children.len()), (Some("<b>&"), None, 2));
    }

    #[test]
    fn all_else_is_refused() {
        let deep = "<a>".repeat(17) + &"</a>".repeat(17);
        let many = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        let laughs = "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>";
        for (text, error) in [
            ("", XmlError::Cut),
            ("<a>", XmlError::Cut),
            ("<a><b></a></b>", XmlError::Syntax { at: 10 }),
            ("<a", XmlError::Cut),
            ("<a b=1/>", XmlError::Syntax { at: 5 }),
            ("<a>&b;</a>", XmlError::Syntax { at: 3 }),
            ("<a>&#xD800;</a>", XmlError::Syntax { at: 3 }),
            ("<a/><b/>", XmlError::Syntax { at: 4 }),
            ("</a>", XmlError::Syntax { at: 4 }),
            ("text", XmlError::Syntax { at: 0 }),
            ("<a><!-- </a>", XmlError::Cut),
            ("<1/>", XmlError::Syntax { at: 1 }),
            (laughs, XmlError::Syntax { at: 1 }),
            (&deep, XmlError::TooMuch),
            (&many, XmlError::TooMuch),
        ] {
            let found = read(text.as_bytes()).unwrap_err();
            match (&error, &found) {
                (XmlError::Syntax { .. } | XmlError::Cut, XmlError::Syntax { .. } | XmlError::Cut) => {}
                _ => assert_eq!(found, error, "{}", &text[..text.len().min(60)]),
            }
        }
        assert_eq!(read(b"<a>\xff</a>"), Err(XmlError::Encoding));
    }
}
