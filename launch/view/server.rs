//! The HTTP server: a thread of its own, with the async runtime that axum needs.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use concert_runtime::io::thread;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::hub::Hub;

/// Most connections at once; others wait in the system's own list.
const MAX_CONNECTIONS: usize = 256;
/// Longest farewell of the pages.
const FAREWELL: Duration = Duration::from_millis(300);

/// Serves until the hub is over; the thread ends soon after.
///
/// # Errors
/// Where the system refuses the thread, or the listener.
pub(super) fn start(
    listener: StdListener,
    routes: Router,
    hub: &Arc<Hub>,
) -> io::Result<JoinHandle<()>> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let hub = Arc::clone(hub);
    thread::spawn_low("view-http", move || {
        let served = runtime.block_on(serve(listener, routes, &hub));
        if let Err(error) = served {
            tracing::warn!("the view's server ended: {error}");
        }
        runtime.shutdown_timeout(FAREWELL);
    })
}

async fn serve(listener: StdListener, routes: Router, hub: &Hub) -> io::Result<()> {
    let listener = Bounded {
        listener: TcpListener::from_std(listener)?,
        places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
    };
    let mut changes = hub.changes();
    let over = async {
        while !hub.is_over() && changes.changed().await.is_ok() {}
        // Pages say good-bye; then connections that are still open are dropped.
        let farewell = async {
            while hub.pages() > 0 {
                tokio::time::sleep(FAREWELL / 15).await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    };
    let served = axum::serve(listener, routes);
    tokio::select! {
        served = served.into_future() => served,
        () = over => Ok(()),
    }
}

/// A listener with places for so many connections.
struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

/// A connection, and its place until it ends.
struct Placed {
    stream: TcpStream,
    _place: Option<OwnedSemaphorePermit>,
}

impl Listener for Bounded {
    type Io = Placed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Placed, SocketAddr) {
        // It is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // What is small leaves at once.
        let _ = stream.set_nodelay(true);
        let placed = Placed {
            stream,
            _place: place,
        };
        (placed, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
