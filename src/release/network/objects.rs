//! Documents, files and many objects of one reference, over one session.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::step::Step;
use crate::release::network::error::NetworkError;
use crate::release::network::failures::is_missing;
use crate::release::network::fetch::Check;
use crate::release::network::fetch::Wanted;
use crate::release::network::fetch::from_mirrors;
use crate::release::network::growth::Fetching;
use crate::release::network::growth::Growth;
use crate::release::network::mirrors::Mirrors;
use crate::release::network::part::Part;
use crate::release::network::session::Session;
use crate::release::network::store::Memory;

/// Larger ones are kept in a file while they come.
const MOST_IN_MEMORY: u64 = 1 << 20;
const TELL_EVERY: Duration = Duration::from_millis(100);

/// A small file, of at most so many bytes; `None`: nobody has it. Where
/// `may_be_missing`, the first who says so is believed.
pub fn document(
    session: &Session,
    mirrors: &Mirrors,
    name: &str,
    most: u64,
    may_be_missing: bool,
    watch: Watch,
) -> Result<Option<Vec<u8>>, NetworkError> {
    let (wanted, mut memory) = (Wanted { name, may_be_missing, ..Wanted::up_to(most) }, Memory::default());
    match from_mirrors(session, mirrors, &wanted, &mut memory, watch) {
        Ok(_) => Ok(Some(memory.into_bytes())),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file whose length and digest are known, fetched into `folder`; what is
/// there of it already is not fetched again. Somebody may read it by its growth.
pub fn file(
    session: &Session,
    mirrors: &Mirrors,
    name: &str,
    (length, digest): (u64, Sha256),
    (folder, growth): (&Path, Option<&Growth>),
    watch: Watch,
) -> Result<PathBuf, NetworkError> {
    let fetching = Fetching(growth);
    let mut part = Part::new(folder, digest.to_string())?.read_by(growth);
    let known = Wanted { name, digest: Some(digest), length: Some(length), ..Wanted::up_to(length) };
    from_mirrors(session, mirrors, &known, &mut part, watch)?;
    fetching.succeed();
    Ok(part.whole_path())
}

/// Forgets everything that was fetched into `folder`, and parts of it.
pub fn forget_all(folder: &Path) -> Result<(), NetworkError> {
    Part::new(folder, String::new())?.forget_all()
}

/// One of many small files whose bytes are checked by who asks for them.
#[derive(Clone, Debug)]
pub struct Object {
    pub name: String,
    /// The most bytes that may come.
    pub most: u64,
}

/// Takes in the object at this place in the list, and says whether it is what it should be; the text
/// names where it came from.
pub type Accept<'a> = &'a (dyn Fn(usize, &mut dyn Read, &str) -> Result<(), NetworkError> + Sync);

/// Fetches all of them, several at once; large ones by way of `folder`, if there is one. `told`
/// hears how many are done. Which one failed is told with the failure.
pub fn objects(
    session: &Session,
    mirrors: &Mirrors,
    list: &[Object],
    folder: Option<&Path>,
    accept: Accept,
    told: &mut dyn FnMut(Told),
) -> Result<(), (usize, NetworkError)> {
    let crew = session.best_at_once().min(list.len());
    session.begin(crew);
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let (sender, said) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..crew {
            let (sender, next, failed) = (sender.clone(), &next, &failed);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Relaxed);
                    let Some(object) = list.get(at) else { return };
                    let check = |content: &mut dyn Read, url: &str| accept(at, content, url);
                    let mut warn = |_: Option<Step>, event: Event| {
                        if let Event::Warning { message } = event {
                            let _ = sender.send(Told::Warning(message));
                        }
                    };
                    if let Err(error) = one(session, mirrors, object, folder, &check, &mut warn) {
                        // Those who end because of the first failure are no failures.
                        failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((at, error));
                        session.end();
                        return;
                    }
                    let _ = sender.send(Told::Done);
                }
            });
        }
        drop(sender);
        loop {
            match said.recv_timeout(TELL_EVERY) {
                Ok(said) => told(said),
                Err(RecvTimeoutError::Timeout) => told(Told::Nothing),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    session.begin(1);
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(failed) => Err(failed),
        None => Ok(()),
    }
}

/// What is heard of many objects.
pub enum Told {
    Done,
    Warning(String),
    /// Time passes.
    Nothing,
}

fn one(
    session: &Session,
    mirrors: &Mirrors,
    object: &Object,
    folder: Option<&Path>,
    check: Check,
    watch: Watch,
) -> Result<(), NetworkError> {
    let wanted = Wanted { name: &object.name, check: Some(check), ..Wanted::up_to(object.most) };
    let Some(folder) = folder.filter(|_| object.most > MOST_IN_MEMORY) else {
        from_mirrors(session, mirrors, &wanted, &mut Memory::default(), watch)?;
        return Ok(());
    };
    let mut part = Part::new(folder, format!("{}.object", Sha256::of(object.name.as_bytes())))?;
    from_mirrors(session, mirrors, &wanted, &mut part, watch)?;
    part.forget()
}
