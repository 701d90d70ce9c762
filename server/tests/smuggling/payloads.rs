//! The payloads, by class. `$` stands for a path of the payload's own.

/// What must become of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// One 400, and the connection closed.
    BadRequest,
    /// An error of any kind and the connection closed; nothing reaches upstream.
    Refused,
    /// So many requests reach upstream and are answered.
    Requests(usize),
    /// Only that nothing is smuggled, and that nginx frames it alike.
    Any,
}

#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) class: &'static str,
    pub(crate) expect: Expect,
    text: &'static [u8],
}

impl Payload {
    pub(crate) fn name(&self) -> String {
        format!("{} {:?}", self.class, String::from_utf8_lossy(self.text))
    }

    /// The number in the path tells the sink which payload it sees.
    pub(crate) fn bytes(&self, index: usize) -> Vec<u8> {
        let path = format!("c{index}");
        self.text.split(|byte| *byte == b'$').collect::<Vec<_>>().join(path.as_bytes())
    }
}

pub(crate) fn all() -> Vec<Payload> {
    let classes = CLASSES.iter();
    classes
        .flat_map(|(class, expect, texts)| texts.iter().map(|text| Payload { class, expect: *expect, text }))
        .collect()
}

#[rustfmt::skip]
const CLASSES: &[(&str, Expect, &[&[u8]])] = &[
    ("length before coding", Expect::BadRequest, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5c\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\ncontent-length: 5\r\nX-A: 1\r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("coding before length", Expect::BadRequest, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\ncontent-length: 0\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n0\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length:\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("two codings", Expect::Refused, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("coding that is not quite chunked", Expect::Refused, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunkedx\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:  cow\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chun ked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x00chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("field name in disguise", Expect::Refused, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nX: 1\r\n\tContent-Length: 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length\x00: 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent Length: 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length\x0b: 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\n\xefContent-Length: 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\n: 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length\r\n\r\nhello",
    ]),
    ("lengths that conflict", Expect::BadRequest, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhelloG",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 44\r\nX: 1\r\ncontent-length: 0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\nhelloG",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length:\r\n\r\nhello",
    ]),
    ("a length said twice", Expect::BadRequest, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 05\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5,\r\n\r\nhello",
    ]),
    ("a length that is no number", Expect::BadRequest, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1e1\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: five\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5;\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: \x005\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\x00\r\n\r\nhelloGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("a chunk size that is no number", Expect::BadRequest, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\ng\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5g\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n  5\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF1\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 5\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\x005\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("a chunk that is longer or shorter than it says", Expect::BadRequest, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhello\r\n0\r\n\r\n",
    ]),
    ("a line feed alone in a chunked body", Expect::BadRequest, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\n\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\rhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("a chunk extension with a line end in it", Expect::BadRequest, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;\nxx\r\n4c\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("a line feed alone in a head", Expect::BadRequest, &[
        b"GET /$/a HTTP/1.1\nHost: a\n\n",
        b"GET /$/a HTTP/1.1\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: 1\r\n\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: 1\n\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: 1\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nX: 1\nContent-Length: 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nX: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("a carriage return alone in a head", Expect::BadRequest, &[
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: 1\r\r\n\r\n",
        b"GET /$/a HTTP/1.1\rHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nX: 1\rContent-Length: 44\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\n\rX: 1\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: 1\r\n\rY: 2\r\n\r\n",
    ]),
    ("NUL and other controls", Expect::BadRequest, &[
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX\x00: b\r\n\r\n",
        b"GET /$/a\x00b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"G\x00ET /$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: a\x08b\r\n\r\n",
        b"GET /$/a\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("a folded line", Expect::BadRequest, &[
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: 1\r\n\t2\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 5\r\n\r\nhello",
        b"GET /$/a HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: 1\r\n \r\n\r\n",
    ]),
    ("HTTP/1.0 with a coding", Expect::BadRequest, &[
        b"POST /$/a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"POST /$/a HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /$/a HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("trailers that are none", Expect::BadRequest, &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\n\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\nY: 2\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: \x00\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n X: 1\r\n\r\n",
    ]),
    ("a request line in disguise", Expect::BadRequest, &[
        b"GET  /$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET\t/$/a\tHTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a  HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.1 \r\nHost: a\r\n\r\n",
        b"GET /$/a http/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.1x\r\nHost: a\r\n\r\n",
        b" GET /$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"G(ET /$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET\r\n\r\n",
    ]),
    ("a version that is none of ours", Expect::Refused, &[
        b"GET /$/a HTTP/0.9\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.2\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/11\r\nHost: a\r\n\r\n",
        b"GET /$/a\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTPS/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.01\r\nHost: a\r\n\r\n",
    ]),
    ("no host, or more than one", Expect::BadRequest, &[
        b"GET /$/a HTTP/1.1\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nX: 1\r\nhost: a\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a@b\r\n\r\n",
    ]),
    ("a target that points elsewhere", Expect::Refused, &[
        b"CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT /$/a HTTP/1.1\r\nHost: a\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET evil.test/$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET @evil.test/$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("requests one after the other", Expect::Requests(2), &[
        b"GET /$/a HTTP/1.1\r\nHost: a\r\n\r\nGET /$/b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /$/b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /$/b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n\r\nGET /$/b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\nGET /$/b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0005\r\nhello\r\n000\r\n\r\nGET /$/b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /$/b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET /$/b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\nGET /$/a HTTP/1.1\r\nHost: a\r\n\r\nGET /$/b HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("a body that looks like a request", Expect::Requests(1), &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 41\r\n\r\nGET /not/one HTTP/1.1\r\nHost: a\r\nX: yz\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1c\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\nGET / H",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0\r\n\r\nPOST \r\n0\r\n\r\n",
    ]),
    ("a body that looks like a request where bodies are rare", Expect::Requests(1), &[
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\nGET /x/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n25\r\nGET /x/smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n",
        b"DELETE /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\nGET /x/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS /$/a HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\nGET /x/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 37\r\n\r\nGET /x/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 37\r\n\r\nGET /x/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: TLS/1.0\r\nContent-Length: 37\r\n\r\nGET /x/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("lines before a request", Expect::BadRequest, &[
        b"\r\n\r\nGET /$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\nGET /$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\rGET /$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"x\r\nGET /$/a HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("a connection field that names the framing", Expect::Requests(1), &[
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nConnection: close, Content-Length\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nConnection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n",
        b"POST /$/a HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-A\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello",
    ]),
    ("an upgrade that hides requests", Expect::Any, &[
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x05hello",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nGARBAGE\r\n\r\n",
        b"GET /$/a HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\nGET /$/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
    ("a target with a name in it", Expect::Any, &[
        b"GET http://evil.test/$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET ftp://evil.test/$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET //evil.test/$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://evil.test:80@other.test/$/a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /$/a#/b HTTP/1.1\r\nHost: a\r\n\r\n",
    ]),
];
