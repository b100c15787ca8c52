//! Hashes of texts, in lower-case hexadecimal digits.

use super::super::eval::{Arguments, Evaluated};
use super::function::{Function, PLAIN, eg};
use md2::Md2;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::fmt::Write;

pub(super) const ALL: &[&Function] = &[&MD2, &MD5, &SHA1, &SHA224, &SHA256, &SHA384, &SHA512];

static MD2: Function = Function {
    name: "md2",
    arguments: "text",
    summary: "The MD2 hash.",
    examples: &[eg("md2('hello')", "\"a9046c73e00331af68917d3804f70655\"")],
    body: hex::<Md2>,
    ..PLAIN
};

static MD5: Function = Function {
    name: "md5",
    arguments: "text",
    summary: "The MD5 hash.",
    examples: &[eg("md5('hello')", "\"5d41402abc4b2a76b9719d911017c592\"")],
    body: hex::<Md5>,
    ..PLAIN
};

static SHA1: Function = Function {
    name: "sha1",
    arguments: "text",
    summary: "The SHA-1 hash.",
    examples: &[eg(
        "sha1('hello')",
        "\"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d\"",
    )],
    body: hex::<Sha1>,
    ..PLAIN
};

static SHA224: Function = Function {
    name: "sha224",
    arguments: "text",
    summary: "The SHA-224 hash.",
    examples: &[eg(
        "sha224('hello')",
        "\"ea09ae9cc6768c50fcee903ed054556e5bfc8347907f12598aa24193\"",
    )],
    body: hex::<Sha224>,
    ..PLAIN
};

static SHA256: Function = Function {
    name: "sha256",
    arguments: "text",
    summary: "The SHA-256 hash.",
    examples: &[eg(
        "sha256('hello')",
        "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"",
    )],
    body: hex::<Sha256>,
    ..PLAIN
};

static SHA384: Function = Function {
    name: "sha384",
    arguments: "text",
    summary: "The SHA-384 hash.",
    examples: &[eg("substring(sha384('hello'), 0, 12)", "\"59e174877744\"")],
    body: hex::<Sha384>,
    ..PLAIN
};

static SHA512: Function = Function {
    name: "sha512",
    arguments: "text",
    summary: "The SHA-512 hash.",
    examples: &[eg("substring(sha512('hello'), 0, 12)", "\"9b71d224bd62\"")],
    body: hex::<Sha512>,
    ..PLAIN
};

fn hex<'v, D: Digest>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    let text = call.text(0)?;
    let mut hex = String::with_capacity(128);
    for byte in D::digest(text.as_bytes()) {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex.into())
}
