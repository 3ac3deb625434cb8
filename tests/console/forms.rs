//! Forms of a page, filled in and sent as a browser does.

use super::desk::Answer;
use super::desk::Visitor;

/// What pressing one button sends.
#[derive(Clone, Debug)]
pub struct Press {
    pub to: String,
    pub fields: Vec<(String, String)>,
}

/// The button whose words begin with `text`, with what its form holds.
#[track_caller]
pub fn button(page: &Answer, text: &str) -> Press {
    find(page, text).unwrap_or_else(|| panic!("no button \"{text}\" on this page: {}", page.text))
}

pub fn find(page: &Answer, text: &str) -> Option<Press> {
    for form in page.text.split("<form ").skip(1) {
        let form = form.split("</form>").next().unwrap();
        for button in form.split("<button").skip(1) {
            let (tag, rest) = button.split_once('>').unwrap();
            if !rest.trim_start().starts_with(text) {
                continue;
            }
            let to = attribute(tag, "formaction").or_else(|| attribute(form, "action")).unwrap();
            let mut fields: Vec<(String, String)> = inputs(form);
            if let Some(name) = attribute(tag, "name") {
                fields.push((name, attribute(tag, "value").unwrap_or_default()));
            }
            return Some(Press { to, fields });
        }
    }
    None
}

impl Press {
    pub fn with(mut self, name: &str, value: &str) -> Press {
        self.fields.retain(|(other, _)| other != name);
        self.fields.push((name.into(), value.into()));
        self
    }

    pub fn send(&self, who: &Visitor) -> Answer {
        let fields: Vec<(&str, &str)> = self
            .fields
            .iter()
            .filter(|(name, _)| name != "token")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        who.post(&self.to, &fields)
    }
}

fn inputs(form: &str) -> Vec<(String, String)> {
    let tags = form.split("<input ").skip(1).map(|input| input.split('>').next().unwrap());
    tags.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))
        .collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, after) = tag.split_once(&format!("{name}=\""))?;
    Some(after.split('"').next()?.replace("&#38;", "&"))
}
