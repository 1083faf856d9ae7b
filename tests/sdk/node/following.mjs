// Following a video: looks that wait for a change, and events as a stream. This SDK has no poll of its own.

const LOOKS_MAX = 12;
const PENDING = ["queued", "in_progress"];

async function pollsAtThePaceThatItIsTold(run) {
  const client = run.client();
  let video = await client.videos.create({ prompt: run.glance("a ferry") });
  let looks = 0;
  while (PENDING.includes(video.status) && looks < LOOKS_MAX) {
    const { data, response } = await client.videos.retrieve(video.id).withResponse();
    video = data;
    looks += 1;
    const hint = response.headers.get("openai-poll-after-ms");
    if (PENDING.includes(video.status)) {
      run.record.that("a pending look says when", /^\d+$/.test(hint) && +hint >= 1000 && +hint <= 8000, hint);
      await new Promise((done) => setTimeout(done, +hint));
    } else {
      run.record.equal("the last one says nothing", hint, null);
    }
  }
  run.record.that(`it ends after ${looks} looks`, !PENDING.includes(video.status), video.status);
}

async function waitsForChanges(run) {
  const client = run.client();
  let video = await client.videos.create({ prompt: run.prompt("a lantern") });
  let looks = 0;
  while (PENDING.includes(video.status) && looks < LOOKS_MAX) {
    const wanted = { headers: { Prefer: "wait=20" } };
    const { data, response } = await client.videos.retrieve(video.id, wanted).withResponse();
    video = data;
    looks += 1;
    if (PENDING.includes(video.status)) {
      run.record.equal("it was waited", response.headers.get("preference-applied"), "wait=20");
    }
  }
  run.record.equal(`it is completed after ${looks} looks`, video.status, "completed");
}

async function followsEvents(run) {
  const { record: check } = run;
  const client = run.client();
  const video = await client.videos.create({ prompt: run.prompt("a comet") });
  const response = await client.get(`/videos/${video.id}/events`).asResponse();
  check.equal("its kind", response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const blocks = (await response.text()).split("\n\n").filter((block) => block.includes("data: "));
  const field = (name) => blocks.at(-1).split("\n").find((line) => line.startsWith(`${name}: `)).slice(name.length + 2);
  check.equal("the last event", field("event"), "video.completed");
  const seen = await client.videos.retrieve(video.id);
  const told = JSON.parse(field("data"));
  check.equal("its video", [told.id, told.status, told.expires_at], [seen.id, seen.status, seen.expires_at]);
}

export const SCENARIOS = [pollsAtThePaceThatItIsTold, waitsForChanges, followsEvents];
