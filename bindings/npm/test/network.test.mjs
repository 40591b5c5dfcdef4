import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";

import { Auth } from "pi-auth";

import { NotConnected } from "../dist/http/connect.js";
import { failureOf, UnexpectedFailure } from "../dist/http/failure.js";
import { anthropic, codeOf, DUE, EXPIRED, home, isValid, listen, needsSandbox, SANDBOX, serve } from "./support.mjs";

const PROXY = process.env.PI_AUTH_TEST_PROXY;
const AUTHORITY = process.env.PI_AUTH_TEST_CA;
const needsInternet = { skip: PROXY && AUTHORITY ? false : "PI_AUTH_TEST_PROXY names no proxy" };
/** Proxies to servers whose certificate is bad, each with the authority that is to be trusted there. */
const BAD_CERTIFICATES = process.env.PI_AUTH_TEST_BAD_CERTIFICATES;
const needsBadCertificates = { skip: BAD_CERTIFICATES ? false : "PI_AUTH_TEST_BAD_CERTIFICATES names none" };
const NAMES = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/** An agent directory at the real addresses, which a proxy leads to the sandbox. */
async function outside(variables) {
  const it = await home();
  const { PI_AUTH_PROVIDERS: _, ...environment } = it.environment;
  it.store({ anthropic: await anthropic(EXPIRED) });
  return { it, auth: new Auth({ environment: { ...environment, ...variables } }) };
}

/** What listens on this machine, sends `answer` to whatever says something, and tells what it heard. */
async function wire(context, answer) {
  const heard = [];
  const open = new Set();
  const server = createServer((socket) => {
    open.add(socket.on("error", () => {}));
    socket.once("data", (data) => {
      heard.push(data.toString("latin1"));
      if (typeof answer === "function") answer(socket);
      else socket.end(answer);
    });
  });
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  context.after(() => {
    open.forEach((socket) => socket.destroy());
    server.close();
  });
  return { heard, port: server.address().port };
}

/** What a refresh at `https://HOST:PORT/token` comes to, as the error says it. */
async function refusal(port, variables, host = "localhost") {
  const it = await home();
  it.store({ anthropic: await anthropic(EXPIRED) });
  const overrides = { anthropic: { token_url: `https://${host}:${port}/token` } };
  writeFileSync(it.overrides, JSON.stringify(overrides));
  const auth = new Auth({ environment: { ...it.environment, SSL_CERT_FILE: AUTHORITY, ...variables } });
  return refused(auth);
}

/** The error of `auth.token`, in which there is no password. */
async function refused(auth) {
  const error = await auth.token("anthropic").then(() => assert.fail("a token was given"), (error) => error);
  assert.ok(!JSON.stringify([error.message, error.advice, error.stack, error.cause]).includes("canary"));
  assert.match(error.advice, /Your login is kept\./);
  return { code: error.code, message: error.message, advice: error.advice };
}

for (const name of NAMES) {
  test(`the real addresses, with TLS, through the proxy that ${name} names`, needsInternet, async () => {
    const { it, auth } = await outside({ [name]: PROXY, SSL_CERT_FILE: AUTHORITY });
    const { key } = await auth.token("anthropic");
    assert.ok(await isValid({ access: key.value }));
    assert.equal(it.entry("anthropic").access, key.value);
  });
}

test("the proxy for https wins over that for all, and an empty one is none", needsInternet, async () => {
  for (const variables of [
    { HTTPS_PROXY: PROXY, ALL_PROXY: "http://127.0.0.1:9" },
    { HTTPS_PROXY: PROXY, https_proxy: "http://127.0.0.1:9" },
    { HTTPS_PROXY: "", https_proxy: PROXY },
    { HTTPS_PROXY: "", ALL_PROXY: PROXY, NO_PROXY: "" },
  ]) {
    const { auth } = await outside({ ...variables, SSL_CERT_FILE: AUTHORITY });
    await auth.token("anthropic");
  }
});

