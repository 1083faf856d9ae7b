// What a run of checks writes down: how many were made, and each that failed, in words. The same as the Python side's.

const SHOWN = 300;

export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

const shown = (value) => String(value instanceof Error ? value : JSON.stringify(value)).slice(0, SHOWN);

export class Record {
  checks = 0;
  failures = [];
  scenarios = [];

  that(promise, truth, seen) {
    this.checks += 1;
    if (!truth) {
      const where = this.scenarios.length ? `${this.scenarios.at(-1)}: ` : "";
      this.failures.push(`${where}${promise}${seen === undefined ? "" : ` (seen: ${shown(seen)})`}`);
    }
  }

  equal(promise, seen, expected) {
    this.that(`${promise}: expected ${shown(expected)}`, same(seen, expected), seen ?? null);
  }

  /** The error, or undefined if it did not come as promised. */
  async raises(promise, kind, act) {
    let seen;
    try {
      seen = await act();
    } catch (error) {
      this.that(`${promise}: expected ${kind.name}`, error instanceof kind, error);
      return error instanceof kind ? error : undefined;
    }
    this.that(`${promise}: expected ${kind.name}, nothing was raised`, false, seen ?? null);
    return undefined;
  }

  /** A scenario that breaks is a failure; the next one still runs. */
  async run(scenario, run) {
    this.scenarios.push(scenario.name);
    try {
      await scenario(run);
    } catch (error) {
      this.that("broke", false, `${error.stack}`);
    }
  }
}

export class Run {
  videos = {};

  constructor(order, openai, version) {
    this.order = order;
    this.openai = openai;
    this.OpenAI = openai.default;
    this.version = version;
    this.record = new Record();
  }

  client(more = {}) {
    return new this.OpenAI({ baseURL: this.order.base_url, apiKey: this.order.key, maxRetries: 0, ...more });
  }

  /** `kind`: plain, fails, runs (for ever). The provider is told so inside the prompt. */
  prompt(words, kind = "plain") {
    return `${this.order.prompts[kind]} ${words} ${this.order.tag}`.trim();
  }

  /** The prompt of a video whose end nobody waits for: it fails, so that nothing is rendered for nobody. */
  glance(words) {
    return this.prompt(words, "fails");
  }

  file(bytes, name, type) {
    return this.openai.toFile(bytes, name, { type });
  }

  /** Is this version at least that one? */
  since(...least) {
    const parts = this.version.split(".").map(Number);
    for (let at = 0; at < least.length; at += 1) {
      if (parts[at] !== least[at]) return parts[at] > least[at];
    }
    return true;
  }

  /** Wait until it ends: this SDK has no helper for it in any version. */
  async done(video) {
    const client = this.client();
    const deadline = Date.now() + 60_000;
    while (["queued", "in_progress"].includes(video.status)) {
      if (Date.now() > deadline) throw new Error(`${video.id} did not end`);
      await new Promise((resolve) => setTimeout(resolve, 100));
      video = await client.videos.retrieve(video.id);
    }
    return video;
  }

  async completed(name) {
    this.videos[name] ??= await this.done(await this.client().videos.create({ prompt: this.prompt(`the ${name}`) }));
    return this.videos[name];
  }
}

export async function all(page) {
  const items = [];
  for await (const item of page) items.push(item);
  return items;
}
