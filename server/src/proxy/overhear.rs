//! Listens in on exchanges that go on: WebSockets (RFC 6455) and server-sent events. What passes is not held up and not changed;
//! each message is handed over with one `try_send`, and counted where there is no room.

use std::io::Cursor;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use understudy_types::{MessageKind, Side};

use crate::handles::Handles;

/// A longer message is shown by its size alone: a part of one cannot be redacted.
const MAX_TEXT: usize = 16 << 10;
/// Longest head of a frame.
const MAX_HEAD: usize = 14;

/// One message as it passed, not redacted.
#[derive(Debug)]
pub struct Said {
    pub exchange: u64,
    pub at_ms: u64,
    pub from: Side,
    pub kind: MessageKind,
    /// Of an event.
    pub name: Option<Vec<u8>>,
    /// As it passed, without what frames it.
    pub bytes: u64,
    pub text: Option<Vec<u8>>,
    /// Messages before this one that there was no room for.
    pub skipped: u64,
}

/// Whose messages these are, and where they go.
struct Mouth {
    handles: Arc<Handles>,
    exchange: u64,
    from: Side,
    skipped: u64,
}

impl Mouth {
    fn say(&mut self, kind: MessageKind, name: Option<Vec<u8>>, heard: Heard) {
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let Heard { bytes, text } = heard;
        let (exchange, from, skipped) = (self.exchange, self.from, self.skipped);
        let said = Said { exchange, at_ms, from, kind, name, bytes, text, skipped };
        self.skipped = if self.handles.intake.say(said) { 0 } else { skipped + 1 };
    }
}

/// A message as far as it has come.
#[derive(Debug, Default)]
struct Heard {
    bytes: u64,
    /// `None` once it is too long, or when it is none.
    text: Option<Vec<u8>>,
}

impl Heard {
    fn of_text() -> Self {
        Self { bytes: 0, text: Some(Vec::new()) }
    }

    fn push(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        if self.text.as_ref().is_some_and(|text| text.len() + data.len() > MAX_TEXT) {
            self.text = None;
        }
        if let Some(text) = &mut self.text {
            text.extend_from_slice(data);
        }
    }
}

/// One direction of a WebSocket.
pub(super) struct Frames {
    mouth: Mouth,
    /// The beginning of a frame's head.
    head: Vec<u8>,
    frame: Option<Frame>,
    /// A message that may have several frames, with frames of [`Frames::control`] between them.
    message: (MessageKind, Heard),
    control: Heard,
    /// What passes is no WebSocket, or not as we know it.
    is_lost: bool,
}

struct Frame {
    header: FrameHeader,
    left: u64,
    /// Bytes of the payload that have passed.
    at: usize,
}

impl Frames {
    pub(super) fn new(handles: &Arc<Handles>, exchange: u64, from: Side) -> Self {
        let mouth = Mouth { handles: Arc::clone(handles), exchange, from, skipped: 0 };
        let message = (MessageKind::Binary, Heard::default());
        Self { mouth, head: Vec::new(), frame: None, message, control: Heard::default(), is_lost: false }
    }

    pub(super) fn hear(&mut self, mut data: &[u8]) {
        while !self.is_lost && (!data.is_empty() || self.frame.as_ref().is_some_and(|frame| frame.left == 0)) {
            match self.frame.take() {
                None => data = self.begin(data),
                Some(frame) if frame.left == 0 => self.end(&frame.header),
                Some(mut frame) => {
                    let len = usize::try_from(frame.left).unwrap_or(usize::MAX).min(data.len());
                    let (payload, rest) = data.split_at(len);
                    self.payload(&frame, payload);
                    frame.left -= len as u64;
                    frame.at += len;
                    self.frame = Some(frame);
                    data = rest;
                }
            }
        }
    }

