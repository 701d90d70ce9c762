//! Bodies stream through frame by frame; a tee keeps reference-counted clones of the frames up to a cap.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use super::capture::{Budget, Held};
use super::chaos::Faulted;
use super::exchange::Recording;
use super::overhear::Events;
use super::patience::Patience;
use super::upstream::Answer;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Up to here a copy is cheap beside what else an exchange costs.
const SMALL_BYTES: usize = 64 << 10;

/// The kept part of a body. What it keeps is taken from a [`Budget`] and given back when it is dropped.
#[derive(Debug, Default)]
pub struct Captured {
    frames: Vec<Bytes>,
    len: usize,
    held: Option<Held>,
    /// A cap was passed, or the body broke off.
    pub truncated: bool,
}

impl Captured {
    #[must_use]
    pub fn new(budget: &Arc<Budget>) -> Self {
        Self { held: Some(Held::new(budget)), ..Self::default() }
    }

    /// Longer bodies, and those for which there is no room, pass in full and are not kept.
    fn push(&mut self, data: &Bytes) {
        if self.truncated || data.is_empty() {
            return;
        }
        if self.held.as_mut().is_some_and(|held| !held.grow(data.len())) {
            return self.shed();
        }
        self.len += data.len();
        self.frames.push(data.clone());
    }

    /// Lets go of what was kept.
    pub fn shed(&mut self) {
        *self = Self { truncated: true, ..Self::default() };
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Gives up the buffers that frames were read into, where they are worth more than a copy.
    pub fn compact(&mut self) {
        if (1..=SMALL_BYTES).contains(&self.len) {
            self.merge();
        }
    }

    /// All of it as one piece, which is kept.
    fn merge(&mut self) -> Bytes {
        let whole = Self { frames: std::mem::take(&mut self.frames), len: self.len, ..Self::default() }.concat();
        self.frames.push(whole.clone());
        whole
    }

    /// One piece; copies only when there are several frames, or a small one: a frame keeps alive the whole buffer that it
    /// was read into.
    #[must_use]
    pub fn concat(mut self) -> Bytes {
        if self.frames.len() == 1 && self.len > SMALL_BYTES {
            return self.frames.swap_remove(0);
        }
        let mut whole = BytesMut::with_capacity(self.len);
        for frame in &self.frames {
            whole.extend_from_slice(frame);
        }
        whole.freeze()
    }
}

impl From<Bytes> for Captured {
    fn from(bytes: Bytes) -> Self {
        let mut captured = Self::default();
        captured.push(&bytes);
        captured
    }
}

/// The body of a request, shared between the client that sends it upstream and us, who need it back when upstream fails.
/// The lock belongs to this one exchange and is never contended while things go well.
#[derive(Debug)]
pub struct Tap(Mutex<TapState>);

#[derive(Debug)]
struct TapState {
    incoming: Incoming,
    captured: Captured,
    /// Some of it has been handed on.
    begun: bool,
    ended: bool,
    /// When a frame was last handed on, and whether the next one is waited for: then silence is the client's.
    moved: Instant,
    starved: bool,
    /// Set once upstream is out of the play: a late poll of its connection must not take frames or our waker away.
    taken_back: bool,
    /// With the client, between two frames.
    patience: Patience,
    /// The client waits for upstream's word before it sends anything (RFC 9110 §10.1.1).
    expects: Option<Patience>,
    sender: Option<Waker>,
    fault: Option<CollectError>,
}

/// Servers that never say "100 Continue" are common; a client sends after a while all the same, and so do we.
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the body of a request could not be had in one piece.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CollectError {
    #[error("the request body is larger than what is kept of a body for the twin to read")]
    TooLarge,
    #[error("the request body broke off: {0}")]
    Broken(String),
    #[error("the request body stopped coming")]
    Silent,
}

impl Tap {
    /// A client that sends nothing for `timeout` while it is waited for has given up.
    pub fn new(incoming: Incoming, budget: &Arc<Budget>, timeout: Duration) -> Arc<Self> {
        let state = TapState {
            incoming,
            captured: Captured::new(budget),
            begun: false,
            ended: false,
            moved: Instant::now(),
            starved: false,
            taken_back: false,
            patience: Patience::new(Some(timeout)),
            expects: None,
            sender: None,
            fault: None,
        };
        Arc::new(Self(Mutex::new(state)))
    }

