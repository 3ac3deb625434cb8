//! Looks into files for whoever judges. Which films and images hold no PHP is
//! remembered by their digests, so that a folder of a hundred thousand uploads
//! is read once.

use std::collections::HashSet;
use std::io::Read;
use std::path::PathBuf;

use crate::base::path::TreePath;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::cache::key_of;
use crate::integrity::key::Key;
use crate::integrity::line_ends;
use crate::site::state::State;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::watch::content;
use crate::watch::content::PhpFinder;
use crate::watch::judge::Ask;

const MAGIC: &[u8] = b"entracte media without code 1\n";
/// Larger text is not read as a whole, in bytes.
const MAX_TEXT: u64 = 8 << 20;
const BUFFER: usize = 64 << 10;
/// So many bytes of a digest tell two files apart.
const SHORT: usize = 16;

type Short = [u8; SHORT];

pub struct Inspector<'a> {
    root: &'a Root,
    path: PathBuf,
    key: Option<Key>,
    harmless: HashSet<Short>,
    is_new: bool,
}

impl<'a> Inspector<'a> {
    pub fn open(root: &'a Root, state: &State) -> Inspector<'a> {
        let path = state.cache().with_file_name("media");
        // Without a key nothing is remembered, which only costs time.
        let key = Key::load(&key_of(&state.cache())).ok().flatten();
        let read = fs::read_if_present(&path).ok().flatten().unwrap_or_default();
        let body = key.as_ref().and_then(|key| key.open(&read)?.strip_prefix(MAGIC));
        let (known, _) = body.unwrap_or_default().as_chunks::<SHORT>();
        Inspector { root, path, harmless: known.iter().copied().collect(), key, is_new: false }
    }

    /// What a file says to a question. Rules and code that cannot be read are taken
    /// for the worse; that a file cannot be read is a finding of its own.
    pub fn answer(&mut self, path: &TreePath, node: &Node, ask: Ask) -> bool {
        match ask {
            Ask::IsInert => self.text(path, node).is_some_and(|text| content::is_inert(&text)),
            Ask::TurnsHandlersOn => {
                self.text(path, node).is_none_or(|text| content::turns_handlers_on(&text))
            }
            Ask::IsTextOf(wanted) => {
                line_ends::digests(self.root, path).is_some_and(|texts| texts.contains(wanted))
            }
            Ask::HoldsPhp => self.holds_php(path, node),
        }
    }

    /// Whether there is anything to remember.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Remembers the files of this tree that hold no code.
    pub fn keep(&mut self, tree: &Tree) {
        let Some(key) = self.key.as_ref().filter(|_| self.is_new) else { return };
        let here: HashSet<Short> = tree.values().filter_map(short).collect();
        let mut body = MAGIC.to_vec();
        self.harmless.iter().filter(|short| here.contains(*short)).for_each(|short| body.extend(short));
        // What is not remembered is read again.
        let _ = fs::write_durable(&self.path, &key.seal(body));
    }

    fn text(&self, path: &TreePath, node: &Node) -> Option<Vec<u8>> {
        if node.size() > MAX_TEXT {
            return None;
        }
        let mut text = Vec::new();
        self.root.open_file(path).ok()?.take(MAX_TEXT).read_to_end(&mut text).ok()?;
        Some(text)
    }

    fn holds_php(&mut self, path: &TreePath, node: &Node) -> bool {
        let short = short(node);
        if short.is_some_and(|short| self.harmless.contains(&short)) {
            return false;
        }
        let Ok(mut file) = self.root.open_file(path) else { return false };
        let (mut finder, mut buffer) = (PhpFinder::default(), vec![0; BUFFER]);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => finder.take(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
            if finder.is_found() {
                return true;
            }
        }
        self.harmless.extend(short);
        self.is_new = true;
        false
    }
}

fn short(node: &Node) -> Option<Short> {
    node.sha256()?.as_bytes().first_chunk::<SHORT>().copied()
}
