// `node unwrap.mjs ENVIRONMENT ORDERS`: verifies and parses webhooks with the openai of that environment.

import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [, , environment, words] = process.argv;
const home = pathToFileURL(join(environment, "node_modules", "openai") + "/");
const { default: OpenAI } = await import(new URL("index.mjs", home));

async function refused(by, body, headers) {
  try {
    await by.webhooks.unwrap(body, headers);
    return false;
  } catch (error) {
    return error instanceof OpenAI.InvalidWebhookSignatureError;
  }
}

async function unwrapped(order) {
  const client = new OpenAI({ apiKey: "sk-none", webhookSecret: order.secret });
  const stranger = new OpenAI({ apiKey: "sk-none", webhookSecret: order.other_secret });
  const event = await client.webhooks.unwrap(order.body, order.headers);
  return {
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
}

const said = [];
for (const order of JSON.parse(words)) said.push(await unwrapped(order));
process.stdout.write(`${JSON.stringify(said)}\n`);
