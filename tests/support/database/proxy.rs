//! A line between the program and the server that reads along, and does
//! something at a chosen statement: before the server gets it, while it works
//! on it, or when it is done and nobody was told yet.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    During,
    After,
}

impl Moment {
    pub const ALL: [Moment; 3] = [Moment::Before, Moment::During, Moment::After];
}

/// What happens to the line when the trap has sprung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// It stays.
    Whole,
    /// Both sides see its end.
    Cut,
    /// The program sees its end, the server does not.
    HalfOpen,
}

type Act = Box<dyn FnOnce(u64) + Send>;

struct Trap {
    /// A text that only this statement has.
    mark: String,
    moment: Moment,
    line: Line,
    /// Told the number of the connection.
    act: Act,
}

#[derive(Default)]
struct Shared {
    trap: Mutex<Option<Trap>>,
    /// Connections whose other end believes that they live.
    half_open: Mutex<Vec<UnixStream>>,
    /// The server never hears that a program is gone.
    tells_nobody: AtomicBool,
}

pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
}

/// What the two directions of one connection tell each other.
#[derive(Default)]
struct Hold {
    state: Mutex<HoldState>,
    changed: Condvar,
}

#[derive(Default)]
struct HoldState {
    number: u64,
    is_held: bool,
    has_answer: bool,
}

impl Proxy {
    pub fn start(socket: &Path) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let (socket, all): (PathBuf, _) = (socket.to_owned(), Arc::clone(&shared));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A server that is down refuses, and so does its line.
                if let Ok(server) = UnixStream::connect(&socket) {
                    carry(client, server, &all);
                }
            }
        });
        Proxy { port, shared }
    }

    /// Sets a trap at the next statement that holds `mark`.
    pub fn trap(&self, mark: &str, moment: Moment, line: Line, act: impl FnOnce(u64) + Send + 'static) {
        let act: Act = Box::new(act);
        *self.shared.trap.lock().unwrap() = Some(Trap { mark: mark.to_owned(), moment, line, act });
    }

    /// Whether the trap is still set.
    pub fn is_set(&self) -> bool {
        self.shared.trap.lock().unwrap().is_some()
    }

    /// From now on a machine that is gone leaves its connections behind, as
    /// when its power goes.
    pub fn leave_connections(&self, whether: bool) {
        self.shared.tells_nobody.store(whether, Ordering::SeqCst);
    }

    /// Takes a trap away, and lets lines that were half open end.
    pub fn forget(&self) {
        self.shared.half_open.lock().unwrap().clear();
        *self.shared.trap.lock().unwrap() = None;
    }
}

fn carry(client: TcpStream, server: UnixStream, shared: &Arc<Shared>) {
    client.set_nodelay(true).unwrap();
    let hold = Arc::new(Hold::default());
    let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let (back, all) = (Arc::clone(&hold), Arc::clone(shared));
    thread::spawn(move || answers(from, to, &back));
    thread::spawn(move || questions(client, server, &hold, &all));
}

/// Carries what the server says; the first packet tells the connection's number.
fn answers(mut server: UnixStream, mut client: TcpStream, hold: &Hold) {
    let mut buffer = vec![0; 1 << 16];
    let mut is_first = true;
    while let Ok(size) = server.read(&mut buffer) {
        let mut state = hold.state.lock().unwrap();
        if std::mem::take(&mut is_first) {
            state.number = number(&buffer[..size]).unwrap_or_default();
        }
        state.has_answer = true;
        hold.changed.notify_all();
        while state.is_held {
            state = hold.changed.wait(state).unwrap();
        }
        drop(state);
        if size == 0 || client.write_all(&buffer[..size]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

/// In the greeting, behind the version.
fn number(greeting: &[u8]) -> Option<u64> {
    let behind = greeting.get(5..)?;
    let end = behind.iter().position(|byte| *byte == 0)?;
    let bytes = behind.get(end + 1..end + 5)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?).into())
}

/// Carries what the program asks, packet by packet.
fn questions(mut client: TcpStream, mut server: UnixStream, hold: &Hold, shared: &Shared) {
    while let Some(packet) = packet(&mut client) {
        let trap = statement(&packet)
            .and_then(|text| shared.trap.lock().unwrap().take_if(|trap| text.contains(&trap.mark)));
        match trap {
            None if server.write_all(&packet).is_ok() => {}
            None => break,
            Some(trap) => {
                let line = trap.line;
                spring(trap, &packet, &mut server, hold);
                if line != Line::Whole {
                    let _ = client.shutdown(Shutdown::Both);
                }
                if line == Line::HalfOpen {
                    shared.half_open.lock().unwrap().push(server);
                    release(hold);
                    return;
                }
                release(hold);
            }
        }
    }
    match shared.tells_nobody.load(Ordering::SeqCst) {
        true => shared.half_open.lock().unwrap().push(server),
        false => drop(server.shutdown(Shutdown::Both)),
    }
}

fn spring(trap: Trap, packet: &[u8], server: &mut UnixStream, hold: &Hold) {
    let number = hold.state.lock().unwrap().number;
    if trap.moment != Moment::Before {
        let mut state = hold.state.lock().unwrap();
        (state.is_held, state.has_answer) = (true, false);
        drop(state);
        server.write_all(packet).unwrap();
    }
    match trap.moment {
        Moment::Before => {}
        Moment::During => thread::sleep(Duration::from_millis(25)),
        Moment::After => {
            let state = hold.state.lock().unwrap();
            drop(hold.changed.wait_while(state, |state| !state.has_answer).unwrap());
        }
    }
    (trap.act)(number);
    if trap.moment == Moment::Before && trap.line == Line::Whole {
        let _ = server.write_all(packet);
    }
}

fn release(hold: &Hold) {
    hold.state.lock().unwrap().is_held = false;
    hold.changed.notify_all();
}

fn packet(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut packet = vec![0; 4];
    client.read_exact(&mut packet).ok()?;
    let size = usize::from(packet[0]) | usize::from(packet[1]) << 8 | usize::from(packet[2]) << 16;
    packet.resize(4 + size, 0);
    client.read_exact(&mut packet[4..]).ok()?;
    Some(packet)
}

/// The text of a packet that begins a question.
fn statement(packet: &[u8]) -> Option<String> {
    const QUERY: u8 = 3;
    let is_query = packet[3] == 0 && packet.get(4) == Some(&QUERY);
    is_query.then(|| String::from_utf8_lossy(&packet[5..]).into_owned())
}
