// One way to ask: JSON in and out, a deadline, and an error whose message a person can act on.
import { S } from "./strings";
import type { Problem } from "./wire";

/** Nobody answered, or not in time. */
export class Away extends Error {}

/** The service answered and refuses; the message is the problem document's own sentence. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export interface Asking {
  method?: "GET" | "POST" | "PATCH";
  body?: unknown;
  seconds?: number;
  signal?: AbortSignal;
  /** Sent as a bearer token; "" for none. */
  token?: string;
  /** The sentence to show when nobody answers. */
  away: string;
}

export async function ask<T>(url: string, asking: Asking): Promise<T> {
  const seconds = asking.seconds ?? 30;
  const deadline = AbortSignal.timeout(seconds * 1000);
  const signal = asking.signal ? AbortSignal.any([asking.signal, deadline]) : deadline;
  const headers: Record<string, string> = { Accept: "application/json, application/geo+json" };
  if (asking.body !== undefined) headers["Content-Type"] = "application/json";
  if (asking.token) headers["Authorization"] = `Bearer ${asking.token}`;
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: asking.method ?? "GET",
      headers,
      body: asking.body === undefined ? null : JSON.stringify(asking.body),
      signal,
      cache: "no-store",
    });
    text = await response.text();
  } catch (error) {
    if (asking.signal?.aborted) throw error;
    if (deadline.aborted) throw new Away(S.slow(new URL(url, location.href).origin, seconds));
    throw new Away(asking.away);
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    document = undefined;
  }
  if (!response.ok) {
    const problem = (document ?? {}) as Problem;
    const sentence = problem.detail ?? problem.title ?? S.unusable(new URL(url, location.href).origin);
    throw response.status === 503 ? new Away(capitalised(sentence)) : new Refused(response.status, capitalised(sentence));
  }
  if (document === undefined) throw new Refused(response.status, S.unusable(new URL(url, location.href).origin));
  return document as T;
}

function capitalised(sentence: string): string {
  const text = sentence.slice(0, 1).toUpperCase() + sentence.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