    /// Keeps the body back until [`Tap::proceed`]: reading it is what makes hyper tell the client to send it.
    pub fn hold(&self) {
        self.lock().expects = Some(Patience::new(Some(CONTINUE_TIMEOUT)));
    }

    /// Upstream wants the body.
    pub fn proceed(&self) {
        let mut state = self.lock();
        state.expects = None;
        if let Some(sender) = state.sender.take() {
            sender.wake();
        }
    }

    /// False as long as the body can still be sent from its beginning.
    pub fn has_begun(&self) -> bool {
        self.lock().begun
    }

    /// What the client did wrong, if it did.
    pub fn fault(&self) -> Option<CollectError> {
        self.lock().fault.clone()
    }

    /// Since when upstream alone is to blame for the silence; `None` while the client still has to send.
    pub fn sent(&self) -> Option<Instant> {
        let state = self.lock();
        (state.ended || !state.starved).then_some(state.moved)
    }

    fn lock(&self) -> MutexGuard<'_, TapState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the client says of its length.
    pub fn size_hint(&self) -> SizeHint {
        self.lock().incoming.size_hint()
    }

    /// What has passed so far; a body that has not ended counts as cut.
    pub fn take(&self) -> Captured {
        let mut state = self.lock();
        let ended = (state.ended && state.fault.is_none()) || state.incoming.is_end_stream();
        let mut captured = std::mem::take(&mut state.captured);
        captured.truncated |= !ended;
        captured
    }

    /// Takes the body back from upstream and reads the rest of it.
    pub async fn collect(&self) -> Result<Bytes, CollectError> {
        self.lock().taken_back = true;
        loop {
            let frame = std::future::poll_fn(|cx| self.lock().poll_frame(cx)).await;
            let truncated = self.lock().captured.truncated;
            match frame {
                Some(Err(error)) => return Err(error),
                _ if truncated => return Err(CollectError::TooLarge),
                Some(Ok(_)) => {}
                None => break,
            }
        }
        // The learner and the traffic list look at it again later.
        Ok(self.lock().captured.merge())
    }
}

impl TapState {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CollectError>>> {
        if self.ended {
            return Poll::Ready(self.fault.clone().map(Err));
        }
        self.starved = true;
        let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => frame.map(|frame| frame.map_err(|error| CollectError::Broken(error.to_string()))),
            Poll::Pending => {
                ready!(self.patience.poll(cx));
                Some(Err(CollectError::Silent))
            }
        };
        self.patience.calm();
        self.begun = true;
        self.starved = false;
        self.moved = Instant::now();
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.captured.push(data);
                }
            }
            Some(Err(fault)) => {
                self.captured.truncated = true;
                self.ended = true;
                self.fault = Some(fault.clone());
            }
            None => self.ended = true,
        }
        Poll::Ready(frame)
    }

    /// Ready when nothing keeps the body back.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(patience) = &mut self.expects {
            self.sender = Some(cx.waker().clone());
            ready!(patience.poll(cx));
            self.expects = None;
        }
        Poll::Ready(())
    }
}

/// A request body on its way upstream.
#[derive(Debug)]
pub enum Outgoing {
    Empty,
    Tapped(Arc<Tap>),
    /// Of our own making.
    Whole(Option<Bytes>),
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Tapped(tap) => {
                let mut state = tap.lock();
                if state.taken_back {
                    return Poll::Ready(Some(Err("the request body was taken back".into())));
                }
                ready!(state.poll_leave(cx));
                state.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_none(),
            Self::Tapped(tap) => tap.lock().incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Tapped(tap) => tap.lock().incoming.size_hint(),
        }
    }
}

/// An upstream body on its way downstream. When it ends, or is given up, the exchange is finished.
#[derive(Debug)]
pub struct Tee {
    incoming: Answer,
    captured: Captured,
    bytes: u64,
    recording: Option<Recording>,
    events: Option<Box<Events>>,
    /// With upstream, between two frames.
    patience: Patience,
    /// Waits for one more poll: hyper sends what it has collected between two, and drops it when the body fails.
    failing: Option<BoxError>,
}

