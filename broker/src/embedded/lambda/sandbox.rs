//! The execution environment of one function: it owns the handler's process and runs one
//! invocation after the other, as one AWS Lambda environment does.

use super::function::{Function, Runtime};
use super::log::{Log, Stream, now_ms};
use super::registry::Place;
use super::runtime_api::{self, Call, Invocation, RuntimeApi};
use axum::body::Bytes;
use serde_json::json;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

const PYTHON: &str = include_str!("bootstrap.py");
const NODE: &str = include_str!("bootstrap.mjs");

/// How long a process may take until it asks for its first invocation, beyond the function's own
/// time-out (AWS Lambda's initialisation phase).
const INIT_MAX: Duration = Duration::from_secs(10);
/// Shown to handlers; nothing enforces it.
const MEMORY_MB: &str = "128";

/// What became of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The handler's result, as JSON text.
    Returned(Bytes),
    /// The error document: of the handler, or of the platform for crashes and time-outs.
    Failed(Bytes),
}

/// One invocation that waits for its turn.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    /// Where the outcome goes; nobody waits for asynchronous invocations.
    pub(super) reply: oneshot::Sender<Outcome>,
}

pub(super) struct Sandbox {
    function: Arc<Function>,
    place: Arc<Place>,
    log: Arc<Log>,
    jobs: mpsc::Receiver<Job>,
    calls: mpsc::Receiver<Call>,
    api: RuntimeApi,
    process: Option<Child>,
    /// The process's open request for its next invocation.
    parked: Option<oneshot::Sender<Invocation>>,
}

impl Sandbox {
    /// Runs until nobody can send jobs any more. The process starts with the first of them.
    pub(super) async fn run(
        function: Arc<Function>,
        place: Arc<Place>,
        log: Arc<Log>,
        jobs: mpsc::Receiver<Job>,
    ) {
        let (calls_in, calls) = mpsc::channel(16);
        let api = match runtime_api::listen(calls_in).await {
            Ok(api) => api,
            Err(error) => {
                log.push(
                    Stream::Platform,
                    format!("cannot listen for the handler: {error}"),
                );
                return;
            }
        };
        let sandbox = Self {
            function,
            place,
            log,
            jobs,
            calls,
            api,
            process: None,
            parked: None,
        };
        sandbox.serve().await;
    }

    async fn serve(mut self) {
        loop {
            tokio::select! {
                job = self.jobs.recv() => match job {
                    Some(job) => self.invoke(job).await,
                    None => return,
                },
                Some(call) = self.calls.recv() => self.call_while_idle(call),
                status = exit_of(&mut self.process) => {
                    self.note(format!("the handler's process ended: {status}"));
                    self.forget_process();
                }
            }
        }
    }

    async fn invoke(&mut self, job: Job) {
        let id = &job.request_id;
        self.note(format!("START RequestId: {id} Version: $LATEST"));
        let began = Instant::now();
        let outcome = match self.start_process() {
            Ok(()) => self.exchange(id, &job.payload).await,
            Err(why) => failed(id, "Runtime.InvalidEntrypoint", &why),
        };
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        self.note(format!("END RequestId: {id}"));
        self.note(format!(
            "REPORT RequestId: {id}\tDuration: {ms:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: {MEMORY_MB} MB",
            ms.ceil()
        ));
        // Nobody waits for an asynchronous invocation.
        let _ = job.reply.send(outcome);
    }

    /// Hands the invocation to the process and waits for its report, its end, or the time-out.
    async fn exchange(&mut self, id: &str, payload: &Bytes) -> Outcome {
        let time_out = Duration::from_secs(u64::from(self.function.timeout_s));
        let mut deadline = Instant::now() + time_out.max(INIT_MAX);
        let mut handed = false;
        if let Some(parked) = self.parked.take() {
            handed = self.hand_over(parked, id, payload);
        }
        if handed {
            deadline = Instant::now() + time_out;
        }
        loop {
            tokio::select! {
                Some(call) = self.calls.recv() => match call {
                    Call::Next(reply) if handed => self.parked = Some(reply),
                    Call::Next(reply) => {
                        handed = self.hand_over(reply, id, payload);
                        deadline = Instant::now() + time_out;
                    }
                    Call::Response { request_id, payload, accepted } => {
                        let ours = request_id == id;
                        let _ = accepted.send(ours);
                        if ours {
                            return Outcome::Returned(payload);
                        }
                    }
                    Call::Error { request_id, payload, accepted } => {
                        let ours = request_id == id;
                        let _ = accepted.send(ours);
                        if ours {
                            return Outcome::Failed(payload);
                        }
                    }
                    Call::InitError { payload } => {
                        self.forget_process();
                        return Outcome::Failed(payload);
                    }
                },
                status = exit_of(&mut self.process) => {
                    self.forget_process();
                    let why = format!("Runtime exited with error: {status}");
                    self.note(format!("RequestId: {id} Error: {why}"));
                    return failed(id, "Runtime.ExitError", &why);
                }
                () = tokio::time::sleep_until(deadline) => {
                    self.forget_process();
                    let why = format!("Task timed out after {:.2} seconds", time_out.as_secs_f64());
                    self.note(format!("RequestId: {id} Error: {why}"));
                    return failed(id, "Sandbox.Timedout", &why);
                }
            }
        }
    }

