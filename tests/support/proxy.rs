//! A TCP proxy on the loopback that can cut, stall and resume the connections through it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A proxy to one address. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
    end: CancellationToken,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// Grows at each cut; connections of an earlier generation end.
    generation: u64,
    /// Bytes stay where they are.
    stalled: bool,
    /// New connections are closed at once.
    closed: bool,
}

impl Proxy {
    /// Starts a proxy to `target`.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let (state, end) = (watch::Sender::new(State::default()), CancellationToken::new());
        let tracker = TaskTracker::new();
        tracker.spawn(accept(listener, target, (state.clone(), end.clone()), tracker.clone()));
        Self { address, state, end }
    }

    /// Cuts every connection and takes no new ones until [`Proxy::resume`].
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| {
            state.generation += 1;
            state.closed = true;
        });
    }

    /// Keeps the connections open and passes nothing on until [`Proxy::resume`].
    pub(crate) fn stall(&self) {
        self.state.send_modify(|state| state.stalled = true);
    }

    /// Works again.
    pub(crate) fn resume(&self) {
        self.state.send_modify(|state| {
            state.closed = false;
            state.stalled = false;
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    (state, end): (watch::Sender<State>, CancellationToken),
    tracker: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = end.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((client, _)) = accepted else { return };
        if state.borrow().closed {
            continue;
        }
        let (state, end) = (Arc::new(state.clone()), end.clone());
        tracker.spawn(async move {
            let Ok(server) = TcpStream::connect(target).await else {
                return;
            };
            let (client_reads, client_writes) = client.into_split();
            let (server_reads, server_writes) = server.into_split();
            tokio::select! {
                () = end.cancelled() => {}
                () = cut_off(state.subscribe()) => {}
                () = copy(client_reads, server_writes, state.subscribe()) => {}
                () = copy(server_reads, client_writes, state.subscribe()) => {}
            }
        });
    }
}

async fn cut_off(mut state: watch::Receiver<State>) {
    let generation = state.borrow().generation;
    // An error means that the proxy is gone.
    let _ = state.wait_for(|now| now.generation != generation).await;
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        if state.wait_for(|now| !now.stalled).await.is_err() {
            return;
        }
        let Some(bytes) = buffer.get(..count) else {
            return;
        };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
