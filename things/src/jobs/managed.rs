//! AWS's managed job templates: documents for common operations whose blanks a job fills in
//! ("Use AWS managed templates to deploy common remote operations" in the AWS IoT developer
//! guide; names, texts and documents are AWS's, because devices act by them).

use crate::{Page, Things, ThingsError};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A managed job template as DescribeManagedJobTemplate shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedJobTemplate {
    /// templateName.
    pub name: &'static str,
    /// Its ARN, which has no account.
    pub arn: String,
    /// What it is for.
    pub description: &'static str,
    /// templateVersion.
    pub version: &'static str,
    /// Where its handlers run.
    pub environments: [&'static str; 1],
    /// The blanks in its document.
    pub parameters: Vec<DocumentParameter>,
    /// The document with its blanks.
    pub document: String,
}

/// A blank in a managed template's document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentParameter {
    /// The name.
    pub key: &'static str,
    /// What it is.
    pub description: &'static str,
    /// What it must match.
    pub regex: &'static str,
    /// What it may be.
    pub example: &'static str,
    /// Whether it may be left blank.
    pub optional: bool,
}

/// One of the templates.
struct Managed {
    name: &'static str,
    description: &'static str,
    does: Does,
}

/// What a device does.
enum Does {
    /// Runs a handler with arguments.
    Handler(&'static str, &'static [DocumentParameter]),
    /// Runs a command.
    Command,
}

const VERSION: &str = "1.0";
const LINUX: &str = "LINUX";

const fn required(
    key: &'static str,
    description: &'static str,
    example: &'static str,
) -> DocumentParameter {
    DocumentParameter {
        key,
        description,
        regex: "(.*?)",
        example,
        optional: false,
    }
}

const DOWNLOAD_URL: DocumentParameter = required(
    "downloadUrl",
    "URL of file to download.",
    "http://www.example.com/index.html",
);
const FILE_PATH: DocumentParameter = required(
    "filePath",
    "Path on the device where downloaded file is written.",
    "/path/to/file",
);
const PACKAGES: DocumentParameter = required(
    "packages",
    "A space-separated list of one or more applications.",
    "cowsay fortune",
);
const SERVICES: DocumentParameter = required(
    "services",
    "A space-separated list of one or more system services.",
    "apache2 nginx",
);
const COMMAND: DocumentParameter = required(
    "command",
    "A comma-separated command with its arguments.",
    "echo,hello",
);
const RUN_AS_USER: DocumentParameter = DocumentParameter {
    key: "runAsUser",
    description: "Execute handler as another user. If not specified, then handler is executed as the same user as device client.",
    regex: "(.){0,256}",
    example: "user1",
    optional: true,
};
const PATH_TO_HANDLER: DocumentParameter = DocumentParameter {
    key: "pathToHandler",
    description: "Path to handler on the device. If not specified, then device client will use the current working directory.",
    regex: "(.){0,4096}",
    example: "/path/to/handler/script",
    optional: true,
};

const fn handler(
    name: &'static str,
    description: &'static str,
    script: &'static str,
    arguments: &'static [DocumentParameter],
) -> Managed {
    Managed {
        name,
        description,
        does: Does::Handler(script, arguments),
    }
}

/// In order of name.
const ALL: [Managed; 8] = [
    handler(
        "AWS-Download-File",
        "A managed job template for downloading a file.",
        "download-file.sh",
        &[DOWNLOAD_URL, FILE_PATH],
    ),
    handler(
        "AWS-Install-Application",
        "A managed job template for installing one or more applications.",
        "install-packages.sh",
        &[PACKAGES],
    ),
    handler(
        "AWS-Reboot",
        "A managed job template for rebooting the device.",
        "reboot.sh",
        &[],
    ),
    handler(
        "AWS-Remove-Application",
        "A managed job template for uninstalling one or more applications.",
        "remove-packages.sh",
        &[PACKAGES],
    ),
    handler(
        "AWS-Restart-Application",
        "A managed job template for restarting one or more system services.",
        "restart-services.sh",
        &[SERVICES],
    ),
    Managed {
        name: "AWS-Run-Command",
        description: "A managed job template for running a shell command.",
        does: Does::Command,
    },
    handler(
        "AWS-Start-Application",
        "A managed job template for starting one or more system services.",
        "start-services.sh",
        &[SERVICES],
    ),
    handler(
        "AWS-Stop-Application",
        "A managed job template for stopping one or more system services.",
        "stop-services.sh",
        &[SERVICES],
    ),
];

fn blank(parameter: &DocumentParameter) -> String {
    format!("${{aws:iot:parameter:{}}}", parameter.key)
}

impl Managed {
    fn parameters(&self) -> Vec<DocumentParameter> {
        match &self.does {
            Does::Handler(_, arguments) => {
                let mut all = arguments.to_vec();
                all.extend([RUN_AS_USER, PATH_TO_HANDLER]);
                all
            }
            Does::Command => vec![COMMAND, RUN_AS_USER],
        }
    }

