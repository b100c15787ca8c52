//! Sends requests: to an override, to AWS, to a service inside, or nowhere (recorded only).

use super::answer::{Answer, SendFailure};
use super::discovery::{self, Discovered};
use super::endpoint::{Endpoints, is_aws_host};
use super::kafka::{KafkaRecord, Producers};
use super::request::{AwsRequest, Service, Signing};
use super::sign::sign;
use super::tls::{tls_builder, with_system_roots};
use super::{BoxFuture, Credentials};
use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Answers longer than this are a failure; AWS's operations that actions call answer in less.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A service inside the server.
pub trait LocalService: Send + Sync {
    /// Answers one request. It is not signed: the caller is the server itself.
    fn call(&self, request: Request<Bytes>) -> BoxFuture<'_, http::Response<Bytes>>;
}

/// By which way a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Over the network.
    Network,
    /// To a service inside.
    Local,
    /// Nowhere: no endpoint is configured, the invocation is only recorded.
    Recorded,
}

/// The address of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// By which way.
    pub via: Via,
    /// The whole address; what it would be at AWS when the request is only recorded.
    pub url: String,
}

/// What actions send through. A trait, so that tests can fail as they like.
pub trait Target: Send + Sync {
    /// The address of a request.
    fn route(&self, request: &AwsRequest) -> Route;
    /// Sends it once; a route of `Via::Recorded` is never sent.
    fn send<'a>(
        &'a self,
        route: &'a Route,
        request: &'a AwsRequest,
    ) -> BoxFuture<'a, Result<Answer, SendFailure>>;
    /// The address of a record for Kafka.
    fn route_record(&self, record: &KafkaRecord) -> Route;
    /// Produces it and waits until the cluster has it; a route of `Via::Recorded` is never sent.
    fn produce<'a>(&'a self, record: &'a KafkaRecord) -> BoxFuture<'a, Result<(), SendFailure>>;
}

type Http = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The light AWS client: aws-sigv4 over hyper.
pub struct Client {
    region: String,
    endpoints: Endpoints,
    credentials: Option<Credentials>,
    time_out: Duration,
    locals: BTreeMap<Service, Arc<dyn LocalService>>,
    /// Made at first use: reading the system's certificates is not for the start of the server.
    http: OnceLock<Http>,
    kafka: Producers,
    timestream: Discovered,
}

impl Client {
    /// A client for one region. `time_out` is for one try, connection included. Without
    /// credentials every request over the network fails with a message that says so.
    #[must_use]
    pub fn new(
        region: &str,
        endpoints: Endpoints,
        credentials: Option<Credentials>,
        time_out: Duration,
    ) -> Self {
        Self {
            kafka: Producers::new(&endpoints, time_out),
            region: region.to_owned(),
            endpoints,
            credentials,
            time_out,
            locals: BTreeMap::new(),
            http: OnceLock::new(),
            timestream: Discovered::default(),
        }
    }

    /// Gives a service that answers where no endpoint is configured.
    #[must_use]
    pub fn with_local(mut self, service: Service, local: Arc<dyn LocalService>) -> Self {
        self.locals.insert(service, local);
        self
    }

