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
    /// Where its text starts and ends; a string's without the quotes.
    start: u32,
    end: u32,
    /// Nodes of the value with all that is in it, itself included.
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
    pub(in crate::sql) fn of(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
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
            nodes: Vec::with_capacity(text.len() / 8 + 4),
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

    /// Its text, of a string what is between the quotes.
    pub(in crate::sql) fn text(self) -> &'v str {
        let Node { start, end, .. } = self.node();
        &self.text[start as usize..end as usize]
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

    /// How many nodes are in it, as a measure of the work to go through it.
    pub(in crate::sql) fn size(self) -> usize {
        self.nodes.len()
    }

    /// The member of an object with this name, the last one of several.
    pub(in crate::sql) fn member(self, name: &str) -> Option<Json<'v>> {
        if self.kind() != Kind::Object {
            return None;
        }
        let mut found = None;
        let mut rest = &self.nodes[1..];
        while let [key, after @ ..] = rest {
            let text = &self.text.as_bytes()[key.start as usize..key.end as usize];
            let same = match key.kind {
                Kind::Escaped => super::unescape(self.slice(key.start..key.end)) == name,
                Kind::Plain | Kind::Null | Kind::True | Kind::False => text == name.as_bytes(),
                Kind::Number | Kind::Array | Kind::Object => false,
            };
            let (value, after) = self.split(after)?;
            if same {
                found = Some(value);
            }
            rest = after;
        }
        found
    }

    fn slice(self, range: Range<u32>) -> &'v str {
        &self.text[range.start as usize..range.end as usize]
    }
}

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
        let mut open: Vec<usize> = Vec::new();
        loop {
            self.blanks();
            let start = self.at;
            match *self.bytes.get(start)? {
                opening @ (b'{' | b'[') => {
                    let object = opening == b'{';
                    self.at += 1;
                    let kind = if object { Kind::Object } else { Kind::Array };
                    self.push(kind, start..start);
                    self.blanks();
                    let closing = if object { b'}' } else { b']' };
                    if self.bytes.get(self.at) != Some(&closing) {
                        if open.len() >= DEPTH_MAX {
                            return None;
                        }
                        open.push(self.nodes.len() - 1);
                        if object {
                            self.name()?;
                        }
                        continue;
                    }
                    self.at += 1;
                    self.close(self.nodes.len() - 1);
                }
                b'"' => self.string()?,
                b't' => self.word("true", Kind::True)?,
                b'f' => self.word("false", Kind::False)?,
                b'n' => self.word("null", Kind::Null)?,
                _ => self.number()?,
            }
            if self.finish(&mut open)? {
                return Some(());
            }
        }
    }

    /// Closes what ends after a value; true when nothing is open any more.
    fn finish(&mut self, open: &mut Vec<usize>) -> Option<bool> {
        while let Some(&innermost) = open.last() {
            self.blanks();
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match (byte, self.nodes[innermost].kind) {
                (b',', Kind::Object) => {
                    self.name()?;
                    return Some(false);
                }
                (b',', _) => return Some(false),
                (b'}', Kind::Object) | (b']', Kind::Array) => {
                    self.close(innermost);
                    open.pop();
                }
                _ => return None,
            }
        }
        Some(true)
    }

    fn close(&mut self, node: usize) {
        // BYTES_MAX keeps all of these within 32 bits.
        let size = (self.nodes.len() - node) as u32;
        let node = &mut self.nodes[node];
        node.end = self.at as u32;
        node.size = size;
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
            match *self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                control if control < b' ' => return None,
                _ => self.at += 1,
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