test("authorities are named by a file or by directories, and what cannot be read is nobody's", needsInternet, async () => {
  const { it } = await outside({});
  const [directory, empty] = ["authorities", "empty"].map((name) => it.path(name));
  for (const path of [directory, empty]) mkdirSync(path);
  copyFileSync(AUTHORITY, `${directory}/ours.pem`);
  writeFileSync(it.path("nonsense.pem"), "no certificate");
  writeFileSync(it.path("broken.pem"), "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n");
  const trusted = async (variables) => (await outside({ HTTPS_PROXY: PROXY, ...variables })).auth;
  await (await trusted({ SSL_CERT_DIR: `${empty}:${directory}` })).token("anthropic");
  for (const variables of [
    { SSL_CERT_FILE: it.path("nonsense.pem") },
    { SSL_CERT_FILE: it.path("broken.pem") },
    { SSL_CERT_FILE: it.path("nonexistent.pem") },
    { SSL_CERT_FILE: it.directory },
    { SSL_CERT_DIR: empty },
    { SSL_CERT_DIR: it.path("nonexistent") },
    {},
  ]) {
    const log = await listen();
    const { code, advice } = await refused(await trusted(variables));
    assert.equal(code, "retry_later");
    assert.match(advice, /SSL_CERT_FILE/, JSON.stringify(variables));
    assert.deepEqual(await log(), []);
  }
});

test("a certificate that is not to be trusted is refused, told of, and mended", needsBadCertificates, async () => {
  const told = {
    "expired": [/its certificate has expired or is not valid yet/, /clock/],
    "not yet valid": [/its certificate has expired or is not valid yet/, /clock/],
    "for another name": [/its certificate is for another name/, /another network/],
    "of an unknown authority": [/its certificate is from an authority that is not trusted/, /SSL_CERT_FILE/],
    "self-signed": [/its certificate is from an authority that is not trusted/, /SSL_CERT_FILE/],
  };
  const lines = BAD_CERTIFICATES.split("\n").map((line) => line.split("\t"));
  assert.equal(lines.length, Object.keys(told).length);
  for (const [name, HTTPS_PROXY, SSL_CERT_FILE] of lines) {
    const [what, mend] = told[name];
    const { message, advice } = await refused((await outside({ HTTPS_PROXY, SSL_CERT_FILE })).auth);
    assert.match(message, what, name);
    assert.match(advice, mend, name);
  }
});

test("a server that speaks no TLS, or nothing, learns nothing", needsInternet, async (context) => {
  const unset = /the secure connection could not be set up/;
  for (const [name, answer, words] of [
    ["plain http", "HTTP/1.1 400 Bad Request\r\n\r\nthis is http", unset],
    ["an alert", Buffer.from([0x15, 3, 3, 0, 2, 2, 40]), unset],
    ["an SSH server", "SSH-2.0-OpenSSH_9.2\r\n", unset],
    ["nothing", "", /could not connect/],
    ["a reset", (socket) => socket.resetAndDestroy(), /could not connect/],
  ]) {
    const { heard, port } = await wire(context, answer);
    const { message } = await refusal(port, {});
    assert.match(message, words, name);
    assert.equal(heard.length, 1, name);
    assert.ok(!heard[0].includes("refresh_token"), name);
  }
  assert.match((await refusal(9, {})).message, /could not connect/);
});

test("a proxy that opens no way is named without its password", needsInternet, async (context) => {
  const answers = {
    "407": "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
    "403": "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
    "a redirect": "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
    "garbage": "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "hung up on": "",
    "a reset": (socket) => socket.resetAndDestroy(),
    "no answer": () => {},
    "a tunnel to nobody": "HTTP/1.1 200 OK\r\n\r\n",
  };
  const began = Date.now();
  await Promise.all([...Object.entries(answers), ["not there"]].map(async ([name, answer]) => {
    const { heard, port } = name === "not there" ? { port: 9 } : await wire(context, answer);
    const HTTPS_PROXY = `http://user:canary%40@localhost:${port}/`;
    const { message, advice } = await refused((await outside({ HTTPS_PROXY, SSL_CERT_FILE: AUTHORITY })).auth);
    assert.ok(message.includes(`the proxy http://localhost:${port} did not open a way to it`), `${name}: ${message}`);
    assert.match(advice, /NO_PROXY/, name);
    if (!heard) return;
    assert.ok(heard[0].startsWith("CONNECT platform.claude.com:443 HTTP/1.1\r\n"), heard[0]);
    const basic = Buffer.from("user:canary@").toString("base64");
    assert.ok(heard[0].toLowerCase().includes(`proxy-authorization: basic ${basic.toLowerCase()}\r\n`), heard[0]);
  }));
  assert.ok(Date.now() - began < 25_000, "a proxy has ten seconds, like any server");
});

