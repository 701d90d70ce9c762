//! What was said within exchanges that go on: messages of WebSockets and server-sent events, for people to look at. Bounded, in
//! memory only, and never learned from.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use understudy_types::StreamMessage;

/// Of one exchange; older ones are counted and forgotten.
const MAX_MESSAGES: usize = 200;
/// Of all exchanges, counting texts and what a message costs besides.
const MAX_BYTES: usize = 8 << 20;

/// Written by the learner's intake, never by a request.
#[derive(Debug, Default)]
pub struct Messages(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    /// The one that spoke first is in front.
    streams: VecDeque<Stream>,
    bytes: usize,
}

/// The messages of one exchange.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    exchange: u64,
    pub messages: VecDeque<StreamMessage>,
    /// Messages that are not shown any more, or never were.
    pub skipped: u64,
}

fn cost(message: &StreamMessage) -> usize {
    size_of::<StreamMessage>() + message.text.as_ref().map_or(0, String::len)
}

impl Messages {
    /// `skipped`: messages before this one that nobody had room for.
    pub fn push(&self, exchange: u64, message: StreamMessage, skipped: u64) {
        let mut log = self.lock();
        log.bytes += cost(&message);
        let at = log.streams.iter().rposition(|stream| stream.exchange == exchange).unwrap_or_else(|| {
            log.streams.push_back(Stream { exchange, ..Stream::default() });
            log.streams.len() - 1
        });
        let stream = &mut log.streams[at];
        stream.skipped += skipped;
        stream.messages.push_back(message);
        if stream.messages.len() > MAX_MESSAGES {
            let freed = stream.forget_oldest();
            log.bytes -= freed;
        }
        while log.bytes > MAX_BYTES {
            log.make_room();
        }
    }

    /// What was said in one exchange, oldest first.
    #[must_use]
    pub fn of(&self, exchange: u64) -> Option<Stream> {
        self.lock().streams.iter().find(|stream| stream.exchange == exchange).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Whole exchanges first, the oldest before the others; of the last one its oldest messages.
    fn make_room(&mut self) {
        let freed = if self.streams.len() > 1 {
            self.streams.pop_front().map_or(0, |stream| stream.messages.iter().map(cost).sum())
        } else {
            self.streams.front_mut().map_or(self.bytes, Stream::forget_oldest)
        };
        self.bytes -= freed.min(self.bytes);
    }
}

impl Stream {
    /// What that has freed.
    fn forget_oldest(&mut self) -> usize {
        self.skipped += 1;
        self.messages.pop_front().as_ref().map_or(0, cost)
    }
}

#[cfg(test)]
mod tests {
    use understudy_types::{MessageKind, Side};

    use super::*;

    fn said(text: String) -> StreamMessage {
        let bytes = text.len() as u64;
        StreamMessage { at_ms: 0, from: Side::Upstream, kind: MessageKind::Text, name: None, bytes, text: Some(text) }
    }

    #[test]
    fn the_newest_messages_of_an_exchange_stay() {
        let messages = Messages::default();
        for n in 0..(MAX_MESSAGES + 5) {
            messages.push(7, said(n.to_string()), u64::from(n == 3));
        }
        let stream = messages.of(7).unwrap();
        assert_eq!((stream.messages.len(), stream.skipped), (MAX_MESSAGES, 6));
        assert_eq!(stream.messages[0].text.as_deref(), Some("5"));
        assert!(messages.of(8).is_none());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_exchange_goes_first() {
        let messages = Messages::default();
        for exchange in 1..=3 {
            for _ in 0..MAX_MESSAGES {
                messages.push(exchange, said("x".repeat(16 << 10)), 0);
            }
        }
        assert!(messages.lock().bytes <= MAX_BYTES);
        assert!(messages.of(1).is_none());
        assert_eq!(messages.of(3).unwrap().messages.len(), MAX_MESSAGES);
        messages.push(4, said("x".repeat(2 * MAX_BYTES)), 0);
        let log = messages.lock();
        let counted: usize = log.streams.iter().flat_map(|stream| &stream.messages).map(cost).sum();
        assert_eq!(log.bytes, counted);
    }
}
