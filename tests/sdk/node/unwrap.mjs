// `node unwrap.mjs ENVIRONMENT ORDER`: verifies and parses one webhook with the openai of that environment.

import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [, , environment, words] = process.argv;
const order = JSON.parse(words);
const home = pathToFileURL(join(environment, "node_modules", "openai") + "/");
const { default: OpenAI } = await import(new URL("index.mjs", home));

const client = new OpenAI({ apiKey: "sk-none", webhookSecret: order.secret });
const stranger = new OpenAI({ apiKey: "sk-none", webhookSecret: order.other_secret });

async function refused(by, body, headers) {
  try {
    await by.webhooks.unwrap(body, headers);
    return false;
  } catch (error) {
    return error instanceof OpenAI.InvalidWebhookSignatureError;
  }
}

const event = await client.webhooks.unwrap(order.body, order.headers);
const said = {
  type: event.type,
  id: event.id,
  video: event.data.id,
  created_at: event.created_at,
  refused: [
    await refused(client, order.body.replace("video_", "video-"), order.headers),
    await refused(client, order.body, { ...order.headers, "webhook-timestamp": "1" }),
    await refused(stranger, order.body, order.headers),
  ],
};
process.stdout.write(`${JSON.stringify(said)}\n`);
