/**
 * The module's raw door: JSON in and out of its memory.
 *
 * It takes no more than this file, so there is nothing generated to ship beside the module.
 */

/** What the module exports; pointers and lengths are unsigned 32-bit numbers. */
interface Raw {
  memory: { readonly buffer: ArrayBuffer };
  raw_version(): number;
  raw_alloc(length: number): number;
  raw_free(pointer: number): void;
  raw_start(pointer: number, length: number): bigint;
  raw_step(handle: number, pointer: number, length: number, nowMs: bigint): bigint;
  raw_drop(handle: number): void;
  raw_call(pointer: number, length: number): bigint;
}

/** The version of the door that this file knows. */
const VERSION = 1;

/** What the core would answer, if it could look at it. */
const TOO_LARGE = {
  code: "bad_input",
  message: "This is more than the core takes at once.",
  advice: "Give it less than 16 MiB.",
};

export class Door {
  readonly #raw: Raw;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });

  /** What an instance of the module exports. */
  constructor(exports: object) {
    const raw = exports as Partial<Raw>;
    if (raw.raw_version?.() !== VERSION) {
      throw new TypeError(`This is no core of pi-auth whose door is of version ${VERSION}.`);
    }
    this.#raw = raw as Raw;
  }

  start(request: string): unknown {
    return this.#ask(request, (at, length) => this.#raw.raw_start(at, length));
  }

  step(handle: number, event: string, nowMs: number): unknown {
    const now = moment(nowMs);
    return this.#ask(event, (at, length) => this.#raw.raw_step(handle, at, length, now));
  }

  drop(handle: number): void {
    this.#raw.raw_drop(handle);
  }

  call(call: string): unknown {
    return this.#ask(call, (at, length) => this.#raw.raw_call(at, length));
  }

  #ask(text: string, ask: (at: number, length: number) => bigint): unknown {
    const input = this.#encoder.encode(text);
    const at = this.#raw.raw_alloc(input.length) >>> 0;
    if (at === 0) return { error: TOO_LARGE };
    new Uint8Array(this.#raw.memory.buffer, at, input.length).set(input);
    // Requests and events hold tokens: the module wipes its copy, and this is the other one.
    input.fill(0);
    const answer = BigInt.asUintN(64, ask(at, input.length));
    this.#raw.raw_free(at);
    const [from, length] = [Number(answer >> 32n), Number(answer & 0xffff_ffffn)];
    // Only now: the memory may have grown, and then an older view of it is void.
    const output = new Uint8Array(this.#raw.memory.buffer, from, length);
    const json = this.#decoder.decode(output);
    this.#raw.raw_free(from);
    return JSON.parse(json);
  }
}

/** A time that is none is the first one, and one that is too late the last. */
function moment(ms: number): bigint {
  if (!(ms > 0)) return 0n;
  return ms < 2 ** 64 ? BigInt(Math.trunc(ms)) : 2n ** 64n - 1n;
}
