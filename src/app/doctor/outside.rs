//! What belongs to the site and stands outside its folder: `outside` of the settings.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::app::doctor::Home;
use crate::app::doctor::Patient;
use crate::app::doctor::failed;
use crate::app::doctor::whole;
use crate::base::check::Check;
use crate::base::escape;
use crate::base::path::TreePath;
use crate::site::outside;
use crate::site::outside::Outside;
use crate::site::probe::Probe;
use crate::sys::beneath::Root;
use crate::sys::beneath::Stat;
use crate::sys::beneath::StatKind;
use crate::sys::fs;
use crate::watch::content;

const NAME: &str = "outside";
const WORLD_WRITABLE: u32 = 0o002;
const ROOT: u32 = 0;
/// Of a place with more entries only these are looked at.
const MOST: usize = 20_000;
/// A text so long does not stand in a page by chance, and is soon asked for.
const TELLING: std::ops::RangeInclusive<u64> = 32..=65_536;

/// One check, where the settings name anything; the worst that is found counts.
pub fn check(patient: &Patient) -> Option<Check> {
    let site = patient.site;
    if site.settings.outside.is_empty() {
        return None;
    }
    let mend = "mend `outside` in entracte.toml";
    let named = match outside::each(site) {
        Ok(named) => named,
        Err(error) => return Some(failed(NAME, &error, mend)),
    };
    let owner = fs::owner(&site.root).ok().map(|(uid, _)| uid);
    let count = named.len();
    let mut found: Vec<Check> = Vec::new();
    for (_, place) in named {
        match place {
            Err(error) => found.push(failed(NAME, &error, mend)),
            Ok(place) => found.extend(of_place(&place, owner, patient)),
        }
    }
    let fine =
        || Check::ok(NAME, format!("{count} places belong to the site, and only its owner changes them"));
    let more = found.len().saturating_sub(1);
    // The first of the worst.
    found.sort_by_key(|check| std::cmp::Reverse(check.level));
    Some(match found.into_iter().next() {
        None => fine(),
        Some(check) if more == 0 => check,
        Some(check) => Check { detail: format!("{}; {more} more like it", check.detail), ..check },
    })
}

fn of_place(place: &Outside, owner: Option<u32>, patient: &Patient) -> Option<Check> {
    let shown = fs::shown(place.path());
    let gone = || {
        Check::warning(NAME, format!("{shown} is not there"), "bring it back, or take it out of `outside`")
    };
    let looked = match look(place) {
        Ok(None) => return Some(gone()),
        Ok(Some(looked)) => looked,
        Err(reason) => {
            let fix = "make it readable for the user that entracte works as";
            return Some(Check::error(NAME, format!("{shown} cannot be looked at: {reason}"), fix));
        }
    };
    let path = |found: &Path| escape::word(&fs::shown(found));
    if let Some(open) = looked.writable {
        let detail = format!("everybody on this machine can write {}", fs::shown(&open));
        return Some(Check::error(NAME, detail, format!("chmod o-w {}", path(&open))));
    }
    if let Some((url, file)) = served(place, &looked.telling, patient) {
        let detail = format!("{} can be fetched at {url}: it stands below the web root", fs::shown(&file));
        return Some(Check::error(
            NAME,
            detail,
            format!("forbid {shown} in the web server, or move it elsewhere"),
        ));
    }
    let (foreign, uid) =
        looked.owners.into_iter().find(|(_, uid)| owner.is_some_and(|owner| owner != *uid))?;
    let detail = format!("{} belongs to another user (uid {uid}) than the site", fs::shown(&foreign));
    let fix = owner.map(|owner| format!("chown -R {owner} {}", path(place.path()))).unwrap_or_default();
    Some(Check::warning(NAME, detail, fix))
}

/// What counts of everything at a place.
#[derive(Default)]
struct Looked {
    writable: Option<PathBuf>,
    /// The first of each owner but root, who may write anything anyway.
    owners: Vec<(PathBuf, u32)>,
    /// Texts that tell whether a server hands them out.
    telling: Vec<PathBuf>,
    seen: usize,
}