impl Tee {
    /// An upstream that sends nothing for `timeout` while it is waited for is given up.
    pub(super) fn new(incoming: Answer, (recording, events): (Recording, Option<Events>), timeout: Duration) -> Self {
        let events = events.map(Box::new);
        let captured = Captured::new(recording.budget());
        let patience = Patience::new(Some(timeout));
        let mut tee =
            Self { incoming, captured, bytes: 0, recording: Some(recording), events, patience, failing: None };
        tee.finish_at_end();
        tee
    }

    /// Finishing before the last frame leaves us means that a client that has its whole answer finds it counted.
    fn finish_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.finish(true);
        }
    }

    /// Ends the body with an error at the next poll, so that the client gets what came before it.
    fn fail(&mut self, cx: &Context<'_>, error: BoxError) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.finish(false);
        self.failing = Some(error);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn finish(&mut self, complete: bool) {
        if let Some(recording) = self.recording.take() {
            self.captured.truncated |= !complete;
            recording.finish(std::mem::take(&mut self.captured), self.bytes);
        }
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        let complete = self.incoming.is_end_stream();
        self.finish(complete);
    }
}

impl HttpBody for Tee {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let tee = self.get_mut();
        if let Some(error) = tee.failing.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Poll::Ready(frame) = Pin::new(&mut tee.incoming).poll_frame(cx) else {
            ready!(tee.patience.poll(cx));
            return tee.fail(cx, "upstream stopped sending the body".into());
        };
        tee.patience.calm();
        match frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    tee.bytes += data.remaining() as u64;
                    tee.captured.push(data);
                    if let Some(events) = &mut tee.events {
                        events.hear(data);
                    }
                }
                tee.finish_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => tee.fail(cx, error.into()),
            None => {
                tee.finish(true);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// Bytes of an answer of our own that are shown beside the traffic.
const MAX_SHOWN: usize = 64 << 10;

/// The body of every answer we give.
#[derive(Debug)]
pub enum Body {
    Upstream(Box<Tee>),
    Whole(Option<Bytes>),
    Control(axum::body::Body),
    /// What was read of a body already, and the rest of it.
    Resumed(VecDeque<Result<Bytes, BoxError>>, Box<Body>),
    /// Slowed down or cut on purpose.
    Faulted(Box<Faulted>),
}

impl Body {
    #[must_use]
    pub const fn empty() -> Self {
        Self::Whole(None)
    }

    /// Of an answer of our own, what people may want to see of it. A longer one is no explanation any more.
    #[must_use]
    pub fn shown(&self) -> Captured {
        match self {
            Self::Whole(Some(bytes)) if bytes.len() <= MAX_SHOWN => Captured::from(bytes.clone()),
            _ => Captured::default(),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Upstream(tee) => Pin::new(tee.as_mut()).poll_frame(cx),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Resumed(read, rest) => match read.pop_front() {
                Some(data) => Poll::Ready(Some(data.map(Frame::data))),
                None => Pin::new(rest.as_mut()).poll_frame(cx),
            },
            Self::Faulted(body) => Pin::new(body.as_mut()).poll_frame(cx),
            Self::Control(body) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Upstream(tee) => tee.is_end_stream(),
            Self::Whole(bytes) => bytes.is_none(),
            Self::Control(body) => body.is_end_stream(),
            Self::Faulted(body) => body.is_end_stream(),
            Self::Resumed(read, rest) => read.is_empty() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Upstream(tee) => tee.size_hint(),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Control(body) => body.size_hint(),
            Self::Faulted(body) => body.size_hint(),
            Self::Resumed(read, rest) => {
                let read: usize = read.iter().flatten().map(Bytes::len).sum();
                let hint = rest.size_hint();
                let mut whole = SizeHint::new();
                whole.set_lower(hint.lower() + read as u64);
                hint.upper().into_iter().for_each(|upper| whole.set_upper(upper + read as u64));
                whole
            }
        }
    }
}
