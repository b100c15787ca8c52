//! From flags to plans.

use super::Usage;
use super::flags::TargetFlags;
use super::mode::FlowFlags;
use crate::load::FlowSettings;
use crate::wire::{Form, QoS};

impl FlowFlags {
    pub(crate) fn settings(&self, target: &TargetFlags, form: Form) -> Result<FlowSettings, Usage> {
        let least = form.bytes_min();
        if self.size < least {
            let text = format!("--size is {least} at least, for the stamp in the payload");
            return Err(Usage(text));
        }
        if self.rate.is_some_and(|rate| !(rate > 0.0 && rate <= 1e9)) {
            return Err(Usage("--rate is a number of messages above 0".to_owned()));
        }
        for (name, seconds) in [
            ("--seconds", self.seconds),
            ("--warm-up", self.warm_up),
            ("--stall", self.stall),
        ] {
            if !(0.0..=1e6).contains(&seconds) {
                return Err(Usage(format!(
                    "{name} is a number of seconds, 0 to 1000000"
                )));
            }
        }
        Ok(FlowSettings {
            client: target.client(self.qos),
            form,
            payload_bytes: self.size,
            window: usize::from(self.window),
            per_second: self.rate,
            warm_up_s: self.warm_up,
            seconds: self.seconds,
            stall_s: self.stall,
        })
    }

    /// The flags in words, behind those of the mode.
    pub(crate) fn describe(&self, clients: &str, target: &TargetFlags) -> String {
        let qos = match self.qos {
            QoS::AtMostOnce => 0,
            QoS::AtLeastOnce => 1,
        };
        let version = match target.mqtt {
            crate::wire::Version::V311 => "3.1.1",
            crate::wire::Version::V5 => "5",
        };
        let speed = match self.rate {
            Some(rate) => format!("{rate} messages/s"),
            None => format!("window {}", self.window),
        };
        format!(
            "{clients}, {} B, QoS {qos}, MQTT {version} over {}, {speed}",
            self.size,
            target.transport()
        )
    }
}