/// `None`: nothing is there. Links are followed nowhere.
fn look(place: &Outside) -> Result<Option<Looked>, String> {
    let Some((folder, name)) = place.spot().map_err(|error| whole(&error))? else { return Ok(None) };
    let entry = TreePath::root().child(name);
    let Some(stat) = folder.stat(&entry).map_err(|error| whole(&error))? else { return Ok(None) };
    let mut looked = Looked::default();
    looked.note(&folder, name, &stat);
    match stat.kind {
        StatKind::Folder => looked.walk(folder.child(name).map_err(|error| whole(&error))?)?,
        StatKind::File => drop(folder.open_file(&entry).map_err(|error| whole(&error))?),
        StatKind::Link | StatKind::Special(_) => {}
    }
    Ok(Some(looked))
}

impl Looked {
    fn walk(&mut self, top: Root) -> Result<(), String> {
        let mut open = vec![top];
        while let Some(folder) = open.pop() {
            for (name, stat) in folder.list(&TreePath::root()).map_err(|error| whole(&error))? {
                let stat =
                    stat.map_err(|error| format!("{}: {error}", fs::shown(&folder.path().join(&name))))?;
                self.seen += 1;
                if self.seen > MOST {
                    return Ok(());
                }
                self.note(&folder, &name, &stat);
                if stat.kind == StatKind::Folder {
                    open.push(folder.child(&name).map_err(|error| whole(&error))?);
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, folder: &Root, name: &OsStr, stat: &Stat) {
        let path = || folder.path().join(name);
        if stat.kind == StatKind::Link {
            return;
        }
        if stat.meta.mode & WORLD_WRITABLE != 0 && self.writable.is_none() {
            self.writable = Some(path());
        }
        let uid = stat.meta.uid;
        if uid != ROOT && self.owners.iter().all(|(_, known)| *known != uid) {
            self.owners.push((path(), uid));
        }
        let is_plain = !content::is_code(name.as_encoded_bytes());
        if stat.kind == StatKind::File && is_plain && TELLING.contains(&stat.size) && self.telling.len() < 3 {
            self.telling.push(path());
        }
    }
}

/// The address of a file that the web server hands out, where one of these is.
fn served(place: &Outside, telling: &[PathBuf], patient: &Patient) -> Option<(Url, PathBuf)> {
    let Home::Answers { probe, url, .. } = &patient.home else { return None };
    let root = fs::canonical(&patient.site.root).ok()?;
    telling.iter().filter(|file| file.starts_with(place.path())).find_map(|file| {
        let address = address(&root, url, file)?;
        is_handed_out(probe, &address, file).then(|| (address, file.clone()))
    })
}

/// Where a file would stand, were the folders above the site served as its address says.
fn address(root: &Path, url: &Url, file: &Path) -> Option<Url> {
    let above =
        url.path_segments()?.filter(|segment| !segment.is_empty() && !segment.ends_with(".php")).count();
    let (up, rest) = root
        .ancestors()
        .take(above + 1)
        .enumerate()
        .find_map(|(up, folder)| Some((up, file.strip_prefix(folder).ok()?.to_str()?)))?;
    let is_plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    is_plain.then(|| url.join(&format!("{}{rest}", "../".repeat(up))).ok())?
}

fn is_handed_out(probe: &Probe, address: &Url, file: &Path) -> bool {
    let mut text = String::new();
    let read = fs::open(file).map(|file| file.take(*TELLING.end()).read_to_string(&mut text));
    let text = text.trim();
    matches!(read, Ok(Ok(_)))
        && text.len() as u64 >= *TELLING.start()
        && probe.is_exposed(address, "", text).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_an_address_only_below_what_the_address_of_the_site_says_is_served() {
        let root = Path::new("/var/www/html/shop");
        let at = |url: &str, file: &str| {
            address(root, &Url::parse(url).unwrap(), Path::new(file)).map(|url| url.to_string())
        };
        let beside = "/var/www/html/lib/a.txt";
        assert_eq!(at("https://a.example/shop/", beside).unwrap(), "https://a.example/lib/a.txt");
        assert_eq!(at("https://a.example/shop/index.php", beside).unwrap(), "https://a.example/lib/a.txt");
        assert_eq!(at("https://a.example/", beside), None);
        assert_eq!(at("https://a.example/shop/", "/etc/cron.d/shop"), None);
        assert_eq!(at("https://a.example/shop/", "/var/www/html/lib/a?b"), None);
    }
}