    fn document(&self) -> Value {
        let (kind, input) = match &self.does {
            Does::Handler(script, []) => (
                "runHandler",
                json!({"handler": script, "path": blank(&PATH_TO_HANDLER)}),
            ),
            Does::Handler(script, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(blank).collect();
                let path = blank(&PATH_TO_HANDLER);
                let input = json!({"handler": script, "args": arguments, "path": path});
                ("runHandler", input)
            }
            Does::Command => ("runCommand", json!({"command": blank(&COMMAND)})),
        };
        let action = json!({
            "name": self.name.trim_start_matches("AWS-"),
            "type": kind,
            "input": input,
            "runAsUser": blank(&RUN_AS_USER),
        });
        json!({"version": VERSION, "steps": [{"action": action}]})
    }

    fn shown(&self, region: &str) -> ManagedJobTemplate {
        ManagedJobTemplate {
            name: self.name,
            arn: format!("{}{}:{VERSION}", arn_prefix(region), self.name),
            description: self.description,
            version: VERSION,
            environments: [LINUX],
            parameters: self.parameters(),
            document: self.document().to_string(),
        }
    }
}

fn arn_prefix(region: &str) -> String {
    format!("arn:aws:iot:{region}::jobtemplate/")
}

impl Things {
    /// ListManagedJobTemplates, in order of name.
    pub fn list_managed_job_templates(
        &self,
        name: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Page<ManagedJobTemplate> {
        let asked = ALL
            .iter()
            .filter(|it| name.is_none_or(|name| it.name == name));
        let rows = asked.map(|it| (it.name.to_owned(), it.shown(self.region())));
        Page::of(rows, after, limit)
    }

    /// DescribeManagedJobTemplate.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn managed_job_template(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<ManagedJobTemplate, ThingsError> {
        let found = ALL.iter().find(|it| it.name == name);
        let found = found.filter(|_| version.is_none_or(|version| version == VERSION));
        let found = found.map(|it| it.shown(self.region()));
        found.ok_or_else(|| {
            ThingsError::ResourceNotFound(format!("Managed job template {name} cannot be found."))
        })
    }

    /// The managed template of an ARN; `None` if the ARN is of no managed template.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub(super) fn managed_of_arn(
        &self,
        arn: &str,
    ) -> Result<Option<ManagedJobTemplate>, ThingsError> {
        let Some(name) = arn.strip_prefix(&arn_prefix(self.region())) else {
            return Ok(None);
        };
        let (name, version) = match name.split_once(':') {
            Some((name, version)) => (name, Some(version)),
            None => (name, None),
        };
        self.managed_job_template(name, version).map(Some)
    }
}

impl ManagedJobTemplate {
    /// The document with its blanks filled in; what is optional and not given is empty.
    ///
    /// # Errors
    /// InvalidRequest for a value that is missing, and for one that has no blank.
    pub(super) fn filled(&self, values: &BTreeMap<String, String>) -> Result<String, ThingsError> {
        let known = |key: &&String| self.parameters.iter().any(|it| it.key == **key);
        if let Some(unknown) = values.keys().find(|key| !known(key)) {
            return Err(ThingsError::InvalidRequest(format!(
                "{} has no parameter {unknown}.",
                self.name
            )));
        }
        let mut document = self.document.clone();
        for parameter in &self.parameters {
            let value = match values.get(parameter.key) {
                Some(value) => value.as_str(),
                None if parameter.optional => "",
                None => {
                    return Err(ThingsError::InvalidRequest(format!(
                        "{} needs the parameter {} in documentParameters.",
                        self.name, parameter.key
                    )));
                }
            };
            // The blanks stand inside of JSON strings.
            let quoted = Value::from(value).to_string();
            document = document.replace(&blank(parameter), &quoted[1..quoted.len() - 1]);
        }
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_filled_in() {
        for template in ALL.iter().map(|it| it.shown("eu-west-1")) {
            assert!(template.filled(&BTreeMap::new()).is_err() || template.name == "AWS-Reboot");
            let values = template.parameters.iter().filter(|it| !it.optional);
            let values = values.map(|it| (it.key.to_owned(), "\"a\" \\ b".to_owned()));
            let filled = template.filled(&values.collect()).unwrap();
            assert!(serde_json::from_str::<Value>(&filled).is_ok(), "{filled}");
            assert!(!filled.contains("${"), "{filled}");
            let unknown = BTreeMap::from([("no".to_owned(), "such".to_owned())]);
            assert!(template.filled(&unknown).is_err());
        }
    }

    #[test]
    fn a_document_is_that_of_aws() {
        let download = ALL[0].shown("us-east-1");
        let document = r#"{"version":"1.0","steps":[{"action":{"name":"Download-File","type":"runHandler","input":{"handler":"download-file.sh","args":["${aws:iot:parameter:downloadUrl}","${aws:iot:parameter:filePath}"],"path":"${aws:iot:parameter:pathToHandler}"},"runAsUser":"${aws:iot:parameter:runAsUser}"}}]}"#;
        assert_eq!(download.document, document);
        let arn = "arn:aws:iot:us-east-1::jobtemplate/AWS-Download-File:1.0";
        assert_eq!(download.arn, arn);
    }
}
