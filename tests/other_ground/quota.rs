//! A quota: the disk says that there is room, and refuses what comes all the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::mounted::updated_and_back;
use crate::peculiar::Template;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::mounts;
use crate::support::mounts::Mounted;
use crate::support::process;

/// Of a btrfs with quota groups.
struct Pool {
    mounted: Mounted,
}

impl Pool {
    fn new(beside: &Path) -> Result<Pool, String> {
        mounts::can_mount_images()?;
        let (image, at) = (beside.join("pool.image"), beside.join("pool"));
        fs::create_dir(&at).unwrap();
        mounts::make_image(&image, 400, "mkfs.btrfs", &["-q", "-f"])?;
        let mounted = Mounted::new(&["-o", "loop"], &image, &at)?;
        process::run("btrfs", &["quota", "enable", at.to_str().unwrap()]);
        Ok(Pool { mounted })
    }

    /// A folder of its own on that disk, put where the site is to be.
    fn lay(&self, name: &str, at: &Path) -> Result<Mounted, String> {
        let folder = self.mounted.at().join(name);
        process::run("btrfs", &["subvolume", "create", folder.to_str().unwrap()]);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        Mounted::new(&["--bind"], &folder, at)
    }

    fn limit(&self, name: &str, kibibytes: usize) {
        let folder = self.mounted.at().join(name);
        let folder = folder.to_str().unwrap();
        process::run("btrfs", &["filesystem", "sync", folder]);
        process::run("btrfs", &["qgroup", "limit", &format!("{kibibytes}K"), folder]);
    }

    fn remove(&self, name: &str) {
        let folder = self.mounted.at().join(name);
        process::run("btrfs", &["qgroup", "limit", "none", folder.to_str().unwrap()]);
        process::run("btrfs", &["subvolume", "delete", folder.to_str().unwrap()]);
    }
}

/// As where room is short, but nobody can ask how much there is.
#[test]
fn within_a_quota() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("other ground", &reason);
    }
    let ground = Ground::new();
    let template = Template::of(&ground);
    let pool = match Pool::new(ground.small.folder.path()) {
        Ok(pool) => pool,
        Err(reason) => return effort::skipped("other ground", &reason),
    };
    let (mut refused, mut updated) = (0, 0);
    let sizes = effort::points(16, 160);
    for number in 0..sizes {
        let kibibytes = 512 + number * 16384 / sizes;
        let (name, when) = (format!("site{number}"), format!("with a quota of {kibibytes} KiB"));
        let limited = pool.lay(&name, &ground.parent()).unwrap();
        template.lay();
        pool.limit(&name, kibibytes);
        match updated_and_back(&ground, "quota", &when) {
            true => updated += 1,
            false => refused += 1,
        }
        drop(limited);
        pool.remove(&name);
    }
    assert!(refused > 0 && updated > 0, "{refused} refused, {updated} updated");
    effort::tried("update within a quota, each a little larger", sizes as u64);
}
