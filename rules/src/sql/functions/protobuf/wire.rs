//! The wire format: tags and values.

/// One field as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire<'b> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'b [u8]),
    Fixed32(u32),
    /// The fields between the two tags of a group.
    Group(&'b [u8]),
}

/// Reads the fields of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    /// The next field, `Ok(None)` at the end.
    pub(super) fn field(&mut self) -> Result<Option<(u32, Wire<'b>)>, &'static str> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        self.tagged(0).ok_or("the bytes are no protobuf message")
    }

    fn tagged(&mut self, depth: usize) -> Option<Option<(u32, Wire<'b>)>> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.fixed64()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            3 => Wire::Group(self.group(number, depth)?),
            5 => Wire::Fixed32(self.fixed32()?),
            _ => return None,
        };
        Some(Some((number, value)))
    }

    /// Skips to after the tag that ends a group, and gives what is before it.
    fn group(&mut self, number: u32, depth: usize) -> Option<&'b [u8]> {
        if depth >= super::DEPTH_MAX {
            return None;
        }
        let start = self.bytes;
        loop {
            let before = self.bytes.len();
            let mut ahead = *self;
            let tag = ahead.varint()?;
            if tag & 7 == 4 {
                *self = ahead;
                let length = start.len() - before;
                return (tag >> 3 == u64::from(number)).then(|| &start[..length]);
            }
            self.tagged(depth + 1)?;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let [byte, rest @ ..] = self.bytes else {
                return None;
            };
            self.bytes = rest;
            // The tenth byte has one bit to give.
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if *byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn fixed64(&mut self) -> Option<u64> {
        let bytes = self.take(8)?;
        bytes.try_into().ok().map(u64::from_le_bytes)
    }

    pub(super) fn fixed32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        bytes.try_into().ok().map(u32::from_le_bytes)
    }

    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }
}
