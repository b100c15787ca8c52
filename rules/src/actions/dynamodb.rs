//! `dynamoDB`: writes one item, the whole result in one column (developer guide, "DynamoDB rule
//! action").

use super::action::{ActionRefused, Sends};
use super::dynamodb_attribute::attribute;
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Service, json_target};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

struct DynamoDb {
    role_arn: String,
    table_name: Text,
    operation: Option<Text>,
    hash: KeyColumn,
    range: Option<KeyColumn>,
    payload_field: Option<Text>,
}

struct KeyColumn {
    field: Text,
    value: Text,
    kind: Option<Text>,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    let role_arn = params.role_arn()?;
    let table_name = params.text("tableName")?;
    let hash = KeyColumn {
        field: params.text("hashKeyField")?,
        value: params.text("hashKeyValue")?,
        kind: params.optional_checked("hashKeyType", |text| is_number(text).map(|_| ()))?,
    };
    let field = params.optional_text("rangeKeyField")?;
    let value = params.optional_text("rangeKeyValue")?;
    let kind = params.optional_checked("rangeKeyType", |text| is_number(text).map(|_| ()))?;
    let range = match (field, value) {
        (Some(field), Some(value)) => Some(KeyColumn { field, value, kind }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            let why = "needs both rangeKeyField and rangeKeyValue, or neither";
            return Err(ActionRefused::new(params.path(), why));
        }
    };
    Ok(Box::new(DynamoDb {
        role_arn,
        table_name,
        operation: params
            .optional_checked("operation", |text| Operation::parse(text).map(|_| ()))?,
        hash,
        range,
        payload_field: params.optional_text("payloadField")?,
    }))
}

fn is_number(kind: &str) -> Result<bool, String> {
    match kind {
        "STRING" => Ok(false),
        "NUMBER" => Ok(true),
        _ => Err(format!("`{kind}` is neither STRING nor NUMBER")),
    }
}

#[derive(Clone, Copy)]
enum Operation {
    Insert,
    Update,
    Delete,
}

impl Operation {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "INSERT" => Ok(Self::Insert),
            "UPDATE" => Ok(Self::Update),
            "DELETE" => Ok(Self::Delete),
            _ => Err(format!("`{text}` is none of INSERT, UPDATE and DELETE")),
        }
    }

    fn target(self) -> &'static str {
        match self {
            Self::Insert => "DynamoDB_20120810.PutItem",
            Self::Update => "DynamoDB_20120810.UpdateItem",
            Self::Delete => "DynamoDB_20120810.DeleteItem",
        }
    }

    fn iam_action(self) -> &'static str {
        match self {
            Self::Insert => "dynamodb:PutItem",
            Self::Update => "dynamodb:UpdateItem",
            Self::Delete => "dynamodb:DeleteItem",
        }
    }
}

impl KeyColumn {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<(String, Value), Unrenderable> {
        let value = input.text(&self.value)?;
        let kind = input.optional(self.kind.as_ref())?;
        let number = kind.is_some_and(|kind| kind == "NUMBER");
        let value = if number {
            json!({"N": value})
        } else {
            json!({"S": value})
        };
        Ok((input.text(&self.field)?, value))
    }
}

impl DynamoDb {
    fn key(&self, input: &mut Input<'_, '_>) -> Result<Map<String, Value>, Unrenderable> {
        let columns = [Some(&self.hash), self.range.as_ref()];
        columns
            .into_iter()
            .flatten()
            .map(|column| column.render(input))
            .collect()
    }

    fn body(
        &self,
        operation: Operation,
        table: &str,
        input: &mut Input<'_, '_>,
    ) -> Result<Value, Unrenderable> {
        let key = self.key(input)?;
        let field = input.optional(self.payload_field.as_ref())?;
        let field = field.unwrap_or_else(|| "payload".to_owned());
        let value = payload(input);
        Ok(match operation {
            Operation::Insert => {
                let mut item = key;
                item.insert(field, value);
                json!({"TableName": table, "Item": item})
            }
            Operation::Update => json!({
                "TableName": table,
                "Key": key,
                "UpdateExpression": "SET #p = :p",
                "ExpressionAttributeNames": {"#p": field},
                "ExpressionAttributeValues": {":p": value},
            }),
            Operation::Delete => json!({"TableName": table, "Key": key}),
        })
    }
}

/// JSON is stored as what it is, anything else as binary.
fn payload(input: &Input<'_, '_>) -> Value {
    match serde_json::from_slice::<&RawValue>(input.payload) {
        Ok(json) => attribute(json),
        Err(_) => json!({"B": BASE64.encode(input.payload)}),
    }
}

impl Sends for DynamoDb {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let table = input.text(&self.table_name)?;
        let in_table = |refused| Unrenderable {
            resource: table.clone(),
            ..refused
        };
        let operation = input.optional(self.operation.as_ref()).map_err(in_table)?;
        let operation =
            Operation::parse(operation.as_deref().unwrap_or("INSERT")).map_err(|message| {
                Unrenderable {
                    message,
                    resource: table.clone(),
                }
            })?;
        let body = self.body(operation, &table, input).map_err(in_table)?;
        Ok(Rendered {
            missing: None,
            destination: None,
            batching: None,
            permissions: vec![Permission {
                role_arn: self.role_arn.clone(),
                action: operation.iam_action(),
                resource: input.place.arn("dynamodb", &format!("table/{table}")),
            }],
            details: format!("Action: dynamoDB, Table: {table}"),
            effect: Effect::Request(json_target(Service::DynamoDb, operation.target(), &body)),
            failure: "Failed to write DynamoDB item",
            resource: table,
        })
    }
}
