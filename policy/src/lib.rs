//! AWS IoT and IAM policy documents: parsed once, evaluated with variables into a decision.
