//! Grounds that are mounted: an overlay, two file systems, too little room, a
//! disk that can only be read.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::peculiar::Peculiar;
use crate::peculiar::Template;
use crate::peculiar::copy_inside;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::mounts;
use crate::support::mounts::Mounted;
use crate::support::process;

#[test]
fn on_an_overlay() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("other ground", &reason);
    }
    let ground = Ground::new();
    let base = ground.small.folder.path();
    let lower = base.join("lower");
    copy_inside(&ground.parent(), &lower);
    let mounted = std::cell::RefCell::new(None);
    let lay = || {
        mounted.take();
        let scratch = ["upper", "work"].map(|name| base.join(name));
        for folder in &scratch {
            let _ = fs::remove_dir_all(folder);
            fs::create_dir(folder).unwrap();
        }
        fs::set_permissions(&scratch[0], fs::metadata(&lower).unwrap().permissions()).unwrap();
        let [upper, work] = scratch.map(|path| path.display().to_string());
        let options = format!("lowerdir={},upperdir={upper},workdir={work}", lower.display());
        mounted.replace(Some(overlay(&options, &ground.parent())));
    };
    lay();
    if let Some(Err(reason)) = &*mounted.borrow() {
        return effort::skipped("other ground", reason);
    }
    Peculiar { ground: &ground, answers: |_| None, lay: &lay }.sweep("overlayfs", 20, 300);
}

fn overlay(options: &str, at: &Path) -> Result<Mounted, String> {
    Mounted::new(&["-t", "overlay", "-o", options], Path::new("overlay"), at)
}

#[test]
fn the_state_on_another_mount() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("other ground", &reason);
    }
    let mut mounted = None;
    let ground = Ground::with(|small| {
        let state = small.root().with_file_name(".entracte-site");
        fs::create_dir(&state).unwrap();
        mounted = Some(tmpfs("size=32m,mode=0711", &state));
    });
    if let Some(Err(reason)) = &mounted {
        return effort::skipped("other ground", reason);
    }
    let template = Template::of(&ground);
    Peculiar { ground: &ground, answers: |_| None, lay: &|| template.lay() }.sweep(
        "state on another mount than the site",
        20,
        300,
    );
}

fn tmpfs(options: &str, at: &Path) -> Result<Mounted, String> {
    Mounted::new(&["-t", "tmpfs", "-o", options], Path::new("tmpfs"), at)
}

/// Room that ends: an update is either refused before anything is touched, or
/// there is enough of it until the end, and for the way back.
#[test]
fn where_room_is_short() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("other ground", &reason);
    }
    let ground = Ground::new();
    let template = Template::of(&ground);
    let (mut refused, mut updated) = (0, 0);
    let sizes = effort::points(24, 240);
    for number in 0..sizes {
        let kibibytes = 512 + number * 16384 / sizes;
        let when = format!("in {kibibytes} KiB");
        let limited = tmpfs(&format!("size={kibibytes}k,mode=0755"), &ground.parent());
        let _limited = match limited {
            Ok(limited) => limited,
            Err(reason) => return effort::skipped("other ground", &reason),
        };
        template.lay();
        match updated_and_back(&ground, "bytes", &when) {
            true => updated += 1,
            false => refused += 1,
        }
    }
    assert!(refused > 0 && updated > 0, "{refused} refused, {updated} updated");
    effort::tried("update on a tmpfs, each a little larger", sizes as u64);
}

/// One update with the room that there is, and the way back; or, with nothing touched, a refusal that
/// says this word.
pub fn updated_and_back(ground: &Ground, word: &str, when: &str) -> bool {
    let applied = ground.entracte.json(&["apply", "--foreground"]);
    let is_updated = applied.exit == 0;
    if is_updated {
        ground.is_new(when);
        ground.entracte.json(&["rollback", "--foreground"]).code(0);
    } else {
        let said = applied.refused(5).to_lowercase();
        assert!(said.contains(word), "{when}: {said}");
    }
    ground.is_old(when);
    is_updated
}

/// A disk that was set to read only while the site lived on.
#[test]
fn a_read_only_disk_is_refused_beforehand() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("other ground", &reason);
    }
    let ground = Ground::new();
    for place in [ground.small.root(), ground.parent().join(".entracte-site")] {
        let mounted = match Mounted::new(&["--bind"], &place, &place) {
            Ok(mounted) => mounted,
            Err(reason) => return effort::skipped("other ground", &reason),
        };
        let shown = place.display().to_string();
        process::run("mount", &["-o", "remount,ro,bind", &shown]);
        let refused = ground.entracte.json(&["apply", "--foreground"]);
        let code = refused.exit;
        let said: Value = refused.error;
        assert!([1, 5].contains(&code), "{shown}: {code} {said:#}");
        assert!(said.to_string().contains("read-only") || said.to_string().contains("Read-only"), "{said:#}");
        drop(mounted);
        ground.is_old(&format!("{shown} was read only"));
    }
    effort::tried("site or state read only, refused", 2);
}
