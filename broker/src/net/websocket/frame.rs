//! Frames of RFC 6455: the server's heads, and a decoder for what clients send, which works in
//! the buffer that the bytes were read into and allocates nothing.

/// Bytes of the longest head that a client can send: two, eight of length, four of mask.
const HEAD_BYTES_MAX: usize = 14;

/// Bytes that a control frame may carry (RFC 6455 5.5).
pub(super) const CONTROL_BYTES_MAX: usize = 125;

/// Bytes that a data frame may announce: an MQTT packet of the greatest length.
const DATA_BYTES_MAX: u64 = 268_435_460;

/// What a frame is (RFC 6455 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn of(nibble: u8) -> Option<Self> {
        match nibble {
            0x0 => Some(Opcode::Continuation),
            0x1 => Some(Opcode::Text),
            0x2 => Some(Opcode::Binary),
            0x8 => Some(Opcode::Close),
            0x9 => Some(Opcode::Ping),
            0xA => Some(Opcode::Pong),
            _ => None,
        }
    }

    fn nibble(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xA,
        }
    }
}

/// The head of a frame that the server sends: whole, unmasked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    bytes: [u8; 10],
    length: usize,
}

impl Head {
    pub(super) fn new(opcode: Opcode, payload_bytes: usize) -> Self {
        let mut bytes = [0; 10];
        bytes[0] = 0x80 | opcode.nibble();
        let length = match (u8::try_from(payload_bytes), u16::try_from(payload_bytes)) {
            (Ok(short @ 0..=125), _) => {
                bytes[1] = short;
                2
            }
            (_, Ok(medium)) => {
                bytes[1] = 126;
                bytes[2..4].copy_from_slice(&medium.to_be_bytes());
                4
            }
            (_, Err(_)) => {
                bytes[1] = 127;
                bytes[2..10].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
                10
            }
        };
        Self { bytes, length }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Why a client's frames cannot be read, with the status code of the Close that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Violation {
    pub(super) code: u16,
    reason: &'static str,
}

const fn protocol_error(reason: &'static str) -> Violation {
    Violation { code: 1002, reason }
}

/// What ended the client's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A Close frame; its status code, if it had one.
    Closed(Option<u16>),
    /// Frames that are none.
    Violation(Violation),
}

/// What some bytes of the stream came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// How many bytes of payload now stand at the start of the buffer.
    pub(super) payload_bytes: usize,
    /// Nothing that follows counts.
    pub(super) end: Option<End>,
}

/// Reads client frames from a stream that may be cut anywhere.
#[derive(Debug)]
pub(super) struct Decoder {
    state: State,
    /// A message has begun and its last frame has not come.
    fragmented: bool,
}

#[derive(Debug)]
enum State {
    Head {
        bytes: [u8; HEAD_BYTES_MAX],
        filled: usize,
    },
    Data {
        left: u64,
        /// Rotated so that its first byte is the next one to use.
        mask: [u8; 4],
    },
    Control {
        opcode: Opcode,
        mask: [u8; 4],
        payload: [u8; CONTROL_BYTES_MAX],
        length: usize,
        filled: usize,
    },
}

impl State {
    const HEAD: State = State::Head {
        bytes: [0; HEAD_BYTES_MAX],
        filled: 0,
    };
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            state: State::HEAD,
            fragmented: false,
        }
    }

    /// Takes the frames out of `buffer` and leaves the unmasked payload of data frames at its
    /// start. `ping` is given the payload of each Ping.
    pub(super) fn decode(&mut self, buffer: &mut [u8], mut ping: impl FnMut(&[u8])) -> Decoded {
        let (mut read, mut written) = (0, 0);
        let mut end = None;
        while end.is_none() && read < buffer.len() {
            match &mut self.state {
                State::Head { bytes, filled } => {
                    bytes[*filled] = buffer[read];
                    *filled += 1;
                    read += 1;
                    end = self.after_head_byte();
                }
                State::Data { left, mask } => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX);
                    let here = here.min(buffer.len() - read);
                    buffer.copy_within(read..read + here, written);
                    unmask(&mut buffer[written..written + here], mask);
                    *left -= here as u64;
                    read += here;
                    written += here;
                }
                State::Control {
                    payload,
                    length,
                    filled,
                    ..
                } => {
                    let here = (*length - *filled).min(buffer.len() - read);
                    payload[*filled..*filled + here].copy_from_slice(&buffer[read..read + here]);
                    *filled += here;
                    read += here;
                }
            }
            end = end.or_else(|| self.finish_frame(&mut ping));
        }
        Decoded {
            payload_bytes: written,
            end,
        }
    }

    /// Looks at the head as far as it is there, and leaves the state once it is whole.
    fn after_head_byte(&mut self) -> Option<End> {
        let State::Head { bytes, filled } = &self.state else {
            return None;
        };
        let (bytes, filled) = (*bytes, *filled);
        if filled < 2 {
            return None;
        }
        let parsed = parse_head(bytes, filled, self.fragmented);
        match parsed {
            Ok(None) => {}
            Ok(Some((state, fragmented))) => {
                self.state = state;
                self.fragmented = fragmented;
            }
            Err(violation) => return Some(End::Violation(violation)),
        }
        None
    }

    /// Goes on to the next frame if this one is at its end.
    fn finish_frame(&mut self, ping: &mut impl FnMut(&[u8])) -> Option<End> {
        match &mut self.state {
            State::Data { left: 0, .. } => {}
            State::Control {
                opcode,
                mask,
                payload,
                length,
                filled,
            } if filled == length => {
                let payload = &mut payload[..*length];
                unmask(payload, mask);
                match opcode {
                    Opcode::Ping => ping(payload),
                    Opcode::Close => return Some(closed(payload)),
                    Opcode::Pong | Opcode::Continuation | Opcode::Text | Opcode::Binary => {}
                }
            }
            State::Head { .. } | State::Data { .. } | State::Control { .. } => return None,
        }
        self.state = State::HEAD;
        None
    }
}

