//! Which requests become a WebSocket, and for whom.

use super::*;
use rustls_pki_types::CertificateDer;

const SIGNED: &str = "/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260101\
    %2Fus-east-1%2Fiotdevicegateway%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=86400\
    &X-Amz-SignedHeaders=host&X-Amz-Signature=0123&X-Amz-Security-Token=later";

/// A request as browsers and SDKs send it, with one header replaced, or removed by an empty one.
fn request(method: Method, target: &str, changed: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(target);
    let usual = [
        ("host", "localhost:9883"),
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "mqtt"),
        ("sec-websocket-extensions", "permessage-deflate"),
    ];
    let kept = usual
        .iter()
        .filter(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    for (name, value) in kept.chain(changed) {
        if !value.is_empty() {
            request = request.header(*name, *value);
        }
    }
    request.body(()).unwrap()
}

fn peer(certificate: bool) -> Peer {
    Peer {
        address: "127.0.0.1:50000".parse().unwrap(),
        server_name: None,
        certificate: certificate.then(|| CertificateDer::from(vec![0x30])),
        domain: None,
    }
}

/// The subprotocol that is answered, or the refusal.
fn check_headers(method: Method, changed: &[(&str, &str)], expected: Result<&str, Refused>) {
    let request = request(method, SIGNED, changed);
    let outcome = accept(&request, &peer(false), Door::Data, false).map(|(response, _)| {
        let headers = response.headers();
        assert_eq!(response.status(), 101);
        assert!(!headers.contains_key("sec-websocket-extensions"));
        headers[SEC_WEBSOCKET_PROTOCOL].to_str().unwrap().to_owned()
    });
    assert_eq!(outcome, expected.map(str::to_owned), "{changed:?}");
}

#[test]
fn the_handshake_of_the_rfc_is_held() {
    check_headers(Method::GET, &[], Ok("mqtt"));
    check_headers(Method::POST, &[], Err(Refused::Method));
    for (name, value, expected) in [
        ("sec-websocket-protocol", "mqttv3.1", Ok("mqttv3.1")),
        ("sec-websocket-protocol", "mqttv3.1, mqtt", Ok("mqtt")),
        ("sec-websocket-protocol", "MQTT", Ok("mqtt")),
        (
            "sec-websocket-protocol",
            "graphql-ws",
            Err(Refused::Subprotocol),
        ),
        ("sec-websocket-protocol", "", Err(Refused::Subprotocol)),
        ("sec-websocket-version", "8", Err(Refused::Version)),
        ("sec-websocket-version", "", Err(Refused::Version)),
        ("sec-websocket-key", "", Err(Refused::Headers)),
        // AWSIoTPythonSDK's is longer than the RFC's 16 bytes.
        (
            "sec-websocket-key",
            "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5",
            Ok("mqtt"),
        ),
        ("connection", "keep-alive", Err(Refused::Headers)),
        ("connection", "", Err(Refused::Headers)),
    ] {
        check_headers(Method::GET, &[(name, value)], expected);
    }
}

#[test]
fn the_key_is_answered_as_in_the_rfc() {
    let (response, _) = accept(
        &request(Method::GET, SIGNED, &[]),
        &peer(false),
        Door::Data,
        false,
    )
    .unwrap();
    let accept = &response.headers()[SEC_WEBSOCKET_ACCEPT];
    assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/// The access key, `certificate`, or the refusal.
fn check_credential(
    door: Door,
    certificate: bool,
    target: &str,
    origin: &str,
    expected: Result<&str, Refused>,
) {
    let request = request(Method::GET, target, &[("origin", origin)]);
    let outcome =
        accept(&request, &peer(certificate), door, false).map(|(_, credential)| match credential {
            Credential::Signed { access_key } => access_key,
            Credential::Certificate => "certificate".to_owned(),
            Credential::Anonymous => "anonymous".to_owned(),
            Credential::Custom(_) | Credential::Granted(_) => "custom".to_owned(),
        });
    assert_eq!(
        outcome,
        expected.map(str::to_owned),
        "{door:?} {certificate} {target} {origin}"
    );
}

#[test]
fn a_signature_a_certificate_or_the_console_opens_a_websocket() {
    use Door::{Api, Data};
    let twice = format!("{SIGNED}&X-Amz-Signature=4567");
    let unsigned_scope = SIGNED.replace("aws4_request", "other");
    let without_date = SIGNED.replace("X-Amz-Date", "X-Date");
    let (here, elsewhere) = ("http://localhost:9883", "https://evil.example");
    for (door, certificate, target, origin, expected) in [
        (Data, false, SIGNED, "", Ok("AKIDEXAMPLE")),
        (Data, false, SIGNED, elsewhere, Ok("AKIDEXAMPLE")),
        (Data, true, "/mqtt", "", Ok("certificate")),
        (Data, true, SIGNED, "", Ok("certificate")),
        (Data, false, "/mqtt", "", Err(Refused::Unsigned)),
        (Data, false, "/mqtt", here, Err(Refused::Unsigned)),
        (Data, false, &twice, "", Err(Refused::Signature)),
        (Data, false, &unsigned_scope, "", Err(Refused::Signature)),
        (Data, false, &without_date, "", Err(Refused::Signature)),
        (Api, false, SIGNED, elsewhere, Ok("AKIDEXAMPLE")),
        (Api, false, "/mqtt", "", Ok("console")),
        (Api, false, "/mqtt", here, Ok("console")),
        (Api, false, "/mqtt", elsewhere, Err(Refused::Origin)),
        (
            Api,
            false,
            "/mqtt",
            "http://localhost:3000",
            Err(Refused::Origin),
        ),
        (Api, false, "/mqtt", "null", Err(Refused::Origin)),
    ] {
        check_credential(door, certificate, target, origin, expected);
    }
}

#[test]
fn only_mqtts_path_is_an_upgrade() {
    for (target, upgrade, expected) in [
        ("/mqtt", "websocket", true),
        (SIGNED, "WebSocket", true),
        ("/mqtt", "h2c", false),
        ("/mqtt", "", false),
        ("/mqtt/", "websocket", false),
        ("/", "websocket", false),
    ] {
        let request = request(Method::GET, target, &[("upgrade", upgrade)]);
        assert_eq!(is_asked(&request), expected, "{target} {upgrade}");
    }
}

#[test]
fn refusals_are_json_with_their_status() {
    for (refused, status) in [
        (Refused::Method, 405),
        (Refused::Version, 426),
        (Refused::Subprotocol, 400),
        (Refused::Unsigned, 403),
    ] {
        let response = refused.response();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    }
}
