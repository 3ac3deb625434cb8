//! What an inode carries beside its bytes, owner, mode and times: access
//! lists, security labels, the owner's own attributes (`xattr(7)`).

use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

/// Most bytes of one attribute that Linux allows.
const MAX_VALUE: usize = 64 * 1024;
const ACCESS_LIST: &[u8] = b"system.posix_acl_access";
/// The access list that new entries of a folder begin with.
const INHERITED_LIST: &[u8] = b"system.posix_acl_default";
const LABEL: &[u8] = b"security.selinux";

/// One extended attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: OsString,
    pub value: Vec<u8>,
}

impl Attribute {
    /// Whether it says something of the file's place and purpose, and so belongs
    /// to what takes its place too. Others say something of the very bytes
    /// (`security.capability`, `security.ima`), or are not ours to know.
    pub fn is_kept(&self) -> bool {
        let name = self.name.as_bytes();
        name == ACCESS_LIST || name == LABEL || name.starts_with(b"user.")
    }
}

/// All attributes that this user may see; none where the file system has none.
pub fn of(file: &File) -> io::Result<Vec<Attribute>> {
    let mut names = vec![0; MAX_VALUE];
    let size = match rustix::fs::flistxattr(file, &mut names[..]) {
        Ok(size) => size,
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
        Err(errno) => return Err(errno.into()),
    };
    let named = names[..size].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut found = Vec::new();
    for name in named.map(OsStr::from_bytes) {
        found.extend(value(file, name)?.map(|value| Attribute { name: name.to_owned(), value }));
    }
    Ok(found)
}

/// What a new file in `folder` gets from it, as the kernel does where the file
/// is made there: the inherited access list, and the label.
pub fn inherited_from(folder: &File) -> io::Result<Vec<Attribute>> {
    let list = value(folder, OsStr::from_bytes(INHERITED_LIST))?;
    let label = value(folder, OsStr::from_bytes(LABEL))?;
    let named = |name: &[u8], value| Attribute { name: OsStr::from_bytes(name).to_owned(), value };
    let found = [list.map(|value| named(ACCESS_LIST, value)), label.map(|value| named(LABEL, value))];
    Ok(found.into_iter().flatten().collect())
}

/// Gives the file an attribute that it does not have already.
pub fn give(file: &File, attribute: &Attribute) -> io::Result<()> {
    if value(file, &attribute.name)?.as_ref() == Some(&attribute.value) {
        return Ok(());
    }
    rustix::fs::fsetxattr(file, &attribute.name, &attribute.value, XattrFlags::empty()).map_err(Into::into)
}

fn value(file: &File, name: &OsStr) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; MAX_VALUE];
    match rustix::fs::fgetxattr(file, name, &mut bytes[..]) {
        Ok(size) => {
            bytes.truncate(size);
            Ok(Some(bytes))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// user::rw- user:65534:r-- group::r-- mask::r-- other::---, as the kernel stores it.
    const LIST: [u8; 44] = [
        2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 254, 255, 0, 0, 4, 0, 4, 0, 255, 255, 255,
        255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
    ];

    #[test]
    fn an_access_list_is_seen_given_and_inherited() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create_new(folder.path().join(name)).unwrap();
        let (one, two, three) = (file("one"), file("two"), file("three"));
        assert!(of(&one).unwrap().iter().all(|attribute| attribute.name != "system.posix_acl_access"));

        let list = Attribute { name: OsStr::from_bytes(ACCESS_LIST).to_owned(), value: LIST.to_vec() };
        give(&one, &list).unwrap();
        let seen = of(&one).unwrap();
        assert!(seen.contains(&list) && list.is_kept());
        for attribute in seen.iter().filter(|attribute| attribute.is_kept()) {
            give(&two, attribute).unwrap();
        }
        assert!(of(&two).unwrap().contains(&list));

        let opened = File::open(folder.path()).unwrap();
        assert!(!inherited_from(&opened).unwrap().contains(&list));
        let inherited =
            Attribute { name: OsStr::from_bytes(INHERITED_LIST).to_owned(), value: LIST.to_vec() };
        give(&opened, &inherited).unwrap();
        for attribute in inherited_from(&opened).unwrap() {
            give(&three, &attribute).unwrap();
        }
        assert!(of(&three).unwrap().contains(&list));
    }

    #[test]
    fn what_says_something_of_the_bytes_stays_with_them() {
        for (name, kept) in [("user.note", true), ("security.capability", false), ("trusted.overlay", false)]
        {
            assert_eq!(Attribute { name: name.into(), value: Vec::new() }.is_kept(), kept, "{name}");
        }
    }
}
