//! The access key that a command signs with.

use super::Usage;
use rules::target::Credentials;
use std::path::Path;

/// Reads the profile `default` of a file in the form of `~/.aws/credentials`, or the first one that
/// is whole.
///
/// # Errors
/// A file that cannot be read, or that has no key.
pub(crate) fn read(path: &Path) -> Result<Credentials, Usage> {
    let refused = |why: &str| Usage(format!("--credentials `{}`: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|why| refused(&why.to_string()))?;
    let default = Credentials::from_profile(&text, "default");
    let found = default.or_else(|| Credentials::of_all_profiles(&text).into_iter().next());
    found.ok_or_else(|| {
        refused("it has no profile with aws_access_key_id and aws_secret_access_key")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn check(text: &str, expected: Result<&str, &str>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let got = read(file.path()).map(|found| found.access_key_id);
        let got = got.map_err(|Usage(why)| why.split_once("`: ").unwrap().1.to_owned());
        assert_eq!(got.as_deref().map_err(|why| &**why), expected, "{text}");
    }

    #[test]
    fn the_default_profile_signs_or_the_first_one() {
        let one = "[one]\naws_access_key_id = A\naws_secret_access_key = s\n";
        let default = "[default]\naws_access_key_id = D\naws_secret_access_key = s\n";
        check(one, Ok("A"));
        check(&format!("{one}{default}"), Ok("D"));
        check(
            "[half]\naws_access_key_id = H\n",
            Err("it has no profile with aws_access_key_id and aws_secret_access_key"),
        );
    }
}
