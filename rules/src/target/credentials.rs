//! The credentials that requests are signed with.

use std::fmt;

/// An access key with its secret. Debug output leaves the secret out.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// The same for the signer.
    pub(super) fn identity(&self) -> aws_credential_types::Credentials {
        aws_credential_types::Credentials::new(
            &self.access_key_id,
            &self.secret_access_key,
            self.session_token.clone(),
            None,
            "thingcore",
        )
    }

    /// Reads the variables that AWS's tools read, through `variable`.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        Some(Self {
            access_key_id: set("AWS_ACCESS_KEY_ID")?,
            secret_access_key: set("AWS_SECRET_ACCESS_KEY")?,
            session_token: set("AWS_SESSION_TOKEN"),
        })
    }

    /// Reads one profile of the text of `~/.aws/credentials`.
    #[must_use]
    pub fn from_profile(text: &str, profile: &str) -> Option<Self> {
        let mut profiles = profiles(text).into_iter();
        let found = profiles.find(|(name, _)| *name == profile);
        found.and_then(|(_, profile)| profile.credentials())
    }

    /// Reads every profile of the text of `~/.aws/credentials` that has both keys.
    #[must_use]
    pub fn of_all_profiles(text: &str) -> Vec<Self> {
        let profiles = profiles(text).into_iter();
        profiles
            .filter_map(|(_, profile)| profile.credentials())
            .collect()
    }

    /// What emulators are given when nothing is set. They accept any secret; LocalStack and
    /// MiniStack take an access key of twelve digits as the account, so an account other than the
    /// default is passed on that way.
    #[must_use]
    pub fn for_emulator(account_id: &str) -> Self {
        let access_key_id = if account_id == "000000000000" {
            "test"
        } else {
            account_id
        };
        Self {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        }
    }
}

/// What a section of the file says.
#[derive(Default)]
struct Profile {
    key: Option<String>,
    secret: Option<String>,
    token: Option<String>,
}

impl Profile {
    fn credentials(self) -> Option<Credentials> {
        Some(Credentials {
            access_key_id: self.key?,
            secret_access_key: self.secret?,
            session_token: self.token,
        })
    }
}

/// The sections of the file by name; one that comes twice is one, as botocore reads it.
fn profiles(text: &str) -> Vec<(&str, Profile)> {
    let mut profiles: Vec<(&str, Profile)> = Vec::new();
    let mut current = None;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            let name = section.trim();
            let known = profiles.iter().position(|(known, _)| *known == name);
            current = Some(known.unwrap_or_else(|| {
                profiles.push((name, Profile::default()));
                profiles.len() - 1
            }));
        } else if let (Some(at), Some((name, value))) = (current, line.split_once('=')) {
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            let profile = &mut profiles[at].1;
            match name.trim() {
                "aws_access_key_id" => profile.key = value,
                "aws_secret_access_key" => profile.secret = value,
                "aws_session_token" => profile.token = value,
                _ => {}
            }
        }
    }
    profiles
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# keys\n[default]\naws_access_key_id = AKIDEFAULT\naws_secret_access_key=s1\n\n\
        [ work ]\naws_access_key_id=AKIWORK\naws_secret_access_key = s=2\naws_session_token = t\n\
        [half]\naws_access_key_id=AKIHALF\n";

    fn check(profile: &str, expected: Option<(&str, &str, Option<&str>)>) {
        let got = Credentials::from_profile(FILE, profile);
        let got = got.as_ref().map(|c| {
            (
                c.access_key_id.as_str(),
                c.secret_access_key.as_str(),
                c.session_token.as_deref(),
            )
        });
        assert_eq!(got, expected, "{profile}");
    }

    #[test]
    fn a_profile_is_found_by_name_and_must_be_whole() {
        check("default", Some(("AKIDEFAULT", "s1", None)));
        check("work", Some(("AKIWORK", "s=2", Some("t"))));
        check("half", None);
        check("missing", None);
    }

    #[test]
    fn all_whole_profiles_are_read() {
        let read = |text| {
            let all = Credentials::of_all_profiles(text);
            let keys: Vec<String> = all.into_iter().map(|c| c.access_key_id).collect();
            keys.join(" ")
        };
        assert_eq!(read(FILE), "AKIDEFAULT AKIWORK");
        assert_eq!(read("aws_access_key_id=A\naws_secret_access_key=s"), "");
        let apart = "[a]\naws_access_key_id=A\n[b]\n[a]\naws_secret_access_key=s";
        assert_eq!(read(apart), "A");
    }

    #[test]
    fn emulators_learn_the_account_from_the_access_key() {
        assert_eq!(
            Credentials::for_emulator("000000000000").access_key_id,
            "test"
        );
        assert_eq!(
            Credentials::for_emulator("123456789012").access_key_id,
            "123456789012"
        );
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let shown = format!("{:?}", Credentials::from_profile(FILE, "work").unwrap());
        assert!(!shown.contains("s=2"), "{shown}");
    }
}
