//! What comes with a question: never more than its route takes, and not slowly.

use std::io;
use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::console::guard;
use crate::console::guard::Refusal;
use crate::console::routes::Route;
use crate::console::routes::Takes;

/// Who sends a form slower than this is hung up on.
const FORM_PATIENCE: Duration = Duration::from_secs(15);
/// An upload that says nothing for so long has ended.
const STREAM_PATIENCE: Duration = Duration::from_secs(60);
/// Of what is too long so much is heard out, as browsers show no answer before
/// they have said all.
const MOST_HEARD_OUT: u64 = 32 << 20;

/// The body, where its announcement is one that the route takes. Strangers are
/// not heard out.
pub async fn framed(route: &Route, headers: &HeaderMap, body: Body, is_known: bool) -> Result<Body, Refusal> {
    let Err(refusal) = guard::is_framed(route, headers) else { return Ok(body) };
    let is_bearable = guard::announced(headers).is_some_and(|length| length <= MOST_HEARD_OUT);
    if route.takes == Takes::LongForm && is_known && is_bearable {
        let all = body.into_data_stream().for_each(|_| async {});
        // Who takes too long is answered all the same.
        let _ = timeout(FORM_PATIENCE, all).await;
    }
    Err(refusal)
}

/// All of a body that is a form, or a document.
pub async fn whole(route: &Route, body: Body) -> Result<Bytes, Refusal> {
    let most = route.takes.most().unwrap_or_default();
    let read = timeout(FORM_PATIENCE, axum::body::to_bytes(body, most)).await;
    let late = (StatusCode::REQUEST_TIMEOUT, "common.refused_slow");
    read.map_err(|_| late)?.map_err(|_| guard::too_much(route))
}

/// A body read by a thread that waits.
pub struct Incoming {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

impl Incoming {
    pub fn of(body: Body) -> Incoming {
        let (sender, chunks) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut body = body.into_data_stream();
            loop {
                let chunk = match timeout(STREAM_PATIENCE, body.next()).await {
                    Ok(None) => return,
                    Ok(Some(chunk)) => chunk.map_err(io::Error::other),
                    Err(_) => Err(io::ErrorKind::TimedOut.into()),
                };
                let is_last = chunk.is_err();
                if sender.send(chunk).await.is_err() || is_last {
                    return;
                }
            }
        });
        Incoming { chunks, rest: Bytes::new() }
    }
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.chunks.blocking_recv() {
                None => return Ok(0),
                Some(chunk) => self.rest = chunk?,
            }
        }
        let count = into.len().min(self.rest.len());
        into[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}
