//! Messages and enums of a `FileDescriptorSet` (descriptor.proto).

use super::DEPTH_MAX;
use super::wire::{Reader, Wire};
use std::collections::BTreeMap;

/// The types that a descriptor set defines, by their full names, each with a dot before it.
#[derive(Debug, Default)]
pub(in crate::sql) struct Schema {
    messages: BTreeMap<String, Message>,
    enums: BTreeMap<String, BTreeMap<i32, String>>,
    /// File names with their packages.
    files: Vec<(String, String)>,
}

#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) fields: BTreeMap<u32, Field>,
    /// Whether it stands for an entry of a map.
    pub(super) is_entry: bool,
}

#[derive(Debug, Default)]
pub(super) struct Field {
    /// Its name in JSON.
    pub(super) name: String,
    pub(super) repeated: bool,
    /// The number of its type in descriptor.proto.
    pub(super) kind: u64,
    /// The full name of a message or an enum.
    pub(super) type_name: String,
}

type Read<T> = Result<T, &'static str>;

impl Schema {
    /// Reads a `FileDescriptorSet`.
    pub(in crate::sql) fn parse(bytes: &[u8]) -> Read<Self> {
        let mut schema = Self::default();
        each(bytes, |number, value| match (number, value) {
            (1, Wire::Bytes(file)) => schema.file(file),
            _ => Ok(()),
        })?;
        if schema.files.is_empty() {
            return Err("the object is no FileDescriptorSet");
        }
        Ok(schema)
    }

    fn file(&mut self, bytes: &[u8]) -> Read<()> {
        let (mut name, mut package) = (String::new(), String::new());
        each(bytes, |number, value| {
            match (number, value) {
                (1, Wire::Bytes(text)) => name = self::text(text)?,
                (2, Wire::Bytes(text)) => package = format!(".{}", self::text(text)?),
                _ => {}
            }
            Ok(())
        })?;
        each(bytes, |number, value| match (number, value) {
            (4, Wire::Bytes(message)) => self.message(message, &package, 0),
            (5, Wire::Bytes(choice)) => self.choice(choice, &package),
            _ => Ok(()),
        })?;
        self.files.push((name, package));
        Ok(())
    }

    fn message(&mut self, bytes: &[u8], scope: &str, depth: usize) -> Read<()> {
        if depth > DEPTH_MAX {
            return Err("the descriptor is nested too deeply");
        }
        let full_name = named(bytes, scope)?;
        let mut message = Message::default();
        each(bytes, |number, value| match (number, value) {
            (2, Wire::Bytes(field)) => {
                let (number, field) = self::field(field)?;
                message.fields.insert(number, field);
                Ok(())
            }
            (3, Wire::Bytes(nested)) => self.message(nested, &full_name, depth + 1),
            (4, Wire::Bytes(choice)) => self.choice(choice, &full_name),
            // MessageOptions.map_entry.
            (7, Wire::Bytes(options)) => each(options, |number, value| {
                message.is_entry |= (number, value) == (7, Wire::Varint(1));
                Ok(())
            }),
            _ => Ok(()),
        })?;
        self.messages.insert(full_name, message);
        Ok(())
    }

    fn choice(&mut self, bytes: &[u8], scope: &str) -> Read<()> {
        let mut names = BTreeMap::new();
        each(bytes, |number, value| {
            if let (2, Wire::Bytes(value)) = (number, value) {
                let (mut name, mut number) = (String::new(), 0);
                each(value, |part, value| {
                    match (part, value) {
                        (1, Wire::Bytes(text)) => name = self::text(text)?,
                        (2, Wire::Varint(value)) => number = value.cast_signed() as i32,
                        _ => {}
                    }
                    Ok(())
                })?;
                // The first of several names for a number.
                names.entry(number).or_insert(name);
            }
            Ok(())
        })?;
        self.enums.insert(named(bytes, scope)?, names);
        Ok(())
    }

    /// The full name of a message in the file of this name, with or without `.proto`. The message
    /// may be named with its package or without.
    pub(super) fn find(&self, file: &str, message: &str) -> Read<&str> {
        let with_extension = format!("{file}.proto");
        let mut files = self.files.iter();
        let (_, package) = files
            .find(|(name, _)| {
                let last = name.rsplit('/').next().unwrap_or(name);
                [file, &with_extension]
                    .iter()
                    .any(|file| *file == name || *file == last)
            })
            .ok_or("the FileDescriptorSet has no such proto file")?;
        [format!("{package}.{message}"), format!(".{message}")]
            .iter()
            .find_map(|name| self.messages.get_key_value(name))
            .map(|(name, _)| name.as_str())
            .ok_or("the proto file has no such message type")
    }

    pub(super) fn message_of(&self, full_name: &str) -> Read<&Message> {
        let message = self.messages.get(full_name);
        message.ok_or("the FileDescriptorSet lacks a message type: compile it with its imports")
    }

    /// The name of an enum's value, if it has one.
    pub(super) fn choice_name(&self, full_name: &str, number: i32) -> Option<&str> {
        self.enums.get(full_name)?.get(&number).map(String::as_str)
    }
}

fn field(bytes: &[u8]) -> Read<(u32, Field)> {
    let mut field = Field::default();
    let (mut number, mut name) = (0, String::new());
    each(bytes, |part, value| {
        match (part, value) {
            (1, Wire::Bytes(text)) => name = self::text(text)?,
            (3, Wire::Varint(value)) => number = u32::try_from(value).unwrap_or(0),
            (4, Wire::Varint(label)) => field.repeated = label == 3,
            (5, Wire::Varint(kind)) => field.kind = kind,
            (6, Wire::Bytes(text)) => field.type_name = self::text(text)?,
            (10, Wire::Bytes(text)) => field.name = self::text(text)?,
            _ => {}
        }
        Ok(())
    })?;
    if field.name.is_empty() {
        field.name = camel_case(&name);
    }
    Ok((number, field))
}

/// The name in JSON that protoc would give.
fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut after_underscore = false;
    for letter in name.chars() {
        match letter {
            '_' => after_underscore = true,
            letter if after_underscore => {
                camel.push(letter.to_ascii_uppercase());
                after_underscore = false;
            }
            letter => camel.push(letter),
        }
    }
    camel
}

/// The full name of a definition, which is its first field.
fn named(bytes: &[u8], scope: &str) -> Read<String> {
    let mut full_name = None;
    each(bytes, |number, value| {
        if let (1, Wire::Bytes(name)) = (number, value) {
            full_name = Some(format!("{scope}.{}", text(name)?));
        }
        Ok(())
    })?;
    full_name.ok_or("the object is no FileDescriptorSet")
}

fn each<'b>(bytes: &'b [u8], mut work: impl FnMut(u32, Wire<'b>) -> Read<()>) -> Read<()> {
    let mut reader = Reader::new(bytes);
    while let Some((number, value)) = reader.field()? {
        work(number, value)?;
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Read<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "the object is no FileDescriptorSet")
}
