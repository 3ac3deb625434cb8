//! Runs a program and does something to its system calls that change files, in
//! the order in which the kernel sees them: stops the whole family before the
//! N-th one, or lets calls fail.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
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

/// What is done to the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: they are counted.
    Count,
    /// Everybody is killed before the N-th one.
    Kill { at: u64 },
    /// The N-th one fails, where its kind can fail so.
    Once { at: u64, errno: Errno },
    /// The N-th one and all that follow fail.
    EverAfter { at: u64, errno: Errno },
    /// This call always fails, as where the kernel or a sandbox has none.
    Lacking { call: i64, errno: Errno },
    /// The N-th one, if it writes, writes half of what it was asked to.
    Short { at: u64 },
    /// The N-th call with which the program itself looks or reads, counted from
    /// the first that changes something, fails with EIO. A shell that cannot read
    /// its script takes it for an empty one, and there is nothing to be done about it.
    Unreadable { at: u64 },
}

/// How a traced program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Status(i32),
    Killed,
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Traced {
    pub ended: Ended,
    /// Calls that change something, seen until then.
    pub calls: u64,
    /// Calls that look or read, since the first that changes something.
    pub looks: u64,
    /// Calls to which the fault was done.
    pub struck: u64,
    /// The first of them: whose, which, of what.
    pub first_struck: Option<String>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `command` to its end, or to the fault's. Only the thread that started a
/// program hears of it, and hears of nothing else.
pub fn trace(command: Command, fault: Fault) -> Traced {
    trace_on(|_| None, command, fault)
}

/// What the kernel answers to a call instead of making it; `None`: it is made.
pub type Answers = fn(&Call) -> Option<i64>;

/// As [`trace`], on a ground where some calls are always answered in another way.
pub fn trace_on(ground: Answers, command: Command, fault: Fault) -> Traced {
    std::thread::scope(|threads| {
        let traced = threads.spawn(|| Tracer::start(command, ground, fault).follow());
        traced.join().expect("the tracer did not fail")
    })
}

struct Tracer {
    first: Pid,
    ground: Answers,
    fault: Fault,
    family: BTreeSet<Pid>,
    /// What a call that is under way returns when it ends.
    answers: BTreeMap<Pid, i64>,
    output: [tempfile::NamedTempFile; 2],
    ended: Ended,
    calls: u64,
    looks: u64,
    struck: u64,
    first_struck: Option<String>,
}

impl Tracer {
    fn start(mut command: Command, ground: Answers, fault: Fault) -> Tracer {
        let output = [0, 1].map(|_| tempfile::NamedTempFile::new_in("/tmp").unwrap());
        let to = |which: usize| File::options().append(true).open(output[which].path()).unwrap();
        command.stdin(Stdio::null()).stdout(to(0)).stderr(to(1));
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
        let (family, answers) = (BTreeSet::from([first]), BTreeMap::new());
        Tracer {
            first,
            ground,
            fault,
            family,
            answers,
            output,
            ended: Ended::Killed,
            calls: 0,
            looks: 0,
            struck: 0,
            first_struck: None,
        }
    }

    fn follow(mut self) -> Traced {
        loop {
            let everybody = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
            match waitpid(None, Some(everybody)) {
                Ok(status) => self.take(status),
                Err(Errno::ECHILD) => break,
                Err(Errno::EINTR) => {}
                Err(error) => panic!("waiting for a traced program: {error}"),
            }
        }
        let said = |which: usize| {
            String::from_utf8_lossy(&fs::read(self.output[which].path()).unwrap()).into_owned()
        };
        let Tracer { ended, calls, looks, struck, first_struck, .. } = self;
        Traced { ended, calls, looks, struck, first_struck, stdout: said(0), stderr: said(1) }
    }

    fn take(&mut self, status: WaitStatus) {
        let Some(pid) = status.pid() else { return };
        let mut signal = None;
        match status {
            WaitStatus::Exited(_, code) => {
                self.family.remove(&pid);
                if pid == self.first {
                    self.ended = Ended::Status(code);
                }
                return;
            }
            WaitStatus::Signaled(..) => {
                self.family.remove(&pid);
                return;
            }
            WaitStatus::PtraceSyscall(_) => self.at_call(pid),
            WaitStatus::Stopped(_, Signal::SIGSTOP | Signal::SIGTRAP) => {}
            WaitStatus::Stopped(_, sent) => signal = Some(sent),
            _ => {}
        }
        self.family.insert(pid);
        // One that is being killed is gone already.
        let _ = ptrace::syscall(pid, signal);
    }

    fn at_call(&mut self, pid: Pid) {
        let Ok(info) = ptrace::syscall_info(pid) else { return };
        if info.op == libc::PTRACE_SYSCALL_INFO_EXIT {
            if let Some(answer) = self.answers.remove(&pid) {
                set_answer(pid, answer);
            }
            return;
        }
        if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            return;
        }
        // SAFETY: `op` says that this is the variant that is filled in.
        let entry = unsafe { info.u.entry };
        let call = Call { pid, number: entry.nr as i64, arguments: entry.args };
        match self.fault {
            Fault::Lacking { call: lacking, errno } if call.number == lacking => self.refuse(&call, errno),
            _ if call.changes_something() => {
                self.calls += 1;
                self.strike(&call);
            }
            _ if self.calls > 0 && call.looks() && self.is_own(pid) => {
                self.looks += 1;
                if self.fault == (Fault::Unreadable { at: self.looks }) {
                    self.refuse(&call, Errno::EIO);
                }
            }
            _ => {}
        }
        if let Some(answer) = (self.ground)(&call) {
            call.skip();
            self.answers.entry(pid).or_insert(answer);
        }
    }

    /// Whether it is the program that was started, and none that it starts.
    fn is_own(&self, pid: Pid) -> bool {
        program_of(pid).is_some_and(|program| Some(program) == program_of(self.first))
    }

    fn strike(&mut self, call: &Call) {
        let errno = match self.fault {
            Fault::Kill { at } if self.calls == at => {
                self.struck += 1;
                for pid in &self.family {
                    let _ = nix::sys::signal::kill(*pid, Signal::SIGKILL);
                }
                return;
            }
            Fault::Short { at } if self.calls == at && call.halve() => {
                self.struck += 1;
                return;
            }
            Fault::Once { at, errno } if self.calls == at => errno,
            Fault::EverAfter { at, errno } if self.calls >= at => errno,
            _ => return,
        };
        if call.can_fail_with(errno) {
            self.refuse(call, errno);
        }
    }

    fn refuse(&mut self, call: &Call, errno: Errno) {
        self.struck += 1;
        self.first_struck.get_or_insert_with(|| call.to_string());
        call.skip();
        self.answers.insert(call.pid, -(errno as i64));
    }
}

