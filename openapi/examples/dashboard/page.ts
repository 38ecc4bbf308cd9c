/** The page: a text with everything in it, and nothing to load. */
import type { components } from "./astral.js";

type Member = components["schemas"]["Member"];

/** HTML as it goes into the page. Made by `html` alone, so whatever comes from the roster is escaped. */
class Html {
  constructor(readonly text: string) {}
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function html(parts: TemplateStringsArray, ...values: (string | number | Html | Html[])[]): Html {
  const put = (value: string | number | Html): string =>
    value instanceof Html ? value.text : String(value).replace(/[&<>"']/g, (sign) => entities[sign] ?? "");
  const texts = values.map((value) => (Array.isArray(value) ? value.map(put).join("") : put(value)));
  return new Html(String.raw({ raw: parts }, ...texts));
}

/** How often each of `words` occurs, the most frequent first, then by the alphabet. */
function count(words: Iterable<string>): [word: string, count: number][] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
}

type Bar = { name: string; note: string; count: number };

function chart(title: string, bars: Bar[], nothing: string): Html {
  const most = Math.max(...bars.map((bar) => bar.count), 1);
  const rows = bars.map(
    (bar) => html`
      <tr>
        <th scope="row">${bar.name}<small>${bar.note}</small></th>
        <td class="bar"><svg width="100%" height="12" aria-hidden="true">
          <rect class="track" width="100%" height="12" rx="6"/>
          <rect class="value" width="${(100 * bar.count) / most}%" height="12" rx="6"/>
        </svg></td>
        <td class="count">${bar.count}</td>
      </tr>`,
  );
  const body = bars.length ? html`<table>${rows}</table>` : html`<p>${nothing}</p>`;
  return html`<section><h2>${title}</h2>${body}</section>`;
}

const style = `
  :root { --back: #f3f5f7; --card: #fff; --text: #17212b; --soft: #5a6774; --line: #dfe4e9; --accent: #0b7a70; }
  @media (prefers-color-scheme: dark) {
    :root { --back: #0f151b; --card: #182129; --text: #e7ecf1; --soft: #9aa8b6; --line: #2b3742; --accent: #3cc4b4; }
  }
  * { box-sizing: border-box; }
  body { margin: 0 auto; padding: 2rem 1rem 3rem; max-width: 64rem; background: var(--back); color: var(--text);
    font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
  h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; }
  h2 { margin: 0 0 .75rem; font-size: 1rem; }
  p, small { color: var(--soft); margin: 0; }
  main { display: grid; gap: 1rem; margin-top: 1.5rem;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
  section, dl > div { background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
    padding: 1rem 1.25rem; }
  .wide { grid-column: 1 / -1; }
  dl { display: grid; gap: clamp(.5rem, 2vw, 1rem); margin: 0; grid-template-columns: repeat(3, 1fr); }
  dl > div { padding-inline: clamp(.5rem, 3vw, 1.25rem); }
  dt { color: var(--soft); font-size: .8125rem; }
  dd { margin: 0; font-size: 2rem; line-height: 1.2; font-weight: 600; font-variant-numeric: tabular-nums; }
  table { width: 100%; border-collapse: collapse; }
  th, td { padding: .4rem 0; vertical-align: middle; }
  th { width: 45%; text-align: left; font-weight: 500; line-height: 1.3; }
  small { display: block; font-size: .8125rem; font-weight: 400; }
  .bar { padding: 0 .75rem; }
  svg { display: block; }
  .track { fill: var(--line); }
  .value { fill: var(--accent); }
  .count { width: 2.5rem; text-align: right; font-variant-numeric: tabular-nums; }
  ul { margin: 0; padding: 0; list-style: none; columns: 14rem; column-gap: 2rem; }
  li { break-inside: avoid; padding: .15rem 0; }`;

/** The page about a club's members as they were `at` this time. */
export function page(club: string, members: Member[], at: Date): string {
  const athletes = members.filter((member) => member.role === "athlete" && member.status === "active");
  const byName = (a: Member, b: Member): number => a.display_name.localeCompare(b.display_name);
  const labels = (of: Member[]): [string, number][] => count(of.flatMap((member) => member.labels));

  const coached = new Map<string | null, Member[]>();
  for (const athlete of athletes) {
    const group = coached.get(athlete.coach_id);
    if (group) group.push(athlete);
    else coached.set(athlete.coach_id, [athlete]);
  }
  const coaches = members
    .map((coach) => ({ coach, of: coached.get(coach.id) ?? [] }))
    .filter(({ coach, of }) => of.length > 0 || (coach.role === "coach" && coach.status === "active"))
    .sort((a, b) => b.of.length - a.of.length || byName(a.coach, b.coach))
    .map(({ coach, of }) => ({
      name: coach.display_name,
      note: labels(of).map(([label, n]) => `${label}\u00a0${n}`).join(" · "),
      count: of.length,
    }));
  const byLabel = labels(athletes).map(([name, n]) => ({ name, note: "", count: n }));
  const alone = (coached.get(null) ?? []).sort(byName);
  const names = alone.map((athlete) => html`<li>${athlete.display_name}</li>`);

  const tile = (name: string, n: number): Html => html`<div><dt>${name}</dt><dd>${n}</dd></div>`;
  const status = (of: Member["status"]): number => members.filter((member) => member.status === of).length;
  const time = at.toLocaleString("en-US", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });

  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${club}</title>
<style>${new Html(style)}</style>
</head>
<body>
<header><h1>${club}</h1><p>${members.length} members, as of ${time} UTC</p></header>
<main>
<dl class="wide">
${tile("Active", status("active"))}${tile("Inactive", status("inactive"))}${tile("Suspended", status("suspended"))}
</dl>
${chart("Active athletes by coach", coaches, "There are no coaches yet.")}
${chart("Active athletes by label", byLabel, "No active athlete has a label.")}
<section class="wide"><h2>Active athletes without a coach (${alone.length})</h2><ul>${names}</ul></section>
</main>
</body>
</html>
`.text;
}
