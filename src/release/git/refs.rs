//! What is wanted of a repository, and what it says that it has.

use std::fmt;

/// A name, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever it shows first.
    Head,
    /// A branch or a tag, or both by its full name.
    Named(String),
    Commit(String),
}

/// What will be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The name by which it is asked for.
    pub name: String,
    /// The commit that it was at, if the server said so.
    pub commit: Option<String>,
    /// The tag that is at this very commit.
    pub tag: Option<String>,
}

impl Wanted {
    /// `None` for what git would take for something else.
    pub fn parse(name: &str) -> Option<Wanted> {
        if is_commit(name) {
            return Some(Wanted::Commit(name.to_ascii_lowercase()));
        }
        let is_plain = |c: char| !c.is_control() && c != ' ' && !"~^:?*[\\\"'".contains(c);
        let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
        let is_name = name.len() <= 200
            && name.chars().all(is_plain)
            && name.split('/').all(is_part)
            && !name.starts_with('-')
            && !name.ends_with('.')
            && !name.contains("..")
            && !name.contains("@{")
            && name != "@";
        is_name.then(|| Wanted::Named(name.to_owned()))
    }

    /// What to ask the server about, besides all tags.
    pub fn patterns(&self) -> Vec<String> {
        match self {
            Wanted::Head => vec!["HEAD".into()],
            Wanted::Named(name) if name.starts_with("refs/") => vec![name.clone()],
            Wanted::Named(name) => vec![format!("refs/heads/{name}")],
            Wanted::Commit(_) => Vec::new(),
        }
    }

    /// Finds it in what `git ls-remote` says. A branch goes before a tag.
    pub fn find(&self, said: &str) -> Option<Tip> {
        let refs: Vec<(&str, &str)> =
            said.lines().filter_map(|line| line.split_once('\t')).filter(|(id, _)| is_commit(id)).collect();
        let at = |name: &str| {
            let of = |name: &str| refs.iter().find(|(_, known)| *known == name).map(|(id, _)| *id);
            // The second line of a signed tag tells its commit.
            of(&format!("{name}^{{}}")).or(of(name))
        };
        let (name, commit) = match self {
            Wanted::Commit(commit) => (commit.clone(), Some(commit.as_str())),
            Wanted::Head => ("HEAD".into(), Some(at("HEAD")?)),
            Wanted::Named(name) if name.starts_with("refs/") => (name.clone(), Some(at(name)?)),
            Wanted::Named(name) => ["heads", "tags"].iter().find_map(|kind| {
                let name = format!("refs/{kind}/{name}");
                at(&name).map(|commit| (name.clone(), Some(commit)))
            })?,
        };
        let tag = refs.iter().filter(|(id, _)| Some(*id) == commit).filter_map(|(_, known)| tag_of(known));
        let own = name.strip_prefix("refs/tags/").filter(|tag| is_version(tag)).map(str::to_owned);
        let tag = own.or(tag.max().map(str::to_owned));
        Some(Tip { name, commit: commit.map(str::to_owned), tag })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Head => Ok(()),
            Wanted::Named(name) | Wanted::Commit(name) => write!(f, "#{name}"),
        }
    }
}

/// The name of a tag that can be a version.
fn tag_of(name: &str) -> Option<&str> {
    let tag = name.strip_prefix("refs/tags/")?;
    let tag = tag.strip_suffix("^{}").unwrap_or(tag);
    is_version(tag).then_some(tag)
}

fn is_version(tag: &str) -> bool {
    (1..=64).contains(&tag.len()) && tag.chars().all(|c| c.is_ascii_graphic() && c != '/' && c != '\\')
}

/// A whole SHA-1 or SHA-256.
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn find(wanted: &str, said: &str) -> Option<(String, String, Option<String>)> {
        let wanted = if wanted.is_empty() { Wanted::Head } else { Wanted::parse(wanted).unwrap() };
        wanted.find(said).map(|tip| (tip.name, tip.commit.unwrap(), tip.tag))
    }

    #[test]
    fn names_that_git_knows_are_taken_and_others_not() {
        for name in ["main", "release/2.1", "v1.0+b", "refs/tags/v1", "f\u{fc}r", "a@b", "deadbeef"] {
            assert_eq!(Wanted::parse(name), Some(Wanted::Named(name.into())), "{name}");
        }
        assert_eq!(Wanted::parse(&A.to_uppercase()), Some(Wanted::Commit(A.into())));
        for name in [
            "-x", "a b", "a..b", "a:b", "+a:b", "a^", "a~1", "/a", "a/", ".a", "a.lock", "@", "a@{1}", "a\n",
            "a*", "x'y",
        ] {
            let taken = Wanted::parse(name);
            assert!(taken.is_none() || name == "+a:b", "{name}: {taken:?}");
        }
        assert_eq!(Wanted::parse("+a:b"), None);
    }

    #[test]
    fn a_tip_is_found_with_the_tag_that_is_there() {
        let said = format!(
            "{A}\tHEAD\n{A}\trefs/heads/main\n{B}\trefs/heads/v1\n{B}\trefs/tags/light\n\
             cccccccccccccccccccccccccccccccccccccccc\trefs/tags/v2\n{A}\trefs/tags/v2^{{}}\n{A}\trefs/tags/a/b\n"
        );
        let tip = |name: &str, commit: &str, tag: Option<&str>| {
            Some((name.to_owned(), commit.to_owned(), tag.map(str::to_owned)))
        };
        assert_eq!(find("", &said), tip("HEAD", A, Some("v2")));
        assert_eq!(find("main", &said), tip("refs/heads/main", A, Some("v2")));
        assert_eq!(find("v1", &said), tip("refs/heads/v1", B, Some("light")), "a branch before a tag");
        assert_eq!(find("v2", &said), tip("refs/tags/v2", A, Some("v2")));
        assert_eq!(find("refs/tags/light", &said), tip("refs/tags/light", B, Some("light")));
        assert_eq!(find(A, &said), tip(A, A, Some("v2")));
        assert_eq!(find("gone", &said), None);
        assert_eq!(find("main", "warning: nonsense\n"), None);
    }
}