/// The state behind a head and whether a message is open then; `None` while bytes are missing.
fn parse_head(
    bytes: [u8; HEAD_BYTES_MAX],
    filled: usize,
    fragmented: bool,
) -> Result<Option<(State, bool)>, Violation> {
    let last = bytes[0] & 0x80 != 0;
    if bytes[0] & 0x70 != 0 {
        return Err(protocol_error("reserved bits without an extension"));
    }
    let opcode = Opcode::of(bytes[0] & 0x0F).ok_or(protocol_error("reserved opcode"))?;
    if bytes[1] & 0x80 == 0 {
        return Err(protocol_error("a client's frame is not masked"));
    }
    let short = usize::from(bytes[1] & 0x7F);
    let control = match opcode {
        Opcode::Close | Opcode::Ping | Opcode::Pong => true,
        Opcode::Text => {
            let reason = "MQTT needs binary frames";
            return Err(Violation { code: 1003, reason });
        }
        Opcode::Continuation if !fragmented => {
            return Err(protocol_error("a continuation without a beginning"));
        }
        Opcode::Binary if fragmented => {
            return Err(protocol_error("a new message before the last one is whole"));
        }
        Opcode::Continuation | Opcode::Binary => false,
    };
    if control && (!last || short > CONTROL_BYTES_MAX) {
        return Err(protocol_error("a fragmented or long control frame"));
    }
    let extended = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if filled < 2 + extended + 4 {
        return Ok(None);
    }
    let mut mask = [0; 4];
    mask.copy_from_slice(&bytes[2 + extended..2 + extended + 4]);
    if control {
        let state = State::Control {
            opcode,
            mask,
            payload: [0; CONTROL_BYTES_MAX],
            length: short,
            filled: 0,
        };
        return Ok(Some((state, fragmented)));
    }
    let left = data_length(short, &bytes[2..2 + extended])?;
    Ok(Some((State::Data { left, mask }, !last)))
}

fn data_length(short: usize, extended: &[u8]) -> Result<u64, Violation> {
    let long = extended
        .iter()
        .fold(0, |length, byte| length << 8 | u64::from(*byte));
    let (length, least) = match extended.len() {
        0 => (short as u64, 0),
        2 => (long, 126),
        _ => (long, 65_536),
    };
    if length < least || length >> 63 != 0 {
        return Err(protocol_error("a length in a form that is not allowed"));
    }
    if length > DATA_BYTES_MAX {
        let reason = "a frame longer than any MQTT packet";
        return Err(Violation { code: 1009, reason });
    }
    Ok(length)
}

/// Reads the payload of a Close (RFC 6455 5.5.1, 7.4).
fn closed(payload: &[u8]) -> End {
    let (code, reason) = match payload {
        [] => return End::Closed(None),
        [_] => return End::Violation(protocol_error("half a status code in Close")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return End::Violation(protocol_error("a status code that Close may not have"));
    }
    if std::str::from_utf8(reason).is_err() {
        let reason = "the reason in Close is not UTF-8";
        return End::Violation(Violation { code: 1007, reason });
    }
    End::Closed(Some(code))
}

/// Unmasks bytes and rotates the mask behind them.
fn unmask(bytes: &mut [u8], mask: &mut [u8; 4]) {
    let wide = u32::from_ne_bytes(*mask);
    let wide = u64::from(wide) << 32 | u64::from(wide);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut eight = [0; 8];
        eight.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(eight) ^ wide).to_ne_bytes());
    }
    let rest = chunks.into_remainder();
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    mask.rotate_left(rest.len() % 4);
}
