/**
 * Which proxy leads to a server, as the variables have it: by the rules of the native host (`host/src/http/proxy.rs`);
 * `tests/proxies.json` holds both to them.
 *
 * `HTTPS_PROXY`, else `ALL_PROXY`, names it, in capitals or not; an empty one names none. `NO_PROXY` lists whom
 * it does not lead to: a host with all below it, the same with a port, addresses, networks (`10.0.0.0/8`), or
 * `*`. A name that cannot be used is an error, and never the way past the proxy.
 */
import { BlockList, isIP } from "node:net";

const NAMES = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const EXCEPTIONS = ["NO_PROXY", "no_proxy"];

/** A proxy to be asked for a tunnel. */
export interface Proxy {
  /** Its address, without a password. */
  readonly shown: string;
  /** What it wants to see (`Proxy-Authorization`), where its name holds credentials. */
  readonly authorization: string | undefined;
}

/** A variable names a proxy by what is no address of one. */
export class BadProxy extends Error {}

/** The proxy that leads to `url`; `undefined` where none does. Throws {@link BadProxy}. */
export function proxyTo(url: URL, environment: NodeJS.ProcessEnv): Proxy | undefined {
  const first = (names: string[]): string => names.map((name) => environment[name]).find(Boolean) ?? "";
  const named = first(NAMES);
  // Plain http is for this machine alone: a proxy would carry its secrets over the network.
  if (!named || url.protocol !== "https:" || isExempt(url, first(EXCEPTIONS))) return undefined;
  return parse(named);
}

function parse(named: string): Proxy {
  // What ends an address early would make a host of a user, and a port of a password.
  const [, scheme = "http", authority = ""] = /^(?:(https?):\/\/)?([^/?#\\]*[^/?#\\:])\/?$/i.exec(named) ?? [];
  const address = `${scheme}://${authority}`;
  // `URL` would make an address of nearly anything: it leaves out white space, and translates letters.
  if (/[^!-~]/.test(named) || !URL.canParse(address)) throw new BadProxy("a variable names a proxy that is none");
  const { protocol, host, port, username, password } = new URL(address);
  // And its hosts may have more in them than those of a URI (RFC 3986, 3.2.2).
  if (port === "0" || !/^[\w.~!$&'()*+,;=:[\]-]+$/.test(host)) {
    throw new BadProxy("a variable names a proxy whose host or port is none");
  }
  const credentials = Buffer.from(`${decoded(username)}:${decoded(password)}`, "latin1");
  return {
    shown: `${protocol}//${host}`,
    authorization: username || password ? `Basic ${credentials.toString("base64")}` : undefined,
  };
}

/** The bytes of it. A `%` that escapes nothing stands for itself. */
function decoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}

function isExempt(url: URL, exceptions: string): boolean {
  const host = withoutBrackets(url.hostname);
  const port = Number(url.port || 443);
  return exceptions.split(",").some((text) => {
    const entry = text.trim().toLowerCase();
    // A colon in an address of IPv6 without brackets begins no port.
    const [, itsHost = entry, itsPort] = /^(\[.*\]|[^:]*):([^:]*)$/.exec(entry) ?? [];
    if (itsPort !== undefined && !(/^\d+$/.test(itsPort) && Number(itsPort) === port)) return false;
    const name = withoutBrackets(itsHost);
    if (name === "*") return true;
    if (isIP(host)) return holds(name, host);
    const domain = name.replace(/^\./, "");
    return domain !== "" && (host === domain || host.endsWith(`.${domain}`));
  });
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}

/** Whether an address is this one, or in this network. */
function holds(entry: string, address: string): boolean {
  const [start = "", size] = entry.split("/");
  const [family, bits] = isIP(address) === 6 ? (["ipv6", 128] as const) : (["ipv4", 32] as const);
  if (isIP(start) !== isIP(address)) return false;
  if (size !== undefined && !(/^\d+$/.test(size) && Number(size) <= bits)) return false;
  const network = new BlockList();
  network.addSubnet(start, Number(size ?? bits), family);
  return network.check(address, family);
}
