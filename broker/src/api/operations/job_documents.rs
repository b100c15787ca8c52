//! Where the documents of jobs and job templates come from: the request, or an S3 object.

use super::Call;
use crate::api::error::ApiError;
use crate::dispatch::S3Object;
use std::sync::Arc;

/// The document that is given, or that the source has.
///
/// # Errors
/// InvalidRequest.
pub(super) fn document(call: &Call) -> Result<Option<String>, ApiError> {
    match (call.owned("document"), call.optional("documentSource")) {
        (Some(_), Some(_)) => Err(ApiError::invalid(
            "Job document and job document source cannot be specified at the same time.",
        )),
        (Some(document), None) => Ok(Some(document)),
        (None, Some(source)) => fetched(call, source).map(Some),
        (None, None) => Ok(None),
    }
}

/// Most bytes of a document (the model's maximum of `document`).
const DOCUMENT_BYTES_MAX: usize = 32_768;

/// Reads a document from S3. The handler runs on a thread that may wait.
fn fetched(call: &Call, source: &str) -> Result<String, ApiError> {
    let refused = |why: &str| {
        ApiError::invalid(format!(
            "Job document located at {source} cannot be read: {why}"
        ))
    };
    let object =
        S3Object::of_url(source).ok_or_else(|| refused("it is not the address of an S3 object"))?;
    let target = Arc::clone(&call.world.target);
    let runtime = call.world.delivery.runtime();
    let read = runtime.block_on(async move { object.read(&target).await });
    let bytes = read.map_err(|why| refused(&why))?;
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(refused(&format!(
            "it has more than {DOCUMENT_BYTES_MAX} bytes"
        )));
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| refused("it is not UTF-8"))
}
