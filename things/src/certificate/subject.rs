//! What a certificate's subject gives to provisioning templates ("JITP overview" in the AWS IoT
//! developer guide).

use rustls_pki_types::CertificateDer;
use std::collections::BTreeMap;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Attributes by object identifier. `SerialNumber` is the subject's, not the certificate's.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("2.5.4.6", "Country"),
    ("2.5.4.10", "Organization"),
    ("2.5.4.11", "OrganizationalUnit"),
    ("2.5.4.46", "DistinguishedNameQualifier"),
    ("2.5.4.8", "StateName"),
    ("2.5.4.3", "CommonName"),
    ("2.5.4.5", "SerialNumber"),
];

/// The parameters `AWS::IoT::Certificate::*` of a certificate; of an attribute that is there more
/// than once the first counts.
pub(crate) fn subject_parameters(der: &CertificateDer<'_>) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return parameters;
    };
    for attribute in certificate.subject().iter_attributes() {
        let id = attribute.attr_type().to_id_string();
        let known = ATTRIBUTES.iter().find(|(known, _)| *known == id);
        if let (Some((_, name)), Ok(value)) = (known, attribute.as_str()) {
            let name = format!("AWS::IoT::Certificate::{name}");
            parameters.entry(name).or_insert_with(|| value.to_owned());
        }
    }
    parameters
}
