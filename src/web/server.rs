//! The accept loop: slow clients, too many connections and a graceful end are its business.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::router::router;
use super::state::AppState;

/// A request's head must be there within this time; so long a connection may also be idle.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Requests under way have so long to end.
const DRAIN_TIME: Duration = Duration::from_secs(30);
/// Most header fields of a request.
const MAX_HEADERS: usize = 100;
/// Most bytes that are buffered of a request's head.
const HEAD_BYTES: usize = 64 * 1024;
/// Rest after a failed accept (no file descriptors left), so that the loop does not spin.
const REST: Duration = Duration::from_millis(50);

/// Serves the API until `shutdown`. Then no connection is accepted any more, requests under way are answered, and
/// steps that were begun end; their tracker is the caller's to close and wait for.
pub async fn serve(listener: TcpListener, state: AppState, shutdown: CancellationToken) {
    let most = state.limits.max_connections;
    let app = router(state);
    serve_router(listener, app, most, shutdown).await;
}

async fn serve_router(
    listener: TcpListener,
    app: Router,
    max_connections: usize,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let connections = TaskTracker::new();
    while let Some((stream, place)) = next(&listener, &places, &shutdown).await {
        let service = TowerToHyperService::new(app.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_headers(MAX_HEADERS)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // A client that goes away or talks nonsense is its own affair; hyper has answered what could be.
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_TIME, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            "some clients did not take their answers in time; their connections are cut"
        );
    }
}

/// The next connection with its place, or none once the end is asked for.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let accept = async {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    return Some((stream, place));
                }
                Err(error) => {
                    tracing::warn!(error = %error, "accept a connection");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        connection = accept => connection,
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinHandle;

    use super::*;

    async fn started(most: usize) -> (std::net::SocketAddr, CancellationToken, JoinHandle<()>) {
        #![expect(clippy::disallowed_methods, reason = "a test waits for it itself")]
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "done"
        };
        let app = Router::new().route("/slow", get(slow));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve_router(listener, app, most, stop.clone()));
        (address, stop, server)
    }

    async fn ask(stream: &mut TcpStream, head: &str) {
        stream.write_all(head.as_bytes()).await.unwrap();
    }

    async fn all(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    const SLOW: &str = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";

    #[tokio::test]
    async fn a_request_under_way_is_answered_before_the_end() {
        let (address, stop, server) = started(8).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        ask(&mut stream, SLOW).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.cancel();
        assert!(all(stream).await.ends_with("done"));
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_connection_beyond_the_limit_waits_for_a_place() {
        let (address, stop, server) = started(1).await;
        let begun = tokio::time::Instant::now();
        let mut first = TcpStream::connect(address).await.unwrap();
        ask(&mut first, "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let mut second = TcpStream::connect(address).await.unwrap();
        ask(&mut second, "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(all(first).await.ends_with("done"));
        assert!(all(second).await.ends_with("done"));
        assert!(begun.elapsed() >= Duration::from_millis(500));
        stop.cancel();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn heads_that_could_be_read_in_two_ways_are_refused() {
        let (address, stop, server) = started(8).await;
        for head in [
            "GET /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "GET /slow HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
            "GET /slow HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            ask(&mut stream, head).await;
            assert!(all(stream).await.starts_with("HTTP/1.1 400"), "{head:?}");
        }
        let mut many = String::from("GET /slow HTTP/1.1\r\nHost: x\r\n");
        many.push_str(&"X: a\r\n".repeat(MAX_HEADERS + 1));
        many.push_str("\r\n");
        let mut stream = TcpStream::connect(address).await.unwrap();
        ask(&mut stream, &many).await;
        assert!(all(stream).await.starts_with("HTTP/1.1 431"));
        stop.cancel();
        server.await.unwrap();
    }
}
