/** Whose certificates are trusted. */
import { readFileSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import * as tls from "node:tls";

/**
 * Those of `SSL_CERT_FILE` and `SSL_CERT_DIR` alone, where one is set: what cannot be read there is
 * nobody's. Else the system's where this Node knows them, with Node's own.
 */
export function authorities(environment: NodeJS.ProcessEnv): string[] | undefined {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: directories } = environment;
  if (file || directories) {
    const named = (directories ?? "").split(delimiter).filter(Boolean).flatMap(filesOf);
    return [...(file ? [file] : []), ...named].flatMap(certificatesOf);
  }
  const { getCACertificates } = tls as {
    getCACertificates?: (type: "default" | "system") => string[];
  };
  return getCACertificates && [...getCACertificates("default"), ...getCACertificates("system")];
}

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}

/** Returns the certificates in a file. Bun throws for a text without any; Node ignores it. */
function certificatesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").match(CERTIFICATE) ?? [];
  } catch {
    return [];
  }
}

/** A certificate as PEM has it (RFC 7468), with the older label that OpenSSL takes as well. */
const CERTIFICATE = /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END \1CERTIFICATE-----/g;
