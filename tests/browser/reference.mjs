// Opens /docs as its readers do, tries a request out with a key, and prints what the page then shows.
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(new URL("../tools/package.json", import.meta.url));
const { chromium } = require("playwright-core");

const { ASTRAL_URL: url, ASTRAL_API_KEY: key, PICTURES: pictures = join(tmpdir(), "reference") } = process.env;
mkdirSync(pictures, { recursive: true });

const faults = [];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

async function open(width, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== url) faults.push(`asks ${request.url()}`);
  });
  page.on("console", (line) => ["error", "warning"].includes(line.type()) && faults.push(line.text()));
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(`${url}/docs`);
  await page.getByRole("heading", { name: "First steps" }).first().waitFor();
  return page;
}

for (const width of [420, 1440]) {
  for (const scheme of ["light", "dark"]) {
    const page = await open(width, scheme);
    await page.screenshot({ path: join(pictures, `${scheme}-${width}.png`) });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (overflow > 0) faults.push(`${width} px wide, the page is ${overflow} px too wide`);
    await page.context().close();
  }
}

const page = await open(1440, "light");
await page.locator('input[placeholder="Token"]').first().fill(key);
await page.getByRole("button", { name: "Authentication" }).first().click();
await page.getByRole("link", { name: /Who am I/ }).first().click();
await page.getByRole("button", { name: /Test Request.*auth\/me/ }).first().click();
const answered = page.waitForResponse((response) => response.url() === `${url}/api/v1/auth/me`);
await page.getByRole("button", { name: /^Send/ }).first().click();
const answer = await answered;
await page.getByText("200 OK").first().waitFor();
await page.screenshot({ path: join(pictures, "tried-out.png") });
console.log(`${answer.status()} ${answer.statusText()}`, await answer.text());
await browser.close();

if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
