//! `dynamoDBv2`: writes each root member of the result into a column of its own (developer guide,
//! "DynamoDBv2 rule action").

use super::action::{ActionRefused, Sends};
use super::dynamodb_attribute::members;
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Service, json_target};
use serde_json::json;

struct DynamoDbV2 {
    role_arn: String,
    table_name: Text,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    let role_arn = params.role_arn()?;
    let Some(mut put_item) = params.object("putItem")? else {
        return Err(ActionRefused::new(
            &format!("{}.putItem", params.path()),
            "is missing",
        ));
    };
    let table_name = put_item.text("tableName")?;
    put_item.finish()?;
    Ok(Box::new(DynamoDbV2 {
        role_arn,
        table_name,
    }))
}

impl Sends for DynamoDbV2 {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let table = input.text(&self.table_name)?;
        let item = input.payload_text().ok().and_then(members);
        let Some(item) = item else {
            let message = "the result must be a JSON object, one member for each column";
            return Err(Unrenderable {
                message: message.to_owned(),
                resource: table,
            });
        };
        let body = json!({"TableName": table, "Item": item});
        Ok(Rendered {
            missing: None,
            destination: None,
            batching: None,
            permissions: vec![Permission {
                role_arn: self.role_arn.clone(),
                action: "dynamodb:PutItem",
                resource: input.place.arn("dynamodb", &format!("table/{table}")),
            }],
            details: format!("Action: dynamoDBv2, Table: {table}"),
            resource: table,
            effect: Effect::Request(json_target(
                Service::DynamoDb,
                "DynamoDB_20120810.PutItem",
                &body,
            )),
            failure: "Failed to put DynamoDB item",
        })
    }
}
