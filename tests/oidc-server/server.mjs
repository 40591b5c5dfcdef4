// npm `oidc-provider`, run as it comes, for tests to log in to: `node server.mjs MODULES`, where
// MODULES is the folder `node_modules` that `npm ci` has made. It listens on a free port of 127.0.0.1, prints
// {"url":"http://127.0.0.1:PORT"} as its only line, and ends with its standard input.
//
// The server is not changed: what a test may spoil is spoiled around it, as a bad proxy would.
// `GET /_test/log` tells what happened, in order; `POST /_test/settings` says what to spoil.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { json } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

// It has notices for whoever runs it in earnest.
console.info = console.warn = () => {};

const OAUTH_METADATA = '/.well-known/oauth-authorization-server';
const OPENID_METADATA = '/.well-known/openid-configuration';
const REVOCATION = '/token/revocation';

const settings = {
  access_lifetime_s: 600,
  oauth_metadata: true,
  openid_metadata: true,
  metadata: {},
  callback_iss: null,
  device_interval_s: null,
  revocation_status: null,
  token_delay_ms: 0,
};

const started = performance.now();
const sinceStart = () => Math.round(performance.now() - started);
const log = [];
const record = (ctx, kind, details) => log.push({ at_ms: ctx.state.arrived, kind, ...details });

function configuration() {
  return {
    clients: [
      {
        client_id: 'acme-cli',
        client_name: 'Acme command line',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: ['http://127.0.0.1/callback/acme'],
        response_types: ['code'],
        grant_types: [
          'authorization_code',
          'refresh_token',
          'urn:ietf:params:oauth:grant-type:device_code',
        ],
      },
    ],
    cookies: { keys: [randomBytes(32).toString('hex')] },
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
    },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ttl: { AccessToken: () => settings.access_lifetime_s },
  };
}

// What happens inside, as the server itself tells it.
function listen(provider) {
  provider.on('grant.success', (ctx) => {
    const { access_token, refresh_token } = ctx.body;
    const { grant_type } = ctx.oidc.params;
    record(ctx, 'granted', { grant_type, access_token, refresh_token });
  });
  provider.on('grant.error', (ctx, error) => {
    const { grant_type } = ctx.oidc.params ?? {};
    const why = error.error_detail ?? error.error_description;
    record(ctx, 'refused', { grant_type, error: error.error, why });
  });
  provider.on('grant.revoked', (ctx) => record(ctx, 'family_revoked', { by: ctx.oidc.route }));
  provider.on('device_authorization.success', (ctx, { device_code, user_code }) => {
    record(ctx, 'device_code', { device_code, user_code });
  });
  provider.on('server_error', (_, error) => console.error(error));
}

// What a test wants spoiled, and what the server has no event for.
async function around(ctx, next) {
  ctx.state.arrived = sinceStart();
  switch (ctx.path) {
    case OAUTH_METADATA:
    case OPENID_METADATA:
      if (settings[ctx.path === OAUTH_METADATA ? 'oauth_metadata' : 'openid_metadata']) {
        await next();
        ctx.body = { ...ctx.body, ...settings.metadata };
      }
      record(ctx, 'metadata', { path: ctx.path, status: ctx.status });
      break;
    case REVOCATION:
      if (settings.revocation_status) {
        ctx.status = settings.revocation_status;
        ctx.body = 'out of order';
      } else {
        await next();
      }
      record(ctx, 'revocation', { status: ctx.status, hint: ctx.oidc?.params?.token_type_hint });
      break;
    case '/device/auth': {
      await next();
      const interval = settings.device_interval_s ?? undefined;
      ctx.body = { ...ctx.body, interval };
      break;
    }
    case '/token':
      await pause(settings.token_delay_ms);
      await next();
      break;
    default:
      await next();
      if (settings.callback_iss !== null) spoilCallback(ctx);
  }
}

function spoilCallback(ctx) {
  const location = ctx.response.get('location');
  const url = URL.canParse(location) && new URL(location);
  if (url && url.searchParams.has('iss')) {
    url.searchParams.set('iss', settings.callback_iss);
    if (!settings.callback_iss) url.searchParams.delete('iss');
    ctx.set('location', url.href);
  }
}

async function control(request, response) {
  if (request.method === 'POST') Object.assign(settings, await json(request));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(request.url === '/_test/log' ? log : settings));
}

const modules = createRequire(`${process.argv[2]}/`);
const { default: Provider } = await import(pathToFileURL(modules.resolve('oidc-provider')));

const server = createServer().listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, configuration());
  listen(provider);
  provider.use(around);
  const answer = provider.callback();
  server.on('request', (request, response) =>
    (request.url.startsWith('/_test/') ? control : answer)(request, response),
  );
  console.log(JSON.stringify({ url }));
});

process.stdin.resume().on('end', () => process.exit());
