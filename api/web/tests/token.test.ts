// Tokens: what is one, and how questions wait for it. Expected values follow from the words of each test.
import { describe, expect, it } from "vitest";
import { Refused } from "../src/http";
import { Gate, tokenIn, type Tokens } from "../src/token";

class Pocket implements Tokens {
  constructor(private held = "") {}
  read(): string {
    return this.held;
  }
  write(token: string): void {
    this.held = token;
  }
}

/** A service that answers to one token and counts what it was asked. */
function service(good: () => string): { asked: string[]; ask: (token: string) => Promise<string> } {
  const asked: string[] = [];
  return {
    asked,
    ask: async (token) => {
      asked.push(token);
      if (token !== good()) throw new Refused(401, token === "" ? "None came." : "It has run out.");
      return "the grid";
    },
  };
}

describe("a token", () => {
  it("is found in what was pasted", () => {
    expect(tokenIn("  eyJh.eyJj.s1-_g\n")).toBe("eyJh.eyJj.s1-_g");
    expect(tokenIn("Bearer eyJh.eyJj.s1-_g")).toBe("eyJh.eyJj.s1-_g");
  });

  it("is nothing that could not stand in a header", () => {
    for (const one of ["", "eyJh", "a.b", "a.b.c.d", "a.b.c\r\nCookie: x", "é.b.c", "a..c"]) expect(tokenIn(one)).toBeNull();
  });
});

describe("the gate", () => {
  it("sends no token where none is asked for", async () => {
    const { asked, ask } = service(() => "");
    const never = new Gate(new Pocket(), () => Promise.reject(new Error("nobody is to be asked")));
    expect(await never.through(ask)).toBe("the grid");
    expect(asked).toEqual([""]);
  });

  it("asks a person once for many questions, and answers all of them", async () => {
    const { ask } = service(() => "good");
    const sentences: string[] = [];
    const gate = new Gate(new Pocket(), async (sentence) => {
      sentences.push(sentence);
      return "good";
    });
    expect(await Promise.all([gate.through(ask), gate.through(ask), gate.through(ask)])).toEqual(Array(3).fill("the grid"));
    expect(sentences).toEqual([""]);
  });

  it("says what was wrong with a token that was refused, and asks again", async () => {
    let good = "first";
    const { ask } = service(() => good);
    const pocket = new Pocket("first");
    const given = ["wrong", "second"];
    const sentences: string[] = [];
    const gate = new Gate(pocket, async (sentence) => {
      sentences.push(sentence);
      return given.shift()!;
    });
    await gate.through(ask);
    good = "second"; // the first one has run out
    expect(await gate.through(ask)).toBe("the grid");
    expect(sentences).toEqual(["It has run out.", "It has run out."]);
    expect(pocket.read()).toBe("second");
  });

  it("leaves other refusals to who asked", async () => {
    const gate = new Gate(new Pocket("t"), () => Promise.reject(new Error("nobody is to be asked")));
    await expect(gate.through(async () => Promise.reject(new Refused(403, "Not yours.")))).rejects.toThrow("Not yours.");
  });

  it("lets go of a question that was given up meanwhile", async () => {
    const { asked, ask } = service(() => "good");
    const question = new AbortController();
    const gate = new Gate(new Pocket(), async () => {
      question.abort();
      return "good";
    });
    await expect(gate.through(ask, question.signal)).rejects.toThrow(/abort/i);
    expect(asked).toEqual([""]);
  });
});
