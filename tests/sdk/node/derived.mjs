// Clips made from clips: remix, edit, extension, characters. Versions without a method send the same by hand.

import { checkVideo } from "./videos.mjs";

const NOBODY = `video_${"0".repeat(48)}`;
// Method -> the first version that has it; "never" where no version has.
const SINCE = {
  create: [6, 2, 0],
  remix: [6, 2, 0],
  edit: [6, 28, 0],
  extend: [6, 28, 0],
  createCharacter: [6, 28, 0],
  getCharacter: [6, 28, 0],
  createAndPoll: "never",
};

const has = (run, method) => SINCE[method] !== "never" && run.since(...SINCE[method]);

/** The prompt of a call by hand, which is waited for only where it is the only one. */
const byHand = (run, method) => (has(run, method) ? run.glance("by hand") : run.prompt("by hand"));

/** So that no check is left out because of a name that changed. */
async function hasTheMethodsThatWeThink(run) {
  const { videos } = run.client();
  for (const method of Object.keys(SINCE)) run.record.equal(`videos.${method} exists`, method in videos, has(run, method));
}

async function remixes(run) {
  const { record: check } = run;
  const { videos } = run.client();
  const source = await run.completed("bridge");
  const remix = await videos.remix(source.id, { prompt: run.prompt("in winter") });
  checkVideo(run, remix);
  check.equal("remixed_from_video_id", remix.remixed_from_video_id, source.id);
  check.equal("it has the source's shape", [remix.seconds, remix.size], [source.seconds, source.size]);
  check.equal("it ends", (await run.done(remix)).status, "completed");
  await check.raises("an unknown source", run.openai.NotFoundError, () => videos.remix(NOBODY, { prompt: "x" }));
  const empty = await check.raises("no prompt", run.openai.BadRequestError, () => videos.remix(source.id, { prompt: "" }));
  check.equal("param", empty?.param, "prompt");
}

async function edits(run) {
  const source = await run.completed("bridge");
  const body = { prompt: run.prompt("at night"), video: { id: source.id } };
  const made = [await run.client().post("/videos/edits", { body: { ...body, prompt: byHand(run, "edit") } })];
  if (has(run, "edit")) made.push(await run.client().videos.edit(body));
  for (const video of made) {
    checkVideo(run, video);
    run.record.equal("it has the source's shape", [video.seconds, video.size], [source.seconds, source.size]);
  }
  run.record.equal("it ends", (await run.done(made.at(-1))).status, "completed");
}

async function editsAnUpload(run) {
  if (!has(run, "edit")) return;
  const video = await run.file(run.videos.bytes, "clip.mp4", "video/mp4");
  const edit = () => run.client().videos.edit({ prompt: run.prompt("an upload"), video, model: "sora-2" });
  if (run.order.uploads) {
    run.record.equal("it ends", (await run.done(await edit())).status, "completed");
  } else {
    const error = await run.record.raises("where no route takes uploads", run.openai.BadRequestError, edit);
    run.record.that("the message says what is missing", /clip/.test(`${error?.message}`), error ?? null);
  }
}

async function extends_(run) {
  const { record: check } = run;
  const source = await run.completed("bridge");
  const body = { prompt: run.prompt("go on"), seconds: "4", video: { id: source.id } };
  const made = [await run.client().post("/videos/extensions", { body: { ...body, prompt: byHand(run, "extend") } })];
  if (has(run, "extend")) made.push(await run.client().videos.extend(body));
  for (const video of made) {
    checkVideo(run, video);
    check.equal("seconds is the whole length", video.seconds, "8");
  }
  check.equal("it ends", (await run.done(made.at(-1))).status, "completed");
  const without = () => run.client().post("/videos/extensions", { body: { ...body, seconds: null } });
  const error = await check.raises("without seconds", run.openai.BadRequestError, without);
  check.equal("code and param", [error?.code, error?.param], ["missing_required_parameter", "seconds"]);
}

async function makesCharacters(run) {
  const { record: check } = run;
  const { videos } = run.client();
  const { BadRequestError, NotFoundError } = run.openai;
  if (has(run, "createCharacter")) {
    const clip = () => run.file(run.videos.bytes, "clip.mp4", "video/mp4");
    const made = await videos.createCharacter({ name: "Biscuit", video: await clip() });
    check.that("id", made.id?.startsWith("char_"), made.id);
    check.equal("name", made.name, "Biscuit");
    check.that("created_at", Number.isInteger(made.created_at), made.created_at);
    const seen = await videos.getCharacter(made.id);
    check.equal("it can be read", [seen.id, seen.name, seen.created_at], [made.id, made.name, made.created_at]);
    await check.raises("an unknown one", NotFoundError, () => videos.getCharacter(`char_${"0".repeat(48)}`));
    const long = { name: "x".repeat(81), video: await clip() };
    await check.raises("a name that is too long", BadRequestError, () => videos.createCharacter(long));
    const body = { prompt: run.prompt("Biscuit sleeps"), characters: [{ id: made.id }] };
    check.equal("it ends with the character", (await run.done(await videos.create(body))).status, "completed");
  }
  const unknown = { prompt: run.prompt("nobody"), characters: [{ id: `char_${"0".repeat(48)}` }] };
  await check.raises("an unknown character in a create", BadRequestError, () => videos.create(unknown));
}

Object.defineProperty(extends_, "name", { value: "extends" });

export const SCENARIOS = [hasTheMethodsThatWeThink, remixes, edits, editsAnUpload, extends_, makesCharacters];
