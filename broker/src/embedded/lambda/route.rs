//! From method and path to an operation of AWS Lambda.

use http::Method;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    /// The function's name; empty where none is named.
    pub(crate) function: String,
    /// The statement of a resource policy that is to go.
    pub(super) sid: Option<String>,
}

/// The operations that local functions have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    List,
    Create,
    Describe,
    Configuration,
    Delete,
    Invoke,
    Policy,
    AddPermission,
    RemovePermission,
}

impl Operation {
    /// The action of IAM (Service Authorization Reference, "Actions defined by AWS Lambda").
    pub(crate) fn action(self) -> &'static str {
        match self {
            Operation::List => "lambda:ListFunctions",
            Operation::Create => "lambda:CreateFunction",
            Operation::Describe => "lambda:GetFunction",
            Operation::Configuration => "lambda:GetFunctionConfiguration",
            Operation::Delete => "lambda:DeleteFunction",
            Operation::Invoke => "lambda:InvokeFunction",
            Operation::Policy => "lambda:GetPolicy",
            Operation::AddPermission => "lambda:AddPermission",
            Operation::RemovePermission => "lambda:RemovePermission",
        }
    }
}

impl Route {
    /// Reads a decoded path; `None` if it leads nowhere.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/2015-03-31/functions")?;
        let segments: Vec<&str> = rest.split('/').filter(|s| !s.is_empty()).collect();
        let operation = match (method, &segments[..]) {
            (&Method::GET, []) => Operation::List,
            (&Method::POST, []) => Operation::Create,
            (&Method::GET, [_]) => Operation::Describe,
            (&Method::DELETE, [_]) => Operation::Delete,
            (&Method::GET, [_, "configuration"]) => Operation::Configuration,
            (&Method::POST, [_, "invocations"]) => Operation::Invoke,
            (&Method::GET, [_, "policy"]) => Operation::Policy,
            (&Method::POST, [_, "policy"]) => Operation::AddPermission,
            (&Method::DELETE, [_, "policy", _]) => Operation::RemovePermission,
            _ => return None,
        };
        Some(Self {
            operation,
            function: segments
                .first()
                .map(|given| bare_name(given).to_owned())
                .unwrap_or_default(),
            sid: segments.get(2).map(|&sid| sid.to_owned()),
        })
    }
}

/// The name in a name, a partial ARN or an ARN, without version or alias (Lambda API reference,
/// `FunctionName`).
fn bare_name(given: &str) -> &str {
    let mut rest = given;
    if let Some((_, after)) = given.split_once("function:") {
        rest = after;
    }
    rest.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: &str, expected: Option<(&str, &str)>) {
        let (method, path) = request.split_once(' ').unwrap();
        let route = Route::of(&method.parse().unwrap(), path);
        let got = route.as_ref().map(|r| (r.operation.action(), &*r.function));
        assert_eq!(got, expected, "{request}");
    }

    #[test]
    fn method_and_path_name_operation_and_function() {
        let base = "/2015-03-31/functions";
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST";
        for (request, expected) in [
            (format!("GET {base}"), Some(("lambda:ListFunctions", ""))),
            (format!("GET {base}/"), Some(("lambda:ListFunctions", ""))),
            (format!("POST {base}"), Some(("lambda:CreateFunction", ""))),
            (format!("GET {base}/f"), Some(("lambda:GetFunction", "f"))),
            (
                format!("POST {base}/{arn}/invocations"),
                Some(("lambda:InvokeFunction", "f")),
            ),
            (
                format!("DELETE {base}/f/policy/s"),
                Some(("lambda:RemovePermission", "f")),
            ),
            (format!("PUT {base}/f"), None),
            ("GET /2014-11-13/functions".to_owned(), None),
        ] {
            check(&request, expected);
        }
    }
}
