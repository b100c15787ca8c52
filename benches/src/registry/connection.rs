//! One kept connection to the AWS API.

use crate::api::{Api, ApiError};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("the connection to the server failed: {0}")]
    Io(#[from] io::Error),
    #[error("{0} was answered with status {1}: {2}")]
    Refused(String, u16, String),
    #[error("`{0}` did not start: {1}")]
    Start(String, String),
    #[error("cannot make certificates: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// A connection that one request after the other goes through.
pub(crate) struct Connection<'a> {
    api: &'a Api,
    stream: BufReader<TcpStream>,
}

impl<'a> Connection<'a> {
    pub(crate) fn open(api: &'a Api) -> Result<Self, RegistryError> {
        let stream = TcpStream::connect(api.authority())?;
        stream.set_nodelay(true)?;
        Ok(Self {
            api,
            stream: BufReader::new(stream),
        })
    }

    /// Sends a signed request and gives the answer's body.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Value, RegistryError> {
        let signed = self.api.signed(method, path, body)?;
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n",
            self.api.authority(),
            body.len()
        );
        let signed = signed.iter().map(|(name, value)| (&**name, &**value));
        for (name, value) in signed.chain(headers.iter().copied()) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (status, answer) = self.answer()?;
        if status == 200 {
            return Ok(serde_json::from_slice(&answer).unwrap_or_default());
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        Err(RegistryError::Refused(
            format!("{method} {path}"),
            status,
            text,
        ))
    }

    fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer");
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.get(9..12).and_then(|digits| digits.parse().ok());
        let status = status.ok_or_else(wrong)?;
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(|_| wrong())?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, body))
    }
}
