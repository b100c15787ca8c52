//! What policies can ask about a client certificate ("X.509 Certificate AWS IoT Core policy
//! variables" in the AWS IoT developer guide).

use policy::VariableMap;
use rustls_pki_types::CertificateDer;
use x509_parser::der_parser::asn1_rs::Oid;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate};
use x509_parser::x509::X509Name;

/// Longest value that is substituted, in characters.
const VALUE_CHARS_MAX: usize = 1024;

/// Values of one attribute that can be asked about.
const VALUES_MAX: usize = 5;

/// The attributes of a name, by object identifier.
const ATTRIBUTES: [(&str, &str); 13] = [
    ("2.5.4.46", "DistinguishedNameQualifier"),
    ("2.5.4.6", "Country"),
    ("2.5.4.10", "Organization"),
    ("2.5.4.11", "OrganizationalUnit"),
    ("2.5.4.8", "State"),
    ("2.5.4.3", "CommonName"),
    ("2.5.4.5", "SerialNumber"),
    ("2.5.4.12", "Title"),
    ("2.5.4.4", "Surname"),
    ("2.5.4.42", "GivenName"),
    ("2.5.4.43", "Initials"),
    ("2.5.4.65", "Pseudonym"),
    ("2.5.4.44", "GenerationQualifier"),
];

/// Sets the variables of a certificate but for its id. One that does not parse has none.
pub(super) fn certificate_variables(der: &CertificateDer<'_>, into: &mut VariableMap) {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return;
    };
    let mut found = Found::default();
    let serial = certificate.raw_serial();
    let hex: String = serial.iter().map(|byte| format!("{byte:02X}")).collect();
    found.add("SerialNumber", &hex);
    names("Subject", certificate.subject(), &mut found);
    names("Issuer", certificate.issuer(), &mut found);
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => {
                alternative_names("Subject", &san.general_names, &mut found);
            }
            ParsedExtension::IssuerAlternativeName(ian) => {
                alternative_names("Issuer", &ian.general_names, &mut found);
            }
            _ => {}
        }
    }
    found.store(into);
}

/// Values by key, in the order of the certificate.
#[derive(Default)]
struct Found(Vec<(String, Vec<String>)>);

impl Found {
    fn add(&mut self, key: &str, value: &str) {
        if value.chars().count() > VALUE_CHARS_MAX || value.contains(['*', '$', '+', '?', '#']) {
            return;
        }
        let value = escaped(value);
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, values)) if values.len() < VALUES_MAX => values.push(value),
            Some(_) => {}
            None => self.0.push((key.to_owned(), vec![value])),
        }
    }

    /// The first value goes by the key alone, the next by `.1`, all of them by `.List`.
    fn store(self, into: &mut VariableMap) {
        let keys: Vec<String> = self.0.iter().map(|(key, _)| key.clone()).collect();
        into.set_list("iot:Certificate.AvailableKeys", keys);
        for (key, values) in self.0 {
            let key = format!("iot:Certificate.{key}");
            for (at, value) in values.iter().enumerate() {
                match at {
                    0 => into.set(&key, value),
                    at => into.set(&format!("{key}.{at}"), value),
                }
            }
            into.set_list(&format!("{key}.List"), values);
        }
    }
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if [',', '"', '\\', '=', '<', '>', ';'].contains(&character) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

fn names(of: &str, name: &X509Name<'_>, found: &mut Found) {
    for attribute in name.iter_attributes() {
        if let (Some(known), Ok(text)) = (known(attribute.attr_type()), attribute.as_str()) {
            found.add(&format!("{of}.{known}"), text);
        }
    }
}

