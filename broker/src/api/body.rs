//! Reading the body of a request within limits of size and time.

use super::error::{ApiError, Code};
use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::time::Duration;

/// How long a client may take to send a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a body of at most so many bytes.
///
/// # Errors
/// `RequestEntityTooLargeException`, or one that breaks off or does not arrive in time.
pub(crate) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    let whole = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(PATIENCE, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(why)) if why.is::<LengthLimitError>() => Err(ApiError::new(
            Code::RequestEntityTooLarge,
            format!("the request body has more than {bytes_max} bytes"),
        )),
        Ok(Err(why)) => Err(ApiError::invalid(format!(
            "the request body broke off: {why}"
        ))),
        Err(_) => Err(ApiError::invalid(format!(
            "the request body did not arrive within {} seconds",
            PATIENCE.as_secs()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_beyond_its_limit_is_refused() {
        assert_eq!(read(Body::from("abcd"), 4).await.unwrap(), "abcd");
        let refused = read(Body::from("abcde"), 4).await.unwrap_err();
        assert_eq!(refused.code, Code::RequestEntityTooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        struct Never;
        impl hyper::body::Body for Never {
            type Data = Bytes;
            type Error = std::convert::Infallible;
            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>>
            {
                std::task::Poll::Pending
            }
        }
        let refused = read(Body::new(Never), 4).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest);
    }
}
