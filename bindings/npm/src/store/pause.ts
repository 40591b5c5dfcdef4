/** Pauses this whole thread, in milliseconds: for what is short, rare, and not asynchronous. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
