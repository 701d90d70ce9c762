//! Bytes in both directions after upstream has agreed to switch protocols (RFC 9110 §7.8).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use understudy_types::Side;

use super::overhear::Frames;
use crate::handles::Handles;

/// Joins both connections until either side ends. Of a WebSocket the messages are listened to.
pub(super) fn spawn(
    handles: &Arc<Handles>,
    exchange: u64,
    is_websocket: bool,
    (downstream, upstream): (OnUpgrade, OnUpgrade),
) {
    let frames = |from| is_websocket.then(|| Frames::new(handles, exchange, from));
    let (theirs, answers) = (frames(Side::Client), frames(Side::Upstream));
    tokio::spawn(async move {
        let (downstream, upstream) = match tokio::try_join!(downstream, upstream) {
            Ok(both) => both,
            Err(error) => return tracing::debug!(%error, "switch protocols"),
        };
        let mut downstream = Overheard { io: TokioIo::new(downstream), frames: theirs };
        let mut upstream = Overheard { io: TokioIo::new(upstream), frames: answers };
        // An end by reset is the usual end of a WebSocket whose page was closed.
        if let Err(error) = tokio::io::copy_bidirectional(&mut downstream, &mut upstream).await {
            tracing::debug!(%error, "tunnel ended");
        }
    });
}

/// One side, and what it says.
struct Overheard {
    io: TokioIo<Upgraded>,
    frames: Option<Frames>,
}

impl AsyncRead for Overheard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        if let Some(frames) = &mut this.frames {
            frames.hear(&buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Overheard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