    /// What requests over the network are signed with.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    fn region<'a>(&'a self, request: &'a AwsRequest) -> &'a str {
        request.region.as_deref().unwrap_or(&self.region)
    }

    /// AWS's own address. S3 gets the bucket into the host name, but for buckets with a dot, which
    /// the wildcard certificate does not cover (Amazon S3 user guide, "Virtual hosting").
    fn aws_url(&self, request: &AwsRequest) -> String {
        let region = self.region(request);
        let suffix = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        if let Some(address) = &request.address {
            return format!("{address}{}", request.path_and_query());
        }
        let name = request.service.host();
        let path = request.path_and_query();
        if request.service == Service::S3
            && let Some((bucket, key)) = path.trim_start_matches('/').split_once('/')
            && !bucket.contains('.')
        {
            return format!("https://{bucket}.{name}.{region}.{suffix}/{key}");
        }
        format!("https://{name}.{region}.{suffix}{path}")
    }

    /// Whether AWS's own address is not the one to send it to.
    fn is_to_be_discovered(&self, request: &AwsRequest) -> bool {
        request.service == Service::Timestream
            && self.endpoints.overridden(Service::Timestream).is_none()
    }

    /// A request with the address that the service tells.
    async fn discovered(&self, request: &AwsRequest) -> Result<AwsRequest, SendFailure> {
        let address = match self.timestream.address(Instant::now()) {
            Some(known) => known,
            None => {
                let asking = discovery::request();
                let (via, url) = (Via::Network, self.aws_url(&asking));
                let answer = self.send_out(&Route { via, url }, &asking).await?;
                answer.clone().into_result(Service::Timestream)?;
                let learnt = self.timestream.learn(&answer.body, Instant::now());
                learnt.map_err(SendFailure::permanent)?
            }
        };
        Ok(AwsRequest {
            address: Some(address),
            ..request.clone()
        })
    }

    async fn send_out(&self, route: &Route, request: &AwsRequest) -> Result<Answer, SendFailure> {
        let signed = self.signed(route, request)?;
        let sending = async {
            let response = self.http().request(signed).await.map_err(|error| {
                SendFailure::unreachable(format!("{}: {}", route.url, chain(&error)))
            })?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| SendFailure::unreachable(format!("{}: {error}", route.url)))?;
            Ok(answer(&parts, body.to_bytes()))
        };
        tokio::time::timeout(self.time_out, sending)
            .await
            .unwrap_or_else(|_| {
                let waited = self.time_out.as_millis();
                Err(SendFailure::unreachable(format!(
                    "{}: no answer within {waited} ms",
                    route.url
                )))
            })
    }

    fn signed(
        &self,
        route: &Route,
        request: &AwsRequest,
    ) -> Result<Request<Full<Bytes>>, SendFailure> {
        let permanent = |what: &str| SendFailure::permanent(format!("{}: {what}", route.url));
        let uri: Uri = route
            .url
            .parse()
            .map_err(|_| permanent("not a valid address"))?;
        let Some(authority) = uri.authority() else {
            return Err(permanent("no host"));
        };
        let host =
            HeaderValue::from_str(authority.as_str()).map_err(|_| permanent("not a valid host"))?;
        let mut unsigned = Request::builder()
            .method(request.method.clone())
            .uri(uri.clone());
        if let Some(headers) = unsigned.headers_mut() {
            headers.insert(http::header::HOST, host);
            headers.extend(request.headers.iter().cloned());
        }
        let mut unsigned = unsigned.body(()).map_err(|e| permanent(&e.to_string()))?;
        self.sign(&mut unsigned, request)
            .map_err(|why| permanent(&why))?;
        let (parts, ()) = unsigned.into_parts();
        Ok(Request::from_parts(parts, Full::new(request.body.clone())))
    }

    fn sign(&self, unsigned: &mut Request<()>, request: &AwsRequest) -> Result<(), String> {
        let (region, service) = match &request.signing {
            Signing::None => return Ok(()),
            Signing::Own => (self.region(request), request.service.signing_name()),
            Signing::As { region, service } => (region.as_str(), service.as_str()),
            Signing::Token { .. } => return Err("the token has not been fetched".to_owned()),
        };
        let credentials = self.credentials.as_ref().ok_or(
            "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in \
             ~/.aws/credentials",
        )?;
        sign(unsigned, &request.body, credentials, region, service)
    }

    fn http(&self) -> &Http {
        self.http.get_or_init(|| {
            let mut tcp = HttpConnector::new();
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            tcp.set_connect_timeout(Some(self.time_out));
            let https = hyper_rustls::HttpsConnectorBuilder::new()
                .with_tls_config(with_system_roots(tls_builder()).with_no_client_auth())
                .https_or_http()
                .enable_http1()
                .wrap_connector(tcp);
            hyper_util::client::legacy::Client::builder(TokioExecutor::new())
                .pool_idle_timeout(Duration::from_secs(20))
                .pool_timer(TokioTimer::new())
                .build(https)
        })
    }
}

