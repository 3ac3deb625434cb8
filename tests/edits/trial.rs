//! One edit at one place of a run, and whether it was lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use crate::BYTES;
use crate::Case;
use crate::Edit;
use crate::Stand;
use crate::Way;
use crate::support::ground::Ground;
use crate::support::run::Answered;
use crate::support::small::Look;
use crate::support::snapshot::Tree;
use crate::support::update;

pub struct Trial<'a> {
    ground: &'a Ground,
    new: &'a Look,
    case: &'a Case,
    /// Where a folder went that a link stands for.
    elsewhere: PathBuf,
    pub said: String,
}

type Found<T = ()> = Result<T, String>;

impl<'a> Trial<'a> {
    pub fn new(ground: &'a Ground, new: &'a Look, case: &'a Case) -> Trial<'a> {
        let elsewhere = ground.small.folder.path().join("elsewhere");
        let _ = fs::remove_dir_all(&elsewhere);
        Trial { ground, new, case, elsewhere, said: String::new() }
    }

    pub fn run(mut self) -> Found {
        self.stand();
        if !self.edit() {
            return Ok(());
        }
        let outside = fs::exists(&self.elsewhere).unwrap().then(|| Tree::of(&self.elsewhere));
        let mut exit = 0;
        for verb in self.case.verbs {
            exit = self.call(verb)?;
        }
        if let Some(outside) = outside {
            // What a release's own script writes, it writes through whatever stands there.
            let only = |tree: Tree| tree.without(&["counter.txt", "marked.txt"]);
            let now = Tree::of(&self.elsewhere);
            only(outside).assert_same(&only(now), &format!("{}: a link was followed", self.case));
            self.put_folder_back();
        }
        self.is_not_lost()?;
        self.ends_well(exit)
    }

    pub fn stand(&self) {
        let ground = self.ground;
        match &self.case.stand {
            Stand::Approved => {}
            Stand::StoppedBefore(step) => {
                ground.entracte.json(&["apply", "--stop-before", step.name()]).code(0);
            }
            Stand::Killed(point) => {
                ground.faulty(&format!("{point}=kill")).run(&["apply", "--foreground"]).killed();
            }
            Stand::Finished => drop(update::apply(&ground.entracte)),
        }
    }

    /// Whether there was something to edit.
    pub fn edit(&self) -> bool {
        match self.case.edit {
            Edit::Write(path, way) => {
                let live = self.ground.small.path(path);
                write(&live, way)
            }
            Edit::Delete(path) => fs::remove_file(self.ground.small.path(path)).is_ok(),
            Edit::Link(path) => {
                let live = self.ground.small.path(path);
                let is_folder = live.symlink_metadata().is_ok_and(|meta| meta.is_dir());
                if is_folder {
                    fs::rename(&live, &self.elsewhere).unwrap();
                    symlink(&self.elsewhere, &live).unwrap();
                }
                is_folder
            }
        }
    }

    fn put_folder_back(&self) {
        let Edit::Link(path) = self.case.edit else { return };
        let live = self.ground.small.path(path);
        if live.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
            fs::remove_file(&live).unwrap();
        }
        if !live.exists() {
            fs::rename(&self.elsewhere, &live).unwrap();
        }
    }

    pub fn call(&mut self, verb: &str) -> Found<i32> {
        let Answered { exit, result, error } = self.ground.entracte.json(&[verb]);
        self.said += &format!("{verb} ended with {exit}: {result} {error}\n");
        match exit {
            0 | 1 | 3 | 5 | 6 => Ok(exit),
            _ => Err(format!("a strange end: {}", self.said)),
        }
    }

    /// What was written is live, or kept with the run and told of.
    pub fn is_not_lost(&self) -> Found {
        let Edit::Write(path, _) = self.case.edit else { return Ok(()) };
        if holds(&self.ground.small.path(path)) {
            return Ok(());
        }
        let runs = self.ground.parent().join(".entracte-site/runs");
        // Written before anything was saved, it is part of the old site, of which
        // the plan says that scripts change it.
        let saved = |entry: fs::DirEntry| holds(&entry.path().join("saved").join(path));
        if fs::read_dir(&runs).unwrap().map(Result::unwrap).any(saved) {
            return Ok(());
        }
        let kept: Vec<PathBuf> = walkdir::WalkDir::new(runs)
            .into_iter()
            .filter_map(|entry| Some(entry.ok()?.into_path()))
            .filter(|place| ["/undone/", "/bak/"].iter().any(|part| place.to_string_lossy().contains(part)))
            .filter(|place| holds(place))
            .collect();
        match (kept.is_empty(), self.said.contains(path)) {
            (true, _) => Err(format!("LOST; {}", self.said)),
            (false, false) => Err(format!("kept at {kept:?} but not told of: {}", self.said)),
            (false, true) => Ok(()),
        }
    }

    /// The old site or the new one, but for what was edited; or closed, `status`
    /// says so, and going back works.
    fn ends_well(mut self, exit: i32) -> Found {
        let status = self.ground.entracte.json(&["status"]);
        let closed = self.ground.flag().exists();
        if closed != (status.result["gate"]["closed"] == true) || (closed && status.exit != 6) {
            return Err(format!("status is not true: {:#}", status.result));
        }
        let is_over = exit != 6;
        if is_over && closed {
            return Err(format!("closed after exit {exit}: {}", self.said));
        }
        let expects_new = *self.case.verbs.last().unwrap() != "rollback" && [0, 3].contains(&exit);
        if is_over {
            self.is(if expects_new { self.new } else { &self.ground.old })?;
        }
        if is_over && !expects_new {
            return Ok(());
        }
        match self.call("rollback")? {
            0 => self.is_not_lost()?,
            _ => return Err(format!("no way back: {}", self.said)),
        }
        self.is(&self.ground.old)
    }

    fn is(&self, expected: &Look) -> Found {
        let edited = match self.case.edit {
            Edit::Write(path, _) | Edit::Delete(path) | Edit::Link(path) => path,
        };
        // Where something of theirs is, its folder stays, too.
        let folders = Path::new(edited).ancestors().skip(1).filter_map(Path::to_str);
        let folders: Vec<&str> = folders.filter(|folder| !["", "app", "media"].contains(folder)).collect();
        let without = |look: &Look| look.tree.clone().without(&[&[edited][..], &folders].concat());
        let (before, now) = (without(expected), self.ground.small.look());
        let is_new = std::ptr::eq(expected, self.new);
        let same = if is_new { before.is_same_content(&without(&now)) } else { before == without(&now) };
        if !same {
            return Err(format!("a mix:\n{}\n{}", before.difference(&without(&now)), self.said));
        }
        match expected.rows == now.rows {
            true => Ok(()),
            false => Err(format!("other rows: {:?}", now.rows)),
        }
    }
}

fn holds(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text == BYTES)
}

fn write(live: &Path, way: Way) -> bool {
    if live.is_dir() || fs::create_dir_all(live.parent().unwrap()).is_err() {
        return false;
    }
    if way == Way::InPlace {
        // Through a link it would be another file.
        return !live.is_symlink() && fs::write(live, BYTES).is_ok();
    }
    let beside = live.with_extension("tmp");
    fs::write(&beside, BYTES).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o644)).unwrap();
    fs::rename(&beside, live).is_ok()
}
