//! Reads along with hyper on an HTTP/1 connection and refuses what two parsers could read differently.
//!
//! hyper is laxer than a proxy may be: it takes lines that end in a bare LF, lets `Transfer-Encoding` win over a
//! `Content-Length` beside it, takes any list of codings that ends in `chunked`, several or no `Host`, and white space after
//! a chunk size. Each of these has been used to smuggle a request past a front end (RFC 9112 §11.2).
//!
//! Nothing is buffered or copied: the guard follows heads and bodies through the bytes on their way up. Where a message
//! turns ambiguous it overwrites the byte at that place with NUL, which may stand in no part of a head, a chunk size or a
//! trailer, and lets nothing more through. hyper then does the rest: it answers 400, after the answers to the requests before
//! this one, and closes. What hyper refuses by itself (NUL, bare CR, folded lines, bad names) is left to it.

/// Longest line that is followed across reads; hyper has refused the head long before.
const MAX_PIECE_BYTES: usize = 1 << 20;
/// `10000000000000000` bytes in hexadecimal digits are more than any body.
const MAX_SIZE_DIGITS: usize = 15;

/// Where in the stream of requests the next byte lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    RequestLine,
    Fields,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    /// A request that asks for another protocol is complete; what follows may not be HTTP.
    Crossroads,
    /// No longer HTTP/1.
    Off,
    /// In a head, which hyper refuses at once; or behind one, where it may still wait for the end.
    Refused {
        in_head: bool,
    },
}

/// What a head has said so far about its message.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    is_http_11: bool,
    hosts: u8,
    length: Option<u64>,
    is_chunked: bool,
    wants_upgrade: bool,
    blank_lines: u8,
}

/// Why a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ambiguous;

/// Follows the bytes of one connection.
#[derive(Debug)]
pub(super) struct Guard {
    place: Place,
    head: Head,
    /// The beginning of a line whose end has not come yet.
    piece: Vec<u8>,
}

impl Guard {
    pub(super) const fn new() -> Self {
        let head =
            Head { is_http_11: false, hosts: 0, length: None, is_chunked: false, wants_upgrade: false, blank_lines: 0 };
        Self { place: Place::RequestLine, head, piece: Vec::new() }
    }

    /// For a connection that speaks something else.
    pub(super) const fn off() -> Self {
        let mut guard = Self::new();
        guard.place = Place::Off;
        guard
    }

    /// True between a request that asks for another protocol and [`Guard::decide`].
    pub(super) fn is_at_crossroads(&self) -> bool {
        self.place == Place::Crossroads
    }

    pub(super) fn is_refused(&self) -> bool {
        matches!(self.place, Place::Refused { .. })
    }

    /// True when hyper has already seen enough to refuse, and needs to read no further to say so.
    pub(super) fn is_refused_in_head(&self) -> bool {
        self.place == Place::Refused { in_head: true }
    }

    /// True when what the client sends next belongs to a message that nobody reads any more.
    pub(super) fn is_within_message(&self) -> bool {
        !matches!(self.place, Place::RequestLine | Place::Off)
    }

    fn refuse(&mut self) {
        self.place = Place::Refused { in_head: matches!(self.place, Place::RequestLine | Place::Fields) };
    }

    /// The request that asks for another protocol was answered.
    pub(super) fn decide(&mut self, switched: bool) {
        self.place = if switched { Place::Off } else { Place::RequestLine };
    }

    /// Looks at what was read and returns how much of it may be handed up.
    pub(super) fn check(&mut self, data: &mut [u8]) -> usize {
        let mut at = 0;
        while at < data.len() {
            let left = data.len() - at;
            match &mut self.place {
                Place::Off => return data.len(),
                Place::Crossroads | Place::Refused { .. } => return at,
                Place::Body(rest) | Place::Chunk(rest) => {
                    let passed = usize::try_from(*rest).unwrap_or(usize::MAX).min(left);
                    *rest -= passed as u64;
                    at += passed;
                    self.leave_body();
                }
                _ => {
                    let Some(end) = memchr::memchr(b'\n', &data[at..]) else {
                        return self.keep(data, at);
                    };
                    let end = at + end + 1;
                    if self.end_of_line(&data[at..end]).is_err() {
                        self.refuse();
                        data[end - 1] = 0;
                        return end;
                    }
                    at = end;
                }
            }
        }
        at
    }

    /// The rest is the beginning of a line.
    fn keep(&mut self, data: &mut [u8], at: usize) -> usize {
        if self.piece.len() + data.len() - at > MAX_PIECE_BYTES {
            self.refuse();
            data[at] = 0;
            return at + 1;
        }
        self.piece.extend_from_slice(&data[at..]);
        data.len()
    }

