//! Ctrl-C and its kin.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;

/// Says whether the user asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

/// Signals are heeded as long as this lives.
pub struct Attention {
    pub interrupt: Interrupt,
    over: Arc<AtomicBool>,
}

impl Drop for Attention {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Interrupt {
    /// From now on the first SIGINT or SIGTERM only sets the flag, so that work
    /// ends after its current atomic operation; a second one ends at once with
    /// status 130.
    pub fn listen() -> Interrupt {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Both fail only for signals that cannot be caught.
            let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, flag.clone());
            let _ = signal_hook::flag::register(signal, flag.clone());
        }
        Interrupt(flag)
    }

    /// From now on SIGINT and SIGTERM only set the flag, however often they come.
    pub fn listen_patiently() -> Interrupt {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Fails only for signals that cannot be caught.
            let _ = signal_hook::flag::register(signal, flag.clone());
        }
        Interrupt(flag)
    }

    /// The same until what is returned goes; from then on signals end the program
    /// as they do by themselves.
    pub fn listen_for_a_while() -> Attention {
        let (flag, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM] {
            // They fail only for signals that cannot be caught.
            let _ = signal_hook::flag::register_conditional_default(signal, over.clone());
            let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, flag.clone());
            let _ = signal_hook::flag::register(signal, flag.clone());
        }
        Attention { interrupt: Interrupt(flag), over }
    }

    /// Whether the user asked since the last time this was called.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    /// From now on a lost terminal changes nothing.
    pub fn ignore_hangup() {
        let _ = signal_hook::flag::register(SIGHUP, Arc::new(AtomicBool::new(false)));
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
