//! A blocking HTTP client with no more than these tests need: one request a connection.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The API of one server.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    address: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.body);
        parsed.unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The error's name at AWS.
    pub(crate) fn code(&self) -> &str {
        let named = self.header("x-amzn-errortype").unwrap_or_default();
        named.split(':').next().unwrap_or_default()
    }
}

impl Api {
    /// The API at `http://HOST:PORT`.
    pub(crate) fn at(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap();
        Self {
            address: address.to_owned(),
        }
    }

    /// A request signed for a service; the signature is one that nobody checks.
    pub(crate) fn signed(&self, service: &str, request: &str, body: &str) -> Answer {
        self.signed_with(service, request, &[], body)
    }

    /// The same with further headers.
    pub(crate) fn signed_with(
        &self,
        service: &str,
        request: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=00"
        );
        let mut headers = headers.to_vec();
        headers.push(("authorization", &signature));
        self.send(request, &headers, body)
    }

    /// AWS IoT's control plane; the answer must be a success.
    pub(crate) fn iot(&self, request: &str, body: &Value) -> Value {
        let answer = self.signed("iot", request, &body.to_string());
        assert_eq!(answer.status, 200, "{request}: {}", answer.text());
        if answer.body.is_empty() {
            return Value::Null;
        }
        answer.json()
    }

    /// IAM; the answer must be a success.
    pub(crate) fn iam(&self, parameters: &[(&str, &str)]) {
        let version = ("Version", "2010-05-08");
        let pairs = parameters.iter().chain([&version]);
        let encode = rules::target::encode_segment;
        let pairs = pairs.map(|(name, value)| format!("{name}={}", encode(value)));
        let form = pairs.collect::<Vec<_>>().join("&");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.signed_with("iam", "POST /", &headers, &form);
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
    }

    /// The server's own paths; the answer must be JSON.
    pub(crate) fn admin(&self, request: &str, body: &str) -> Value {
        let answer = self.send(request, &[], body);
        assert!(answer.status < 300, "{request}: {}", answer.text());
        answer.json()
    }

    /// Waits until `count` actions of a rule are recorded, and gives all records of it.
    pub(crate) fn actions(&self, rule: &str, count: usize) -> Vec<Value> {
        let mut records = Vec::new();
        let mut after = 0;
        while records.len() < count {
            let path = format!("GET /_thingcore/actions?rule={rule}&after={after}&wait=10");
            let page = self.admin(&path, "");
            let new = page["records"].as_array().unwrap();
            assert!(
                !new.is_empty(),
                "{count} actions of {rule}, and not {records:?}"
            );
            records.extend(new.iter().cloned());
            after = page["next"].as_u64().unwrap();
        }
        records
    }

    /// The status of an answer whose connection may stay open, as that of a WebSocket does.
    pub(crate) fn status(&self, request: &str, headers: &[(&str, &str)]) -> u16 {
        let mut text = format!("{request} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).unwrap();
        stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
        // `HTTP/1.1 101`
        let mut line = [0; 12];
        stream.read_exact(&mut line).unwrap();
        std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
    }

    /// `request` is method and path.
    pub(crate) fn send(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut text = format!("{request} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        let length = body.len();
        text += &format!("content-length: {length}\r\nconnection: close\r\n\r\n{body}");
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        parse(&answer)
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no HTTP: {}", String::from_utf8_lossy(bytes)));
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status: status.parse().unwrap(),
        headers,
        body: bytes[end + 4..].to_vec(),
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = without_chunks(&answer.body);
    }
    answer
}

fn without_chunks(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let line = bytes.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = std::str::from_utf8(&bytes[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return out;
        }
        out.extend_from_slice(&bytes[line + 2..][..size]);
        bytes = &bytes[line + 2 + size + 2..];
    }
}