    fn end_of_line(&mut self, last: &[u8]) -> Result<(), Ambiguous> {
        if self.piece.is_empty() {
            return self.line(last);
        }
        let mut whole = std::mem::take(&mut self.piece);
        whole.extend_from_slice(last);
        let result = self.line(&whole);
        whole.clear();
        self.piece = whole;
        result
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        // RFC 9112 §2.2 allows a bare LF to be taken for an end of line, and others do not take it.
        let line = line.strip_suffix(b"\r\n").ok_or(Ambiguous)?;
        match self.place {
            Place::RequestLine => self.request_line(line),
            Place::Fields if line.is_empty() => self.end_of_head(),
            Place::Fields => self.head.field(line),
            Place::ChunkSize => {
                self.place = match chunk_size(line)? {
                    0 => Place::Trailers,
                    size => Place::Chunk(size),
                };
                Ok(())
            }
            Place::ChunkEnd if line.is_empty() => {
                self.place = Place::ChunkSize;
                Ok(())
            }
            Place::Trailers if line.is_empty() => {
                self.place = self.after_message();
                Ok(())
            }
            Place::Trailers => trailer(line),
            _ => Err(Ambiguous),
        }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        if line.is_empty() {
            // One line too many after a body is an old clients' habit (RFC 9112 §2.2).
            self.head.blank_lines += 1;
            return if self.head.blank_lines == 1 { Ok(()) } else { Err(Ambiguous) };
        }
        // A fragment has no place in a target (RFC 9112 §3.2); hyper drops it, others pass it on as part of the path.
        if memchr::memchr(b'#', line).is_some() {
            return Err(Ambiguous);
        }
        self.head = Head { is_http_11: line.ends_with(b" HTTP/1.1"), ..Head::default() };
        self.place = Place::Fields;
        Ok(())
    }

    fn end_of_head(&mut self) -> Result<(), Ambiguous> {
        let head = self.head;
        // RFC 9112 §3.2: exactly one Host with HTTP/1.1; §6.1: no coding with HTTP/1.0, and no length beside one.
        let host_is_fine = head.hosts == 1 || (head.hosts == 0 && !head.is_http_11);
        if !host_is_fine || (head.is_chunked && (head.length.is_some() || !head.is_http_11)) {
            return Err(Ambiguous);
        }
        self.place = match (head.is_chunked, head.length) {
            (true, _) => Place::ChunkSize,
            (false, Some(length)) if length > 0 => Place::Body(length),
            _ => self.after_message(),
        };
        Ok(())
    }

    fn leave_body(&mut self) {
        self.place = match self.place {
            Place::Body(0) => self.after_message(),
            Place::Chunk(0) => Place::ChunkEnd,
            other => other,
        };
    }

    fn after_message(&mut self) -> Place {
        let crossroads = self.head.wants_upgrade;
        self.head = Head::default();
        if crossroads { Place::Crossroads } else { Place::RequestLine }
    }
}

impl Head {
    fn field(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        // Most fields say nothing about framing, and their first letter tells.
        if !matches!(line[0] | 0x20, b'c' | b't' | b'h' | b'u') {
            return Ok(());
        }
        let colon = memchr::memchr(b':', line).ok_or(Ambiguous)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts = self.hosts.saturating_add(1);
            return if is_host(value) { Ok(()) } else { Err(Ambiguous) };
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let first = self.length.replace(length(value)?).is_none();
            return if first { Ok(()) } else { Err(Ambiguous) };
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            // Other codings would have to be undone by us, because the field is for this hop only.
            let first = !std::mem::replace(&mut self.is_chunked, true);
            return if first && value.eq_ignore_ascii_case(b"chunked") { Ok(()) } else { Err(Ambiguous) };
        }
        self.wants_upgrade |= self.is_http_11 && name.eq_ignore_ascii_case(b"upgrade");
        Ok(())
    }
}

/// A name or an address, perhaps a port, perhaps nothing at all (RFC 9110 §7.2). One that could end the authority and begin
/// a path, or carry a user name, has no honest use.
fn is_host(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'\\' | b'?' | b'#' | b'@' | b',' | b'"'))
}

/// Digits and nothing else: no sign, no list, no spaces between (RFC 9110 §8.6).
fn length(value: &[u8]) -> Result<u64, Ambiguous> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Ambiguous);
    }
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or(Ambiguous)
}

/// RFC 9112 §7.1. An extension is passed over when its line holds nothing that could be taken for the end of the line.
fn chunk_size(line: &[u8]) -> Result<u64, Ambiguous> {
    let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    let (size, extension) = line.split_at(digits);
    let extension_is_fine = extension.is_empty()
        || (extension.trim_ascii_start().starts_with(b";") && extension.iter().all(|b| *b == b'\t' || *b >= b' '));
    if !(1..=MAX_SIZE_DIGITS).contains(&digits) || !extension_is_fine {
        return Err(Ambiguous);
    }
    Ok(size.iter().fold(0, |sum, digit| sum * 16 + u64::from((*digit as char).to_digit(16).unwrap_or_default())))
}

