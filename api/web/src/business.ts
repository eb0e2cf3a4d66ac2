// What the map asks the business API: its configuration and the outage records.
import { ask } from "./http";
import { S } from "./strings";
import type { Mode } from "./engine";
import type { Application, ImpactCustomer, Outage, OutageDetail } from "./wire";
import type { Position } from "geojson";

export interface NewRecord {
  ids: readonly string[];
  mode: Mode;
  kind: "planned" | "unplanned";
  cause: string;
  expected: string | null;
  key: string;
}

const ROOT = "/api/v1";
const away = S.apiAway;

export function config(): Promise<{ engine_url: string; api_version: string }> {
  return ask(`${ROOT}/config`, { away, seconds: 10 });
}

export function openRecord(record: NewRecord): Promise<OutageDetail> {
  return ask(`${ROOT}/outages`, {
    method: "POST",
    away,
    seconds: 60,
    body: {
      ...(record.mode === "out" ? { out: record.ids } : { faults: record.ids }),
      kind: record.kind,
      cause: record.cause,
      ...(record.expected === null ? {} : { expected_restoration_at: record.expected }),
      idempotency_key: record.key,
    },
  });
}

export async function openOutages(): Promise<Outage[]> {
  const page = await ask<{ outages: Outage[] }>(`${ROOT}/outages?status=open&limit=50`, { away, seconds: 10 });
  return page.outages;
}

export function outage(id: string): Promise<OutageDetail> {
  return ask(`${ROOT}/outages/${encodeURIComponent(id)}`, { away });
}

export async function customersOf(id: string): Promise<ImpactCustomer[]> {
  const all: ImpactCustomer[] = [];
  let next: string | null = `${ROOT}/outages/${encodeURIComponent(id)}/customers?format=json&limit=10000`;
  while (next !== null) {
    const page: { customers: ImpactCustomer[]; next: string | null } = await ask(next, { away });
    all.push(...page.customers);
    next = page.next;
  }
  return all;
}

export function closeRecord(outage: Outage, restoredAt: string): Promise<OutageDetail> {
  return ask(`${ROOT}/outages/${encodeURIComponent(outage.id)}/close`, {
    method: "POST",
    away,
    body: { restored_at: restoredAt, version: outage.version },
  });
}

export interface NewApplication {
  applicant: string;
  point: Position;
  kva: number;
  supplies: number;
  who: string;
  key: string;
}

export function newApplication(made: NewApplication): Promise<Application> {
  return ask(`${ROOT}/applications`, {
    method: "POST",
    away,
    body: {
      applicant: { name: made.applicant },
      point: made.point,
      kva: made.kva,
      supplies: made.supplies,
      decided_by: made.who,
      idempotency_key: made.key,
    },
  });
}

export function askSchemes(id: string, who: string): Promise<Application> {
  return ask(`${ROOT}/applications/${encodeURIComponent(id)}/schemes`, {
    method: "POST",
    away,
    seconds: 60,
    body: { decided_by: who },
  });
}

export function acceptScheme(id: string, rank: number, who: string): Promise<Application> {
  return ask(`${ROOT}/applications/${encodeURIComponent(id)}/accept`, {
    method: "POST",
    away,
    seconds: 60,
    body: { decided_by: who, rank },
  });
}

/** A key that makes a double click open one record; random, also where `crypto.randomUUID` needs HTTPS. */
export function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