test("whoever cancels a request is not kept waiting, and nothing stays open", needsInternet, async (context) => {
  for (const [name, variables] of [
    ["a proxy that says nothing", (port) => ({ HTTPS_PROXY: `http://localhost:${port}` })],
    ["a server that says nothing", () => ({})],
  ]) {
    const cancelled = new AbortController();
    let closed;
    const { port } = await wire(context, (socket) => {
      closed = new Promise((resolve) => socket.once("close", resolve));
      cancelled.abort();
    });
    const it = await home();
    const url = `https://localhost:${port}`;
    const overrides = { "github-copilot": { device_authorization_url: `${url}/device`, token_url: `${url}/token` } };
    writeFileSync(it.overrides, JSON.stringify(overrides));
    const auth = new Auth({ environment: { ...it.environment, SSL_CERT_FILE: AUTHORITY, ...variables(port) } });
    const began = Date.now();
    const login = auth.login({ provider: "github-copilot", noBrowser: true, signal: cancelled.signal });
    await assert.rejects(login, { code: "cancelled" }, name);
    await closed;
    assert.ok(Date.now() - began < 5000, name);
  }
});

test("a variable that names no proxy is an error, and never the way past it", needsInternet, async (context) => {
  const { heard, port } = await wire(context, "");
  for (const value of [
    "::", "http://", "socks5://127.0.0.1:1080", "ftp://127.0.0.1", "a b", "/etc/passwd",
    "http://user:canary@:0:0", "socks5://user:canary@127.0.0.1:1080",
    "http://:3128", "http://localhost:99999", "http://localhost:0", "http://localhost:", "localhost:1/path",
    "http://localhost:1?query", "http://localhost:1#fragment", "SOCKS5://localhost:1", "http://user:canary@:1",
    "http://user:canary/x@localhost:1", "http://user:canary#x@localhost:1", "user:canary?x@localhost:1",
    "http://user:canary\\x@localhost:1", "http://canary:1234/x@localhost:1",
  ]) {
    for (const name of NAMES) {
      const { code, message, advice } = await refusal(port, { [name]: value });
      assert.equal(code, "retry_later");
      assert.match(message, /a variable names a proxy that is none/, `${name}=${value}`);
      assert.match(advice, /Set HTTPS_PROXY/);
    }
  }
  assert.deepEqual(heard, []);
});

