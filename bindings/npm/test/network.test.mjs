import assert from "node:assert/strict";
import { test } from "node:test";
import { writeFileSync } from "node:fs";

import { Auth } from "pi-auth";

import { anthropic, codeOf, EXPIRED, home, isValid, listen, needsSandbox, SANDBOX, serve } from "./support.mjs";

const PROXY = process.env.PI_AUTH_TEST_PROXY;
const AUTHORITY = process.env.PI_AUTH_TEST_CA;
const needsInternet = { skip: PROXY && AUTHORITY ? false : "PI_AUTH_TEST_PROXY names no proxy" };

/** An agent directory at the real addresses, which a proxy leads to the sandbox. */
async function outside(variables) {
  const it = await home();
  const { PI_AUTH_PROVIDERS: _, ...environment } = it.environment;
  it.store({ anthropic: await anthropic(EXPIRED) });
  return { it, auth: new Auth({ environment: { ...environment, ...variables } }) };
}

for (const name of ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"]) {
  test(`the real addresses, with TLS, through the proxy that ${name} names`, needsInternet, async () => {
    const { it, auth } = await outside({ [name]: PROXY, SSL_CERT_FILE: AUTHORITY });
    const { key } = await auth.token("anthropic");
    assert.ok(await isValid({ access: key.value }));
    assert.equal(it.entry("anthropic").access, key.value);
  });
}

test("a certificate of nobody's is refused, and nothing is sent", needsInternet, async () => {
  const { auth } = await outside({ HTTPS_PROXY: PROXY });
  const log = await listen();
  await assert.rejects(auth.token("anthropic"), { code: "retry_later", message: /TLS|certificate|secure/i });
  assert.deepEqual(await log(), []);
});

test("a proxy that is not there", needsInternet, async () => {
  const gone = await outside({ HTTPS_PROXY: "http://127.0.0.1:9", SSL_CERT_FILE: AUTHORITY });
  await assert.rejects(gone.auth.token("anthropic"), { code: "retry_later" });
});

test("a proxy that is none is told of without its password, and leaves nothing open", needsInternet, async () => {
  const { auth } = await outside({ HTTPS_PROXY: "http://user:canary@:0:0", SSL_CERT_FILE: AUTHORITY });
  await assert.rejects(auth.token("anthropic"), (error) => {
    assert.equal(error.code, "retry_later");
    assert.ok(!JSON.stringify([error.message, error.advice, error.stack, error.cause]).includes("canary"));
    return true;
  });
});

test("plain http goes to this machine, and through no proxy", needsSandbox, async (context) => {
  const it = await home();
  const seen = [];
  const proxy = await serve(context, (request, response) => {
    seen.push(request.url);
    response.end();
  });
  proxy.server.on("connect", (request, socket) => {
    seen.push(request.url);
    socket.destroy();
  });
  const { url } = proxy;
  it.store({ anthropic: await anthropic(EXPIRED) });
  const environment = { ...it.environment, HTTP_PROXY: url, http_proxy: url, HTTPS_PROXY: url, ALL_PROXY: url };
  await new Auth({ environment }).token("anthropic");
  assert.deepEqual(seen, []);
});

test("a request says no more than the core has it say", needsSandbox, async (context) => {
  const it = await home();
  const seen = [];
  const { url: token_url } = await serve(context, async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    seen.push({ method: request.method, headers: request.rawHeaders.filter((_, at) => at % 2 === 0), body });
    response.setHeader("content-type", "application/json");
    response.end('{"token_type":"Bearer","access_token":"a","refresh_token":"r","expires_in":3600}');
  });
  writeFileSync(it.overrides, JSON.stringify({ anthropic: { token_url } }));
  it.store({ anthropic: { type: "oauth", refresh: "old", access: "x", expires: 0 } });
  await new Auth(it.options).token("anthropic");
  assert.equal(seen.length, 1);
  assert.deepEqual(JSON.parse(seen[0].body).refresh_token, "old");
  const names = seen[0].headers.map((name) => name.toLowerCase()).sort();
  assert.deepEqual(names, ["accept", "connection", "content-length", "content-type", "host", "user-agent"]);
});

test("the page of a login is where the override says", needsSandbox, async () => {
  const it = await home();
  const pages = [];
  const interaction = { show: ({ url }) => pages.push(url), paste: ({ url }) => codeOf(url) };
  await new Auth({ ...it.options, interaction }).login({ provider: "anthropic", noBrowser: true });
  assert.ok(pages[0].startsWith(`${SANDBOX}/`));
});
