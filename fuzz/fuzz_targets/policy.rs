//! A policy document, and behind a zero byte a line each with action, resource, client id and one
//! more value for variables: parsing and deciding never panic, a deny is never undone by a further
//! document, and a client id that is used as a variable is literal text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::{Document, Effect, Request, TrustDocument, VariableMap, evaluate, evaluate_joint};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (json, rest) = text.split_once('\0').unwrap_or((text, ""));
    drop(TrustDocument::parse(json));
    let document = match Document::parse(json) {
        Ok(document) => document,
        Err(why) => {
            assert!(!why.to_string().is_empty());
            return;
        }
    };
    let mut lines = rest.lines();
    let mut next = |default: &'static str| lines.next().unwrap_or(default).to_owned();
    let (action, resource) = (
        next("iot:Publish"),
        next("arn:aws:iot:us-east-1:000000000000:topic/a/b"),
    );
    let (client_id, value) = (next("client"), next("value"));
    let mut variables = VariableMap::new();
    variables.set("iot:ClientId", client_id.as_str());
    variables.set("iot:Connection.Thing.ThingName", value.as_str());
    variables.set("iot:Certificate.Subject.CommonName", value.as_str());
    variables.set_list("iot:ConnectAttributes", vec![value]);
    let request = Request {
        action: &action,
        resource: &resource,
        variables: &variables,
    };
    let one = [document];
    let decision = evaluate(&one, &request);
    let effect = decision.effect;
    assert_eq!(decision.is_allowed(), effect == Effect::Allow);
    assert_eq!(decision.statement.is_none(), effect == Effect::ImplicitDeny);
    let everything =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let everything = Document::parse(everything).expect("it is a policy");
    let both = [&one[0], &everything];
    assert_eq!(
        evaluate(&both, &request).effect == Effect::ExplicitDeny,
        effect == Effect::ExplicitDeny
    );
    assert_eq!(evaluate_joint(&one, &one, &request).effect(), effect);
});
