// `node main.mjs ENVIRONMENT ORDER`: makes the checks with the openai of that environment, prints their record as JSON.

import { join } from "node:path";
import { pathToFileURL } from "node:url";

import * as content from "./content.mjs";
import * as derived from "./derived.mjs";
import * as errors from "./errors.mjs";
import * as following from "./following.mjs";
import { Run } from "./record.mjs";
import * as resends from "./resends.mjs";
import * as videos from "./videos.mjs";

const MODES = {
  contract: [...videos.SCENARIOS, ...following.SCENARIOS, ...content.SCENARIOS, ...derived.SCENARIOS, ...errors.SCENARIOS],
  resends: resends.SCENARIOS,
};

const [, , environment, words] = process.argv;
const order = JSON.parse(words);
const home = pathToFileURL(join(environment, "node_modules", "openai") + "/");
const openai = await import(new URL("index.mjs", home));
const { VERSION } = await import(new URL("version.mjs", home));

const run = new Run(order, openai, VERSION);
for (const scenario of MODES[order.mode]) await run.record.run(scenario, run);
const { checks, failures, scenarios } = run.record;
process.stdout.write(`${JSON.stringify({ version: VERSION, checks, failures, scenarios })}\n`);
