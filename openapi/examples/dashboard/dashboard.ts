/**
 * Writes a page about a club's roster: node dashboard.js [dashboard.html]
 *
 * ASTRAL_API_KEY holds the API key: it needs the scope members:read, and organization:read for the club's name.
 * ASTRAL_URL holds the server's address.
 */
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./astral.js";
import { page } from "./page.js";

const tries = 6;
/** Waits between tries are random: up to this many milliseconds at first, and up to twice as many each time after. */
const firstWait = 1000 * Number(process.env.ASTRAL_RETRY_WAIT ?? "0.5");
const longestWait = 300_000;
/** Besides 429 what a server or proxy answers that did not do what it was asked. */
const tryAgain = [408, 429, 502, 503, 504];

const help = `Usage: node dashboard.js [FILE]

Writes a page about a club's roster to FILE (dashboard.html if none is given).

ASTRAL_URL      the server's address, such as https://astral.club.example
ASTRAL_API_KEY  an API key with the scope members:read, and organization:read for the club's name`;

/** Why there is no page, for the person who runs this. */
class Stop extends Error {}

/** `fetch`, again after a network error and when the server asks to wait. Only for requests that change nothing. */
async function patientFetch(request: Request): Promise<Response> {
  const server = `${new URL(request.url).origin} (ASTRAL_URL)`;
  for (let attempt = 1; ; attempt++) {
    let wait = Math.random() * firstWait * 2 ** (attempt - 1);
    let reason: string;
    try {
      const response = await fetch(request.clone(), { signal: AbortSignal.timeout(30_000) });
      // Read here: the connection can still break in the middle of a body.
      const body = await response.text();
      if (!tryAgain.includes(response.status)) {
        if (response.headers.get("Content-Type")?.includes("json")) return new Response(body, response);
        throw new Stop(`${server} answered ${response.status} and no JSON; is that Astral?`);
      }
      reason = `the server answered ${response.status}`;
      wait += 1000 * (Number.parseInt(response.headers.get("Retry-After") ?? "", 10) || 0);
    } catch (error) {
      if (error instanceof Stop) throw error;
      // Its code alone: a text can quote what was sent, and so the key.
      const { name, cause } = error as Error & { cause?: { code?: string } };
      const code = cause?.code ?? name;
      if (/CERT|SSL|TLS|SIGNATURE|EPROTO/.test(code)) throw new Stop(`no secure connection to ${server}: ${code}`);
      reason = `${server} cannot be reached: ${code}`;
    }
    if (attempt === tries || wait > longestWait) throw new Stop(`gave up after try ${attempt}: ${reason}`);
    console.error(`${reason}; trying again in ${(wait / 1000).toFixed(1)} s`);
    await sleep(wait);
  }
}

type Problem = components["schemas"]["Problem"];

/** What a call answered, if it went through. */
function expect<T>({ data, error }: { data?: T; error?: Problem }): T {
  if (data !== undefined) return data;
  throw new Stop(error ? `${error.title}. ${error.detail} (${error.code}, ${error.request_id})` : "no answer");
}

/** The settings from the environment. */
function settings(): { key: string; baseUrl: string } {
  // A secret that was pasted or read from a file often has the end of its line with it.
  const key = process.env.ASTRAL_API_KEY?.trim() ?? "";
  const baseUrl = process.env.ASTRAL_URL?.trim().replace(/\/+$/, "") ?? "";
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!key || !url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new Stop("set ASTRAL_API_KEY to an API key and ASTRAL_URL to the server, such as https://astral.club.example");
  }
  // Not sent: the error of a header that cannot be sent would quote it.
  if (!/^[0-9A-Za-z_]+$/.test(key)) {
    throw new Stop("ASTRAL_API_KEY has characters in it that no API key has; was it copied whole, and nothing else?");
  }
  return { key, baseUrl };
}

async function main(): Promise<void> {
  const [file = "dashboard.html", ...more] = process.argv.slice(2);
  if (file === "--help" || file === "-h") return console.log(help);
  if (file.startsWith("-") || more.length > 0) throw new Stop(help);
  const { key, baseUrl } = settings();
  const astral = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` }, fetch: patientFetch });

  const organizationId = expect(await astral.GET("/api/v1/auth/me")).api_key?.organization_id;
  if (!organizationId) throw new Stop("ASTRAL_API_KEY must hold an API key, not a session token");
  const path = { org_id: organizationId };

  const organization = await astral.GET("/api/v1/organizations/{org_id}", { params: { path } });
  const club = organization.error?.code === "scope_required" ? "Our club" : expect(organization).name;

  const members: components["schemas"]["Member"][] = [];
  // A page can be short or empty, and still have a next one.
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = { limit: 200, ...(cursor ? { cursor } : {}) };
    const answer = expect(await astral.GET("/api/v1/organizations/{org_id}/members", { params: { path, query } }));
    members.push(...answer.data);
    cursor = answer.next_cursor;
  }

  await writeFile(file, page(club, members, new Date())).catch((error: NodeJS.ErrnoException) => {
    throw new Stop(`${file} cannot be written: ${error.code}`);
  });
  console.log(`${file}: ${members.length} members of ${club}`);
}

try {
  await main();
} catch (error) {
  // With a stack trace only what nobody foresaw.
  console.error(error instanceof Stop ? error.message : error);
  process.exitCode = 1;
}
