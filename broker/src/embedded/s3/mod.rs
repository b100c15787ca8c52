//! The S3 server inside: buckets are directories, objects plain files. It accepts any credentials
//! and answers both rule actions (in process) and AWS's tools (on the API port, path style).

mod refusal;
mod request;
#[cfg(test)]
mod tests;

pub(crate) use refusal::refusal;

use crate::budget::Budget;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use refusal::Refused;
use request::{received, without_chunks, without_signature};
use rules::target::{BoxFuture, LocalService};
use s3s::service::{S3Service, S3ServiceBuilder};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The S3 server.
pub(crate) struct EmbeddedS3 {
    service: S3Service,
    root: PathBuf,
    /// For bodies that are held in memory.
    budget: Arc<Budget>,
    /// Removes the directory when the server goes; only under `--memory`.
    _scratch: Option<TempDir>,
}

impl EmbeddedS3 {
    /// Serves the buckets under `root`, which is created when missing.
    pub(crate) fn open(root: &Path, budget: &Arc<Budget>) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        Self::over(root.to_owned(), None, budget)
    }

    /// Serves from a temporary directory that is removed with the server.
    pub(crate) fn scratch(budget: &Arc<Budget>) -> io::Result<Self> {
        let scratch = tempfile::Builder::new().prefix("thingcore-s3-").tempdir()?;
        Self::over(scratch.path().to_owned(), Some(scratch), budget)
    }

    fn over(root: PathBuf, scratch: Option<TempDir>, budget: &Arc<Budget>) -> io::Result<Self> {
        let files = s3s_fs::FileSystem::new(&root)
            .map_err(|error| io::Error::other(format!("{}: {error:?}", root.display())))?;
        let service = S3ServiceBuilder::new(files).build();
        Ok(Self {
            service,
            root,
            budget: Arc::clone(budget),
            _scratch: scratch,
        })
    }

    /// Removes every bucket.
    pub(crate) fn reset(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.root)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Answers one S3 request, signed by anybody or nobody.
    pub(crate) async fn serve(&self, request: Request<Body>) -> Response {
        match self.try_serve(request).await {
            Ok(response) => response,
            Err(refused) => refused.into_response(),
        }
    }

    async fn try_serve(&self, request: Request<Body>) -> Result<Response, Refused> {
        let request = without_chunks(without_signature(request), &self.budget).await?;
        self.check_path(request.method(), request.uri())?;
        let request = received(request, &self.budget).await?;
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, s3s::Body::http_body_unsync(body));
        match self.service.call(request).await {
            Ok(response) => Ok(response.map(|body| match body.bytes() {
                Some(whole) => Body::from(whole),
                // Read from its file as the client takes it.
                None => Body::from_stream(body.into_data_stream()),
            })),
            Err(error) => {
                tracing::error!(?error, "the embedded S3 server failed");
                Err(Refused::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "InternalError",
                    "internal error",
                ))
            }
        }
    }

    /// Refuses what plain files cannot hold and what s3s-fs would let through: objects in a
    /// missing bucket (it creates the directory), the removal of a bucket that has objects.
    fn check_path(&self, method: &Method, uri: &Uri) -> Result<(), Refused> {
        let path = percent_decode_str(uri.path()).decode_utf8_lossy();
        let (bucket, key) = match path.trim_start_matches('/').split_once('/') {
            Some((bucket, key)) => (bucket, key),
            None => (path.trim_start_matches('/'), ""),
        };
        if bucket.is_empty() || !s3s::path::check_bucket_name(bucket) {
            return Ok(());
        }
        if key
            .split('/')
            .any(|segment| segment == ".." || segment == ".")
        {
            let why = "object keys with `.` or `..` between slashes cannot be stored as files";
            return Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "InvalidArgument",
                why,
            ));
        }
        let directory = self.root.join(bucket);
        if !key.is_empty() && !directory.is_dir() {
            let why = "The specified bucket does not exist";
            return Err(Refused::new(StatusCode::NOT_FOUND, "NoSuchBucket", why).bucket(bucket));
        }
        if method == Method::DELETE
            && key.is_empty()
            && uri.query().is_none_or(is_operation_id)
            && holds_files(&directory)
        {
            let why = "The bucket you tried to delete is not empty";
            return Err(Refused::new(StatusCode::CONFLICT, "BucketNotEmpty", why).bucket(bucket));
        }
        Ok(())
    }
}

impl LocalService for EmbeddedS3 {
    fn call(&self, mut request: Request<Bytes>) -> BoxFuture<'_, http::Response<Bytes>> {
        Box::pin(async move {
            request
                .headers_mut()
                .entry(HOST)
                .or_insert(HeaderValue::from_static("localhost"));
            let response = self.serve(request.map(Body::from)).await;
            let (parts, body) = response.into_parts();
            let bytes = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes);
            http::Response::from_parts(parts, bytes.unwrap_or_default())
        })
    }
}

/// Some SDKs add `x-id=DeleteBucket` to the query; it selects nothing.
fn is_operation_id(query: &str) -> bool {
    query.is_empty() || query.split('&').all(|pair| pair.starts_with("x-id="))
}

/// Whether a directory holds a file at any depth. Directories alone are what deleted objects
/// leave behind.
fn holds_files(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return false;
    };
    entries.flatten().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => holds_files(&entry.path()),
        Ok(_) => true,
        Err(_) => false,
    })
}
