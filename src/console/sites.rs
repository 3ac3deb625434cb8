//! The sites of one console, each with the word that its addresses carry.

use std::path::PathBuf;

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::status;

/// One site.
#[derive(Clone, Debug)]
pub struct Site {
    /// In addresses: letters, digits, `-`.
    pub word: String,
    /// For people.
    pub name: String,
    pub place: Place,
}

#[derive(Debug)]
pub struct Sites(Vec<Site>);

impl Sites {
    /// Each folder must be a known site; one that is broken is shown as that.
    pub fn open(folders: &[PathBuf]) -> Result<Sites, Failure> {
        let mut sites: Vec<Site> = Vec::new();
        for folder in folders {
            let place = Place { site: Some(folder.clone()), ..Place::default() };
            place.state()?;
            let root = status::root(&place).unwrap_or_else(|_| folder.clone());
            let name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned();
            let word = free_word(&word_of(&name), |word| sites.iter().any(|site| site.word == word));
            sites.push(Site { word, name, place });
        }
        Ok(Sites(sites))
    }

    pub fn all(&self) -> &[Site] {
        &self.0
    }

    pub fn find(&self, word: &str) -> Option<&Site> {
        self.0.iter().find(|site| site.word == word)
    }
}

fn word_of(name: &str) -> String {
    let letters = name.chars().map(|letter| match letter.to_ascii_lowercase() {
        letter if letter.is_ascii_alphanumeric() => letter,
        _ => '-',
    });
    let word: String = letters.take(40).collect();
    match word.trim_matches('-') {
        "" => "site".into(),
        word => word.into(),
    }
}

fn free_word(word: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(word) {
        return word.into();
    }
    let numbered = (2..).map(|number| format!("{word}-{number}")).find(|word| !is_taken(word));
    numbered.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_plain_and_differ() {
        for (name, word) in [("Shop", "shop"), ("été & fils", "t----fils"), ("../..", "site"), ("a/b", "a-b")]
        {
            assert_eq!(word_of(name), word);
        }
        assert_eq!(free_word("shop", |word| matches!(word, "shop" | "shop-2")), "shop-3");
    }
}