    /// Takes the head of a frame, or as much of it as is there; the rest of the data.
    fn begin<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let (known, taken) = (self.head.len(), data.len().min(MAX_HEAD - self.head.len()));
        self.head.extend_from_slice(&data[..taken]);
        let mut cursor = Cursor::new(&self.head);
        match FrameHeader::parse(&mut cursor) {
            Ok(Some((header, left))) => {
                let used = usize::try_from(cursor.position()).unwrap_or(MAX_HEAD) - known;
                self.head.clear();
                self.expect(&header);
                self.frame = Some(Frame { header, left, at: 0 });
                &data[used..]
            }
            Ok(None) if self.head.len() < MAX_HEAD => &data[taken..],
            Ok(None) | Err(_) => {
                self.is_lost = true;
                &[]
            }
        }
    }

    fn expect(&mut self, header: &FrameHeader) {
        // With RSV1 the message is compressed (RFC 7692 §6).
        let of_text = || if header.rsv1 { Heard::default() } else { Heard::of_text() };
        match header.opcode {
            OpCode::Data(Data::Text) => self.message = (MessageKind::Text, of_text()),
            OpCode::Data(Data::Continue) => {}
            OpCode::Data(_) => self.message = (MessageKind::Binary, Heard::default()),
            OpCode::Control(_) => self.control = Heard::of_text(),
        }
    }

    fn payload(&mut self, frame: &Frame, payload: &[u8]) {
        let heard = match frame.header.opcode {
            OpCode::Data(_) => &mut self.message.1,
            OpCode::Control(_) => &mut self.control,
        };
        match frame.header.mask {
            Some(mask) if heard.text.is_some() => {
                let plain = payload.iter().enumerate().map(|(i, byte)| byte ^ mask[(frame.at + i) % mask.len()]);
                heard.push(&plain.collect::<Vec<_>>());
            }
            _ => heard.push(payload),
        }
    }

    fn end(&mut self, header: &FrameHeader) {
        let (kind, heard) = match header.opcode {
            OpCode::Data(_) if !header.is_final => return,
            OpCode::Data(_) => (self.message.0, std::mem::take(&mut self.message.1)),
            OpCode::Control(control) => {
                let mut heard = std::mem::take(&mut self.control);
                let kind = match control {
                    Control::Close => MessageKind::Close,
                    Control::Ping => MessageKind::Ping,
                    _ => MessageKind::Pong,
                };
                heard.text = if kind == MessageKind::Close { heard.text.as_deref().and_then(reason) } else { None };
                (kind, heard)
            }
        };
        self.mouth.say(kind, None, heard);
    }
}

/// Code and words of a close (RFC 6455 §5.5.1).
fn reason(payload: &[u8]) -> Option<Vec<u8>> {
    let (code, words) = payload.split_first_chunk::<2>()?;
    let text = format!("{} {}", u16::from_be_bytes(*code), String::from_utf8_lossy(words));
    Some(text.trim_end().as_bytes().to_vec())
}

/// A stream of events, as HTML's `EventSource` reads it.
pub(super) struct Events {
    mouth: Mouth,
    line: Vec<u8>,
    name: Option<Vec<u8>>,
    data: Heard,
    has_data: bool,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("exchange", &self.mouth.exchange).finish_non_exhaustive()
    }
}

impl Events {
    pub(super) fn new(handles: &Arc<Handles>, exchange: u64) -> Self {
        let mouth = Mouth { handles: Arc::clone(handles), exchange, from: Side::Upstream, skipped: 0 };
        Self { mouth, line: Vec::new(), name: None, data: Heard::of_text(), has_data: false }
    }

    pub(super) fn hear(&mut self, mut data: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', data) {
            self.part_of_line(&data[..end]);
            let mut line = std::mem::take(&mut self.line);
            self.end_of_line(line.strip_suffix(b"\r").unwrap_or(&line));
            line.clear();
            self.line = line;
            data = &data[end + 1..];
        }
        self.part_of_line(data);
    }

    /// What goes beyond what is shown is not kept, but its size is.
    fn part_of_line(&mut self, part: &[u8]) {
        let room = (MAX_TEXT + 1).saturating_sub(self.line.len());
        let (kept, beyond) = part.split_at(part.len().min(room));
        self.line.extend_from_slice(kept);
        self.data.bytes += beyond.len() as u64;
    }

    fn end_of_line(&mut self, line: &[u8]) {
        let value = |rest: &[u8]| rest.strip_prefix(b" ").unwrap_or(rest).to_vec();
        if line.is_empty() {
            let (name, data) = (self.name.take(), std::mem::replace(&mut self.data, Heard::of_text()));
            if std::mem::take(&mut self.has_data) {
                self.mouth.say(MessageKind::Event, name, data);
            }
        } else if let Some(rest) = line.strip_prefix(b"data:") {
            if std::mem::replace(&mut self.has_data, true) {
                self.data.push(b"\n");
            }
            self.data.push(&value(rest));
        } else if let Some(rest) = line.strip_prefix(b"event:") {
            self.name = Some(value(rest));
        }
    }
}
