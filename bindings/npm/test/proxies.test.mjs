// The table that the native host is held to as well. That sockets obey it: `network.test.mjs`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { BadProxy, proxyTo } from "../dist/http/proxy.js";

const TABLE = JSON.parse(readFileSync(new URL("../../../tests/proxies.json", import.meta.url), "utf8"));
const HERE = new URL("https://h/");

test("the first variable that is not empty counts", () => {
  for (const [variables, proxy] of TABLE["the first that is not empty counts"]) {
    assert.equal(proxyTo(HERE, variables)?.shown ?? null, proxy, JSON.stringify(variables));
  }
});

test("a proxy is shown without its password", () => {
  for (const [HTTPS_PROXY, shown] of TABLE["shown without a password"]) {
    assert.equal(proxyTo(HERE, { HTTPS_PROXY }).shown, shown, HTTPS_PROXY);
  }
});

test("what is no proxy is never the way past it", () => {
  for (const HTTPS_PROXY of Object.values(TABLE.unusable).flat()) {
    assert.throws(() => proxyTo(HERE, { HTTPS_PROXY }), BadProxy, HTTPS_PROXY);
    assert.equal(proxyTo(HERE, { HTTPS_PROXY, NO_PROXY: "h" }), undefined, `nobody asks it: ${HTTPS_PROXY}`);
    assert.equal(proxyTo(new URL("http://127.0.0.1/"), { HTTPS_PROXY }), undefined, `nor here: ${HTTPS_PROXY}`);
  }
});

test("whom NO_PROXY lists is reached directly", () => {
  for (const [NO_PROXY, url, isDirect] of TABLE["whom NO_PROXY lists is reached directly"]) {
    const proxy = proxyTo(new URL(url), { HTTPS_PROXY: "http://p:1", NO_PROXY });
    assert.equal(proxy === undefined, isDirect, `NO_PROXY=${NO_PROXY} ${url}`);
  }
});
