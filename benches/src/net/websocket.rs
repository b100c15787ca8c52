//! The client's side of a WebSocket (RFC 6455), as far as MQTT needs it: one binary frame for
//! each batch of output, and frames from the broker unwrapped as they stream in.

use super::error::NetError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sha1::{Digest, Sha1};

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// More is no answer to an upgrade.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// One connection's WebSocket.
#[derive(Debug)]
pub(super) struct WebSocket {
    key: String,
    /// The answer to the upgrade as far as it has come; none once it stands.
    answer: Option<Vec<u8>>,
    head: Head,
    /// Bytes of the current frame that have not come yet.
    left: u64,
    control: Option<Control>,
    mask: u32,
}

/// The beginning of a frame, as far as it has come.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    bytes: [u8; 10],
    len: usize,
}

#[derive(Debug)]
struct Control {
    ping: bool,
    payload: Vec<u8>,
}

impl WebSocket {
    pub(super) fn new() -> Self {
        let mut rng = SmallRng::from_os_rng();
        WebSocket {
            key: STANDARD.encode(rng.random::<[u8; 16]>()),
            answer: Some(Vec::new()),
            head: Head::default(),
            left: 0,
            control: None,
            mask: rng.random::<u32>() | 1,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.answer.is_none()
    }

    pub(super) fn request(&self, host: &str, path: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
            self.key
        )
    }

    /// Appends one frame that holds `bytes`.
    pub(super) fn put_frame(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.put(0x82, bytes, out);
    }

