// Runs a Lambda handler over the Lambda Runtime API, with Node's own modules alone.
import http from 'node:http';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const env = process.env;
const [host, port] = env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, tail, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const target = { host, port, agent, method, path: '/2018-06-01/runtime' + tail };
    const request = http.request({ ...target, headers: { ...headers, ...length } }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve([response, Buffer.concat(chunks).toString()]));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function failure(error) {
  const known = error instanceof Error;
  console.error(known ? error.stack : error);
  const errorType = known ? error.name : typeof error;
  const document = {
    errorType,
    errorMessage: known ? error.message : String(error),
    trace: known ? String(error.stack).split('\n') : [],
  };
  const headers = {
    'content-type': 'application/json',
    'lambda-runtime-function-error-type': errorType.replace(/[^\w.]/g, ''),
  };
  return [JSON.stringify(document), headers];
}

async function load() {
  const dot = env._HANDLER.lastIndexOf('.');
  const base = path.resolve(env.LAMBDA_TASK_ROOT, env._HANDLER.slice(0, dot));
  const name = env._HANDLER.slice(dot + 1);
  const file = ['.mjs', '.js', '.cjs'].map((end) => base + end).find((file) => fs.existsSync(file));
  if (!file) throw new Error(`Cannot find module '${path.basename(base)}'`);
  const loaded = await import(pathToFileURL(file));
  const handler = loaded[name] ?? loaded.default?.[name];
  if (typeof handler !== 'function') throw new Error(`${env._HANDLER} is undefined or not exported`);
  return handler;
}

function contextOf(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

// A handler answers through its promise, through the callback, or by returning nothing at all.
function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const result = handler(event, context, (error, value) => (error ? reject(error) : resolve(value)));
    if (typeof result?.then === 'function') result.then(resolve, reject);
    else if (handler.length < 3) resolve(result);
  });
}

async function main() {
  let handler;
  try {
    handler = await load();
  } catch (error) {
    await call('POST', '/init/error', ...failure(error));
    process.exit(1);
  }
  for (;;) {
    const [invocation, event] = await call('GET', '/invocation/next');
    if (invocation.statusCode !== 200) process.exit(0);
    const tail = '/invocation/' + invocation.headers['lambda-runtime-aws-request-id'];
    try {
      const result = await run(handler, JSON.parse(event || 'null'), contextOf(invocation.headers));
      await call('POST', tail + '/response', JSON.stringify(result) ?? 'null');
    } catch (error) {
      await call('POST', tail + '/error', ...failure(error));
    }
  }
}

main().catch(() => process.exit(0));
