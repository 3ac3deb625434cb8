//! The only file that lets `tough` work: it judges on a thread of its own,
//! and what it asks for is answered on the caller's.

use std::path::Path;
use std::sync::mpsc;

use bytes::Bytes;
use futures_util::stream;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tough::ExpirationEnforcement;
use tough::Limits;
use tough::Repository;
use tough::RepositoryLoader;
use tough::Transport;
use tough::TransportError;
use tough::TransportErrorKind;
use tough::TransportStream;
use tough::async_trait;
use url::Url;

/// Where documents seem to stand; what is behind it is asked for by name.
const BASE: &str = "reference:///";

/// What comes of a question.
pub(super) enum Answer {
    Here(Vec<u8>),
    Absent,
    /// Why stands with who answers.
    Failed,
}

/// What is judged, and by what.
pub(super) struct Case<'a> {
    /// The root that is trusted.
    pub root: &'a [u8],
    /// A folder with what was seen before; tough writes there what it believes.
    pub seen: &'a Path,
    pub limits: Limits,
    pub expiry: ExpirationEnforcement,
}

/// Why tough gave no verdict, or which one it gave.
pub(super) enum Refusal {
    Verdict(Box<tough::error::Error>),
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

/// Lets tough load the metadata and `look` at them.
pub(super) fn judge<T: Send>(
    case: &Case,
    look: impl FnOnce(&Repository) -> T + Send,
    answer: &mut dyn FnMut(&str) -> Answer,
) -> Result<T, Refusal> {
    let (ask, asked) = mpsc::channel();
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || load(case, Desk(ask), look));
        // It ends when tough and all copies of the desk are gone.
        for question in asked {
            let Question { name, tell } = question;
            // Who no longer listens has given up on the question.
            let _ = tell.send(answer(&name));
        }
        worker.join().unwrap_or_else(|_| Err(Refusal::Broken("the judging thread ended early".into())))
    })
}

fn load<T>(case: &Case, desk: Desk, look: impl FnOnce(&Repository) -> T) -> Result<T, Refusal> {
    let broken = |source: Box<dyn std::error::Error + Send + Sync>| Refusal::Broken(source);
    let runtime = Builder::new_current_thread().build().map_err(|source| broken(source.into()))?;
    let base = Url::parse(BASE).map_err(|source| broken(source.into()))?;
    let metadata = base.join("metadata/").map_err(|source| broken(source.into()))?;
    let loader = RepositoryLoader::new(&case.root, metadata, base)
        .transport(desk)
        .limits(case.limits)
        .datastore(case.seen)
        .expiration_enforcement(case.expiry);
    match runtime.block_on(loader.load()) {
        Ok(repository) => Ok(look(&repository)),
        Err(error) => Err(Refusal::Verdict(Box::new(error))),
    }
}

struct Question {
    name: String,
    tell: oneshot::Sender<Answer>,
}

/// Hands questions over to the caller's thread.
#[derive(Clone, Debug)]
struct Desk(mpsc::Sender<Question>);

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

#[async_trait]
impl Transport for Desk {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let (tell, told) = oneshot::channel();
        let name = url.path().trim_start_matches('/').to_owned();
        let answer = match self.0.send(Question { name, tell }) {
            Ok(()) => told.await.unwrap_or(Answer::Failed),
            Err(_) => Answer::Failed,
        };
        match answer {
            Answer::Here(bytes) => Ok(Box::pin(stream::iter([Ok(Bytes::from(bytes))]))),
            Answer::Absent => Err(TransportError::new(TransportErrorKind::FileNotFound, url)),
            // Told inside of the stream: tough takes an error of the question itself
            // for the end of the chain of roots, which only "not there" may be.
            Answer::Failed => {
                let error = TransportError::new(TransportErrorKind::Other, url);
                Ok(Box::pin(stream::iter([Err(error)])))
            }
        }
    }
}
