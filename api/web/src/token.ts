// The token that an engine may ask for: kept for this tab alone, sent to the engine alone, asked for when it is refused.
import { Refused } from "./http";

const KEY = "gridgis-token";
const SHAPE = /^[\w-]+\.[\w-]+\.[\w-]+$/; // a JSON Web Token in its compact form, RFC 7519, 3

/** Where the token of this tab lies; "" is none. */
export interface Tokens {
  read(): string;
  write(token: string): void;
}

/** Asks a person for a token; `sentence` says what was wrong with the last one, "" before there was any. */
export type AskForToken = (sentence: string) => Promise<string>;

/** The storage of a tab, which no other tab reads and which ends with it. */
export function sessionTokens(storage: Storage = sessionStorage): Tokens {
  return {
    read: () => storage.getItem(KEY) ?? "",
    write: (token) => (token === "" ? storage.removeItem(KEY) : storage.setItem(KEY, token)),
  };
}

/** What was pasted as a token, or null where it cannot be one. */
export function tokenIn(pasted: string): string | null {
  const token = pasted.trim().replace(/^Bearer\s+/i, "");
  return SHAPE.test(token) ? token : null;
}

/** What questions to the engine pass through: those that meet 401 wait for a token, all for the same one. */
export class Gate {
  private waiting: Promise<void> | null = null;

  constructor(
    private readonly tokens: Tokens,
    private readonly askFor: AskForToken,
  ) {}

  /** The answer of `question`, asked again with another token as often as it is refused for want of one. */
  async through<T>(question: (token: string) => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      if (this.waiting !== null) await this.waiting;
      signal?.throwIfAborted();
      const token = this.tokens.read();
      try {
        return await question(token);
      } catch (error) {
        if (!(error instanceof Refused) || error.status !== 401) throw error;
        if (token === this.tokens.read()) await this.another(token === "" ? "" : error.message);
      }
    }
  }

  private another(sentence: string): Promise<void> {
    this.waiting ??= this.askFor(sentence)
      .then((token) => this.tokens.write(token))
      .finally(() => (this.waiting = null));
    return this.waiting;
  }
}
