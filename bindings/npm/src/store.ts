/** Where credentials are kept, seen from one job. */
import type { Event } from "./types.js";

/** When the lock is taken: an answer that is in our hands exists nowhere else. */
export type Moment = "before_request" | "answer_in_hand";

/**
 * What a job asks of a credential store. Each method answers with one of the events that the core
 * takes for the effect of that name. One such object serves one job, and holds its lock.
 */
export interface Store {
  readOverrides(): Event;
  /** Under the lock, what was read is what a later write may replace. */
  read(): Event;
  /**
   * Proves that the credentials can be replaced, and reads them, under a lock that ends at once. What a save
   * needs and others could use up is held until the next lock.
   */
  probe(signal: AbortSignal): Promise<Event>;
  /** Takes the lock and, before a request, tries all that a write will need. */
  lock(signal: AbortSignal, moment?: Moment): Promise<Event>;
  /** Lets go of the lock and of all else, if it is held. Also called when the job is over. */
  unlock(): Promise<void>;
  write(contents: string, unlocked: boolean): Event;
  readBackoff(): Event;
  writeBackoff(contents: string): void;
}
