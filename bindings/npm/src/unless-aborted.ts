/** Waiting that may be given up. */

/**
 * Awaits `work`, which goes on whatever happens here, and rejects with the signal's reason once `signal` is
 * aborted. It need be no promise: in JavaScript, somebody may answer at once.
 */
export async function unlessAborted<T>(
  work: T | PromiseLike<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    const done = (): void => signal.removeEventListener("abort", stop);
    Promise.resolve(work).then(resolve, reject).finally(done);
  });
}
