//! An index over the text of a JSON object or array: one pass, one allocation.

use std::ops::Range;

/// Arrays and objects inside each other; deeper ones are taken for something that is not JSON.
const DEPTH_MAX: usize = 128;
/// Texts above this size are not indexed: no message is that long.
const BYTES_MAX: usize = 1 << 28;

/// What stands where in a JSON text.
#[derive(Debug)]
pub(in crate::sql) struct Index(Vec<Node>);

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Kind {
    Null,
    True,
    False,
    Number,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    Array,
    /// Its nodes are names and values in turn.
    Object,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    kind: Kind,
    /// Where its text starts and ends, a string's without the quotes; of an array or object how
    /// many values and names are directly in it.
    start: u32,
    end: u32,
    /// Nodes of the value with all that is in it, itself included. While an array or object is
    /// being read, where the one around it is.
    size: u32,
}

/// A value in an indexed text.
#[derive(Clone, Copy, Debug)]
pub(in crate::sql) struct Json<'v> {
    text: &'v str,
    // Begins with the value's own node.
    nodes: &'v [Node],
}

impl Index {
    /// Indexes an object or an array; nothing if the text is neither, or not JSON.
    pub(in crate::sql) fn of(text: &str) -> Option<Self> {
        Self::of_text(text).filter(|index| {
            let root = index.0.first().map(|node| node.kind);
            matches!(root, Some(Kind::Array | Kind::Object))
        })
    }

    /// Indexes any JSON value.
    pub(in crate::sql) fn of_text(text: &str) -> Option<Self> {
        if text.len() > BYTES_MAX {
            return None;
        }
        let mut reader = Reader {
            bytes: text.as_bytes(),
            at: 0,
            nodes: Vec::with_capacity(text.len() / 6 + 4),
        };
        reader.document().map(|()| Self(reader.nodes))
    }

    /// The indexed value; `text` must be what was indexed.
    pub(in crate::sql) fn root<'v>(&'v self, text: &'v str) -> Json<'v> {
        Json {
            text,
            nodes: &self.0,
        }
    }
}

impl<'v> Json<'v> {
    fn node(self) -> Node {
        self.nodes[0]
    }

    pub(in crate::sql) fn kind(self) -> Kind {
        self.node().kind
    }

    /// Its text, of a string what is between the quotes; arrays and objects have none here.
    pub(in crate::sql) fn text(self) -> &'v str {
        let Node { start, end, .. } = self.node();
        self.text
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// The value at the beginning of `nodes` and what follows it.
    fn split(self, nodes: &'v [Node]) -> Option<(Self, &'v [Node])> {
        let size = nodes.first()?.size as usize;
        let (nodes, rest) = nodes.split_at(size);
        let value = Self {
            text: self.text,
            nodes,
        };
        Some((value, rest))
    }

    /// What is directly in an array; of an object, names and values in turn.
    pub(in crate::sql) fn items(self) -> impl Iterator<Item = Json<'v>> + Clone + 'v {
        let mut rest = match self.kind() {
            Kind::Array | Kind::Object => &self.nodes[1..],
            Kind::Null | Kind::True | Kind::False => &[],
            Kind::Number | Kind::Plain | Kind::Escaped => &[],
        };
        std::iter::from_fn(move || {
            let (item, after) = self.split(rest)?;
            rest = after;
            Some(item)
        })
    }

    /// Names and values of an object.
    pub(in crate::sql) fn members(self) -> impl Iterator<Item = (Json<'v>, Json<'v>)> + 'v {
        let mut items = self.items();
        std::iter::from_fn(move || Some((items.next()?, items.next()?)))
    }

    /// How many values and names are directly in an array or an object.
    pub(in crate::sql) fn count(self) -> usize {
        match self.kind() {
            Kind::Array | Kind::Object => self.node().start as usize,
            Kind::Null | Kind::True | Kind::False => 0,
            Kind::Number | Kind::Plain | Kind::Escaped => 0,
        }
    }

    /// The member of an object with this name, the last one of several.
    pub(in crate::sql) fn member(self, name: &str) -> Option<Json<'v>> {
        if self.kind() != Kind::Object {
            return None;
        }
        let bytes = self.text.as_bytes();
        let mut found = None;
        let mut rest = &self.nodes[1..];
        while let [key, after @ ..] = rest {
            let range = key.start as usize..key.end as usize;
            let same = match key.kind {
                Kind::Escaped => super::unescape(self.text.get(range)?) == name,
                _ => range.len() == name.len() && bytes.get(range) == Some(name.as_bytes()),
            };
            if same {
                found = Some(after);
            }
            rest = after.get(after.first()?.size as usize..)?;
        }
        self.split(found?).map(|(value, _)| value)
    }
}

