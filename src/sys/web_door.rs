//! Who may hold a connection: so many at a time, so many of one address, and
//! nobody who neither says nor takes anything.

use std::collections::HashMap;
use std::future::Ready;
use std::future::ready;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::Sleep;
use tokio::time::sleep;

const MOST: usize = 512;
/// Of one address of another machine; a proxy on this one speaks for everybody.
const MOST_OF_ONE: usize = 64;
/// No byte went either way for so long.
const IDLE: Duration = Duration::from_secs(90);

#[derive(Clone, Debug, Default)]
pub(super) struct Door(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Door {
    /// `None` where there are too many.
    fn enter(&self, from: IpAddr) -> Option<Permit> {
        let from = from.to_canonical();
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let of_one = open.entry(from).or_default();
        if all >= MOST || (*of_one >= MOST_OF_ONE && !from.is_loopback()) {
            if *of_one == 0 {
                open.remove(&from);
            }
            return None;
        }
        *of_one += 1;
        Some(Permit { door: self.clone(), from })
    }

    fn leave(&self, from: IpAddr) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                open.remove(&from);
            }
        }
    }
}

#[derive(Debug)]
struct Permit {
    door: Door,
    from: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.door.leave(self.from);
    }
}

impl<S> Accept<TcpStream, S> for Door {
    type Stream = Connection;
    type Service = S;
    type Future = Ready<io::Result<(Connection, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let entered = stream
            .set_nodelay(true)
            .and_then(|()| stream.peer_addr())
            .and_then(|peer| self.enter(peer.ip()).ok_or_else(|| io::Error::other("too many connections")));
        ready(
            entered
                .map(|permit| (Connection { stream, idle: Box::pin(sleep(IDLE)), _permit: permit }, service)),
        )
    }
}

/// A connection that ends when nothing happens on it.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    _permit: Permit,
}

impl Connection {
    /// Begins the time anew where something happened, and else says when it is over.
    fn watch<T>(&mut self, context: &mut Context, happened: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match happened {
            Poll::Ready(result) => {
                self.idle.as_mut().reset(Instant::now() + IDLE);
                Poll::Ready(result)
            }
            Poll::Pending if self.idle.as_mut().poll(context).is_ready() => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        into: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        self.watch(context, read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        slices: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places() {
        let door = Door::default();
        let (far, near) = ("192.0.2.1".parse().unwrap(), "127.0.0.1".parse().unwrap());
        let of_far: Vec<_> = (0..MOST_OF_ONE).map(|_| door.enter(far)).collect();
        assert!(of_far.iter().all(Option::is_some) && door.enter(far).is_none());
        assert!(door.enter("::ffff:192.0.2.1".parse().unwrap()).is_none(), "the same in other letters");
        let of_near: Vec<_> = (MOST_OF_ONE..MOST).map(|_| door.enter(near)).collect();
        assert!(of_near.iter().all(Option::is_some));
        assert!(door.enter(near).is_none() && door.enter("192.0.2.2".parse().unwrap()).is_none());
        drop(of_far);
        assert!(door.enter(far).is_some());
        drop(of_near);
        assert!(door.0.lock().unwrap().is_empty(), "what ended is forgotten");
    }
}