    fn put(&mut self, first: u8, bytes: &[u8], out: &mut Vec<u8>) {
        out.push(first);
        match bytes.len() {
            len @ ..126 => out.push(0x80 | len as u8),
            len @ 126..=0xffff => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                out.push(0x80 | 127);
                out.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        // Xorshift: a mask of its own for each frame, which is all that RFC 6455 section 5.3 is
        // about where no intermediary can be fooled.
        self.mask ^= self.mask << 13;
        self.mask ^= self.mask >> 17;
        self.mask ^= self.mask << 5;
        let mask = self.mask.to_ne_bytes();
        out.extend_from_slice(&mask);
        let from = out.len();
        out.extend_from_slice(bytes);
        let mut words = out[from..].chunks_exact_mut(4);
        for word in &mut words {
            for (byte, mask) in word.iter_mut().zip(mask) {
                *byte ^= mask;
            }
        }
        for (byte, mask) in words.into_remainder().iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }

    /// Takes what the broker sent: its messages' bytes are appended to `mqtt`, pongs to `out`.
    pub(super) fn take(
        &mut self,
        mut bytes: &[u8],
        mqtt: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), NetError> {
        if let Some(answer) = &mut self.answer {
            let Some(end) = take_answer(answer, bytes)? else {
                return Ok(());
            };
            check_answer(answer, &self.key)?;
            bytes = &bytes[end..];
            self.answer = None;
        }
        while !bytes.is_empty() {
            if self.left == 0 && !self.take_head(&mut bytes)? {
                break;
            }
            let len = bytes
                .len()
                .min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let (body, rest) = bytes.split_at(len);
            bytes = rest;
            self.left -= len as u64;
            match &mut self.control {
                None => mqtt.extend_from_slice(body),
                Some(control) => control.payload.extend_from_slice(body),
            }
            if self.left == 0 {
                self.end_control(out);
            }
        }
        Ok(())
    }

    /// Completes the head of a frame. False if bytes are missing.
    fn take_head(&mut self, bytes: &mut &[u8]) -> Result<bool, NetError> {
        loop {
            let head = &mut self.head;
            let wanted = match (head.len, head.bytes[1] & 0x7f) {
                (..2, _) => 2,
                (_, 126) => 4,
                (_, 127) => 10,
                _ => 2,
            };
            if head.len == wanted {
                break;
            }
            let Some((&first, rest)) = bytes.split_first() else {
                return Ok(false);
            };
            head.bytes[head.len] = first;
            head.len += 1;
            *bytes = rest;
        }
        let [first, second, long @ ..] = self.head.bytes;
        if second & 0x80 != 0 {
            return Err(NetError::WebSocket("it is masked"));
        }
        self.left = match second {
            126 => u64::from(u16::from_be_bytes([long[0], long[1]])),
            127 => u64::from_be_bytes(long),
            len => u64::from(len),
        };
        self.control = match first & 0x0f {
            0 | 2 => None,
            8 => return Err(NetError::Closed),
            9 | 10 => Some(Control {
                ping: first & 0x0f == 9,
                payload: Vec::new(),
            }),
            _ => return Err(NetError::WebSocket("it is not binary")),
        };
        self.head = Head::default();
        Ok(true)
    }

    fn end_control(&mut self, out: &mut Vec<u8>) {
        if let Some(control) = self.control.take()
            && control.ping
        {
            self.put(0x8a, &control.payload, out);
        }
    }
}

/// Appends to the answer up to its empty line, and returns how many of `bytes` that took.
fn take_answer(answer: &mut Vec<u8>, bytes: &[u8]) -> Result<Option<usize>, NetError> {
    for (at, byte) in bytes.iter().enumerate() {
        answer.push(*byte);
        if answer.ends_with(b"\r\n\r\n") {
            return Ok(Some(at + 1));
        }
    }
    if answer.len() > ANSWER_BYTES_MAX {
        return Err(NetError::Upgrade("the answer does not end".to_owned()));
    }
    Ok(None)
}

fn check_answer(answer: &[u8], key: &str) -> Result<(), NetError> {
    let text = String::from_utf8_lossy(answer);
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        return Err(NetError::Upgrade(status.to_owned()));
    }
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let expected = STANDARD.encode(digest);
    let accepted = lines
        .filter_map(|line| line.split_once(':'))
        .any(|(name, value)| {
            name.eq_ignore_ascii_case("Sec-WebSocket-Accept") && value.trim() == expected
        });
    if !accepted {
        return Err(NetError::Upgrade("the accept key is wrong".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> WebSocket {
        let mut socket = WebSocket::new();
        socket.answer = None;
        socket
    }

    #[test]
    fn the_upgrade_of_rfc_6455_section_1_3_is_accepted() {
        let mut socket = WebSocket::new();
        socket.key = "dGhlIHNhbXBsZSBub25jZQ==".to_owned();
        assert!(
            socket
                .request("h", "/mqtt")
                .starts_with("GET /mqtt HTTP/1.1\r\nHost: h\r\n")
        );
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x82\x01a";
        let (mut mqtt, mut out) = (Vec::new(), Vec::new());
        for byte in answer {
            socket.take(&[*byte], &mut mqtt, &mut out).unwrap();
        }
        assert!(socket.is_open());
        assert_eq!((mqtt.as_slice(), out.len()), (&b"a"[..], 0));
    }

    #[test]
    fn other_answers_are_refused() {
        for (answer, text) in [
            ("HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"),
            (
                "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: nonsense\r\n\r\n",
                "accept key",
            ),
        ] {
            let mut socket = WebSocket::new();
            let taken = socket.take(answer.as_bytes(), &mut Vec::new(), &mut Vec::new());
            let error = taken.unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn frames_of_every_length_are_unwrapped_wherever_they_are_cut() {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for len in [0usize, 1, 125, 126, 300, 65_535, 65_536] {
            let body: Vec<u8> = (0..len).map(|at| at as u8).collect();
            stream.push(0x82);
            match len {
                ..126 => stream.push(len as u8),
                126..=0xffff => {
                    stream.push(126);
                    stream.extend_from_slice(&(len as u16).to_be_bytes());
                }
                _ => {
                    stream.push(127);
                    stream.extend_from_slice(&(len as u64).to_be_bytes());
                }
            }
            stream.extend_from_slice(&body);
            expected.extend_from_slice(&body);
        }
        for step in [1, 2, 7, 1000, stream.len()] {
            let (mut socket, mut mqtt, mut out) = (open(), Vec::new(), Vec::new());
            for chunk in stream.chunks(step) {
                socket.take(chunk, &mut mqtt, &mut out).unwrap();
            }
            assert!(mqtt == expected && out.is_empty(), "{step}");
        }
    }

    #[test]
    fn pings_are_answered_and_output_is_masked() {
        let (mut socket, mut mqtt, mut out) = (open(), Vec::new(), Vec::new());
        socket
            .take(b"\x89\x02hi\x82\x01x", &mut mqtt, &mut out)
            .unwrap();
        assert_eq!(mqtt, b"x");
        assert_eq!(&out[..2], [0x8a, 0x82]);
        let unmasked: Vec<u8> = out[6..]
            .iter()
            .zip(&out[2..4])
            .map(|(a, b)| a ^ b)
            .collect();
        assert_eq!(unmasked, b"hi");
    }
}
