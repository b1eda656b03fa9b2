//! Connections of clients: as many as are bearable, and none that keeps us waiting.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::unread;

/// Connections at the same time; further ones wait to be accepted.
const CONNECTIONS: usize = 2_048;
/// How long a client may take to say what it wants, and how long a connection may stay idle.
const HEAD: Duration = Duration::from_secs(15);
/// How long a client may take to take anything of an answer.
const STALL: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 32 * 1_024;
/// How long requests that run are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(30);

/// At the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) tls: bool,
}

/// Serves until `stop` is there, then lets what runs finish.
pub(crate) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = &mut stop => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // No descriptors left, or the client is gone already.
                log::warn!("connexion non acceptée : {error}");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let watcher = graceful.watcher();
        let (router, tls, peer) = (router.clone(), tls.clone(), Peer { address: address.ip(), tls: tls.is_some() });
        tokio::spawn(async move {
            let _place = place;
            let served = match tls {
                None => serve(Patient::new(stream, peer), peer, router, watcher).await,
                Some(tls) => match timeout(HEAD, tls.accept(stream)).await {
                    Ok(Ok(stream)) => serve(Patient::new(stream, peer), peer, router, watcher).await,
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("TLS trop lent".into()),
                },
            };
            if let Err(error) = served {
                log::debug!("connexion de {} : {error}", peer.address);
            }
        });
    }
    drop(listener);
    log::info!("arrêt : les demandes en cours se terminent");
    if timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        log::warn!("des demandes n'étaient pas terminées après {} s", FAREWELL.as_secs());
    }
}

async fn serve<S>(
    stream: S,
    peer: Peer,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).max_headers(100);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    watcher.watch(connection).await.map_err(|error| error.to_string())
}

/// A stream that fails when its client takes nothing for too long, and on which every answer has our headers and words.
struct Patient<S> {
    stream: S,
    peer: Peer,
    write: Option<Pin<Box<Sleep>>>,
    /// What is written in place of a bare answer, and how much of it is.
    instead: Option<(Vec<u8>, usize)>,
}

impl<S> Patient<S> {
    fn new(stream: S, peer: Peer) -> Self {
        Self { stream, peer, write: None, instead: None }
    }
}

/// What is answered to a request that hyper cannot read: it writes a head of its own, without words, and asks no service. Its head is told
/// from ours by [`unread::MARK`], which all of ours have; it is the last one on a connection, and comes at once and alone.
fn in_words(bytes: &[u8], peer: Peer) -> Option<Vec<u8>> {
    let head = std::str::from_utf8(bytes.strip_suffix(b"\r\n\r\n")?).ok()?;
    let (status, lines) = head.strip_prefix("HTTP/1.1 ")?.split_once("\r\n")?;
    let code = StatusCode::from_bytes(status.get(..3)?.as_bytes()).ok().filter(StatusCode::is_client_error)?;
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let mut kept = lines.split("\r\n").filter(|line| name(line) != "content-length");
    if lines.contains("\r\n\r\n") || lines.split("\r\n").any(|line| name(line) == unread::MARK) {
        return None;
    }
    let date = kept.find(|line| name(line) == "date").map(|line| format!("{line}\r\n")).unwrap_or_default();
    log::debug!("demande illisible de {} : {status}", peer.address);
    let (headers, body) = unread::answer(code, peer.tls);
    Some(format!("HTTP/1.1 {status}\r\n{date}{headers}\r\n{body}").into_bytes())
}

/// What became of a wait: over when something moved, or for too long.
fn waited<T>(
    timer: &mut Option<Pin<Box<Sleep>>>,
    context: &mut Context<'_>,
    poll: Poll<io::Result<T>>,
) -> Poll<io::Result<T>> {
    if poll.is_ready() {
        *timer = None;
        return poll;
    }
    let timer = timer.get_or_insert_with(|| Box::pin(sleep(STALL)));
    match timer.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        Poll::Pending => Poll::Pending,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // How long a request may take to arrive is hyper's and the layers' to say.
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.instead.is_none() {
            this.instead = in_words(bytes, this.peer).map(|own| (own, 0));
        }
        while let Some((own, sent)) = &mut this.instead {
            let poll = Pin::new(&mut this.stream).poll_write(context, &own[*sent..]);
            match ready!(waited(&mut this.write, context, poll))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => *sent += more,
            }
            if *sent == own.len() {
                this.instead = None;
                return Poll::Ready(Ok(bytes.len()));
            }
        }
        let poll = Pin::new(&mut this.stream).poll_write(context, bytes);
        waited(&mut this.write, context, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let poll = Pin::new(&mut this.stream).poll_flush(context);
        waited(&mut this.write, context, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let poll = Pin::new(&mut this.stream).poll_shutdown(context);
        waited(&mut this.write, context, poll)
    }
}
