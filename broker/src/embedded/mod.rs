//! What rule actions reach when no endpoint is configured: an S3 server over plain files, and
//! local Lambda functions. Both are also answered on the API port, for AWS's own tools.

pub(crate) mod aws_chunked;
pub(crate) mod lambda;
pub(crate) mod s3;
