"""Runs a Lambda handler over the Lambda Runtime API, with the standard library alone."""

import http.client
import importlib
import json
import os
import sys
import time
import traceback

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
PREFIX = "/2018-06-01/runtime"


class Context:
    """What AWS hands to a handler beside the event."""

    def __init__(self, headers):
        env = os.environ
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = env["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = env["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = env["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = env["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))


def call(connection, method, path, body=None, headers=None):
    connection.request(method, PREFIX + path, body=body, headers=headers or {})
    response = connection.getresponse()
    return response, response.read()


def failure(error, request_id=""):
    trace = traceback.format_exception(type(error), error, error.__traceback__)
    sys.stderr.write("[ERROR] " + "".join(trace))
    sys.stderr.flush()
    kind = type(error).__name__
    document = {
        "errorMessage": str(error),
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }
    headers = {
        "Content-Type": "application/json",
        "Lambda-Runtime-Function-Error-Type": kind,
    }
    return json.dumps(document).encode(), headers


def load():
    module, _, name = os.environ["_HANDLER"].rpartition(".")
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    return getattr(importlib.import_module(module.replace("/", ".")), name)


def main():
    connection = http.client.HTTPConnection(API)
    try:
        handler = load()
    except BaseException as error:
        body, headers = failure(error)
        call(connection, "POST", "/init/error", body, headers)
        sys.exit(1)
    while True:
        invocation, event = call(connection, "GET", "/invocation/next")
        if invocation.status != 200:
            sys.exit(0)
        request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        path = "/invocation/" + request_id
        try:
            result = handler(json.loads(event or b"null"), Context(invocation.headers))
            body = json.dumps(result).encode()
        except Exception as error:
            body, headers = failure(error, request_id)
            call(connection, "POST", path + "/error", body, headers)
        else:
            call(connection, "POST", path + "/response", body)


try:
    main()
except (ConnectionError, http.client.HTTPException):
    sys.exit(0)
