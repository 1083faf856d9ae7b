// The SDK's own automatic resends: whatever happens on the way, one create is one video.

import { all } from "./record.mjs";
import { png } from "./things.mjs";

const TIMEOUT_MS = 3_000;

/** `order.faulty` names a proxy for every fault; what each counted is for the proxies' owner to see. */
async function oneCreateIsOneVideo(run) {
  await Promise.all(Object.entries(run.order.faulty).map(([fault, baseURL]) => through(run, fault, baseURL)));
}

/** With the SDK's default retries, of which no option says anything. */
async function through(run, fault, baseURL) {
  const { record: check, OpenAI } = run;
  const client = new OpenAI({ baseURL, apiKey: run.order.key, timeout: TIMEOUT_MS });
  const body = { prompt: run.prompt(`through: ${fault}`) };
  if (fault.includes("image")) {
    Object.assign(body, { input_reference: await run.file(png(720, 1280), "frame.png", "image/png"), size: "720x1280" });
  }
  let seen;
  if (run.order.hopeless.includes(fault)) {
    const kind = fault.includes("silence") ? run.openai.APIConnectionTimeoutError : run.openai.APIConnectionError;
    await check.raises(fault, kind, () => client.videos.create(body));
  } else {
    seen = (await client.videos.create(body)).id;
  }
  const listed = (await all(run.client().videos.list({ limit: 100 }))).filter((video) => video.prompt === body.prompt);
  check.equal(`${fault}: one video exists`, listed.length, 1);
  if (seen) check.equal(`${fault}: it is the one that was answered`, listed.map((video) => video.id), [seen]);
  const ends = await Promise.all(listed.map((video) => run.done(video)));
  check.equal(`${fault}: it is rendered`, ends.map((video) => video.status), ["completed"]);
}

async function deliberateCreatesStayTwo(run) {
  const create = () => run.client().videos.create({ prompt: run.glance("twice on purpose") });
  run.record.that("two calls are two videos", (await create()).id !== (await create()).id);
}

async function anIdempotencyKeyIsHonoured(run) {
  const { record: check, OpenAI } = run;
  const options = { headers: { "Idempotency-Key": `key ${run.order.tag}` } };
  const prompt = run.glance("with a key");
  const { videos } = run.client();
  const first = await videos.create({ prompt }, options);
  check.equal("the same key and request", (await videos.create({ prompt }, options)).id, first.id);
  const retrying = new OpenAI({ baseURL: run.order.base_url, apiKey: run.order.key });
  const other = () => retrying.videos.create({ prompt: `${prompt}!` }, options);
  const error = await check.raises("the same key, another request", run.openai.UnprocessableEntityError, other);
  check.equal("x-should-retry", error?.headers?.get("x-should-retry"), "false");
}

export const SCENARIOS = [oneCreateIsOneVideo, deliberateCreatesStayTwo, anIdempotencyKeyIsHonoured];
