//! Connections that wait for the next request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http2;

use super::connection::{Connection, One};
use crate::proxy::body::Outgoing;

/// Below the five seconds after which common servers close an idle connection, so that they do not close one that we
/// are about to use.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// The connections of one thread that serves requests: the lock is there for the few others, and hardly ever contended.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// For one request at a time; the one that was used last is at the end, and taken first.
    idle: Vec<(One, Instant)>,
    /// For many requests at once, and when it was last chosen.
    shared: Option<(http2::SendRequest<Outgoing>, Instant)>,
    /// Somebody closes what waits too long.
    is_swept: bool,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that is alive as far as anybody can tell.
    pub(super) fn take(&self, may_share: bool) -> Option<Connection> {
        let mut state = self.lock();
        let shared = if may_share { state.shared() } else { None };
        shared.map(Connection::Two).or_else(|| state.idle().map(Connection::One))
    }

    /// Others may use it too, when it is one that can be shared.
    pub(super) fn share(self: &Arc<Self>, connection: &Connection) {
        if let Connection::Two(sender) = connection {
            let mut state = self.lock();
            state.shared = Some((sender.clone(), Instant::now()));
            self.sweep(&mut state);
        }
    }

    fn put(self: &Arc<Self>, one: One) {
        let mut state = self.lock();
        state.idle.push((one, Instant::now()));
        self.sweep(&mut state);
    }

    /// Sees to it that somebody looks after what was put here.
    fn sweep(self: &Arc<Self>, state: &mut State) {
        if !std::mem::replace(&mut state.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }
}

impl State {
    fn shared(&mut self) -> Option<http2::SendRequest<Outgoing>> {
        let (sender, used) = self.shared.as_mut()?;
        if sender.is_closed() || used.elapsed() >= POOL_IDLE {
            self.shared = None;
            return None;
        }
        *used = Instant::now();
        Some(sender.clone())
    }

    fn idle(&mut self) -> Option<One> {
        let mut at = self.idle.len();
        while at > 0 {
            at -= 1;
            let (one, since) = &self.idle[at];
            if since.elapsed() >= POOL_IDLE {
                // What lies before it is older still.
                self.idle.drain(..=at);
                return None;
            }
            if one.sender.is_closed() {
                self.idle.remove(at);
            } else if one.sender.is_ready() {
                return Some(self.idle.remove(at).0);
            }
        }
        None
    }

    fn forget_old(&mut self) {
        self.idle.retain(|(one, since)| !one.sender.is_closed() && since.elapsed() < POOL_IDLE);
        self.shared.take_if(|(sender, used)| sender.is_closed() || used.elapsed() >= POOL_IDLE);
    }
}

/// Closes what nobody asks for, until there is nothing left.
async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(POOL_IDLE / 2).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut state = pool.lock();
        state.forget_old();
        if state.idle.is_empty() && state.shared.is_none() {
            state.is_swept = false;
            return;
        }
    }
}

/// The body of an answer. Its end gives the connection back; one that is given up takes the connection with it.
#[derive(Debug)]
pub struct Answer {
    incoming: Incoming,
    lease: Option<(One, Arc<Pool>)>,
}

impl Answer {
    pub(super) fn new(incoming: Incoming, lease: Option<(Connection, &Arc<Pool>)>) -> Self {
        let lease = match lease {
            Some((Connection::One(one), pool)) => Some((one, Arc::clone(pool))),
            Some((Connection::Two(_), _)) | None => None,
        };
        let mut answer = Self { incoming, lease };
        answer.give_back_at_end();
        answer
    }

    fn give_back_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some((one, pool)) = self.lease.take() {
            pool.put(one);
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let answer = self.get_mut();
        let frame = ready!(Pin::new(&mut answer.incoming).poll_frame(cx));
        match &frame {
            Some(Ok(_)) => answer.give_back_at_end(),
            Some(Err(_)) => answer.lease = None,
            None => answer.give_back(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
