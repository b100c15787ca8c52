//! `cloudwatchAlarm`: changes the state of an alarm; nothing of the SELECT result (developer
//! guide, "CloudWatch alarms rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Service, query_form};

struct CloudwatchAlarm {
    role_arn: String,
    alarm_name: Text,
    state_reason: Text,
    state_value: Text,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    Ok(Box::new(CloudwatchAlarm {
        role_arn: params.role_arn()?,
        alarm_name: params.text("alarmName")?,
        state_reason: params.text("stateReason")?,
        state_value: params.checked("stateValue", check_state)?,
    }))
}

fn check_state(state: &str) -> Result<(), String> {
    if ["OK", "ALARM", "INSUFFICIENT_DATA"].contains(&state) {
        return Ok(());
    }
    Err(format!(
        "`{state}` is none of OK, ALARM and INSUFFICIENT_DATA"
    ))
}

impl Sends for CloudwatchAlarm {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let alarm = input.text(&self.alarm_name)?;
        let in_alarm = |refused| Unrenderable {
            resource: alarm.clone(),
            ..refused
        };
        let form = [
            ("Action", "SetAlarmState"),
            ("Version", "2010-08-01"),
            ("AlarmName", &alarm),
            (
                "StateValue",
                &input.text(&self.state_value).map_err(in_alarm)?,
            ),
            (
                "StateReason",
                &input.text(&self.state_reason).map_err(in_alarm)?,
            ),
        ];
        let permission = Permission {
            role_arn: self.role_arn.clone(),
            action: "cloudwatch:SetAlarmState",
            resource: input.place.arn("cloudwatch", &format!("alarm:{alarm}")),
        };
        Ok(Rendered {
            details: format!("Action: cloudwatchAlarm, Alarm: {alarm}"),
            ..Rendered::new(
                permission,
                Effect::Request(query_form(Service::CloudWatch, &form)),
                "Failed to set CloudWatch alarm state",
                alarm,
            )
        })
    }
}