    /// Whether the process was still there to take it.
    fn hand_over(&self, reply: oneshot::Sender<Invocation>, id: &str, payload: &Bytes) -> bool {
        let invocation = Invocation {
            request_id: id.to_owned(),
            deadline_ms: now_ms() + u64::from(self.function.timeout_s) * 1000,
            function_arn: self.place.function_arn(&self.function.name),
            payload: payload.clone(),
        };
        reply.send(invocation).is_ok()
    }

    fn call_while_idle(&mut self, call: Call) {
        match call {
            Call::Next(reply) => self.parked = Some(reply),
            Call::Response { accepted, .. } | Call::Error { accepted, .. } => {
                let _ = accepted.send(false);
            }
            Call::InitError { .. } => self.forget_process(),
        }
    }

    /// Kills the process, if there is one; the next invocation starts another.
    fn forget_process(&mut self) {
        self.process = None;
        self.parked = None;
    }

    fn start_process(&mut self) -> Result<(), String> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut command = command(&self.function);
        self.set_environment(&mut command);
        command
            .current_dir(&self.function.code)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A Ctrl-C at the terminal is for the server, which lets running handlers end.
        #[cfg(unix)]
        command.process_group(0);
        let program = command
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned();
        let mut child = command.spawn().map_err(|error| {
            let why = format!("cannot start `{program}`: {error}");
            self.note(why.clone());
            why
        })?;
        if let Some(out) = child.stdout.take() {
            follow(out, Stream::Stdout, Arc::clone(&self.log));
        }
        if let Some(err) = child.stderr.take() {
            follow(err, Stream::Stderr, Arc::clone(&self.log));
        }
        self.process = Some(child);
        Ok(())
    }

    /// The variables that AWS Lambda defines, and an endpoint under which the handler's own AWS
    /// calls come back to this server unless the environment says otherwise.
    fn set_environment(&self, command: &mut Command) {
        let (function, place) = (&self.function, &self.place);
        if let Some(url) = place.api_url.get()
            && std::env::var_os("AWS_ENDPOINT_URL").is_none()
        {
            command.env("AWS_ENDPOINT_URL", url);
        }
        if std::env::var_os("AWS_ACCESS_KEY_ID").is_none() {
            command
                .env("AWS_ACCESS_KEY_ID", "test")
                .env("AWS_SECRET_ACCESS_KEY", "test");
        }
        command
            .env("AWS_REGION", &place.region)
            .env("AWS_DEFAULT_REGION", &place.region)
            .env("AWS_LAMBDA_RUNTIME_API", self.api.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB)
            .env(
                "AWS_LAMBDA_LOG_GROUP_NAME",
                format!("/aws/lambda/{}", function.name),
            )
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "[$LATEST]local")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("LAMBDA_TASK_ROOT", &function.code)
            .env("LAMBDA_RUNTIME_DIR", &function.code)
            .env("_HANDLER", &function.handler)
            .envs(&function.environment);
    }

    fn note(&self, text: String) {
        self.log.push(Stream::Platform, text);
    }
}

fn command(function: &Function) -> Command {
    match function.runtime {
        Runtime::Python3 => {
            let mut command = Command::new("python3");
            command.args(["-u", "-c", PYTHON]);
            command
        }
        Runtime::Nodejs => {
            let mut command = Command::new("node");
            command.args(["--input-type=module", "-e", NODE]);
            command
        }
        Runtime::Provided => Command::new(function.code.join("bootstrap")),
    }
}

/// An error document as AWS Lambda's platform writes it.
fn failed(request_id: &str, kind: &str, why: &str) -> Outcome {
    let message = format!("RequestId: {request_id} Error: {why}");
    Outcome::Failed(
        json!({"errorType": kind, "errorMessage": message})
            .to_string()
            .into(),
    )
}

/// Waits for the end of the process; for ever when there is none.
async fn exit_of(process: &mut Option<Child>) -> String {
    let Some(process) = process else {
        return std::future::pending().await;
    };
    match process.wait().await {
        Ok(status) => describe(status),
        Err(error) => error.to_string(),
    }
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
}

fn follow(pipe: impl AsyncRead + Unpin + Send + 'static, stream: Stream, log: Arc<Log>) {
    tokio::spawn(async move {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line).await, Ok(read) if read > 0) {
            let text = String::from_utf8_lossy(&line);
            log.push(stream, text.trim_end_matches(['\n', '\r']).to_owned());
            line.clear();
        }
    });
}
