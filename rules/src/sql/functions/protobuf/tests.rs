use super::{Schema, decode};
use crate::sql::SqlVersion;
use crate::sql::json::Writer;

/// A field on the wire.
fn field(number: u8, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | kind];
    if number >= 16 {
        bytes = vec![(number << 3 | kind) | 0x80, number >> 4];
    }
    if kind == 2 {
        bytes.push(u8::try_from(content.len()).expect("tests are small"));
    }
    bytes.extend(content);
    bytes
}

fn text(number: u8, text: &str) -> Vec<u8> {
    field(number, 2, text.as_bytes())
}

fn message(number: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = vec![number << 3 | 2];
    if content.len() >= 0x80 {
        let length = u8::try_from(content.len() & 0x7f).expect("seven bits");
        let rest = u8::try_from(content.len() >> 7).expect("tests are small");
        bytes.extend([length | 0x80, rest]);
    } else {
        bytes.push(u8::try_from(content.len()).expect("seven bits"));
    }
    bytes.extend(content);
    bytes
}

/// A FieldDescriptorProto: name, number, label, type, type name.
fn defined(name: &str, number: u8, label: u8, kind: u8, type_name: &str) -> Vec<u8> {
    let mut parts = vec![text(1, name), field(3, 0, &[number]), field(4, 0, &[label])];
    parts.push(field(5, 0, &[kind]));
    if !type_name.is_empty() {
        parts.push(text(6, type_name));
    }
    message(2, &parts)
}

fn descriptor_set() -> Vec<u8> {
    let value = |name: &str, number: u8| message(2, &[text(1, name), field(2, 0, &[number])]);
    let state = message(4, &[text(1, "State"), value("OFF", 0), value("ON", 1)]);
    let entry = [
        text(1, "TagsEntry"),
        defined("key", 1, 1, 9, ""),
        defined("value", 2, 1, 5, ""),
        message(7, &[field(7, 0, &[1])]),
    ];
    let reading = [
        text(1, "Reading"),
        defined("device_id", 1, 1, 9, ""),
        defined("temp", 2, 1, 1, ""),
        defined("count", 3, 1, 4, ""),
        defined("delta", 4, 1, 17, ""),
        defined("raw", 5, 1, 12, ""),
        defined("state", 6, 1, 14, ".tele.Reading.State"),
        defined("samples", 7, 3, 2, ""),
        defined("tags", 8, 3, 11, ".tele.Reading.TagsEntry"),
        defined("inner", 9, 1, 11, ".tele.Reading"),
        defined("ok", 10, 1, 8, ""),
        message(3, &entry),
        state,
    ];
    let file = [
        text(1, "dir/reading.proto"),
        text(2, "tele"),
        message(4, &reading),
    ];
    message(1, &file)
}

#[test]
fn messages_are_decoded_by_the_json_mapping_of_proto3() {
    let schema = Schema::parse(&descriptor_set()).expect("the set is valid");
    let inner = [text(1, "in")];
    let bytes = [
        text(1, "d1"),
        field(2, 1, &21.5_f64.to_le_bytes()),
        field(
            3,
            0,
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ),
        field(4, 0, &[3]),
        field(5, 2, &[0, 1, 0xff]),
        field(6, 0, &[1]),
        field(
            7,
            2,
            &[0.5_f32.to_le_bytes(), f32::INFINITY.to_le_bytes()].concat(),
        ),
        field(7, 5, &0.1_f32.to_le_bytes()),
        message(8, &[text(1, "a"), field(2, 0, &[7])]),
        message(9, &inner),
        field(10, 0, &[1]),
        field(15, 0, &[1]),
    ];
    let expected = concat!(
        r#"{"deviceId":"d1","temp":21.5,"count":"18446744073709551615","delta":-2,"#,
        r#""raw":"AAH/","state":"ON","samples":[0.5,"Infinity",0.1],"tags":{"a":7},"#,
        r#""inner":{"deviceId":"in"},"ok":true}"#
    );
    for (file, name) in [
        ("reading", "Reading"),
        ("dir/reading.proto", "tele.Reading"),
    ] {
        let value = decode(&schema, file, name, &bytes.concat()).expect("the message is valid");
        let mut writer = Writer::new(SqlVersion::V2016, "a message", usize::MAX);
        writer.value(&value).expect("it is small");
        assert_eq!(writer.into_text(), expected);
    }
}

#[test]
fn what_is_no_message_is_refused() {
    let set = descriptor_set();
    let schema = Schema::parse(&set).expect("the set is valid");
    for (file, name, bytes) in [
        ("other", "Reading", &[][..]),
        ("reading", "Other", &[]),
        ("reading", "Reading", &[0x0a, 5, 1]),
        ("reading", "Reading", &[0x0a, 1, 0xff]),
        ("reading", "Reading", &[0x08, 1]),
        ("reading", "Reading", &[0xff; 12]),
        ("reading", "Reading", &[0x4a; 200]),
        ("reading", "Reading", &[0x7b; 200]),
    ] {
        assert!(decode(&schema, file, name, bytes).is_err(), "{bytes:?}");
    }
    for end in 0..set.len() {
        // Nothing panics, whatever is cut off.
        let _ = Schema::parse(&set[..end]);
    }
}
