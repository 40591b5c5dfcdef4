/** The HTTP client, loaded when it is first needed. */

/**
 * Loads undici by the path of its file: Bun replaces the bare name with a stub of its own, which
 * ignores `connect` and rejects a flat list of headers.
 */
export const loadUndici = (): Promise<typeof import("undici")> => import("undici/index.js");
