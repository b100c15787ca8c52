//! What AWS calls the control plane: things, certificates, policies, topic rules, roles, and the
//! store under them. Knows neither HTTP nor MQTT: doors call its functions.

/// The control plane of one account and region.
pub struct Things {}
