//! A connection as hyper sees it: bytes that the [`Guard`] has looked at, and no endless wait for a client that reads nothing.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::guard::Guard;
use crate::proxy::patience::Patience;

/// How an HTTP/2 connection begins (RFC 9113 §3.4). No HTTP/1 request does.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// For a client to take our last word in while it still sends.
const FAREWELL: Duration = Duration::from_secs(1);
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// The answer to a request that asks for another protocol decides what the bytes behind it are.
#[derive(Debug, Clone, Default)]
pub(super) struct Switch(Arc<Mutex<SwitchState>>);

#[derive(Debug, Default)]
struct SwitchState {
    switched: Option<bool>,
    reader: Option<Waker>,
}

impl Switch {
    /// To be called once for each request that asks for another protocol, when its answer is known.
    pub(super) fn decide(&self, switched: bool) {
        let mut state = self.lock();
        state.switched = Some(switched);
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        if let Some(switched) = state.switched.take() {
            return Poll::Ready(switched);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, SwitchState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One accepted connection, with or without TLS below.
#[derive(Debug)]
pub(super) struct Stream<T> {
    inner: T,
    guard: Guard,
    switch: Switch,
    /// Was read, and not handed up yet.
    held: Vec<u8>,
    /// A head that was refused has been given an end.
    completed: bool,
    patience: Patience,
    /// Runs once our last word has been said to a client that still sends.
    farewell: Option<Patience>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream<T> {
    /// A client that takes nothing for `write_timeout` is given up.
    pub(super) fn new(inner: T, write_timeout: Duration) -> Self {
        let patience = Patience::new(Some(write_timeout));
        Self {
            inner,
            guard: Guard::new(),
            switch: Switch::default(),
            held: Vec::new(),
            completed: false,
            patience,
            farewell: None,
        }
    }

    pub(super) fn switch(&self) -> Switch {
        self.switch.clone()
    }

    /// Reads as little as tells whether the client speaks HTTP/2. False for a client that says nothing at all.
    pub(super) async fn speaks_http2(&mut self) -> io::Result<bool> {
        let mut first = [0; PREFACE.len()];
        let mut len = 0;
        while len < first.len() && first[..len] == PREFACE[..len] {
            match self.inner.read(&mut first[len..]).await? {
                0 => break,
                read => len += read,
            }
        }
        self.held.extend_from_slice(&first[..len]);
        let is_http2 = first == PREFACE;
        if is_http2 {
            self.guard = Guard::off();
        }
        Ok(is_http2)
    }

    /// Hands up what the guard lets through of what was held back.
    fn release(&mut self, buf: &mut ReadBuf<'_>) {
        let len = self.held.len().min(buf.remaining());
        let passed = self.guard.check(&mut self.held[..len]);
        buf.put_slice(&self.held[..passed]);
        self.held.drain(..passed);
        if self.held.is_empty() {
            self.held = Vec::new();
        }
    }

    fn write_result<R>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        match polled {
            Poll::Ready(result) => {
                self.patience.calm();
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(self.patience.poll(cx));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
            }
        }
    }
}

/// Reads until the client stops sending: closing over unread bytes would reset the connection, and the client might lose our
/// answer (RFC 9112 §9.6).
fn poll_drop_input(inner: &mut (impl AsyncRead + Unpin), cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let mut unread = [0; 4096];
    loop {
        let mut buf = ReadBuf::new(&mut unread);
        ready!(Pin::new(&mut *inner).poll_read(cx, &mut buf))?;
        if buf.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.guard.is_refused_in_head() {
            // hyper looks at a head again once it seems complete, then answers 400 and closes. An end of the input now would
            // keep it from answering what came before.
            if std::mem::replace(&mut this.completed, true) || buf.remaining() < END_OF_HEAD.len() {
                return Poll::Pending;
            }
            buf.put_slice(END_OF_HEAD);
            return Poll::Ready(Ok(()));
        }
        if this.guard.is_refused() {
            return Poll::Ready(Ok(()));
        }
        if this.guard.is_at_crossroads() {
            let switched = ready!(this.switch.poll(cx));
            this.guard.decide(switched);
        }
        if !this.held.is_empty() {
            this.release(buf);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let read = &mut buf.filled_mut()[before..];
        let passed = this.guard.check(read);
        if passed < read.len() && !this.guard.is_refused() {
            this.held.extend_from_slice(&read[passed..]);
        }
        buf.set_filled(before + passed);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write(cx, data);
        this.write_result(cx, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write_vectored(cx, data);
        this.write_result(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_flush(cx);
        this.write_result(cx, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.farewell.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            if !this.guard.is_within_message() {
                return Poll::Ready(Ok(()));
            }
        }
        let farewell = this.farewell.get_or_insert_with(|| Patience::new(Some(FAREWELL)));
        match poll_drop_input(&mut this.inner, cx) {
            Poll::Ready(_) => Poll::Ready(Ok(())),
            Poll::Pending => farewell.poll(cx).map(Ok),
        }
    }
}