/// No node is there.
const OUTERMOST: u32 = u32::MAX;

/// The bytes at which a row of ordinary characters ends: quote, backslash, control characters.
const ENDS_PLAIN: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < b' ' as usize {
        ends[byte] = true;
        byte += 1;
    }
    ends[b'"' as usize] = true;
    ends[b'\\' as usize] = true;
    ends
};

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
}

impl Reader<'_> {
    fn document(&mut self) -> Option<()> {
        self.value()?;
        self.blanks();
        (self.at == self.bytes.len()).then_some(())
    }

    /// Reads one value, without recursion.
    fn value(&mut self) -> Option<()> {
        let mut innermost = None;
        let mut depth = 0;
        loop {
            self.blanks();
            match *self.bytes.get(self.at)? {
                b'"' => self.string()?,
                b'{' => {
                    if self.open(Kind::Object, b'}', &mut innermost, &mut depth)? {
                        continue;
                    }
                }
                b'[' => {
                    if self.open(Kind::Array, b']', &mut innermost, &mut depth)? {
                        continue;
                    }
                }
                b't' => self.word("true", Kind::True)?,
                b'f' => self.word("false", Kind::False)?,
                b'n' => self.word("null", Kind::Null)?,
                _ => self.number()?,
            }
            if self.finish(&mut innermost, &mut depth)? {
                return Some(());
            }
        }
    }

    /// Reads the beginning of an array or object; true if something is in it.
    fn open(
        &mut self,
        kind: Kind,
        closing: u8,
        innermost: &mut Option<u32>,
        depth: &mut usize,
    ) -> Option<bool> {
        self.at += 1;
        let node = self.nodes.len();
        self.push(kind, 0..0);
        self.blanks();
        if self.expect(closing).is_some() {
            return Some(false);
        }
        *depth += 1;
        if *depth > DEPTH_MAX {
            return None;
        }
        self.nodes[node].size = innermost.unwrap_or(OUTERMOST);
        *innermost = Some(node as u32);
        self.item(node, kind)?;
        Some(true)
    }

    /// Closes what ends after a value; true when nothing is open any more.
    fn finish(&mut self, innermost: &mut Option<u32>, depth: &mut usize) -> Option<bool> {
        while let Some(node) = *innermost {
            let node = node as usize;
            self.blanks();
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match (byte, self.nodes[node].kind) {
                (b',', kind) => {
                    self.item(node, kind)?;
                    return Some(false);
                }
                (b'}', Kind::Object) | (b']', Kind::Array) => {
                    let outer = self.nodes[node].size;
                    // BYTES_MAX keeps this within 32 bits.
                    self.nodes[node].size = (self.nodes.len() - node) as u32;
                    *innermost = (outer != OUTERMOST).then_some(outer);
                    *depth -= 1;
                }
                _ => return None,
            }
        }
        Some(true)
    }

    /// Counts an item of an array or an object, and reads its name if it has one.
    fn item(&mut self, node: usize, kind: Kind) -> Option<()> {
        if kind == Kind::Object {
            self.nodes[node].start += 1;
            self.name()?;
        }
        self.nodes[node].start += 1;
        Some(())
    }

    fn push(&mut self, kind: Kind, range: Range<usize>) {
        self.nodes.push(Node {
            kind,
            start: range.start as u32,
            end: range.end as u32,
            size: 1,
        });
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn name(&mut self) -> Option<()> {
        self.blanks();
        self.string()?;
        self.blanks();
        self.expect(b':')
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found.then_some(())
    }

    fn word(&mut self, word: &str, kind: Kind) -> Option<()> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end)? != word.as_bytes() {
            return None;
        }
        self.push(kind, self.at..end);
        self.at = end;
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        self.expect(b'"')?;
        let start = self.at;
        let mut kind = Kind::Plain;
        loop {
            let rest = &self.bytes[self.at..];
            let plain = rest.iter().position(|byte| ENDS_PLAIN[*byte as usize])?;
            self.at += plain;
            match rest[plain] {
                b'"' => break,
                b'\\' => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                _ => return None,
            }
        }
        self.push(kind, start..self.at);
        self.at += 1;
        Some(())
    }

    fn escape(&mut self) -> Option<()> {
        let length = match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' => {
                let digits = self.bytes.get(self.at + 2..self.at + 6)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(6)?
            }
            _ => return None,
        };
        self.at += length;
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.bytes[start] == b'-' {
            self.at += 1;
        }
        let first = self.at;
        self.digits()?;
        if self.bytes[first] == b'0' && self.at > first + 1 {
            return None;
        }
        if self.expect(b'.').is_some() {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.push(Kind::Number, start..self.at);
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}
