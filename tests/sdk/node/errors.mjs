// Every error class that the SDK raises, and what it carries.

import { createServer } from "node:net";

import { all } from "./record.mjs";

const NOBODY = `video_${"0".repeat(48)}`;
// Statuses that this gateway has no reason for yet come from a proxy in front of it.
const BY_PROXY = {
  403: "PermissionDeniedError",
  409: "ConflictError",
  422: "UnprocessableEntityError",
  429: "RateLimitError",
  500: "InternalServerError",
  502: "InternalServerError",
  503: "InternalServerError",
};

/** Its status, the four keys of its body, its request id, and the fields that are named. */
function checkError(run, error, status, fields = {}) {
  if (!error) return;
  const { record: check } = run;
  const body = error.error ?? {};
  check.equal("status", error.status, status);
  check.equal("the body has the four keys", ["message", "type", "param", "code"].filter((key) => !(key in body)), []);
  check.that("it carries the request id", `${error.requestID}`.startsWith("req_"), error.requestID ?? null);
  check.that("it has a message", body.message, body);
  for (const [name, expected] of Object.entries(fields)) check.equal(name, error[name], expected);
}

async function refusesStrangers(run) {
  const { AuthenticationError } = run.openai;
  const wrong = run.client({ apiKey: "sk-nobody" });
  const acts = { create: () => wrong.videos.create({ prompt: "x" }), list: () => wrong.videos.list() };
  for (const [what, act] of Object.entries(acts)) {
    const error = await run.record.raises(`${what} with a wrong key`, AuthenticationError, act);
    checkError(run, error, 401, { code: "invalid_api_key", param: null, type: "invalid_request_error" });
  }
  const bare = () => run.client().videos.list({}, { headers: { Authorization: null } });
  const error = await run.record.raises("no key at all", AuthenticationError, bare);
  checkError(run, error, 401, { code: null, type: "invalid_request_error" });
}

async function refusesBadFields(run) {
  const prompt = run.prompt("bad");
  const cases = [
    ["a size", { prompt, size: "640x480" }, "size", "invalid_value", ["720x1280", "1280x720"]],
    ["a size of another model", { prompt, size: "1080x1920" }, "size", "invalid_value", ["720x1280"]],
    ["seconds", { prompt, seconds: "5" }, "seconds", "invalid_value", ["4", "8", "12"]],
    ["an empty prompt", { prompt: "" }, "prompt", undefined, []],
    ["a prompt too long", { prompt: "x".repeat(32_001) }, "prompt", undefined, ["32000"]],
    ["a control character", { prompt: "a\u0000b" }, "prompt", undefined, []],
    ["an unknown field", { prompt, n: 2 }, "n", "unknown_parameter", []],
    ["an extra of others", { prompt, guidance_scale: 7 }, "guidance_scale", "unknown_parameter", []],
    ["synonyms that disagree", { prompt, seconds: "4", duration: 8 }, "duration", "invalid_value", []],
    ["no prompt", { seconds: "4" }, "prompt", "missing_required_parameter", []],
  ];
  for (const [what, body, param, code, words] of cases) {
    const act = () => run.client().videos.create(body);
    const error = await run.record.raises(what, run.openai.BadRequestError, act);
    checkError(run, error, 400, { param, type: "invalid_request_error", ...(code ? { code } : {}) });
    for (const word of words) run.record.that(`${what}: the message names ${word}`, `${error}`.includes(word), `${error}`);
  }
}

async function knowsWhatIsNotThere(run) {
  const client = run.client();
  const acts = {
    retrieve: () => client.videos.retrieve(NOBODY),
    delete: () => client.videos.delete(NOBODY),
    content: () => client.videos.downloadContent(NOBODY),
    remix: () => client.videos.remix(NOBODY, { prompt: "x" }),
    "an id with a slash": () => client.videos.retrieve("a/b"),
    "an unknown route": () => client.get("/nowhere"),
  };
  for (const [what, act] of Object.entries(acts)) {
    const error = await run.record.raises(what, run.openai.NotFoundError, act);
    checkError(run, error, 404, { type: "invalid_request_error" });
  }
  const model = () => client.videos.create({ prompt: run.prompt("x"), model: "sora-9" });
  const error = await run.record.raises("an unknown model", run.openai.NotFoundError, model);
  checkError(run, error, 404, { code: "model_not_found", param: "model" });
  checkError(run, await run.record.raises("a wrong method", run.openai.APIError, () => client.put("/videos")), 405);
}

async function hidesTheVideosOfOthers(run) {
  const { id } = await run.completed("bridge");
  const other = run.client({ apiKey: run.order.stranger_key });
  const acts = {
    retrieve: () => other.videos.retrieve(id),
    delete: () => other.videos.delete(id),
    content: () => other.videos.downloadContent(id),
    remix: () => other.videos.remix(id, { prompt: "x" }),
  };
  for (const [what, act] of Object.entries(acts)) {
    checkError(run, await run.record.raises(what, run.openai.NotFoundError, act), 404);
  }
  const listed = await all(other.videos.list({ limit: 100 }));
  run.record.that("it is not in their list", !listed.some((one) => one.id === id));
}

async function listsModels(run) {
  const { record: check } = run;
  const client = run.client();
  const ids = (await all(client.models.list())).map((one) => one.id);
  check.that("sora-2 and sora-2-pro are there", ids.includes("sora-2") && ids.includes("sora-2-pro"), ids);
  const one = await client.models.retrieve("sora-2");
  check.equal("object", [one.id, one.object], ["sora-2", "model"]);
  check.that("created and owned_by", Number.isInteger(one.created) && typeof one.owned_by === "string", one);
  for (const name of ["sora-9", "vendor/sora-9"]) {
    const error = await check.raises(`model ${name}`, run.openai.NotFoundError, () => client.models.retrieve(name));
    checkError(run, error, 404, { code: "model_not_found" });
  }
}

async function mapsEveryStatus(run) {
  const client = run.client({ baseURL: run.order.faulty_url });
  for (const [status, name] of Object.entries(BY_PROXY)) {
    const act = () => client.videos.retrieve(`page-${status}`);
    const error = await run.record.raises(`status ${status}`, run.openai[name], act);
    run.record.equal("status", error?.status, Number(status));
  }
}

async function tellsADeadServerFromAnAnswer(run) {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  const client = run.client({ baseURL: `http://127.0.0.1:${port}/v1` });
  await run.record.raises("nobody listens", run.openai.APIConnectionError, () => client.videos.list());
}

export const SCENARIOS = [
  listsModels,
  refusesStrangers,
  refusesBadFields,
  knowsWhatIsNotThere,
  hidesTheVideosOfOthers,
  mapsEveryStatus,
  tellsADeadServerFromAnAnswer,
];
