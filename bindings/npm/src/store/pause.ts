/** Pauses this whole thread, for a time in milliseconds: it is short and rare, and its callers need not be asynchronous. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
