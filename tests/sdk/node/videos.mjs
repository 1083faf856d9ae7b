// Creating in every form, retrieving, listing and deleting.

import { all } from "./record.mjs";
import { png } from "./things.mjs";

const SMALL = "720x1280";
const whole = Number.isInteger;
const text = (value) => typeof value === "string";
const maybe = (is) => (value) => value === null || is(value);
const KEYS = {
  id: text,
  object: text,
  created_at: whole,
  status: (value) => ["queued", "in_progress", "completed", "failed"].includes(value),
  completed_at: maybe(whole),
  error: () => true,
  expires_at: maybe(whole),
  model: text,
  progress: whole,
  prompt: maybe(text),
  remixed_from_video_id: maybe(text),
  seconds: text,
  size: text,
};

/** The thirteen keys with their types. */
export function checkVideo(run, video) {
  run.record.equal("a video has the thirteen keys", Object.keys(KEYS).filter((name) => !(name in video)), []);
  run.record.equal("every key has its type", Object.keys(KEYS).filter((name) => !KEYS[name](video[name])), []);
}

async function createsWithTheDefaults(run) {
  const { record: check } = run;
  const client = run.client();
  const prompt = run.glance("a paper boat");
  const { data: video, response } = await client.videos.create({ prompt }).withResponse();
  checkVideo(run, video);
  check.equal("status 200", response.status, 200);
  check.equal("object", video.object, "video");
  check.that("the id says what it is", video.id.startsWith("video_"), video.id);
  check.equal("default model", video.model, "sora-2");
  check.equal("default seconds", video.seconds, "4");
  check.equal("default size", video.size, SMALL);
  check.equal("prompt", video.prompt, prompt);
  check.that("it is not ended yet", ["queued", "in_progress"].includes(video.status), video.status);
  check.equal("no error", video.error, null);
  check.that("the answer carries a request id", `${video._request_id}`.startsWith("req_"), video._request_id);
  const hint = response.headers.get("openai-poll-after-ms");
  check.that("a pending video says when to look again", /^\d+$/.test(hint) && +hint >= 1000 && +hint <= 8000, hint);
  const again = await client.videos.retrieve(video.id);
  check.equal("it can be read at once", again.id, video.id);
  check.equal("created_at stays", again.created_at, video.created_at);
}

async function createsWithEveryField(run) {
  const client = run.client();
  const wanted = { prompt: run.glance("a kite"), model: "sora-2-pro", seconds: "8", size: "1280x720" };
  const video = await client.videos.create(wanted);
  run.record.equal("what was asked for", [video.model, video.seconds, video.size], ["sora-2-pro", "8", "1280x720"]);
  const number = await client.videos.create({ prompt: run.glance("a number"), seconds: 8 });
  run.record.equal("seconds as a number", number.seconds, "8");
  const alias = await client.videos.create({ prompt: run.glance("an alias"), model: "sora-2-2025-12-08" });
  run.record.equal("an alias is shown as it was asked for", alias.model, "sora-2-2025-12-08");
}

async function createsFromJson(run) {
  const body = { prompt: run.glance("as JSON"), seconds: "4", size: "1280x720", input_reference: null };
  const video = await run.client().post("/videos", { body });
  checkVideo(run, video);
  run.record.equal("size", video.size, "1280x720");
}

async function createsWithAnImageFile(run) {
  const { record: check } = run;
  const client = run.client();
  const image = png(720, 1280);
  const forms = {
    "a file from bytes": await run.file(image, "frame.png", "image/png"),
    "a file without a type": await run.file(image, "frame"),
    "a response": new Response(image, { headers: { "content-type": "image/png" } }),
  };
  for (const [form, input_reference] of Object.entries(forms)) {
    const prompt = run.glance(`a frame as ${form}`);
    const video = await client.videos.create({ prompt, input_reference, size: SMALL });
    check.equal(`a frame as ${form}`, [video.size, video.prompt], [SMALL, prompt]);
  }
  const refused = { "another size": png(640, 360), "no picture": Buffer.from("not a picture") };
  for (const [what, bytes] of Object.entries(refused)) {
    const input_reference = await run.file(bytes, "frame.png", "image/png");
    const act = () => client.videos.create({ prompt: run.prompt("wrong"), input_reference, size: SMALL });
    const error = await check.raises(`a frame with ${what}`, run.openai.BadRequestError, act);
    if (error) check.equal("param", error.param, "input_reference");
  }
}

async function createsWithAReferenceObject(run) {
  const { record: check } = run;
  const client = run.client();
  const image_url = `data:image/png;base64,${png(720, 1280).toString("base64")}`;
  const made = await client.videos.create({ prompt: run.glance("a data URL"), size: SMALL, input_reference: { image_url } });
  check.equal("a data URL", made.size, SMALL);
  const refused = {
    "a private address": { image_url: "https://127.0.0.1/frame.png" },
    "no https": { image_url: "http://example.com/frame.png" },
    "a file id": { file_id: "file-123" },
  };
  for (const [what, input_reference] of Object.entries(refused)) {
    const act = () => client.videos.create({ prompt: run.prompt("wrong"), size: SMALL, input_reference });
    const error = await check.raises(`a reference with ${what}`, run.openai.BadRequestError, act);
    if (error) check.that("param names the reference", `${error.param}`.startsWith("input_reference"), error.param);
  }
}

