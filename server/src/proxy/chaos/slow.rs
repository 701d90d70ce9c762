//! A body that comes slowly, or not to its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use understudy_policy::chaos::{Cut, Plan};

use crate::proxy::body::{Body, BoxError};
use crate::proxy::headers::Peer;

/// `peer` is that of an HTTP/1 connection, which may end with a reset.
pub(super) fn apply(response: Response<Body>, plan: &Plan, peer: Option<Arc<Peer>>) -> Response<Body> {
    if plan.pace.is_none() && plan.cut.is_none() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let Some(faulted) = Faulted::new(body, plan, peer) else { return Response::from_parts(parts, Body::empty()) };
    Response::from_parts(parts, Body::Faulted(Box::new(faulted)))
}

/// Passes another body on, at a pace and up to a point.
#[derive(Debug)]
pub struct Faulted {
    inner: Body,
    /// Of a frame that is too much for one step.
    rest: Bytes,
    /// Bytes of a step, and the time that a step takes.
    pace: Option<(usize, Duration)>,
    next: Pin<Box<Sleep>>,
    /// Bytes until the body breaks off.
    left: Option<u64>,
    reset: Option<Arc<Peer>>,
    failing: bool,
}

impl Faulted {
    /// `None` for an empty body: there is nothing to break off or to slow down.
    fn new(inner: Body, plan: &Plan, peer: Option<Arc<Peer>>) -> Option<Self> {
        if inner.is_end_stream() {
            return None;
        }
        let left = plan.cut.map(|Cut { after, .. }| (inner.size_hint().lower() as f64 * after) as u64);
        Some(Self {
            inner,
            rest: Bytes::new(),
            pace: plan.pace.map(|(bytes, millis)| (bytes.max(1) as usize, Duration::from_millis(millis))),
            next: Box::pin(tokio::time::sleep(Duration::ZERO)),
            left,
            reset: peer.filter(|_| plan.cut.is_some_and(|cut| cut.reset)),
            failing: false,
        })
    }

    /// What may leave now.
    fn step(&mut self) -> Bytes {
        let most = self.pace.map_or(usize::MAX, |(bytes, _)| bytes);
        let left = self.left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let data = self.rest.split_to(self.rest.len().min(most).min(left));
        if let Some(left) = &mut self.left {
            *left -= data.len() as u64;
        }
        if let Some((_, time)) = self.pace {
            // A timer that is a little late must not slow all that follows; a client that takes nothing may.
            let (due, now) = (self.next.deadline() + time, Instant::now());
            self.next.as_mut().reset(if due + time < now { now + time } else { due });
        }
        data
    }
}

impl HttpBody for Faulted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.failing {
            return Poll::Ready(Some(Err("the body breaks off, on purpose".into())));
        }
        if this.left == Some(0) {
            // One more poll: what was handed on so far leaves in between.
            if let Some(peer) = &this.reset {
                peer.end_with_reset();
            }
            this.failing = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.pace.is_some() {
            ready!(this.next.as_mut().poll(cx));
        }
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(this.step()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(inner.lower() + self.rest.len() as u64);
        inner.upper().into_iter().for_each(|upper| whole.set_upper(upper + self.rest.len() as u64));
        whole
    }
}
