//! `stepFunctions`: starts an execution of a state machine with the result as its input
//! (developer guide, "Step Functions rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Service, json_target};
use serde_json::json;

struct StepFunctions {
    role_arn: String,
    state_machine_name: Text,
    execution_name_prefix: Option<Text>,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    Ok(Box::new(StepFunctions {
        role_arn: params.role_arn()?,
        state_machine_name: params.text("stateMachineName")?,
        execution_name_prefix: params.optional_text("executionNamePrefix")?,
    }))
}

impl Sends for StepFunctions {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let machine = input.text(&self.state_machine_name)?;
        let in_machine = |refused| Unrenderable {
            resource: machine.clone(),
            ..refused
        };
        let prefix = input
            .optional(self.execution_name_prefix.as_ref())
            .map_err(in_machine)?;
        let arn = input
            .place
            .arn("states", &format!("stateMachine:{machine}"));
        let mut body = json!({"stateMachineArn": arn});
        if let Some(prefix) = prefix {
            body["name"] = format!("{prefix}{}", input.new_uuid()).into();
        }
        body["input"] = input.payload_text().map_err(in_machine)?.into();
        let permission = Permission {
            role_arn: self.role_arn.clone(),
            action: "states:StartExecution",
            resource: arn,
        };
        let target = "AWSStepFunctions.StartExecution";
        Ok(Rendered {
            details: format!("Action: stepFunctions, StateMachine: {machine}"),
            ..Rendered::new(
                permission,
                Effect::Request(json_target(Service::StepFunctions, target, &body)),
                "Failed to start Step Functions execution",
                machine,
            )
        })
    }
}
