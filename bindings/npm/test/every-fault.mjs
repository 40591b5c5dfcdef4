// Every way in which the sandbox misbehaves and still answers: its name, what it is told, and what comes of an
// expired token by it. See `tests/src/sandbox/fault.rs`.

const status = (code, body = "", headers = { "Content-Type": "application/json" }) => ({ status: { code, headers, body } });
const oauth = (error, description = "") => ({ oauth_error: { error, description } });

const NOT_ASKED_FOR = /not what was asked for/;
const BROKE = /connection broke/;
const REFUSED = /refused the request/;

export const FAULTS = [
  ["429", status(429, "", { "Retry-After": "7" }), "retry_later", /asked too often/],
  ["429 without a time", status(429), "retry_later", /asked too often/],
  ["408", status(408), "retry_later", /408/],
  ["500", status(500), "retry_later", /500/],
  ["502 with an OAuth error", status(502, '{"error":"invalid_grant"}'), "retry_later", /502/],
  ["503", status(503), "retry_later", /503/],
  ["400", status(400), "provider_error", /400/],
  ["401", status(401), "provider_error", /401/],
  ["403", status(403), "provider_error", /403/],
  ["404", status(404), "provider_error", /404/],
  ["200 with an error", status(200, '{"error":"server_error"}'), "provider_error", /server_error/],
  ["200 with another type of token", status(200, '{"access_token":"a","token_type":"mac"}'), "retry_later", NOT_ASKED_FOR],
  ["200 with an empty token", status(200, '{"access_token":""}'), "retry_later", NOT_ASKED_FOR],
  ["200 with a list", status(200, "[]"), "retry_later", NOT_ASKED_FOR],
  ["html_200", "html_200", "retry_later", NOT_ASKED_FOR],
  ["cut_json", "cut_json", "retry_later", NOT_ASKED_FOR],
  ["empty_200", "empty_200", "retry_later", NOT_ASKED_FOR],
  ["wrong_types", "wrong_types", "retry_later", NOT_ASKED_FOR],
  ["oversized", "oversized", "retry_later", /larger than 1 MiB/],
  ["close", "close", "retry_later", BROKE],
  ["drop_after_grant", "drop_after_grant", "retry_later", BROKE],
  ["redirect to https", { redirect: { location: "https://elsewhere.invalid/v1/oauth/token" } }, "provider_error", REFUSED],
  ["redirect to nowhere", { redirect: { location: "::" } }, "provider_error", REFUSED],
  ["invalid_grant", oauth("invalid_grant", "the refresh token is gone"), "login_required", /the refresh token is gone/],
  ["invalid_client", oauth("invalid_client"), "provider_error", /invalid_client/],
  ["an error with escapes", oauth("x\u001b[31m", "a\u001b]0;t\u0007\r\nb\u009b2J"), "provider_error", /x\[31m: a\]0;tb2J/],
];
