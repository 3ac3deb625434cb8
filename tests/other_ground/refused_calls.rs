//! Grounds on which the kernel refuses calls that a local disk knows.

use nix::errno::Errno;
use serde_json::Value;

use crate::peculiar::APPLY;
use crate::peculiar::Peculiar;
use crate::peculiar::ROLLBACK;
use crate::peculiar::Template;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::tracer::Answers;
use crate::support::tracer::Call;
use crate::support::tracer::Ended;
use crate::support::tracer::Fault;
use crate::support::tracer::trace_on;

/// NFS: no renames with flags, no files without a name, no room taken beforehand,
/// no attributes, no waiting for a folder.
pub fn as_nfs(call: &Call) -> Option<i64> {
    as_old(call, Errno::EINVAL)
}

/// The same on a kernel that does not have such calls at all.
fn as_old_kernel(call: &Call) -> Option<i64> {
    as_old(call, Errno::ENOSYS)
}

fn as_old(call: &Call, unknown: Errno) -> Option<i64> {
    let errno = match call.number {
        libc::SYS_renameat2 if call.arguments[4] != 0 => unknown,
        libc::SYS_openat if call.arguments[2] as i32 & libc::O_TMPFILE == libc::O_TMPFILE => {
            Errno::EOPNOTSUPP
        }
        libc::SYS_fallocate => Errno::EOPNOTSUPP,
        libc::SYS_fgetxattr | libc::SYS_fsetxattr | libc::SYS_flistxattr => Errno::EOPNOTSUPP,
        libc::SYS_fsync if call.file().is_some_and(|file| file.is_dir()) => Errno::EINVAL,
        _ => return None,
    };
    Some(-(errno as i64))
}

#[test]
fn where_names_cannot_be_exchanged() {
    let ground = Ground::new();
    let template = Template::of(&ground);
    for (what, answers, daily, full) in [
        ("calls refused as on NFS", as_nfs as Answers, 24, 400),
        ("calls unknown to an old kernel", as_old_kernel, 4, 60),
    ] {
        Peculiar { ground: &ground, answers, lay: &|| template.lay() }.sweep(what, daily, full);
    }
}

/// Neither exchanges nor second names, as on vfat.
fn as_vfat(call: &Call) -> Option<i64> {
    match call.number {
        libc::SYS_linkat => Some(-(Errno::EPERM as i64)),
        _ => as_nfs(call),
    }
}

#[test]
fn where_names_cannot_even_be_doubled() {
    let ground = Ground::new();
    let plan = trace_on(as_vfat, ground.entracte.command(&["--json", "plan"]), Fault::Count);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let checks = plan["result"]["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == "file-system").unwrap();
    assert_eq!(found["level"], "error", "{found:#}");
    let applied = trace_on(as_vfat, ground.entracte.command(APPLY), Fault::Count);
    assert_eq!(applied.ended, Ended::Status(5), "{applied:?}");
    ground.is_old("on a ground without second names");
    effort::tried("a ground without second names, refused by preflight", 1);
}

#[test]
fn a_rollback_where_names_cannot_be_exchanged() {
    let ground = Ground::new();
    let template = Template::of(&ground);
    let peculiar = Peculiar { ground: &ground, answers: as_nfs, lay: &|| template.lay() };
    peculiar.ended_well(APPLY, "NFS");
    template.lay();
    peculiar.ended_well(APPLY, "NFS");
    let all = peculiar.ended_well(ROLLBACK, "NFS").calls;
    let points = effort::spread(all, effort::points(12, 200));
    for at in &points {
        template.lay();
        let when = format!("a rollback as on NFS, killed before call {at} of {all}");
        peculiar.ended_well(APPLY, &when);
        peculiar.trace(ROLLBACK, Fault::Kill { at: *at });
        ground.status_is_true(&when);
        peculiar.go_back(&when);
    }
    effort::tried("rollback killed before a call, calls refused as on NFS", points.len() as u64);
}
