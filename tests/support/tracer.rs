//! Runs a program and stops its whole family before the N-th system call that
//! changes something, in the order in which the kernel sees them.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::process::Stdio;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::ptrace::Options;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitPidFlag;
use nix::sys::wait::WaitStatus;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

/// How a traced program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Status(i32),
    Killed,
}

/// What a run did.
#[derive(Clone, Copy, Debug)]
pub struct Traced {
    pub ended: Ended,
    /// Calls that change something, seen until then.
    pub calls: u64,
}

/// Runs `command` to its end; kills it and every child of it before its `at`-th
/// call that changes something. Output is thrown away.
pub fn killed_before(command: Command, at: u64) -> Traced {
    in_own_thread(command, at)
}

/// Runs `command` to its end and counts.
pub fn counted(command: Command) -> Traced {
    in_own_thread(command, u64::MAX)
}

/// Only the thread that started a program hears of it, and hears of nothing else.
fn in_own_thread(command: Command, at: u64) -> Traced {
    std::thread::scope(|threads| {
        threads.spawn(|| trace(command, at)).join().expect("the tracer did not fail")
    })
}

fn trace(mut command: Command, at: u64) -> Traced {
    command
        .stdin(Stdio::null())
        .stdout(File::create("/dev/null").unwrap())
        .stderr(File::create("/dev/null").unwrap());
    // SAFETY: `traceme` is one system call and touches no memory of the parent's.
    unsafe { command.pre_exec(|| ptrace::traceme().map_err(Into::into)) };
    let first = Pid::from_raw(command.spawn().expect("the program starts").id() as i32);
    waitpid(first, None).expect("it stops where it begins");
    let follow = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(first, follow).unwrap();
    ptrace::syscall(first, None).unwrap();
    let mut family = BTreeSet::from([first]);
    let (mut calls, mut ended) = (0, Ended::Killed);
    loop {
        let everybody = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        let status = match waitpid(None, Some(everybody)) {
            Ok(status) => status,
            Err(Errno::ECHILD) => return Traced { ended, calls },
            Err(Errno::EINTR) => continue,
            Err(error) => panic!("waiting for a traced program: {error}"),
        };
        let Some(pid) = status.pid() else { continue };
        let mut signal = None;
        match status {
            WaitStatus::Exited(pid, code) => {
                family.remove(&pid);
                if pid == first {
                    ended = Ended::Status(code);
                }
                continue;
            }
            WaitStatus::Signaled(pid, ..) => {
                family.remove(&pid);
                continue;
            }
            WaitStatus::PtraceSyscall(pid) if changes_something(pid) => {
                calls += 1;
                if calls == at {
                    kill(&family);
                }
            }
            WaitStatus::Stopped(_, Signal::SIGSTOP | Signal::SIGTRAP) => {}
            WaitStatus::Stopped(_, sent) => signal = Some(sent),
            _ => {}
        }
        family.insert(pid);
        // One that is being killed is gone already.
        let _ = ptrace::syscall(pid, signal);
    }
}

fn kill(family: &BTreeSet<Pid>) {
    for pid in family {
        let _ = nix::sys::signal::kill(*pid, Signal::SIGKILL);
    }
}

/// Whether the process stands before a call that could change a file.
fn changes_something(pid: Pid) -> bool {
    let Ok(info) = ptrace::syscall_info(pid) else { return false };
    if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return false;
    }
    // SAFETY: `op` says that this is the variant that is filled in.
    let entry = unsafe { info.u.entry };
    let opens_to_write = |flags: u64| {
        let writes = libc::O_CREAT | libc::O_TRUNC | libc::O_WRONLY | libc::O_RDWR;
        flags as i32 & writes != 0
    };
    match entry.nr as i64 {
        libc::SYS_openat => opens_to_write(entry.args[2]),
        libc::SYS_openat2 => ptrace::read(pid, entry.args[2] as ptrace::AddressType)
            .is_ok_and(|flags| opens_to_write(flags as u64)),
        // Standard output and error are nobody's state.
        libc::SYS_write | libc::SYS_writev => entry.args[0] > 2,
        call => CHANGING.contains(&call),
    }
}

const CHANGING: &[i64] = &[
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_syncfs,
    libc::SYS_ftruncate,
    libc::SYS_truncate,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_setxattr,
    libc::SYS_fsetxattr,
    libc::SYS_sendto,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
];