fn known(oid: &Oid<'_>) -> Option<&'static str> {
    let text = oid.to_id_string();
    let known = ATTRIBUTES.iter().find(|(id, _)| *id == text);
    known.map(|(_, name)| *name)
}

fn alternative_names(of: &str, names: &[GeneralName<'_>], found: &mut Found) {
    for name in names {
        let (kind, text) = match name {
            GeneralName::RFC822Name(text) => ("RFC822Name", (*text).to_owned()),
            GeneralName::DNSName(text) => ("DNSName", (*text).to_owned()),
            GeneralName::URI(text) => ("UniformResourceIdentifier", (*text).to_owned()),
            GeneralName::DirectoryName(name) => ("DirectoryName", name.to_string()),
            GeneralName::IPAddress(bytes) => match address(bytes) {
                Some(text) => ("IPAddress", text),
                None => continue,
            },
            _ => continue,
        };
        found.add(&format!("{of}.AlternativeName.{kind}"), &text);
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from);
    v4.or_else(|_| v6()).ok().map(|ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::{Value, Variables};
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    #[test]
    fn the_fields_of_a_certificate_are_variables() {
        let mut params = CertificateParams::new(vec!["device.local".to_owned()]).unwrap();
        params.serial_number = Some(rcgen::SerialNumber::from(vec![0x0a, 0xff]));
        let name = &mut params.distinguished_name;
        *name = rcgen::DistinguishedName::new();
        name.push(DnType::CommonName, "pump, north");
        name.push(DnType::OrganizationName, "a*b");
        let ip = "10.0.0.7".parse().unwrap();
        params.subject_alt_names.push(SanType::IpAddress(ip));
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut map = VariableMap::new();
        certificate_variables(certificate.der(), &mut map);
        let one = |name: &str| match map.value(&policy::canonical_name(name)) {
            Some(Value::One(text)) => Some(text.to_owned()),
            Some(Value::Many(list)) => Some(list.join("|")),
            None => None,
        };
        let cases = [
            ("iot:Certificate.SerialNumber", Some("0AFF")),
            ("iot:Certificate.Subject.CommonName", Some(r"pump\, north")),
            ("iot:Certificate.Issuer.CommonName", Some(r"pump\, north")),
            ("iot:Certificate.Subject.Organization", None),
            (
                "iot:Certificate.Subject.AlternativeName.DNSName.List",
                Some("device.local"),
            ),
            (
                "iot:Certificate.Subject.AlternativeName.IPAddress",
                Some("10.0.0.7"),
            ),
        ];
        for (name, expected) in cases {
            assert_eq!(one(name).as_deref(), expected, "{name}");
        }
    }

    /// Names that somebody could have had signed to pass for another: they are text to their end, or
    /// no variable.
    #[test]
    fn odd_names_are_whole_or_none() {
        let long = "x".repeat(65_536);
        let longest = "x".repeat(VALUE_CHARS_MAX);
        for (name, expected) in [
            ("a\0b", Some("a\0b")),
            ("a\nb", Some("a\nb")),
            ("a=b", Some(r"a\=b")),
            ("*", None),
            ("a*", None),
            ("?", None),
            ("${iot:ClientId}", None),
            ("a/#", None),
            ("", Some("")),
            (&*longest, Some(&*longest)),
            (&*long, None),
        ] {
            let mut params = CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            let key = KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            let mut map = VariableMap::new();
            certificate_variables(certificate.der(), &mut map);
            let key = policy::canonical_name("iot:Certificate.Subject.CommonName");
            let found = match map.value(&key) {
                Some(Value::One(text)) => Some(text),
                Some(Value::Many(_)) | None => None,
            };
            assert_eq!(found, expected, "{} bytes: {name:.20}", name.len());
        }
        // What does not parse has no variables, and harms nobody.
        let mut map = VariableMap::new();
        for bytes in [
            &b""[..],
            b"\x30",
            &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
            &[0xFF; 300],
        ] {
            certificate_variables(&CertificateDer::from(bytes), &mut map);
        }
        assert!(
            map.value(&policy::canonical_name("iot:Certificate.SerialNumber"))
                .is_none()
        );
    }
}