async function takesExtrasAndSynonyms(run) {
  const extras = [
    [{ duration: 8 }, ["8", SMALL]],
    [{ n_seconds: "12" }, ["12", SMALL]],
    [{ width: 1280, height: 720 }, ["4", "1280x720"]],
    [{ aspect_ratio: "16:9", resolution: "720p" }, ["4", "1280x720"]],
    [{ metadata: { shelf: "7" } }, ["4", SMALL]],
  ];
  for (const [extra, expected] of extras) {
    const video = await run.client().videos.create({ prompt: run.glance("extra"), ...extra });
    run.record.equal(`extra ${JSON.stringify(extra)}`, [video.seconds, video.size], expected);
  }
}

async function pollsUntilItIsCompleted(run) {
  const { record: check } = run;
  const video = await run.completed("bridge");
  checkVideo(run, video);
  check.equal("status", video.status, "completed");
  check.equal("progress", video.progress, 100);
  check.that("completed_at", video.completed_at >= video.created_at, video.completed_at);
  check.that("expires_at", video.expires_at > video.completed_at, video.expires_at);
  check.equal("error", video.error, null);
}

async function showsAFailedJobAsAVideo(run) {
  const video = await run.done(await run.client().videos.create({ prompt: run.prompt("a storm", "fails") }));
  run.record.equal("status", video.status, "failed");
  run.record.that("its error has a code", typeof video.error?.code === "string", video.error);
  run.record.that("its error has a message", Boolean(video.error?.message), video.error);
}

async function listsPageByPage(run) {
  const { record: check } = run;
  const client = run.client({ apiKey: run.order.list_key });
  const ids = async (query) => (await all(client.videos.list(query))).map((one) => one.id);
  check.equal("an empty list", await ids({}), []);
  const made = [];
  for (let number = 0; number < 5; number += 1) {
    made.push((await client.videos.create({ prompt: run.glance(`number ${number}`) })).id);
  }
  check.equal("oldest first", await ids({ limit: 2, order: "asc" }), made);
  check.equal("newest first", await ids({ limit: 2, order: "desc" }), made.toReversed());
  check.equal("newest first by default", await ids({}), made.toReversed());
  const page = await client.videos.list({ limit: 2, order: "asc" });
  check.equal("a page holds what was asked for", page.data.map((one) => one.id), made.slice(0, 2));
  check.equal("has_more and last_id", [page.has_more, page.last_id], [true, made[1]]);
  const following = await page.getNextPage();
  check.equal("the next page goes on", following.data.map((one) => one.id), made.slice(2, 4));
  const last = await following.getNextPage();
  check.equal("the last page", [last.data.map((one) => one.id), last.has_more], [made.slice(4), false]);
  check.equal("after the last", await ids({ after: made[4], order: "asc" }), []);
  for (const query of [{ limit: 101 }, { limit: -1 }, { order: "sideways" }]) {
    await check.raises(JSON.stringify(query), run.openai.BadRequestError, () => client.videos.list(query));
  }
}

async function deletes(run) {
  const { record: check } = run;
  const client = run.client();
  const { NotFoundError } = run.openai;
  const { id } = await run.done(await client.videos.create({ prompt: run.prompt("short-lived") }));
  const gone = await client.videos.delete(id);
  check.equal("the answer", [gone.id, gone.object, gone.deleted], [id, "video.deleted", true]);
  await check.raises("retrieve after delete", NotFoundError, () => client.videos.retrieve(id));
  await check.raises("content after delete", NotFoundError, () => client.videos.downloadContent(id));
  await check.raises("delete after delete", NotFoundError, () => client.videos.delete(id));
  const listed = await all(client.videos.list({ limit: 100 }));
  check.that("it is not listed", !listed.some((one) => one.id === id));
}

async function refusesToTouchARunningVideo(run) {
  const { record: check } = run;
  const client = run.client();
  const { BadRequestError, NotFoundError } = run.openai;
  const { id } = await client.videos.create({ prompt: run.prompt("a glacier", "runs") });
  const error = await check.raises("delete of a running video", BadRequestError, () => client.videos.delete(id));
  check.that("the error has a code", error?.code, error ?? null);
  await check.raises("content before the end", NotFoundError, () => client.videos.downloadContent(id));
  const remix = () => client.videos.remix(id, { prompt: run.prompt("again") });
  check.equal("code", (await check.raises("remix of a running video", BadRequestError, remix))?.code, "invalid_value");
  check.that("it is still there", ["queued", "in_progress"].includes((await client.videos.retrieve(id)).status));
}

/** Not in the SDK's vocabulary, so asked for as the SDK asks for anything. */
async function quotes(run) {
  const { record: check } = run;
  const client = run.client();
  const body = { prompt: run.prompt("dear me"), model: "sora-2", seconds: "8" };
  const answer = await client.post("/videos/quote", { body });
  check.equal("object", answer.object, "video.quote");
  check.equal("price", [answer.price_usd, answer.price_micros, answer.currency], ["0.80", 800000, "usd"]);
  check.equal("routes", answer.routes.map((one) => one.price_micros), [800000]);
  const refused = () => client.post("/videos/quote", { body: { ...body, seconds: "5" } });
  await check.raises("a refusal", run.openai.BadRequestError, refused);
}

export const SCENARIOS = [
  createsWithTheDefaults,
  createsWithEveryField,
  createsFromJson,
  createsWithAnImageFile,
  createsWithAReferenceObject,
  takesExtrasAndSynonyms,
  pollsUntilItIsCompleted,
  showsAFailedJobAsAVideo,
  quotes,
  listsPageByPage,
  deletes,
  refusesToTouchARunningVideo,
];
