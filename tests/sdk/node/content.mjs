// Downloading: whole, in pieces, in part, and the pictures made from a clip.

import { isJpeg, isMp4, isWebp } from "./things.mjs";

const bytes = async (response) => Buffer.from(await response.arrayBuffer());

async function downloadsTheClip(run) {
  const { record: check } = run;
  const response = await run.client().videos.downloadContent((await run.completed("bridge")).id);
  const data = await bytes(response);
  check.that("it is a whole MP4", isMp4(data), data.subarray(0, 16));
  check.equal("content-type", response.headers.get("content-type"), "video/mp4");
  check.equal("content-length", response.headers.get("content-length"), `${data.length}`);
  check.equal("accept-ranges", response.headers.get("accept-ranges"), "bytes");
  check.that("etag", response.headers.get("etag"));
  check.that("x-request-id", `${response.headers.get("x-request-id")}`.startsWith("req_"));
  run.videos.bytes = data;
}

async function downloadsThePictures(run) {
  const pictures = { thumbnail: ["image/webp", isWebp], spritesheet: ["image/jpeg", isJpeg] };
  for (const [variant, [mediaType, isRight]] of Object.entries(pictures)) {
    const response = await run.client().videos.downloadContent((await run.completed("bridge")).id, { variant });
    const data = await bytes(response);
    run.record.that(`the ${variant} is what it says`, isRight(data), data.subarray(0, 16));
    run.record.equal(`the ${variant}'s type`, response.headers.get("content-type"), mediaType);
  }
}

async function streamsTheClip(run) {
  const response = await run.client().videos.downloadContent((await run.completed("bridge")).id, { variant: "video" });
  const pieces = [];
  for await (const piece of response.body) pieces.push(Buffer.from(piece));
  run.record.that("the pieces are the clip", Buffer.concat(pieces).equals(run.videos.bytes));
}

async function downloadsParts(run) {
  const { record: check } = run;
  const client = run.client();
  const { id } = await run.completed("bridge");
  const whole = run.videos.bytes;
  const size = whole.length;
  const part = (Range, more = {}) => client.videos.downloadContent(id, {}, { headers: { Range, ...more } });
  const cases = [["bytes=0-99", 0, 100], ["bytes=100-", 100, size], ["bytes=-50", size - 50, size]];
  for (const [wanted, start, end] of cases) {
    const response = await part(wanted);
    check.equal(`${wanted}: status`, response.status, 206);
    check.equal(`${wanted}: content-range`, response.headers.get("content-range"), `bytes ${start}-${end - 1}/${size}`);
    check.that(`${wanted}: bytes`, (await bytes(response)).equals(whole.subarray(start, end)));
  }
  const first = await part("bytes=0-0");
  await bytes(first);
  const fits = await part("bytes=0-9", { "If-Range": first.headers.get("etag") });
  check.equal("If-Range that fits", [fits.status, (await bytes(fits)).length], [206, 10]);
  const other = await part("bytes=0-9", { "If-Range": '"another"' });
  check.equal("If-Range that does not", [other.status, (await bytes(other)).length], [200, size]);
  const error = await check.raises("beyond the end", run.openai.APIError, () => part(`bytes=${size}-`));
  check.equal("its status", error?.status, 416);
}

async function refusesUnknownContent(run) {
  const client = run.client();
  const { id } = await run.completed("bridge");
  const poster = () => client.videos.downloadContent(id, { variant: "poster" });
  const error = await run.record.raises("an unknown variant", run.openai.BadRequestError, poster);
  run.record.equal("param", error?.param, "variant");
  const nobody = () => client.videos.downloadContent(`video_${"0".repeat(48)}`);
  await run.record.raises("an unknown video", run.openai.NotFoundError, nobody);
}

export const SCENARIOS = [downloadsTheClip, downloadsThePictures, streamsTheClip, downloadsParts, refusesUnknownContent];