/// A system call that is about to be made.
pub struct Call {
    pid: Pid,
    pub number: i64,
    pub arguments: [u64; 6],
}

fn program_of(pid: Pid) -> Option<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = program_of(self.pid).unwrap_or_default();
        write!(f, "{}: call {} of {:?}", whose.display(), self.number, self.file())
    }
}

impl Call {
    /// Whether it waits until something is on the disk.
    pub fn syncs(&self) -> bool {
        matches!(self.number, libc::SYS_fsync | libc::SYS_fdatasync | libc::SYS_syncfs | libc::SYS_sync)
    }

    /// The file or folder that the call's first argument is a descriptor of.
    pub fn file(&self) -> Option<std::path::PathBuf> {
        fs::read_link(format!("/proc/{}/fd/{}", self.pid, self.arguments[0] as i32)).ok()
    }

    /// Whether it could change a file, or what another program knows.
    fn changes_something(&self) -> bool {
        match self.number {
            libc::SYS_openat | libc::SYS_openat2 => self.opens_to_write(),
            // Standard output and error are nobody's state.
            libc::SYS_write | libc::SYS_writev => self.arguments[0] > 2,
            call => CHANGING.contains(&call),
        }
    }

    /// Whether it asks a file or folder for something.
    fn looks(&self) -> bool {
        match self.number {
            libc::SYS_read | libc::SYS_pread64 => self.arguments[0] > 2,
            call => LOOKING.contains(&call),
        }
    }

    fn opens_to_write(&self) -> bool {
        let flags = match self.number {
            libc::SYS_openat => self.arguments[2] as i32,
            _ => match ptrace::read(self.pid, self.arguments[2] as ptrace::AddressType) {
                Ok(flags) => flags as i32,
                Err(_) => return false,
            },
        };
        flags & (libc::O_CREAT | libc::O_TRUNC | libc::O_WRONLY | libc::O_RDWR) != 0
    }

    /// Whether a kernel would ever answer this call so.
    fn can_fail_with(&self, errno: Errno) -> bool {
        let (opens, syncs) = (
            matches!(self.number, libc::SYS_openat | libc::SYS_openat2),
            matches!(self.number, libc::SYS_fsync | libc::SYS_fdatasync | libc::SYS_syncfs),
        );
        let writes = matches!(self.number, libc::SYS_write | libc::SYS_writev | libc::SYS_pwrite64);
        let unlinks = self.number == libc::SYS_unlinkat;
        match errno {
            // A socket is on no disk.
            _ if self.number == libc::SYS_sendto => false,
            Errno::EMFILE => opens,
            Errno::EINTR => opens || writes,
            Errno::ENOSPC => !unlinks,
            Errno::EROFS | Errno::EACCES => !(syncs || writes),
            _ => true,
        }
    }

    /// Makes the kernel do nothing instead.
    fn skip(&self) {
        // One that was just killed makes no call anyway.
        if let Ok(mut registers) = ptrace::getregs(self.pid) {
            registers.orig_rax = u64::MAX;
            let _ = ptrace::setregs(self.pid, registers);
        }
    }

    /// Makes a plain write half as long; `false` when this is none.
    fn halve(&self) -> bool {
        if !matches!(self.number, libc::SYS_write | libc::SYS_pwrite64) || self.arguments[2] < 2 {
            return false;
        }
        let mut registers = ptrace::getregs(self.pid).unwrap();
        registers.rdx /= 2;
        ptrace::setregs(self.pid, registers).unwrap();
        true
    }
}

fn set_answer(pid: Pid, answer: i64) {
    if let Ok(mut registers) = ptrace::getregs(pid) {
        registers.rax = answer as u64;
        let _ = ptrace::setregs(pid, registers);
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
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
];

const LOOKING: &[i64] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_statx,
    libc::SYS_newfstatat,
    libc::SYS_fstat,
];
