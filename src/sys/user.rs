//! Who this process works as, as the machine knows that user.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use crate::sys::env;
use crate::sys::fs;

/// What the machine says of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub home: PathBuf,
}

/// The user that this process works as; `None` where no list of users names it.
pub fn current() -> Option<User> {
    let id = env::user_id();
    let users = fs::read_if_present(Path::new("/etc/passwd")).ok().flatten().unwrap_or_default();
    find(&String::from_utf8_lossy(&users), id).or_else(|| ask(id))
}

/// Users may be kept elsewhere, in a directory service.
fn ask(id: u32) -> Option<User> {
    let call = ["getent".to_owned(), "passwd".to_owned(), id.to_string()];
    let mut program = crate::sys::process::Program::new(call, Path::new("/"));
    program.limit = std::time::Duration::from_secs(10);
    program.env.insert("HOME".into(), "/".into());
    let (_, said) = program.capture(1 << 16).ok()?;
    find(&String::from_utf8_lossy(&said), id)
}

fn find(users: &str, id: u32) -> Option<User> {
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let is_meant = fields.get(2)?.parse() == Ok(id);
        is_meant.then_some(User { name: fields.first()?.to_string(), home: PathBuf::from(fields.get(5)?) })
    })
}

/// What this machine calls its users and groups.
#[derive(Clone, Debug, Default)]
pub struct Names {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl Names {
    pub fn known() -> Names {
        let text = |path: &str| {
            let bytes = fs::read_if_present(Path::new(path)).ok().flatten().unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Names::read(&text("/etc/passwd"), &text("/etc/group"))
    }

    /// From the texts of `/etc/passwd` and `/etc/group`.
    pub fn read(users: &str, groups: &str) -> Names {
        let names = |text: &str| {
            let name = |line: &str| {
                let mut fields = line.split(':');
                let name = fields.next()?;
                Some((fields.nth(1)?.parse().ok()?, crate::base::escape::text(name).into_owned()))
            };
            // The first of two names is the one that the system says.
            text.lines().rev().filter_map(name).collect()
        };
        Names { users: names(users), groups: names(groups) }
    }

    /// `user:group`, by number where there is no name.
    pub fn owner(&self, uid: u32, gid: u32) -> String {
        let name = |names: &BTreeMap<u32, String>, id: u32| names.get(&id).cloned().unwrap_or(id.to_string());
        format!("{}:{}", name(&self.users, uid), name(&self.groups, gid))
    }
}

/// The user's home: what the environment says, unless that is the folder of
/// somebody else, as it is when root has become this user.
pub fn home() -> Option<PathBuf> {
    let said = env::variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let ours = said.filter(|home| fs::owner(home).is_ok_and(|(uid, _)| uid == env::user_id()));
    ours.or_else(|| current().map(|user| user.home))
}

/// Where the user's own configuration is kept, by the environment.
pub fn configuration() -> Option<PathBuf> {
    let said = env::variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let ours = said.filter(|folder| is_ours_or_to_be(folder));
    ours.or_else(|| home().map(|home| home.join(".config")))
}

/// Where it is kept for a process that has nothing but the machine's word.
pub fn bare_configuration() -> Option<PathBuf> {
    current().map(|user| user.home.join(".config"))
}

fn is_ours_or_to_be(folder: &Path) -> bool {
    let nearest = folder.ancestors().find(|above| fs::exists(above));
    nearest.and_then(|above| fs::owner(above).ok()).is_some_and(|(uid, _)| uid == env::user_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\nodd\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n";
        assert_eq!(find(users, 33), Some(User { name: "www-data".into(), home: "/var/www".into() }));
        assert_eq!(find(users, 3), None);
    }
}