test("whom NO_PROXY lists is reached without one", needsInternet, async (context) => {
  const server = await wire(context, "");
  const proxy = await wire(context, "");
  const HTTPS_PROXY = `http://localhost:${proxy.port}`;
  for (const [exceptions, host, direct] of [
    ["localhost", "localhost", true],
    ["LocalHost", "localhost", true],
    [".localhost", "localhost", true],
    ["example.com, localhost ,", "localhost", true],
    ["*", "localhost", true],
    [`localhost:${server.port}`, "localhost", true],
    [`localhost:${server.port + 1}`, "localhost", false],
    ["localhost:https", "localhost", false],
    ["host", "localhost", false],
    ["localhost.example.com", "localhost", false],
    ["127.0.0.1", "localhost", false],
    [",", "localhost", false],
    ["127.0.0.1", "127.0.0.1", true],
    [`127.0.0.1:${server.port}`, "127.0.0.1", true],
    ["127.0.0.0/8", "127.0.0.1", true],
    ["*", "127.0.0.1", true],
    ["128.0.0.0/8", "127.0.0.1", false],
    ["127.0.0.1/x", "127.0.0.1", false],
    ["127.0.0.1/33", "127.0.0.1", false],
    ["::/0", "127.0.0.1", false],
    ["0.1", "127.0.0.1", false],
    ["::1", "[::1]", true],
    ["[::1]", "[::1]", true],
    [`[::1]:${server.port}`, "[::1]", true],
    [`[::1]:${server.port + 1}`, "[::1]", false],
    ["::/8", "[::1]", true],
  ]) {
    const before = proxy.heard.length;
    await refusal(server.port, { HTTPS_PROXY, NO_PROXY: exceptions }, host);
    assert.equal(proxy.heard.length, direct ? before : before + 1, `NO_PROXY=${exceptions} ${host}`);
  }
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
  const environment = { ...it.environment, HTTP_PROXY: url, http_proxy: url, HTTPS_PROXY: url, ALL_PROXY: "a b" };
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

const coded = (code) => Object.assign(new Error("an error"), { code });

test("a failure of the network is known by its code, and any other error is a bug that is thrown", () => {
  for (const [error, failure] of [
    [coded("ECONNRESET"), "broken"],
    [coded("UND_ERR_SOCKET"), "broken"],
    [coded("UND_ERR_BODY_TIMEOUT"), "broken"],
    [coded("HPE_INVALID_CONSTANT"), "broken"],
    [Object.assign(new Error("not HTTP"), { name: "HTTPParserError" }), "broken"],
    [new NotConnected(coded("ECONNREFUSED")), "connect"],
    [new NotConnected(coded("EAI_AGAIN")), "connect"],
    [new NotConnected(coded("EMFILE")), "connect"],
    [new NotConnected(coded("UND_ERR_CONNECT_TIMEOUT")), "connect"],
    [new NotConnected(new AggregateError([coded("ECONNREFUSED")])), "connect"],
    [new NotConnected(coded("CERT_HAS_EXPIRED")), "out_of_date"],
    [new NotConnected(coded("ERR_SSL_WRONG_VERSION_NUMBER")), "tls"],
    ...["INVALID_CA", "PATH_LENGTH_EXCEEDED", "OUT_OF_MEM", "UNSPECIFIED", "INVALID_PURPOSE", "CERT_CHAIN_TOO_LONG"].map(
      (code) => [new NotConnected(coded(code)), "tls"]),
    [new TypeError("fetch failed", { cause: coded("ECONNRESET") }), "broken"],
  ]) {
    assert.equal(failureOf(error, undefined), failure, error.code ?? error.cause?.code);
  }
  for (const bug of [
    new TypeError("x is not a function"),
    new NotConnected(new TypeError("x is not a function")),
    new RangeError("out of range", { cause: new Error("without a code") }),
    coded("UND_ERR_INVALID_ARG"),
    coded("UND_ERR_NOT_SUPPORTED"),
    coded("ERR_INVALID_ARG_TYPE"),
    coded("MODULE_NOT_FOUND"),
    "a text",
    undefined,
  ]) {
    assert.throws(() => failureOf(bug, undefined), (error) => error instanceof UnexpectedFailure && error.cause === bug);
  }
});

test("a request that ends in a bug ends its job with that bug: the login stays, and the lock is let go", needsSandbox, async () => {
  const it = await home();
  const stored = await anthropic(EXPIRED);
  it.store({ anthropic: stored });
  const [before, log] = [it.read(), await listen()];
  const bug = new TypeError("x is not a function");
  const environment = { ...it.environment, get HTTPS_PROXY() { throw bug; } };
  const interaction = { show: () => {}, paste: ({ url }) => codeOf(url) };
  for (const job of [
    () => new Auth({ environment }).token("anthropic"),
    () => new Auth({ environment, interaction }).login({ provider: "anthropic", noBrowser: true, paste: true }),
  ]) {
    await assert.rejects(job, (error) => {
      assert.deepEqual([error.name, error.cause], ["UnexpectedFailure", bug]);
      return true;
    });
    assert.deepEqual([it.read(), it.names().filter((name) => !name.endsWith(".backoff"))], [before, ["oauth.json"]]);
  }
  assert.ok(await isValid({ refresh: stored.refresh }));
  const ends = ["refreshed", "code_exchanged"];
  assert.deepEqual((await log()).filter(({ kind }) => ends.includes(kind)), [], "nothing was granted");
});

test("a bug in a request takes no result away: the job ends as it can, with a note that names the bug and no more", needsSandbox, async () => {
  const it = await home();
  const bug = Object.assign(new TypeError("canary"), { code: "ERR_INVALID_ARG_TYPE" });
  const environment = { ...it.environment, get HTTPS_PROXY() { throw bug; } };
  const note = "A request failed for an unexpected reason (TypeError ERR_INVALID_ARG_TYPE). Please report this.";
  const stored = await anthropic(DUE);
  it.store({ anthropic: stored });
  const { key, notes } = await new Auth({ environment }).token("anthropic");
  assert.deepEqual([key.value, notes.filter((said) => said === note)], [stored.access, [note]]);
  const out = await new Auth({ environment }).logout({ provider: "anthropic", confirmed: true });
  assert.deepEqual(out.providers.map(({ id }) => id), ["anthropic"]);
  assert.equal(JSON.stringify([notes, out]).includes("canary"), false);
  assert.deepEqual(JSON.parse(it.read()), {});
});
