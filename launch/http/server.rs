//! The HTTP server: a thread of its own, with the async runtime that axum needs.

use std::io;
use std::net::TcpListener as StdListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use concert_runtime::io::thread;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// How long tasks have to end when the server does.
const FAREWELL: Duration = Duration::from_millis(300);
/// Wait after the system gave no connection (it is out of files).
const AFTER_FAULT: Duration = Duration::from_millis(200);

/// What one who asks may take of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most connections at once; others wait in the system's own list.
    pub(crate) connections: usize,
    /// Longest wait for the whole head of a request, also of the next one of the
    /// same connection.
    pub(crate) head: Duration,
    /// Longest time without a byte in either direction.
    pub(crate) idle: Duration,
    /// Longest time of a connection, whatever is asked there; `None` for any.
    pub(crate) life: Option<Duration>,
}

/// A server that is about to be started.
pub(crate) struct Server {
    /// Name of its thread.
    pub(crate) thread: &'static str,
    pub(crate) listener: StdListener,
    pub(crate) routes: Router,
    pub(crate) limits: Limits,
}

/// Serves until `over` comes; the thread, of low priority, ends soon after.
///
/// # Errors
/// Where the system refuses the thread, or the listener.
pub(crate) fn start(
    server: Server,
    over: impl Future<Output = ()> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    server.listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let thread = server.thread;
    thread::spawn_low(thread, move || {
        if let Err(error) = runtime.block_on(serve(server, over)) {
            tracing::warn!("the server {thread} ended: {error}");
        }
        runtime.shutdown_timeout(FAREWELL);
    })
}

async fn serve(server: Server, over: impl Future<Output = ()>) -> io::Result<()> {
    let listener = TcpListener::from_std(server.listener)?;
    tokio::select! {
        () = accept(&listener, &server.routes, server.limits) => Ok(()),
        () = over => Ok(()),
    }
}

/// Takes connections, each with a place, and serves every one in a task of its own.
async fn accept(listener: &TcpListener, routes: &Router, limits: Limits) {
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        // It is never closed.
        let place = Arc::clone(&places).acquire_owned().await.ok();
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!("no connection is taken: {error}");
                tokio::time::sleep(AFTER_FAULT).await;
                continue;
            }
        };
        // What is small leaves at once.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .serve_connection(
                TokioIo::new(Placed::new(stream, place, limits.idle)),
                TowerToHyperService::new(routes.clone()),
            )
            .with_upgrades();
        tokio::spawn(async move {
            let served = match limits.life {
                None => Ok(connection.await),
                Some(life) => timeout(life, connection).await,
            };
            // Who goes in the middle of an answer is gone.
            if let Ok(Err(error)) = served {
                tracing::trace!("a connection ended: {error}");
            }
        });
    }
}

/// A connection, and its place until it ends, or until it was idle for too long.
struct Placed {
    stream: TcpStream,
    idle: Duration,
    /// When it will have been idle for too long.
    over: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Placed {
    fn new(stream: TcpStream, place: Option<OwnedSemaphorePermit>, idle: Duration) -> Self {
        Self {
            stream,
            idle,
            over: Box::pin(sleep_until(Instant::now() + idle)),
            _place: place,
        }
    }

    /// What became of bytes that were to come or to go: they begin the wait anew,
    /// and without any it ends.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        moved: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            let over = Instant::now() + self.idle;
            self.over.as_mut().reset(over);
            return moved;
        }
        match self.over.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch(context, read)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream as Client;

    use axum::routing::get;
    use tokio::sync::oneshot;

    use super::*;

    /// Few places, and an hour for everything.
    const PATIENT: Limits = Limits {
        connections: 4,
        head: Duration::from_secs(3600),
        idle: Duration::from_secs(3600),
        life: None,
    };
    const SHORT: Duration = Duration::from_millis(200);

    /// A server with so many places; ended by its sender.
    fn served(limits: Limits) -> (std::net::SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let listener = StdListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let server = Server {
            thread: "http",
            listener,
            routes: Router::new().route("/", get(|| async { "here" })),
            limits,
        };
        let (end, over) = oneshot::channel();
        let server = start(server, async move { over.await.unwrap_or_default() });
        (address, end, server.expect("a server"))
    }

    fn answer(client: &mut Client) -> String {
        let limit = Some(Duration::from_secs(60));
        client.set_read_timeout(limit).expect("a limit");
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .expect("it is sent");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// Who says nothing, or only the beginning of a request, loses its place to who
    /// asks.
    fn who_asks_is_answered_past(limits: Limits, beginning: &[u8]) {
        let (address, end, server) = served(limits);
        let silent: Vec<Client> = (0..limits.connections)
            .map(|_| {
                let mut client = Client::connect(address).expect("a connection");
                client.write_all(beginning).expect("it is sent");
                client
            })
            .collect();
        let mut client = Client::connect(address).expect("a connection");
        assert!(answer(&mut client).ends_with("here"));
        drop(silent);
        end.send(()).expect("it serves");
        server.join().expect("the server ends");
    }

    #[test]
    fn connections_that_never_finish_a_head_do_not_make_it_deaf() {
        let limits = Limits {
            head: SHORT,
            ..PATIENT
        };
        who_asks_is_answered_past(limits, b"");
        who_asks_is_answered_past(limits, b"GET / HTTP/1.1\r\nHost: a\r\n");
    }

    #[test]
    fn connections_on_which_nothing_moves_do_not_make_it_deaf() {
        let limits = Limits {
            idle: SHORT,
            ..PATIENT
        };
        who_asks_is_answered_past(limits, b"");
    }

    #[test]
    fn connections_that_drip_do_not_make_it_deaf() {
        let limits = Limits {
            life: Some(SHORT),
            ..PATIENT
        };
        who_asks_is_answered_past(limits, b"GET / HTTP/1.1\r\nHost: a\r\n");
    }
}
