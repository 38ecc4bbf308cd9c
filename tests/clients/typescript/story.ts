// What an integration does in its first hour, with the generated client.
import assert from "node:assert/strict";
import { env } from "node:process";

import createClient from "openapi-fetch";

import type { components, paths } from "./astral.js";

type Problem = components["schemas"]["Problem"];

function setting(name: string): string {
  const value = env[name];
  assert(value, `${name} is not set`);
  return value;
}

const url = setting("ASTRAL_URL");
const path = { org_id: setting("ASTRAL_ORGANIZATION") };

const clientWith = (credential: string) =>
  createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${credential}` } });

/** The code of the problem with which a call was refused. */
function codeOf(problem: Problem | undefined, status: number): string {
  assert(problem, "the call went through");
  assert.equal(problem.status, status);
  assert(problem.detail && problem.request_id);
  return problem.code;
}

const session = await createClient<paths>({ baseUrl: url }).POST("/api/v1/auth/login", {
  body: { email: setting("ASTRAL_EMAIL"), password: setting("ASTRAL_PASSWORD") },
});
assert(session.data, session.error?.detail);
const coach = clientWith(session.data.token);

const created = await coach.POST("/api/v1/organizations/{org_id}/api-keys", {
  params: { path },
  body: { name: "TypeScript story", scopes: ["members:read"] },
});
assert(created.data, created.error?.detail);
const key = created.data;
const program = clientWith(key.secret);

let pages = 0;
const members = new Set<string>();
let cursor: string | undefined;
do {
  const page = await program.GET("/api/v1/organizations/{org_id}/members", {
    params: { path, query: { limit: 3, ...(cursor && { cursor }) } },
  });
  assert(page.data, page.error?.detail);
  pages += 1;
  for (const member of page.data.data) members.add(member.id);
  cursor = page.data.next_cursor ?? undefined;
} while (cursor);

const refused = await program.POST("/api/v1/organizations/{org_id}/members", {
  params: { path },
  body: { display_name: "Nobody" },
});
const wrongScope = codeOf(refused.error, 403);

const revocation = await coach.DELETE("/api/v1/organizations/{org_id}/api-keys/{key_id}", {
  params: { path: { ...path, key_id: key.id }, query: { reason: "The story is over" } },
});
assert.equal(revocation.response.status, 204);

const late = await program.GET("/api/v1/organizations/{org_id}/members", { params: { path } });
const refusedKey = codeOf(late.error, 401);

console.log(
  `story: signed in, created a key, ${pages} pages of ${members.size} members, ${wrongScope}, revoked, ${refusedKey}`,
);
