//! Bytes between a connection and its socket.

use super::error::NetError;
use super::link::Link;
use std::io::{self, Read, Write};

/// Reads once. What a packet lacked so far stands in front of what was read, except under TLS or
/// WebSocket. Returns how much of `buffer` is filled, or none if there was nothing to read.
pub(super) fn read(link: &mut Link, buffer: &mut Vec<u8>) -> Result<Option<usize>, NetError> {
    let Some(stream) = &mut link.stream else {
        return Ok(None);
    };
    let layered = link.tls.is_some() || link.websocket.is_some();
    let held = if layered { 0 } else { link.partial.len() };
    if buffer.len() < 2 * held {
        buffer.resize(2 * held, 0);
    }
    buffer[..held].copy_from_slice(&link.partial[..held]);
    loop {
        return match stream.read(&mut buffer[held..]) {
            Ok(0) => Err(NetError::Closed),
            Ok(read) => {
                if !layered {
                    link.partial.clear();
                }
                Ok(Some(held + read))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(NetError::Broken(error)),
        };
    }
}

/// Writes what there is to write. True if the kernel has taken all of it.
pub(super) fn flush(link: &mut Link) -> Result<bool, NetError> {
    if let Some(websocket) = &mut link.websocket
        && websocket.is_open()
        && !link.out.is_empty()
    {
        websocket.put_frame(&link.out, &mut link.frames);
        link.out.clear();
    }
    let bytes = if link.websocket.is_some() {
        &mut link.frames
    } else {
        &mut link.out
    };
    let Some(stream) = &mut link.stream else {
        return Ok(false);
    };
    let taken = match &mut link.tls {
        None => write_plain(stream, bytes, &mut link.sent),
        Some(tls) => {
            if !tls.is_handshaking() && !bytes.is_empty() {
                tls.writer().write_all(bytes).map_err(NetError::Broken)?;
                bytes.clear();
            }
            write_tls(stream, tls)
        }
    };
    let taken = taken.map_err(NetError::Broken)?;
    link.blocked = !taken;
    // A handshake that waits for the broker keeps its output without being blocked.
    Ok(taken && link.out.is_empty() && link.frames.is_empty())
}

fn write_plain(stream: &mut impl Write, bytes: &mut Vec<u8>, sent: &mut usize) -> io::Result<bool> {
    while *sent < bytes.len() {
        match stream.write(&bytes[*sent..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => *sent += written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.clear();
    *sent = 0;
    Ok(true)
}

fn write_tls(stream: &mut impl Write, tls: &mut rustls::ClientConnection) -> io::Result<bool> {
    while tls.wants_write() {
        match tls.write_tls(stream) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