/// A trailer may say nothing about framing or where the message goes (RFC 9110 §6.5.1).
fn trailer(line: &[u8]) -> Result<(), Ambiguous> {
    const NEVER: [&[u8]; 4] = [b"content-length", b"transfer-encoding", b"host", b"connection"];
    let colon = memchr::memchr(b':', line).ok_or(Ambiguous)?;
    let name = &line[..colon];
    if NEVER.iter().any(|never| name.eq_ignore_ascii_case(never)) { Err(Ambiguous) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same must come out however the bytes are cut into reads.
    fn check(input: &str, accepted: bool) {
        for step in [1, 2, 3, 7, input.len()] {
            let mut guard = Guard::new();
            let mut bytes = input.as_bytes().to_vec();
            for piece in bytes.chunks_mut(step) {
                let passed = guard.check(piece);
                if guard.is_refused() {
                    assert!(piece[..passed].ends_with(&[0]), "{input:?}: hyper must see why");
                    break;
                }
            }
            assert_eq!(!guard.is_refused(), accepted, "{input:?} in steps of {step}");
            if accepted {
                assert_eq!((guard.place, guard.piece.len()), (Place::RequestLine, 0), "{input:?} in steps of {step}");
            }
        }
    }

    fn head(fields: &str) -> String {
        format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
    }

    #[test]
    fn plain_requests_pass_one_after_another() {
        let get = "GET / HTTP/1.1\r\nHost: a:1\r\nAccept: */*\r\n\r\n";
        let sized = "POST / HTTP/1.1\r\nhost: [::1]:80\r\ncontent-length:  5 \r\n\r\na\nb\0c";
        let chunked = "POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=\"b\"\r\nab\ncd\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n";
        check(&[get, sized, "\r\n", chunked, get, "GET / HTTP/1.0\r\n\r\n"].concat(), true);
    }

    #[test]
    fn lengths_must_be_one_number() {
        for value in ["", "-1", "+1", "1, 1", "1 1", "0x1", "1;", "99999999999999999999", "1\u{b}"] {
            check(&head(&format!("Content-Length: {value}\r\n")), false);
        }
        check(&head("Content-Length: 0\r\nContent-Length: 0\r\n"), false);
    }

    #[test]
    fn a_coding_must_be_chunked_and_alone() {
        for fields in [
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: \r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            check(&head(fields), false);
        }
        check("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", false);
    }

    #[test]
    fn there_must_be_one_host() {
        check("GET / HTTP/1.1\r\n\r\n", false);
        check("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", false);
        for host in ["a/b", "u@a", "a b", "a, b", "a?b", "a#b", "a\\b"] {
            check(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), false);
        }
    }

    #[test]
    fn lines_must_end_in_crlf() {
        check("GET / HTTP/1.1\nHost: a\r\n\r\n", false);
        check("GET / HTTP/1.1\r\nHost: a\n\r\n", false);
        check("GET / HTTP/1.1\r\nHost: a\r\n\n", false);
        check("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
    }

    #[test]
    fn chunks_must_be_exact() {
        let chunked = |body: &str| head("Transfer-Encoding: chunked\r\n") + body;
        for body in [
            "\r\n",
            "x\r\n",
            "0x5\r\n",
            "-1\r\n",
            "5 \r\n",
            "5\nabcde\r\n0\r\n\r\n",
            "5\r\nabcde\n0\r\n\r\n",
            "5\r\nabcdeX\r\n0\r\n\r\n",
            "10000000000000000\r\n",
            "5;a\u{b}\r\n",
            "0\r\nX: y\n\r\n",
            "0\r\nContent-Length: 3\r\n\r\n",
            "0\r\nno field\r\n\r\n",
        ] {
            check(&chunked(body), false);
        }
    }

    #[test]
    fn what_follows_a_wish_for_another_protocol_waits() {
        let mut guard = Guard::new();
        let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n\x81\x05hello".to_vec();
        let passed = guard.check(&mut bytes);
        assert!(guard.is_at_crossroads() && bytes[passed..].starts_with(b"\x81"));
        guard.decide(true);
        assert_eq!(guard.check(&mut bytes[passed..]), 7);
        let mut guard = Guard::new();
        let passed = guard.check(&mut bytes);
        guard.decide(false);
        assert_eq!((guard.check(&mut bytes[passed..]), guard.place), (7, Place::RequestLine));
    }
}
