//! A value in Secrets Manager, as destinations and `get_secret` name it.

use super::{AwsRequest, Service, json_target};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// Which value of which secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Secret {
    /// Name or ARN of the secret.
    pub id: String,
    /// Whether `SecretBinary` is wanted, not `SecretString`.
    pub binary: bool,
    /// The member of the secret's JSON object, if it is one.
    pub key: Option<String>,
}

impl Secret {
    /// What asks for its current version.
    #[must_use]
    pub fn request(&self) -> AwsRequest {
        let body = json!({"SecretId": self.id});
        json_target(
            Service::SecretsManager,
            "secretsmanager.GetSecretValue",
            &body,
        )
    }

    /// The value in the answer to that.
    ///
    /// # Errors
    /// The secret has no such value, in words.
    pub fn value(&self, answer: &[u8]) -> Result<Vec<u8>, String> {
        let answer: Value = serde_json::from_slice(answer).map_err(|why| why.to_string())?;
        let member = match self.binary {
            true => "SecretBinary",
            false => "SecretString",
        };
        let value = answer.get(member).and_then(Value::as_str);
        let value = value.ok_or_else(|| format!("the secret `{}` has no {member}", self.id))?;
        let value = match self.binary {
            true => BASE64.decode(value).map_err(|error| error.to_string())?,
            false => value.as_bytes().to_vec(),
        };
        match &self.key {
            None => Ok(value),
            Some(key) => self.member(&value, key),
        }
    }

    fn member(&self, value: &[u8], key: &str) -> Result<Vec<u8>, String> {
        let object: Option<Value> = serde_json::from_slice(value).ok();
        let member = object.as_ref().and_then(|object| object.get(key));
        match member {
            Some(Value::String(text)) => Ok(text.as_bytes().to_vec()),
            Some(other) => Ok(other.to_string().into_bytes()),
            None => Err(format!("the secret `{}` has no key `{key}`", self.id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a secret in an answer of the service.
    fn check(binary: bool, key: Option<&str>, answer: &str, expected: Result<&str, &str>) {
        let secret = Secret {
            id: "s".to_owned(),
            binary,
            key: key.map(str::to_owned),
        };
        let value = secret.value(answer.as_bytes());
        let value = value.map(|value| String::from_utf8(value).unwrap());
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(value, expected, "{answer}");
    }

    #[test]
    fn a_value_is_text_bytes_or_a_member_of_an_object() {
        let object = r#"{"SecretString":"{\"user\":\"u\",\"n\":7}"}"#;
        check(false, None, r#"{"SecretString":"token"}"#, Ok("token"));
        check(true, None, r#"{"SecretBinary":"dG9rZW4="}"#, Ok("token"));
        check(false, Some("user"), object, Ok("u"));
        check(false, Some("n"), object, Ok("7"));
        check(
            false,
            Some("x"),
            object,
            Err("the secret `s` has no key `x`"),
        );
        check(
            false,
            Some("x"),
            r#"{"SecretString":"token"}"#,
            Err("the secret `s` has no key `x`"),
        );
        check(
            true,
            None,
            r#"{"SecretString":"t"}"#,
            Err("the secret `s` has no SecretBinary"),
        );
    }
}