impl Target for Client {
    fn route(&self, request: &AwsRequest) -> Route {
        if request.service == Service::Http {
            return Route {
                via: Via::Network,
                url: self.aws_url(request),
            };
        }
        if let Some(base) = self.endpoints.overridden(request.service) {
            let base = base.to_string();
            let url = format!("{}{}", base.trim_end_matches('/'), request.path_and_query());
            return Route {
                via: Via::Network,
                url,
            };
        }
        if self.endpoints.aws() || request.address.as_deref().is_some_and(is_elsewhere) {
            return Route {
                via: Via::Network,
                url: self.aws_url(request),
            };
        }
        if self.locals.contains_key(&request.service) {
            let name = request.service.endpoint_key();
            let url = format!("embedded://{name}{}", request.path_and_query());
            return Route {
                via: Via::Local,
                url,
            };
        }
        Route {
            via: Via::Recorded,
            url: self.aws_url(request),
        }
    }

    fn send<'a>(
        &'a self,
        route: &'a Route,
        request: &'a AwsRequest,
    ) -> BoxFuture<'a, Result<Answer, SendFailure>> {
        Box::pin(async move {
            match (route.via, self.locals.get(&request.service)) {
                (Via::Local, Some(local)) => {
                    let (parts, body) = local.call(unsigned(request)?).await.into_parts();
                    Ok(answer(&parts, body))
                }
                (Via::Network, _) if self.is_to_be_discovered(request) => {
                    let request = self.discovered(request).await?;
                    let url = self.aws_url(&request);
                    let via = Via::Network;
                    self.send_out(&Route { via, url }, &request).await
                }
                (Via::Network, _) => self.send_out(route, request).await,
                (Via::Local | Via::Recorded, _) => Err(SendFailure::permanent(format!(
                    "{}: no endpoint is configured",
                    route.url
                ))),
            }
        })
    }

    fn route_record(&self, record: &KafkaRecord) -> Route {
        self.kafka.route(record)
    }

    fn produce<'a>(&'a self, record: &'a KafkaRecord) -> BoxFuture<'a, Result<(), SendFailure>> {
        Box::pin(self.kafka.produce(record))
    }
}

fn unsigned(request: &AwsRequest) -> Result<Request<Bytes>, SendFailure> {
    let uri = request.path_and_query();
    let mut built = Request::new(request.body.clone());
    *built.method_mut() = request.method.clone();
    *built.uri_mut() = uri
        .parse()
        .map_err(|_| SendFailure::permanent(format!("`{uri}` is not a valid path")))?;
    built.headers_mut().extend(request.headers.iter().cloned());
    built.headers_mut().insert(
        http::header::CONTENT_LENGTH,
        HeaderValue::from(request.body.len()),
    );
    Ok(built)
}

fn answer(parts: &http::response::Parts, body: Bytes) -> Answer {
    let error_type = parts
        .headers
        .get("x-amzn-errortype")
        .and_then(|v| v.to_str().ok());
    Answer {
        status: parts.status,
        error_type: error_type.map(str::to_owned),
        function_failed: parts.headers.contains_key("x-amz-function-error"),
        body,
    }
}

/// Whether an address that a call names is not one of AWS: a server of the user's own.
fn is_elsewhere(address: &str) -> bool {
    let uri: Option<Uri> = address.parse().ok();
    !is_aws_host(uri.as_ref().and_then(Uri::host).unwrap_or_default())
}

/// An error with its causes, which is where hyper says what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
