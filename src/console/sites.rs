//! The sites of one console, each with the word that its addresses carry.

use std::collections::HashMap;
use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest as _;
use sha2::Sha256;

use crate::app::console::places;
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
    /// Where it lies; its state, where it is broken.
    pub folder: PathBuf,
    pub place: Place,
}

#[derive(Debug)]
pub struct Sites(Vec<Site>);

impl Sites {
    /// Each must be a site that can be opened, of the user that this works as.
    pub fn open(places: Vec<Place>) -> Result<Sites, Failure> {
        let opened: Result<Vec<_>, Failure> = places.into_iter().map(opened).collect();
        Ok(Sites::of(opened?))
    }

    /// Those that can be, with what was wrong with the others.
    pub fn open_what_can_be(places: Vec<Place>) -> Result<(Sites, Vec<Failure>), Failure> {
        let mut wrong = Vec::new();
        let mut well = Vec::new();
        for place in places {
            match opened(place) {
                Ok(site) => well.push(site),
                Err(failure) => wrong.push(failure),
            }
        }
        match (well.is_empty(), wrong.pop()) {
            (true, Some(failure)) => Err(failure),
            (_, last) => Ok((Sites::of(well), wrong.into_iter().chain(last).collect())),
        }
    }

    /// Who names a site twice means one.
    fn of(opened: Vec<(PathBuf, Place)>) -> Sites {
        let mut known: Vec<(PathBuf, Place)> = Vec::new();
        let mut seen = HashSet::new();
        known.extend(opened.into_iter().filter(|(root, _)| seen.insert(root.clone())));
        let names: Vec<String> = known.iter().map(|(root, _)| name_of(root)).collect();
        let words = words(&known.iter().map(|(root, _)| root.as_path()).collect::<Vec<_>>());
        let sites = known.into_iter().zip(names).zip(words);
        Sites(sites.map(|(((folder, place), name), word)| Site { word, name, folder, place }).collect())
    }

    pub fn all(&self) -> &[Site] {
        &self.0
    }

    pub fn find(&self, word: &str) -> Option<&Site> {
        self.0.iter().find(|site| site.word == word)
    }
}

fn opened(place: Place) -> Result<(PathBuf, Place), Failure> {
    places::is_ours(&place)?;
    // A site that is broken is shown as that.
    let known = || -> Result<PathBuf, Failure> {
        Ok(place.site.clone().unwrap_or(place.state()?.folder().to_owned()))
    };
    let root = status::root(&place).or_else(|_| known())?;
    Ok((root, place))
}

fn name_of(root: &Path) -> String {
    root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned()
}

/// One word for each. Where two folders have one name, each word tells its
/// path as well: an address never means another site because the list changed.
fn words(roots: &[&Path]) -> Vec<String> {
    let plain: Vec<String> = roots.iter().map(|root| word_of(&name_of(root))).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    plain.iter().for_each(|word| *counts.entry(word).or_default() += 1);
    let told = |(root, word): (&&Path, &String)| match counts[word.as_str()] {
        1 => word.clone(),
        _ => format!("{word}-{}", &hex::encode(Sha256::digest(root.as_os_str().as_encoded_bytes()))[..8]),
    };
    roots.iter().zip(&plain).map(told).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_plain_and_differ() {
        for (name, word) in [("Shop", "shop"), ("été & fils", "t----fils"), ("../..", "site"), ("a/b", "a-b")]
        {
            assert_eq!(word_of(name), word);
        }
        let roots = ["/a/shop", "/b/shop", "/c/wiki"].map(Path::new);
        let named = words(&roots);
        assert!(named[0].starts_with("shop-") && named[1].starts_with("shop-") && named[0] != named[1]);
        assert_eq!(named[2], "wiki");
        assert_eq!(words(&[roots[1], roots[2], roots[0]])[0], named[1], "whatever the order");
    }
}
